"""Reads Pascal VOC annotations: one XML file a page, corners in pixels."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

from gaudi.errors import UserError
from models.annotations.pages import SPLITS, Box, Page, frame_of, split_of
from models.annotations.places import find_image, number


def read(files: list[Path], root: Path) -> list[Page]:
    """A page for every XML file; its split is its folder's name or the list in ImageSets/Main that holds it."""
    listed = _image_sets(root)
    return [_page(file, root, listed) for file in files]


def _page(file, root, listed):
    tree = _parse(file)
    name, frame = frame_of(tree.findtext("filename") or file.stem)
    size = tree.find("size")
    sides = ("height", "width") if size is not None else ()
    annotated = tuple(int(number(_text(size, key, file), file)) for key in sides)
    if not annotated or 0 in annotated:
        raise UserError(f"{file}: no <size> with width and height; the boxes are in pixels of them")
    boxes = [_box(item, file) for item in tree.findall("object")]
    split = listed.get(file.stem) or split_of(*reversed(file.relative_to(root).parts[:-1]))
    return Page(find_image(name, file.parent, root), boxes, annotated, frame, split)


def _parse(file):
    try:
        return ElementTree.parse(file).getroot()
    except ElementTree.ParseError as error:
        raise UserError(f"{file}: not XML: {error}") from error


def _text(element, key, file):
    text = element.findtext(key)
    if text is None:
        raise UserError(f"{file}: <{element.tag}> has no <{key}>")
    return text


def _box(item, file):
    corners = item.find("bndbox")
    if corners is None:
        raise UserError(f"{file}: <object> has no <bndbox>")
    ymin, xmin, ymax, xmax = (number(_text(corners, key, file), file) for key in ("ymin", "xmin", "ymax", "xmax"))
    return Box(_text(item, "name", file).strip(), ymin, xmin, ymax, xmax)


def _image_sets(root):
    listed = {}
    for split in [*SPLITS, "val"]:
        for file in root.glob(f"**/ImageSets/Main/{split}.txt"):
            listed |= {line.split()[0]: split_of(split) for line in file.read_text().splitlines() if line.strip()}
    return listed
