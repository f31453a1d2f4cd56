"""Reads VoTT's JSON export: rectangles in pixels of the size that the asset tells."""

from __future__ import annotations

from pathlib import Path
from urllib.parse import unquote

from gaudi.errors import UserError
from models.annotations.pages import Box, Page, frame_of, split_of
from models.annotations.places import find_image, number, read_json


def is_vott(path: Path) -> bool:
    """Whether this JSON file looks like VoTT's export."""
    text = path.read_text(errors="replace")
    return '"assets"' in text and '"asset"' in text and '"regions"' in text


def read(files: list[Path], root: Path) -> list[Page]:
    """The pages of all exports. A region with several tags is one box for each."""
    pages = []
    for file in files:
        data = read_json(file)
        try:
            pages += [_page(entry, file, root) for entry in data["assets"].values()]
        except (KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{file}: not a VoTT export ({type(error).__name__}: {error})") from error
    return pages


def _page(entry, file, root):
    asset = entry["asset"]
    name, frame = frame_of(unquote(asset["name"]))
    size = int(asset["size"]["height"]), int(asset["size"]["width"])
    boxes = []
    for region in entry["regions"]:
        corner = {key: number(value, file) for key, value in region["boundingBox"].items()}
        top, left = corner["top"], corner["left"]
        boxes += [Box(str(tag), top, left, top + corner["height"], left + corner["width"]) for tag in region["tags"]]
    split = split_of(*file.stem.split("_"), file.parent.name)
    return Page(find_image(name, file.parent, root), boxes, size, frame, split)
