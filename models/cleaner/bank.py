"""Pre-rendered dirt of the training pairs: printed words, ruled lines, stamps and noise fields, made once at start."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from models.words import phrase

Fonts = list[tuple[Path, ...]]  # families, each with its faces

PAPER = 255
LAYER_SCALE = 1.5  # layers and noise fields are larger than an example, so that a window can fall anywhere


@dataclass
class Bank:
    """What the graph pastes; size is the side of an example in pixels.

    words: uint8 [W, h, size], ink in the upper left corner.    word_boxes: int32 [W, 2], height and width of that ink.
    layers: uint8 [L, 1.5 size, 1.5 size], ruled lines and stamps.
    noise: uint8 [N, 1.5 size, 1.5 size]; every value is equally frequent, so `noise < 256 p` marks a share p of pixels.
    """

    words: np.ndarray
    word_boxes: np.ndarray
    layers: np.ndarray
    noise: np.ndarray


def make_bank(fonts: Fonts, size: int, words: int, layers: int, seed: int) -> Bank:
    """The bank drawn from `seed` alone: `words` word patches from `fonts` and `layers` layers of lines and stamps."""
    patches = [word_patch(fonts, size, np.random.default_rng((seed, 1, k))) for k in range(words)]
    boxes = np.array([ink_box(patch) for patch in patches], np.int32)
    drawn = [layer(fonts, size, np.random.default_rng((seed, 2, k))) for k in range(layers)]
    return Bank(np.stack(patches), boxes, np.stack(drawn), noise_fields(size, np.random.default_rng((seed, 3))))


def ink_box(patch: np.ndarray) -> tuple[int, int]:
    """Height and width that hold all ink of a patch whose ink starts in the upper left corner; at least 1."""
    rows, columns = np.flatnonzero((patch < 128).any(axis=1)), np.flatnonzero((patch < 128).any(axis=0))
    return (int(rows[-1]) + 1, int(columns[-1]) + 1) if len(rows) else (1, 1)


def word_patch(fonts: Fonts, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 [3 size / 8, size]: one to three lines of print, a little turned, its ink in the upper left corner."""
    height = size * 3 // 8
    pixels = max(6, round(size * float(np.exp(rng.uniform(np.log(0.04), np.log(0.19))))))
    lines = int(rng.integers(1, 4)) if pixels < size * 0.09 else 1
    line = leader(rng) if lines == 1 and rng.random() < 0.12 else text(rng, "train")
    image = printed("\n".join([line] + [text(rng, "train") for _ in range(1, lines)]), face(fonts, rng), pixels)
    image = turned(image, rng.uniform(-12, 12) if rng.random() < 0.1 else rng.normal(0, 1.5))
    return top_left(image, height, size)


def leader(rng: np.random.Generator) -> str:
    """A row of one mark as forms have it, sometimes after a phrase: `Name ______`."""
    row = str(rng.choice(["_", ".", "-", " .", "- ", "*", "="])) * int(rng.integers(8, 50))
    return f"{phrase(rng, 'train')}: {row}" if rng.random() < 0.5 else row


def face(fonts: Fonts, rng: np.random.Generator) -> Path:
    """A face of a family; each family is equally frequent, however many faces it has."""
    family = fonts[rng.integers(len(fonts))]
    return family[rng.integers(len(family))]


def text(rng: np.random.Generator, part: str) -> str:
    """One line of print: one to three phrases of the part "train" or "test", in their own or all in capitals."""
    line = " ".join(phrase(rng, part) for _ in range(rng.integers(1, 4)))
    return line.upper() if rng.random() < 0.2 else line


