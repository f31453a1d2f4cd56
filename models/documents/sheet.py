"""A page while it is made: print is drawn at once, handwriting is noted and put on after the page was turned."""

from __future__ import annotations

from dataclasses import dataclass


import cv2
import numpy as np
from PIL import Image, ImageDraw

from models import fonts, words
from models.annotations.pages import Box
from models.documents.typeface import Typeface, paste, typeface

PAPER = 255
TONES = (0, 20, 40)  # of printing ink; few, so that drawn letters are used again


@dataclass
class Mark:
    """Handwriting to come: `ink` coverage uint8 [h, w], its middle on the unturned page, its tilt, its label if any."""

    label: str | None
    ink: np.ndarray
    x: float
    y: float
    tilt: float
    tone: int


class Sheet:
    """Print and marks of one page; lengths in units of a thousandth of the page's width."""

    def __init__(self, height: int, width: int, part: str, rng: np.random.Generator):
        self.height, self.width, self.part, self.rng = height, width, part, rng
        self.unit = width / 1000
        self.shapes = Image.new("L", (width, height), PAPER)
        self.draw = ImageDraw.Draw(self.shapes)
        self.print = np.full((height, width), PAPER, np.uint8)
        families = fonts.families_of(part if part == "test" else "train")
        self.body = self.family(families)
        self.head = self.body if rng.random() < 0.6 else self.family(families)
        self.size = rng.uniform(13, 19)
        self.marks: list[Mark] = []
        self.covers: list[tuple] = []
        self.bottom = height / self.unit

    def family(self, families) -> tuple:
        """One family's faces."""
        return fonts.faces(families[self.rng.integers(len(families))])

    def font(self, size: float, head=False) -> Typeface:
        """A face of the page's body or head family at `size` units."""
        faces = self.head if head else self.body
        face = faces[self.rng.integers(len(faces))] if head else faces[0]
        return typeface(str(face), max(5, round(size * self.unit)))

    def text(self, x: float, y: float, text: str, size: float | None = None, head=False) -> float:
        """Print one line with its upper left corner at x, y; returns its width in units."""
        font = self.font(size or self.size, head)
        return font.line(self.print, x * self.unit, y * self.unit, text, TONES[self.rng.integers(3)]) / self.unit

    def line(self, x0, y0, x1, y1, thickness=1.0, tone=0):
        """A printed rule."""
        self.draw.line([x0 * self.unit, y0 * self.unit, x1 * self.unit, y1 * self.unit], tone,
                       max(1, round(thickness * self.unit)))

    def paragraph(self, x: float, y: float, width: float, lines: int) -> float:
        """Running text; returns the y below it."""
        leading = self.size * 1.28
        font = self.font(self.size)
        per_line = max(1, int(width * self.unit / font.length("average ")))
        vocabulary = words.words(self.part if self.part == "test" else "train")
        for row in range(lines):
            count = per_line if row < lines - 1 else max(1, int(per_line * self.rng.uniform(0.2, 1)))
            chosen = self.rng.integers(0, len(vocabulary), count)
            line = " ".join(vocabulary[k].lower() for k in chosen)
            line = line.capitalize() if row == 0 else line
            line += "." if row == lines - 1 else ""
            font.line(self.print, x * self.unit, y * self.unit, line, TONES[1])
            y += leading
        return y

    def phrase(self) -> str:
        """A printed piece of a document."""
        return words.phrase(self.rng, self.part if self.part == "test" else "train")

    def mark(self, label: str | None, ink: np.ndarray, x: float, y: float, tilt: float | None = None) -> None:
        """Handwriting with its middle at x, y (units); label None marks what is not to be found."""
        tilt = self.rng.normal(0, 3) if tilt is None else tilt
        self.marks.append(Mark(label, ink, x * self.unit, y * self.unit, tilt, int(self.rng.integers(0, 70))))

    def cover(self, x: float, y: float, width: float, height: float) -> None:
        """A redaction over what is printed there; none where another one lies already."""
        new = (x * self.unit, y * self.unit, width * self.unit, height * self.unit, self.rng.random())
        if not any(_touch(new, other) for other in self.covers):
            self.covers.append(new)

    def finished(self, turn: float) -> tuple[np.ndarray, list[Box], list[int]]:
        """The page turned by `turn` degrees with its marks on it, uint8 [H, W].

        Also the boxes, tight around each mark's ink, and how many dark pixels of ink each holds (0: a redaction).
        """
        middle = (self.width / 2, self.height / 2)
        matrix = cv2.getRotationMatrix2D(middle, turn, 1.0)
        printed = np.minimum(self.print, np.asarray(self.shapes))
        page = cv2.warpAffine(printed, matrix, (self.width, self.height), flags=cv2.INTER_LINEAR, borderValue=PAPER)
        boxes = [box for cover in self.covers if (box := self._covered(page, cover, matrix))]
        dark = [0] * len(boxes)
        for mark in self.marks:
            box, pixels = _put(page, mark, matrix @ (mark.x, mark.y, 1.0), mark.tilt + turn)
            if box and mark.label:
                boxes.append(box)
                dark.append(pixels)
        return page, boxes, dark

    def _covered(self, page, cover, matrix):
        """Paint a redaction: black, grey, or white with a frame."""
        x, y, width, height, kind = cover
        corners = np.array([(x, y), (x + width, y), (x + width, y + height), (x, y + height)])
        corners = np.rint(corners @ matrix[:, :2].T + matrix[:, 2]).astype(np.int32)
        cv2.fillConvexPoly(page, corners, 0 if kind < 0.8 else 120 if kind < 0.9 else PAPER)
        if kind >= 0.9:
            cv2.polylines(page, [corners], True, 0, max(1, round(self.unit * 2)))
        low, high = np.maximum(corners.min(axis=0), 0), np.minimum(corners.max(axis=0) + 1, (self.width, self.height))
        return Box("redaction", *map(float, (low[1], low[0], high[1], high[0]))) if (high > low + 2).all() else None


