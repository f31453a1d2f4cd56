"""Real pictures out of scanned pages: the boxes that hold signatures, and cuts of like size away from them. No TensorFlow."""

from __future__ import annotations

import zlib
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from models.annotations import read_yolo
from models.ink.files import shown

EACH = 2          # cuts a page
TRIES = 30        # places tried for each
FREE = 0.02       # of a page's side, left between a cut and a signature's box
HEIGHTS = (0.03, 0.09)   # of the page's height
ASPECTS = (1.5, 5.0)     # width over height, in shares of the page


@dataclass(frozen=True)
class Cut:
    """A part of a page: `box` is ymin, xmin, ymax, xmax in shares of the page."""

    page: Path
    box: tuple[float, float, float, float]


def cuts_of(folder) -> tuple[list[Cut], list[Cut]]:
    """Every signature's box, and up to EACH cuts a page that touch none, always the same."""
    root = Path(folder)
    if not root.is_dir():
        raise UserError(f"data.real_pages: {shown(root)}: no such folder")
    labels = sorted(path for path in root.rglob("*.txt") if path.name != "classes.txt")
    if not labels:
        raise UserError(f"data.real_pages: {shown(root)}: no label file (IMAGE.txt with lines `class x y width height`)")
    names = read_yolo.class_names(root) or [f"class {number}" for number in range(100)]
    signed, others = [], []
    for page in read_yolo.read(labels, root, names):
        boxes = [_inside(box) for box in page.boxes]
        signed += [Cut(page.image, box) for box in boxes]
        others += [Cut(page.image, box) for box in away_from(boxes, zlib.crc32(page.image.name.encode()))]
    return signed, others


def away_from(boxes, seed: int) -> list[tuple]:
    """Up to EACH boxes of the size that signatures have, FREE of `boxes` and not over each other."""
    rng, found = np.random.default_rng(seed), []
    for _ in range(EACH * TRIES):
        if len(found) == EACH:
            break
        high = rng.uniform(*HEIGHTS)
        wide = min(0.6, high * rng.uniform(*ASPECTS))
        top, left = rng.uniform(0.02, 0.98 - high), rng.uniform(0.02, 0.98 - wide)
        box = (round(top, 4), round(left, 4), round(top + high, 4), round(left + wide, 4))
        if not any(_touch(box, other) for other in [*boxes, *found]):
            found.append(box)
    return found


def _touch(one, other) -> bool:
    return (one[0] < other[2] + FREE and other[0] < one[2] + FREE and one[1] < other[3] + FREE and other[1] < one[3] + FREE)


def _inside(box) -> tuple[float, float, float, float]:
    return tuple(float(np.clip(side, 0.0, 1.0)) for side in (box.ymin, box.xmin, box.ymax, box.xmax))


def cut_out(page: np.ndarray, box) -> np.ndarray:
    """The part of uint8 [H, W] in the box, at least 8 pixels to a side."""
    height, width = page.shape
    top, left = min(int(box[0] * height), height - 8), min(int(box[1] * width), width - 8)
    return page[top:max(top + 8, round(box[2] * height)), left:max(left + 8, round(box[3] * width))]