def printed(line: str, font: Path, pixels: int) -> np.ndarray:
    """uint8 [H, W]: black print of one or more lines of that font size on paper, with a margin of a few pixels."""
    opened = ImageFont.truetype(str(font), pixels)
    probe = ImageDraw.Draw(Image.new("L", (1, 1)))
    left, top, right, bottom = probe.multiline_textbbox((0, 0), line, font=opened, spacing=pixels // 4)
    page = Image.new("L", (int(right - left) + 8, int(bottom - top) + 8), PAPER)
    ImageDraw.Draw(page).multiline_text((4 - left, 4 - top), line, font=opened, fill=0, spacing=pixels // 4)
    return np.asarray(page)


def turned(image: np.ndarray, degrees: float) -> np.ndarray:
    """The image turned about its centre on a canvas that holds all of it."""
    height, width = image.shape
    turn = cv2.getRotationMatrix2D((width / 2, height / 2), degrees, 1.0)
    cosine, sine = abs(turn[0, 0]), abs(turn[0, 1])
    new_width, new_height = int(height * sine + width * cosine) + 1, int(height * cosine + width * sine) + 1
    turn[:, 2] += (new_width / 2 - width / 2, new_height / 2 - height / 2)
    return cv2.warpAffine(image, turn, (new_width, new_height), flags=cv2.INTER_LINEAR, borderValue=PAPER)


def top_left(image: np.ndarray, height: int, width: int) -> np.ndarray:
    """The ink of `image` moved into the corner of a [height, width] canvas; what does not fit is cut."""
    rows, columns = np.flatnonzero((image < 128).any(axis=1)), np.flatnonzero((image < 128).any(axis=0))
    canvas = np.full((height, width), PAPER, np.uint8)
    if len(rows):
        part = image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1][:height, :width]
        canvas[:part.shape[0], :part.shape[1]] = part
    return canvas


def layer(fonts: Fonts, size: int, rng: np.random.Generator) -> np.ndarray:
    """uint8 [1.5 size, 1.5 size] with two to four drawings: lines, boxes, tables, form fields, stamps."""
    side = int(size * LAYER_SCALE)
    canvas = np.full((side, side), PAPER, np.uint8)
    for _ in range(rng.integers(2, 5)):
        draw = _DRAWINGS[rng.choice(len(_DRAWINGS), p=_SHARES)]
        draw(canvas, size, fonts, rng)
    return canvas


def _thickness(size, rng):
    return max(1, round(size / 224 * float(np.exp(rng.uniform(0, np.log(7))))))


def _line(canvas, start, end, thickness, rng):
    smooth = cv2.LINE_AA if rng.random() < 0.5 else cv2.LINE_8
    cv2.line(canvas, (round(start[0]), round(start[1])), (round(end[0]), round(end[1])), 0, thickness, smooth)


def _ruled(canvas, size, fonts, rng):
    """A long line near the horizontal, or sometimes near the vertical."""
    side, slope = canvas.shape[0], rng.normal(0, 0.02)
    x0, y0 = rng.uniform(-0.3, 0.5) * side, rng.uniform(0, 1) * side
    x1 = x0 + rng.uniform(0.3, 1.3) * side
    start, end = (x0, y0), (x1, y0 + slope * (x1 - x0))
    if rng.random() < 0.15:
        start, end = start[::-1], end[::-1]
    _line(canvas, start, end, _thickness(size, rng), rng)


def _ruled_page(canvas, size, fonts, rng):
    """Parallel thin lines at an even distance, as on ruled paper."""
    side, step, slope = canvas.shape[0], rng.uniform(0.1, 0.35) * size, rng.normal(0, 0.015)
    thickness = int(rng.integers(1, 3))
    for y in np.arange(rng.uniform(0, step), side * 1.1, step):
        _line(canvas, (0, y), (side, y + slope * side), thickness, rng)


def _dashed(canvas, size, fonts, rng):
    """A dotted or dashed line."""
    side, slope = canvas.shape[0], rng.normal(0, 0.015)
    y0, thickness = rng.uniform(0, 1) * side, int(rng.integers(1, 4))
    mark = rng.uniform(0.5, 12) * size / 224
    pitch = mark + thickness + rng.uniform(1, 8) * size / 224
    for x in np.arange(rng.uniform(-0.2, 0.4) * side, side * rng.uniform(0.6, 1.2), pitch):
        _line(canvas, (x, y0 + slope * x), (x + mark, y0 + slope * (x + mark)), thickness, rng)


def _box(canvas, size, fonts, rng):
    """A rectangle, a little turned."""
    side, thickness, slope = canvas.shape[0], _thickness(size, rng), rng.normal(0, 0.015)
    x, y = rng.uniform(-0.1, 0.6, 2) * side
    width, height = rng.uniform(0.1, 0.9) * side, rng.uniform(0.06, 0.6) * side
    corners = [(0, 0), (width, 0), (width, height), (0, height)]
    placed = [(x + u - slope * v, y + v + slope * u) for u, v in corners]
    for start, end in zip(placed, placed[1:] + placed[:1]):
        _line(canvas, start, end, thickness, rng)


def _rounded(canvas, size, fonts, rng):
    """A frame with round corners: four arcs and the lines between them."""
    thickness, (x, y) = _thickness(size, rng), rng.uniform(-0.1, 0.7, 2) * canvas.shape[0]
    width, height = rng.uniform(0.15, 0.9) * size, rng.uniform(0.12, 0.6) * size
    radius = rng.uniform(0.1, 0.5) * min(width, height)
    corners = [(x + radius, y + radius), (x + width - radius, y + radius),
               (x + width - radius, y + height - radius), (x + radius, y + height - radius)]
    for quarter, (across, down) in enumerate(corners):
        centre, first = (round(across), round(down)), 180 + 90 * quarter
        cv2.ellipse(canvas, centre, (round(radius),) * 2, 0, first, first + 90, 0, thickness, cv2.LINE_AA)
    (left, top), (right, bottom) = corners[0], corners[2]
    for start, end in (((left, y), (right, y)), ((left, y + height), (right, y + height)),
                       ((x, top), (x, bottom)), ((x + width, top), (x + width, bottom))):
        _line(canvas, start, end, thickness, rng)


def _tick_boxes(canvas, size, fonts, rng):
    """A column or a row of small boxes, some ticked, crossed or filled."""
    side, thickness = rng.uniform(8, 34) * size / 224, int(rng.integers(1, 4))
    place, step = rng.uniform(0, 1, 2) * canvas.shape[0], np.zeros(2)
    step[rng.integers(2)] = side * rng.uniform(1.2, 4)
    for _ in range(rng.integers(1, 6)):
        (x, y), place = place, place + step
        corners = [(x, y), (x + side, y), (x + side, y + side), (x, y + side)]
        marks = {"empty": [], "cross": [(corners[0], corners[2]), (corners[1], corners[3])],
                 "tick": list(zip([(x, y + side / 2), (x + side / 2, y + side)],
                                  [(x + side / 2, y + side), (x + 1.2 * side, y - side / 5)]))}
        inside = marks[str(rng.choice(list(marks)))]
        for start, end in list(zip(corners, corners[1:] + corners[:1])) + inside:
            _line(canvas, start, end, thickness, rng)


def _comb(canvas, size, fonts, rng):
    """Boxes for single letters: two rails with teeth between them, the upper rail often missing."""
    pitch, tall, thickness = rng.uniform(10, 36) * size / 224, rng.uniform(6, 34) * size / 224, int(rng.integers(1, 3))
    left, y = rng.uniform(-0.2, 0.6) * canvas.shape[0], rng.uniform(0, 1) * canvas.shape[0]
    teeth = int(rng.integers(3, 20))
    for k in range(teeth + 1):
        _line(canvas, (left + k * pitch, y), (left + k * pitch, y - tall), thickness, rng)
    _line(canvas, (left, y), (left + teeth * pitch, y), thickness, rng)
    if rng.random() < 0.4:
        _line(canvas, (left, y - tall), (left + teeth * pitch, y - tall), thickness, rng)


def _table(canvas, size, fonts, rng):
    """Crossing lines of a table."""
    side, thickness, slope = canvas.shape[0], int(rng.integers(1, 4)), rng.normal(0, 0.01)
    for y in np.arange(rng.uniform(0, 0.4), 1, rng.uniform(0.1, 0.5)) * side:
        _line(canvas, (0, y), (side, y + slope * side), thickness, rng)
    for x in np.arange(rng.uniform(0, 0.5), 1, rng.uniform(0.15, 0.6)) * side:
        _line(canvas, (x, 0), (x - slope * side, side), thickness, rng)


def _stamp(canvas, size, fonts, rng):
    """One or two rings, or a frame, with a word inside."""
    side, thickness = canvas.shape[0], int(rng.integers(1, 4))
    centre = tuple(int(v) for v in rng.uniform(0.15, 0.85, 2) * side)
    radius = rng.uniform(0.12, 0.35) * size
    axes = (max(2, int(radius)), max(2, int(radius * rng.uniform(0.5, 1.0))))
    cv2.ellipse(canvas, centre, axes, rng.uniform(-20, 20), 0, 360, 0, thickness, cv2.LINE_AA)
    if rng.random() < 0.6:
        inner = tuple(max(1, int(a * 0.8)) for a in axes)
        cv2.ellipse(canvas, centre, inner, 0, 0, 360, 0, 1, cv2.LINE_AA)
    word = turned(printed(phrase(rng, "train"), face(fonts, rng), max(6, int(radius * 0.3))), rng.uniform(-20, 20))
    _paste_centred(canvas, word, centre)


def _office_stamp(canvas, size, fonts, rng):
    """One to three words in a single or double frame, turned: PAID, RECEIVED 12 MAY."""
    lines = "\n".join(phrase(rng, "train").upper() for _ in range(rng.integers(1, 4)))
    word = printed(lines, face(fonts, rng), max(6, round(size * rng.uniform(0.05, 0.16))))
    for _ in range(rng.integers(1, 3)):
        word = np.pad(word, int(rng.integers(2, 7)), constant_values=PAPER)
        word = np.pad(word, int(rng.integers(1, 5)), constant_values=0)
    place = tuple(int(v) for v in rng.uniform(0.1, 0.9, 2) * canvas.shape[0])
    _paste_centred(canvas, turned(word, rng.uniform(-45, 45)), place)


def _paste_centred(canvas, patch, centre):
    x, y = centre[0] - patch.shape[1] // 2, centre[1] - patch.shape[0] // 2
    x0, y0, x1, y1 = max(x, 0), max(y, 0), max(x + patch.shape[1], 0), max(y + patch.shape[0], 0)
    window = canvas[y0:y1, x0:x1]
    np.minimum(window, patch[y0 - y:y0 - y + window.shape[0], x0 - x:x0 - x + window.shape[1]], out=window)


def _blots(canvas, size, fonts, rng):
    """Specks and blots of a few pixels."""
    for _ in range(rng.integers(2, 25)):
        centre = tuple(int(v) for v in rng.uniform(0, 1, 2) * canvas.shape[0])
        axes = tuple(int(v) for v in np.ceil(rng.exponential(1.2, 2) * size / 224))
        cv2.ellipse(canvas, centre, axes, rng.uniform(0, 180), 0, 360, 0, -1)


_DRAWINGS = (_ruled, _ruled_page, _dashed, _box, _rounded, _tick_boxes, _comb, _table, _stamp, _office_stamp, _blots)
_SHARES = (0.26, 0.06, 0.12, 0.07, 0.06, 0.07, 0.07, 0.07, 0.06, 0.11, 0.05)


def noise_fields(size: int, rng: np.random.Generator, grains=(0.0, 0.0, 0.0, 0.0, 0.6, 0.6, 1.0, 1.6)) -> np.ndarray:
    """uint8 [len(grains), 1.5 size, 1.5 size]: noise of growing grain (sigma in pixels), values uniform on 0..255."""
    side = int(size * LAYER_SCALE)
    fields = []
    for grain in grains:
        field = rng.standard_normal((side, side)).astype(np.float32)
        field = cv2.GaussianBlur(field, (0, 0), grain) if grain else field
        ranks = np.empty(side * side, np.int64)
        ranks[np.argsort(field, axis=None)] = np.arange(side * side)
        fields.append((ranks * 256 // (side * side)).reshape(side, side).astype(np.uint8))
    return np.stack(fields)