def _touch(one, other):
    """Whether two rectangles (x, y, width, height, ...) overlap."""
    return all(one[k] < other[k] + other[k + 2] and other[k] < one[k] + one[k + 2] for k in (0, 1))


def _put(page, mark, middle, tilt):
    """Lay a mark's ink on the page; the box around what is visible of it, or None, and its number of dark pixels."""
    ink = turned(mark.ink, tilt)
    top, left = round(middle[1] - ink.shape[0] / 2), round(middle[0] - ink.shape[1] / 2)
    y0, x0 = max(0, top), max(0, left)
    y1, x1 = min(page.shape[0], top + ink.shape[0]), min(page.shape[1], left + ink.shape[1])
    if y1 - y0 < 4 or x1 - x0 < 4:
        return None, 0
    paste(page, PAPER - cv2.convertScaleAbs(ink, alpha=(PAPER - mark.tone) / 255), left, top)
    dark = ink[y0 - top:y1 - top, x0 - left:x1 - left] > 60
    rows, columns = np.flatnonzero(dark.any(axis=1)), np.flatnonzero(dark.any(axis=0))
    if len(rows) < 4 or len(columns) < 4:
        return None, 0
    box = Box(mark.label, *map(float, (y0 + rows[0], x0 + columns[0], y0 + rows[-1] + 1, x0 + columns[-1] + 1)))
    return box, int(np.count_nonzero(dark))


def turned(ink: np.ndarray, degrees: float) -> np.ndarray:
    """Coverage turned about its middle on a canvas that holds all of it."""
    if abs(degrees) < 0.3:
        return ink
    height, width = ink.shape
    matrix = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cosine, sine = abs(matrix[0, 0]), abs(matrix[0, 1])
    new = int(height * sine + width * cosine) + 1, int(height * cosine + width * sine) + 1
    matrix[:, 2] += (new[0] / 2 - width / 2, new[1] / 2 - height / 2)
    return cv2.warpAffine(ink, matrix, new, flags=cv2.INTER_LINEAR, borderValue=0)


