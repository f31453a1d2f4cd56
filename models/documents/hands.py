"""Handwriting that is no signature, handwritten dates, and the signatures and initials that pages carry."""

from __future__ import annotations

import functools

import cv2
import numpy as np

from models import words
from models.signatures.letters import LETTERS
from models.signatures.writer import SignatureWriter

SIGNATURE_WIDTH = 320   # pixels; signatures are kept at this width and scaled to their place
INITIALS_HEIGHT = 72    # pixels, likewise
VARIANTS = 2            # different signatures of one writer on a set's pages
FINE = 4                # strokes are drawn this much larger and shrunk
FIRST_WRITER = {"train": 0, "validation": 1 << 28, "test": 1 << 29}  # no two parts share a writer

_DIGITS = """
0 .4,1.9 .1,1.5 .0,.9 .15,.2 .45,.0 .75,.4 .8,1.2 .65,1.8 .4,1.9
1 .1,1.5 .4,1.9 .35,1 .3,.0
2 .1,1.5 .4,1.9 .7,1.5 .5,.8 .05,.0 .4,.1 .8,.05
3 .1,1.7 .5,1.9 .7,1.5 .3,1.0 .75,.6 .55,.05 .05,.2
4 .45,1.9 .1,.8 .8,.75 | .6,1.3 .5,.0
5 .2,1.9 .15,1.1 .55,1.1 .75,.6 .5,.05 .05,.15 | .2,1.9 .75,1.85
6 .65,1.9 .2,1.3 .05,.5 .35,.0 .7,.35 .5,.85 .1,.6
7 .05,1.8 .4,1.85 .8,1.8 .5,.9 .35,.0
8 .6,1.6 .35,1.9 .1,1.5 .4,1.1 .7,.6 .4,.0 .1,.4 .5,1.1 .65,1.5
9 .65,1.5 .35,1.9 .1,1.4 .4,1.1 .68,1.5 .6,.7 .45,.0
/ .0,-.2 .6,2.0
, .1,.1 .0,-.4
' .1,2.0 .05,1.6
"""


def _parse(table):
    shapes = {}
    for line in table.split("\n")[1:-1]:
        name, shape = line.split(" ", 1)
        shapes[name] = [np.array([point.split(",") for point in stroke.split()], float) for stroke in shape.split("|")]
    return shapes


SHAPES = LETTERS | _parse(_DIGITS)


def written(text: str, height: float, rng: np.random.Generator) -> np.ndarray:
    """`text` by an unpractised hand drawn from `rng`, coverage uint8 [h, w], 255 = ink, cropped to the ink.

    height: of a capital in pixels.
    """
    unit = height / 2.1
    slant, narrow, joined = rng.normal(0.15, 0.2), rng.uniform(0.75, 1.15), rng.random() < 0.5
    pen = max(1.0, rng.uniform(0.08, 0.16) * unit)
    strokes, x = [], 0.0
    for character in text:
        if character not in SHAPES:
            x += 0.7
            continue
        shape = [stroke * (narrow, 1) + rng.normal(0, 0.04, stroke.shape) for stroke in SHAPES[character]]
        lift = rng.normal(0, 0.05)
        placed = [stroke + (x, lift) for stroke in shape]
        if joined and strokes and character.islower() and strokes[-1][0][-1, 0] > x - 0.3:
            strokes[-1][0] = np.concatenate([strokes[-1][0], placed[0]])
        else:
            strokes.append([placed[0]])
        strokes += [[stroke] for stroke in placed[1:]]
        if len(placed) > 1 and character.islower():
            strokes.append(strokes.pop(-len(placed)))  # the body last, so that the next letter joins it
        x += max(stroke[:, 0].max() for stroke in shape) + rng.uniform(0.0, 0.2)
    return _drawn([_smooth(stroke[0]) for stroke in strokes], unit, slant, pen)


def _smooth(points, steps=6):
    """A Catmull-Rom curve through the points (Catmull & Rom 1974), [n, 2]."""
    if len(points) < 3:
        return points
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    p0, p1, p2, p3 = (ends[k:len(ends) - 3 + k, None] for k in range(4))
    t = np.linspace(0, 1, steps, endpoint=False)[None, :, None]
    square, cube = 2 * p0 - 5 * p1 + 4 * p2 - p3, 3 * p1 - p0 - 3 * p2 + p3
    curve = 0.5 * (2 * p1 + (p2 - p0) * t + square * t ** 2 + cube * t ** 3)
    return np.concatenate([curve.reshape(-1, 2), points[-1:]])


