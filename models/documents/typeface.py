"""Printed lines out of letters that were drawn once: FreeType draws a letter in a tenth of a millisecond each time."""

from __future__ import annotations

import functools

import numpy as np
from PIL import Image, ImageDraw, ImageFont


class Typeface:
    """One face of a font at one size in pixels."""

    def __init__(self, path: str, pixels: int):
        self.pixels = pixels
        self._font = ImageFont.truetype(path, pixels, layout_engine=ImageFont.Layout.BASIC)
        self._letters: dict[str, tuple] = {}

    def _letter(self, character, tone=0):
        """One letter in `tone` on white, uint8 [h, w], where it sits against the pen, and how far the pen moves."""
        if (character, tone) not in self._letters:
            left, top, right, bottom = self._font.getbbox(character)
            picture = Image.new("L", (max(1, right - left), max(1, bottom - top)), 255)
            ImageDraw.Draw(picture).text((-left, -top), character, tone, self._font)
            self._letters[character, tone] = np.array(picture), left, top, self._font.getlength(character)
        return self._letters[character, tone]

    def length(self, text: str) -> float:
        """Pixels the pen moves for `text`."""
        return sum(self._letter(character)[3] for character in text)

    def line(self, page: np.ndarray, x: float, y: float, text: str, tone: int) -> float:
        """Print `text` on uint8 [H, W] with the line's upper left corner at x, y; returns its length."""
        start = x
        for character in text:
            letter, left, top, advance = self._letter(character, tone)
            if character != " ":
                paste(page, letter, round(x) + left, round(y) + top)
            x += advance
        return x - start


def paste(page: np.ndarray, patch: np.ndarray, left: int, top: int) -> None:
    """Lay uint8 [h, w] on the page in place, the darker stays; what lies outside is cut."""
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(page.shape[0], top + patch.shape[0]), min(page.shape[1], left + patch.shape[1])
    if y1 > y0 and x1 > x0:
        window = page[y0:y1, x0:x1]
        np.minimum(window, patch[y0 - top:y1 - top, x0 - left:x1 - left], out=window)


@functools.lru_cache(maxsize=256)
def typeface(path: str, pixels: int) -> Typeface:
    """The face, made once."""
    return Typeface(path, pixels)
