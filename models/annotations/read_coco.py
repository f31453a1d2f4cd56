"""Reads COCO instance annotations (JSON): boxes [x, y, width, height] in pixels."""

from __future__ import annotations

from pathlib import Path

from gaudi.errors import UserError
from models.annotations.pages import Box, Page, frame_of, split_of
from models.annotations.places import find_image, number, read_json


def is_coco(path: Path) -> bool:
    """Whether this JSON file looks like COCO's: looks at its start and end only, files may be large."""
    text = path.read_text(errors="replace")
    return '"annotations"' in text and '"images"' in text and '"categories"' in text


def read(files: list[Path], root: Path) -> list[Page]:
    """The pages of all COCO files; a page's split is told by its annotation file's name."""
    return [page for file in files for page in read_file(file, root)]


def read_file(file: Path, root: Path) -> list[Page]:
    """The pages of one COCO file. Crowd regions are no objects and are left out."""
    data = read_json(file)
    try:
        labels = {row["id"]: str(row["name"]) for row in data["categories"]}
        pages = {row["id"]: _page(row, file, root) for row in data["images"]}
        for row in data["annotations"]:
            if row.get("iscrowd"):
                continue
            if row["image_id"] not in pages:
                raise UserError(f"{file}: annotation {row.get('id')} is for image id {row['image_id']}, "
                                "which is not listed")
            if row["category_id"] not in labels:
                raise UserError(f"{file}: annotation {row.get('id')} has category id {row['category_id']}; "
                                f"known are {', '.join(map(str, labels))}")
            x, y, width, height = (number(value, file) for value in row["bbox"])
            pages[row["image_id"]].boxes.append(Box(labels[row["category_id"]], y, x, y + height, x + width))
    except (KeyError, TypeError, ValueError) as error:
        raise UserError(f"{file}: not COCO instances ({type(error).__name__}: {error})") from error
    return list(pages.values())


def _page(row, file, root):
    name, frame = frame_of(row["file_name"])
    size = (int(row["height"]), int(row["width"])) if row.get("height") and row.get("width") else None
    if size is None:
        raise UserError(f"{file}: image {name} has no height and width; its boxes are in pixels of them")
    split = split_of(*file.stem.replace("-", "_").split("_"), *Path(name).parts[:-1], file.parent.name)
    return Page(find_image(name, file.parent, root), annotated=size, frame=int(row.get("page", frame + 1)) - 1,
                split=split)
