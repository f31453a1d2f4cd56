"""Reads YOLO text labels: a line `class x-centre y-centre width height` in shares of the page, one file a page."""

from __future__ import annotations

from pathlib import Path

import yaml

from gaudi.errors import UserError
from models.annotations.pages import Box, Page, frame_of, split_of
from models.annotations.places import images_below, number


def class_names(root: Path) -> list[str] | None:
    """The names in classes.txt, obj.names or data.yaml, whichever is there."""
    for file in [*sorted(root.rglob("classes.txt")), *sorted(root.rglob("obj.names"))]:
        return [line.strip() for line in file.read_text().splitlines() if line.strip()]
    for file in sorted(root.glob("*.y*ml")):
        try:
            names = (yaml.safe_load(file.read_text()) or {}).get("names")
        except (yaml.YAMLError, AttributeError):
            continue
        if names:
            return [str(name) for name in (names.values() if isinstance(names, dict) else names)]
    return None


def read(files: list[Path], root: Path, classes: list[str] | None = None) -> list[Page]:
    """A page for every image; one without a label file holds no box. Splits are told by folder names.

    `classes` names the class numbers where no classes.txt, obj.names or data.yaml does.
    """
    names = classes or class_names(root)
    labels = {_key(file, root): file for file in files}
    pages = []
    for image in sorted(path for paths in images_below(root).values() for path in paths):
        stem, split = _key(image, root), split_of(*reversed(image.relative_to(root).parts[:-1]))
        matching = {key: file for key, file in labels.items() if key == stem or key.startswith(f"{stem}#")}
        for key in sorted(matching) or [stem]:
            boxes = _boxes(matching[key], names) if key in matching else []
            pages.append(Page(image, boxes, None, frame_of(key)[1], split))
            labels.pop(key, None)
    if labels:
        raise UserError(f"{next(iter(labels.values()))}: a label file without an image of its name "
                        f"({len(labels)} such files under {root})")
    return pages


def _key(path, root):
    """What an image and its label file have in common: the path without `images` or `labels` and the ending."""
    parts = [part for part in path.relative_to(root).parts[:-1] if part.lower() not in ("images", "labels")]
    return "/".join([*parts, path.stem])


def _boxes(file, names):
    boxes = []
    for place, line in enumerate(file.read_text().splitlines(), 1):
        if not line.strip():
            continue
        fields = line.split()
        if len(fields) not in (5, 6):
            raise UserError(f"{file}:{place}: {len(fields)} fields, `class x y width height` has 5 "
                            "(polygons are not read; export boxes)")
        x, y, width, height = (number(value, f"{file}:{place}") for value in fields[1:5])
        label = _name(fields[0], names, f"{file}:{place}")
        boxes.append(Box(label, y - height / 2, x - width / 2, y + height / 2, x + width / 2))
    return boxes


def _name(text, names, place):
    if not text.isdigit():
        raise UserError(f"{place}: the class must be a whole number, not {text!r}")
    if names is None:
        raise UserError(f"{place}: nothing names class {text}; add classes.txt or give --classes, "
                        "such as --classes signature")
    if int(text) >= len(names):
        raise UserError(f"{place}: class {text} is not known; there are {len(names)} names: {', '.join(names)}")
    return names[int(text)]
