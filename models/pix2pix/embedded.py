"""The embedded data: Latin names in packaged fonts against synthetic handwriting, and plans of house fronts."""

from __future__ import annotations

import dataclasses
import functools

import cv2
import numpy as np

from models import fonts as packaged
from models import words
from models.ink.prepare import fit_to_canvas
from models.pix2pix import align, printing
from models.pix2pix.config import PairData
from models.pix2pix.example import Example
from models.pix2pix.facades import facade
from models.pix2pix.fonts import Face
from models.signatures.plan import make_plan
from models.signatures.writer import SignatureWriter

FAMILIES = {"SANS": "Source Sans Pro", "SERIF": "Caladea"}
WRITERS = 7_310_000     # seeds from here on; no other set of synthetic signatures uses them
LONGEST = 8             # letters; longer names are too small on a square picture
DRAWN = 256            # pixels of the side at which handwriting is drawn
TIP = 5                # pixels of these: a ballpoint's line would be half a pixel wide
PEN_UP = 0.08           # largest haste: corners are cut little, so that names can be read


def examples(data: PairData) -> list[Example]:
    """Every writer signs every name, in all embedded fonts."""
    names = embedded_names(data.synthetic_names)
    labels = tuple(face.label for face in faces())
    return [Example(f"{writer}/{name}", name, str(writer), "pen", labels)
            for writer in range(1, data.synthetic_writers + 1) for name in names]


def embedded_names(count: int) -> list[str]:
    """Short first names and surnames, in a fixed order."""
    return [name for name in words.surnames("train") + words.first_names("train") if len(name) <= LONGEST][:count]


@functools.cache
def faces() -> tuple[Face, ...]:
    """The packaged fonts that names are printed in."""
    installed = packaged.families()
    found = tuple(Face(label, installed[family]) for label, family in FAMILIES.items() if family in installed)
    return found or tuple(Face("PRINT", path) for _, path in sorted(installed.items())[:1])


def face(label: str) -> Face:
    """The embedded font of that label."""
    return next(one for one in faces() if one.label == label)


@functools.lru_cache(maxsize=4096)
def handwriting(example: Example, size: int) -> np.ndarray:
    """The writer's signature, uint8 [size, size]: legible, without flourishes, as prepared signatures are."""
    writer = SignatureWriter(WRITERS + int(example.writer), example.name)
    hand = writer.hand
    writer.hand = dataclasses.replace(hand, flourishes=(), waves_from=99, slope=0.3 * hand.slope,
                                      haste=min(PEN_UP, hand.haste))
    writer.plan = make_plan(writer.hand)
    inner = round(DRAWN * (1 - 2 * printing.MARGIN))
    written = fit_to_canvas(writer.genuine(0, inner, inner), DRAWN, DRAWN, printing.MARGIN)
    dark = 1.6 * (255.0 - cv2.erode(written, cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (TIP, TIP))))
    return fit_to_canvas((255.0 - np.minimum(dark, 255.0)).astype(np.uint8), size, size)


def printed(name: str, label: str, size: int) -> np.ndarray:
    """The name in print, uint8 [size, size]."""
    line = _line(name, label)
    return printing.compose(line, printing.plain_layout(line, size), size)


def laid_out(example: Example, label: str, size: int) -> np.ndarray:
    """The name in print, laid out on the example's handwriting, uint8 [size, size]."""
    line = _line(example.name, label)
    return printing.compose(line, align.lay_out(line, handwriting(example, size)), size)


@functools.cache
def _line(name: str, label: str) -> list[printing.Glyph]:
    return printing.glyphs(name, face(label))


def pair_examples(data: PairData) -> list[Example]:
    """House fronts, each a picture A|B of front and plan."""
    return [Example(f"facade/{number}") for number in range(data.synthetic_pairs)]


def pair(example: Example, size: int) -> tuple[np.ndarray, np.ndarray]:
    """Front and plan of a house, uint8 [size, size, 3] each."""
    return facade(int(example.key.split("/")[1]), size)
