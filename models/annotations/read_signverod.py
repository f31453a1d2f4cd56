"""Reads SignVerOD's Kaggle download: image_ids.csv, train.csv, test.csv, categories.csv and images."""

from __future__ import annotations

import csv
import json
from pathlib import Path

from gaudi.errors import UserError
from models.annotations.pages import Box, Page
from models.annotations.places import find_image, number

CATEGORIES = {"1": "signature", "2": "initials", "3": "redaction", "4": "date"}


def read(files: list[Path], root: Path) -> list[Page]:
    """The pages of the download that holds image_ids.csv (`files` is that one path).

    Its ids start anew half way through image_ids.csv, and so do the rows of train.csv and test.csv: an id counts
    together with the number of restarts before it. Pages listed in both parts stay in train.
    """
    folder = files[0].parent
    names = _categories(folder)
    images = _numbered(_rows(files[0], ("height", "width", "id", "file_name")), "id")
    restarts = max(key[0] for key in images)
    pages: dict[str, Page] = {}
    for split in ("train", "test"):
        file = folder / f"{split}.csv"
        table = _rows(file, ("bbox", "category_id", "image_id"))
        for key, rows in _grouped(table, "image_id", restarts).items():
            if key not in images:
                raise UserError(f"{file}: image_id {key[1]} is not in {files[0].name}")
            _add(pages, images[key][0], rows, split, file, folder, root, names)
    return [page for page in pages.values()]


def _add(pages, image, rows, split, file, folder, root, names):
    """Put one image's boxes into `pages`, unless an earlier split has it."""
    name = image["file_name"]
    if name not in pages:
        pages[name] = Page(find_image(name, folder, root), split=split)
    if pages[name].split == split:
        pages[name].boxes += [_box(row, names, file) for row in rows]


def _box(row, names, file):
    try:
        x, y, width, height = (number(value, file) for value in json.loads(row["bbox"]))
    except (ValueError, TypeError) as error:
        raise UserError(f"{file}: bbox must be [x, y, width, height] in shares, not {row['bbox']!r}") from error
    if row["category_id"] not in names:
        raise UserError(f"{file}: category_id {row['category_id']} is not known; known are {', '.join(names)}")
    return Box(names[row["category_id"]], y, x, y + height, x + width)


def _rows(file, columns):
    if not file.is_file():
        raise UserError(f"{file}: missing; SignVerOD has image_ids.csv, train.csv and test.csv side by side")
    with file.open(newline="", encoding="utf-8-sig") as stream:
        table = csv.DictReader(stream)
        missing = [column for column in columns if column not in (table.fieldnames or [])]
        if missing:
            raise UserError(f"{file}: has no column {', '.join(missing)}; it has {', '.join(table.fieldnames or [])}")
        return list(table)


def _categories(folder):
    """id -> name from categories.csv, or the published four."""
    file = folder / "categories.csv"
    if not file.is_file():
        return CATEGORIES
    return {row["id"]: row["name"] for row in _rows(file, ("id", "name"))}


def _numbered(rows, column):
    """{(restarts before it, id): [rows]} of rows whose ids rise and may start anew."""
    found, run, last = {}, 0, -1
    for row in rows:
        number_here = int(row[column])
        run += number_here < last
        last = number_here
        found.setdefault((run, number_here), []).append(row)
    return found


def _grouped(rows, column, restarts):
    """As _numbered, but rows in any order where the ids never start anew."""
    if restarts:
        found = _numbered(rows, column)
        if max((key[0] for key in found), default=0) <= restarts:
            return found
        raise UserError(f"the ids of image_ids.csv start anew {restarts} time(s), those of the annotations more often: "
                        "which image a box belongs to cannot be told; sort the annotation rows as they were published")
    found = {}
    for row in rows:
        found.setdefault((0, int(row[column])), []).append(row)
    return found
