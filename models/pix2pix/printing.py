"""Prints a name in a font: the glyph of each character, and all of them laid out on a square canvas."""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass

import cv2
import numpy as np
from PIL import Image, ImageDraw

from gaudi.errors import UserError
from models.ink.files import shown
from models.pix2pix.fonts import Face

PIXELS = 192           # per em of a glyph before it is laid out
MARGIN = 0.04          # of the canvas' side, left free on every side
MOST_CHARACTERS = 24
SPACING = 0.06         # em between characters


@dataclass(frozen=True)
class Glyph:
    """A character's ink, uint8 [h, w] with 255 = ink, and where its top left corner stands on the line, in pixels."""

    ink: np.ndarray
    x: float
    y: float


def checked_name(name: str, where: str = "the name") -> str:
    """The name in composed form, blanks trimmed; UserError where it is empty, too long or not printable."""
    text = " ".join(unicodedata.normalize("NFC", name).split())
    if not text:
        raise UserError(f"{where}: the name is empty")
    if len(text) > MOST_CHARACTERS:
        raise UserError(f"{where}: {len(text)} characters, at most {MOST_CHARACTERS} fit on a signature")
    if not text.isprintable():
        raise UserError(f"{where}: the name {text!r} holds characters that cannot be printed")
    return text


def glyphs(name: str, face: Face) -> list[Glyph]:
    """The characters of a name, set along a line; UserError names those the font lacks."""
    lacking = face.missing(name)
    if lacking:
        raise UserError(f"name {name!r}: font {face.label} ({shown(face.path)}) has no glyph for {' '.join(lacking)}")
    font, line, x = face.opened(PIXELS), [], 0.0
    for character in name:
        if not character.isspace():
            left, top, right, bottom = font.getbbox(character)
            ink = Image.new("L", (max(1, right - left), max(1, bottom - top)), 0)
            ImageDraw.Draw(ink).text((-left, -top), character, font=font, fill=255)
            line.append(Glyph(np.array(ink), x + left, float(top)))
        x += font.getlength(character) + SPACING * PIXELS
    if not any(glyph.ink.any() for glyph in line):
        raise UserError(f"name {name!r}: font {face.label} prints nothing for it")
    return line


def print_name(name: str, face: Face, size: int) -> np.ndarray:
    """The printed name, uint8 [size, size], 255 = paper: as large as fits, centred."""
    line = glyphs(name, face)
    return compose(line, plain_layout(line, size), size)


def plain_layout(line: list[Glyph], size: int) -> list[np.ndarray]:
    """For each glyph the map from its pixels to the canvas, float [2, 3]: one scale for all, the whole centred."""
    left, top = min(g.x for g in line), min(g.y for g in line)
    right, bottom = max(g.x + g.ink.shape[1] for g in line), max(g.y + g.ink.shape[0] for g in line)
    scale = size * (1 - 2 * MARGIN) / max(right - left, bottom - top)
    across, down = size / 2 - scale * (left + right) / 2, size / 2 - scale * (top + bottom) / 2
    return [np.array([[scale, 0, across + scale * g.x], [0, scale, down + scale * g.y]]) for g in line]


def compose(line: list[Glyph], maps: list[np.ndarray], size: int) -> np.ndarray:
    """The glyphs drawn through their maps on paper, uint8 [size, size]; drawn at twice the size, then reduced."""
    canvas = np.zeros((2 * size, 2 * size), np.uint8)
    for glyph, layout in zip(line, maps):
        shrink = max(1.0, 0.5 / max(1e-3, float(np.sqrt(abs(np.linalg.det(layout[:, :2]))))))
        ink = cv2.GaussianBlur(glyph.ink, (0, 0), 0.4 * shrink) if shrink > 1.0 else glyph.ink  # or thin strokes break
        double = 2.0 * layout + np.array([[0, 0, 0.5], [0, 0, 0.5]])  # pixel centres: x -> 2 x + 1/2
        placed = cv2.warpAffine(ink, double, (2 * size, 2 * size), flags=cv2.INTER_LINEAR)
        canvas = np.maximum(canvas, placed)
    return 255 - cv2.resize(canvas, (size, size), interpolation=cv2.INTER_AREA)