def _drawn(curves, unit, slant, pen):
    """Coverage of curves given in letter units, y up."""
    if not curves:
        return np.zeros((1, 1), np.uint8)
    points = [np.stack([curve[:, 0] + slant * curve[:, 1], -curve[:, 1]], 1) * unit for curve in curves]
    low = np.min([curve.min(axis=0) for curve in points], axis=0) - pen
    size = np.ceil(np.max([curve.max(axis=0) for curve in points], axis=0) + pen - low).astype(int)
    canvas = np.zeros((size[1] * FINE, size[0] * FINE), np.uint8)
    for curve in points:
        cv2.polylines(canvas, [np.rint((curve - low) * FINE * 16).astype(np.int32)], False, 255,
                      max(1, round(pen * FINE)), cv2.LINE_8, 4)
    return cropped(cv2.resize(canvas, (int(size[0]), int(size[1])), interpolation=cv2.INTER_AREA))


def cropped(ink: np.ndarray, faint: int = 40) -> np.ndarray:
    """Coverage uint8 cut to where it is above `faint`."""
    rows, columns = np.flatnonzero((ink > faint).any(axis=1)), np.flatnonzero((ink > faint).any(axis=0))
    if not len(rows):
        return np.zeros((1, 1), np.uint8)
    return ink[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]


def pick(rng: np.random.Generator, values):
    """One of the values."""
    return values[rng.integers(len(values))]


def note(part: str, height: float, rng: np.random.Generator) -> np.ndarray:
    """One to four words in plain handwriting, coverage uint8 [h, w]."""
    chosen = [pick(rng, words.words(part)) for _ in range(rng.integers(1, 5))]
    text = " ".join(chosen)
    return written(text if rng.random() < 0.5 else text.lower(), height, rng)


def date(height: float, rng: np.random.Generator) -> np.ndarray:
    """A handwritten date in one of the usual orders, coverage uint8 [h, w]."""
    day, month, year = int(rng.integers(1, 29)), int(rng.integers(1, 13)), int(rng.integers(1950, 2030))
    name = words.MONTHS.split()[month - 1]
    short = f"{year % 100:02d}"
    texts = (f"{month}/{day}/{short}", f"{day}/{month}/{year}", f"{day}-{month}-{short}", f"{day}.{month}.{year}",
             f"{name[:3]} {day}, {year}", f"{name} {day}, {year}", f"{day} {name[:3]} '{short}",
             f"{year}-{month:02d}-{day:02d}")
    return written(pick(rng, texts), height, rng)


@functools.lru_cache(maxsize=1024)
def _signature(writer: int, variant: int) -> np.ndarray:
    return cropped(255 - SignatureWriter(writer).genuine(variant, width=SIGNATURE_WIDTH))


@functools.lru_cache(maxsize=1024)
def _initials(writer: int, variant: int) -> np.ndarray:
    rng = np.random.default_rng((writer, 7))
    names = pick(rng, words.FIRST_NAMES.split()), pick(rng, words.SURNAMES.split())
    letters = "".join(name[0] + ("." if rng.random() < 0.25 else "") for name in names)
    return cropped(255 - SignatureWriter(writer, text=letters).genuine(variant, height=INITIALS_HEIGHT))


def signature(part: str, writer: int, variant: int, width: float, rng) -> np.ndarray:
    """A signature scaled to `width` pixels (narrower where it would become too high), coverage uint8 [h, w]."""
    ink = _signature(FIRST_WRITER[part] + writer, variant)
    scale = min(width / ink.shape[1], 0.5 * width / ink.shape[0])
    return _scaled(ink, scale, rng)


def initials(part: str, writer: int, variant: int, height: float, rng) -> np.ndarray:
    """Initials scaled to `height` pixels, coverage uint8 [h, w]."""
    ink = _initials(FIRST_WRITER[part] + writer, variant)
    return _scaled(ink, height / ink.shape[0], rng)


def _scaled(ink, scale, rng):
    size = max(4, round(ink.shape[1] * scale)), max(4, round(ink.shape[0] * scale))
    smaller = cv2.resize(ink, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR)
    if rng.random() < 0.45:  # a broader pen
        smaller = cv2.dilate(smaller, np.ones((2, 2) if rng.random() < 0.6 else (3, 3), np.uint8))
    strength = 255 / max(60, int(smaller.max())) * rng.uniform(0.7, 1.0)
    return cropped(cv2.convertScaleAbs(smaller, alpha=strength))
