"""The families of pictures that are no signature, and how one of them is drawn."""

from __future__ import annotations

import zlib

import numpy as np

NAMES = ("lines", "shapes", "strokes", "waves", "circles", "composites", "scribble", "text", "table", "stamp", "logo", "blank",
         "photograph")


def draw(family: str, part: str, seed: int, index: int) -> np.ndarray:
    """Picture `index` of a family, uint8 [h, w], 255 = paper, always the same.

    part: "train", "validation" or "test"; no two share a picture, and the test has printed fonts and words of its own.
    """
    from models.invalid import marks, printed, scenes  # OpenCV and fonts, which a list of names does not need
    draws = {name: getattr(module, name) for module in (marks, printed, scenes) for name in NAMES if hasattr(module, name)}
    rng = np.random.default_rng([seed, zlib.crc32(family.encode()), zlib.crc32(part.encode()), index])
    page = marks.sheet(rng)
    draws[family](page, rng, "test" if part == "test" else "train")
    return page
