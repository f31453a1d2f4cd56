"""The frozen test pairs: other fonts, words, line and noise generators than training's (NumPy, OpenCV, fixed seeds)."""

from __future__ import annotations

import cv2
import numpy as np

from models.cleaner.bank import Fonts, face, printed, text, turned
from models.ink.prepare import otsu_threshold
from models.words import phrase

SEED = 20_240_229  # not the recipe's seed: every run is judged on the same pairs
PAPER, MIDDLE = 255, 127


def frozen_pairs(signatures: np.ndarray, fonts: Fonts, pairs: int) -> tuple[np.ndarray, np.ndarray]:
    """(dirty, clean) uint8 [N * pairs, S, S] of prepared signatures uint8 [N, S, S]; row n * pairs + k is of n."""
    dirty = [soiled(image, fonts, np.random.default_rng((SEED, n, k)))
             for n, image in enumerate(signatures) for k in range(pairs)]
    clean = np.where(signatures > MIDDLE, PAPER, 0).astype(np.uint8)
    return np.stack(dirty), np.repeat(clean, pairs, axis=0)


def soiled(signature: np.ndarray, fonts: Fonts, rng: np.random.Generator) -> np.ndarray:
    """One dirty version, uint8 [S, S]; 85 % are binarised. At least one drawing crosses the strokes."""
    page = np.maximum(signature, np.uint8(rng.integers(0, 110)))
    ink = np.argwhere(signature <= MIDDLE)
    across = [ink[rng.integers(len(ink))] for _ in range(1 + rng.binomial(2, 0.4))]
    beside = [rng.uniform(0, signature.shape[0], 2) for _ in range(rng.integers(1, 4))]
    for centre in across + beside:
        page = np.minimum(page, _drawing(signature.shape[0], centre, fonts, rng))
    page = _scanned(page, rng) if rng.random() < 0.6 else page
    if rng.random() < 0.15:
        return page
    binary = np.where(page > otsu_threshold(page), PAPER, 0).astype(np.uint8)
    return _specked(binary, rng)


def _drawing(size, centre, fonts, rng):
    """uint8 [size, size] with one thing drawn through or near `centre` (row, column), in its own shade of grey."""
    kinds = (_text, _text, _text, _wavering_line, _wavering_line, _double_line, _typed_leader, _dash_dot, _field_comb,
             _round_box, _crossed_box, _label)
    ink = kinds[rng.integers(len(kinds))](size, centre, fonts, rng)
    level = rng.integers(0, 110)
    return np.rint(PAPER - (PAPER - level) * np.clip(ink, 0, 1)).astype(np.uint8)


def _grid(size):
    return np.mgrid[0:size, 0:size].astype(np.float32)


def _text(size, centre, fonts, rng):
    """One to three lines of print around the centre."""
    pixels = max(6, round(size * rng.choice([0.045, 0.055, 0.07, 0.09, 0.12, 0.17])))
    lines = "\n".join(text(rng, "test") for _ in range(rng.integers(1, 4) if pixels < 0.1 * size else 1))
    patch = turned(printed(lines, face(fonts, rng), pixels), rng.uniform(-3, 3))
    return _pasted(size, patch, centre, rng.uniform(0.1, 0.9, 2))


def _pasted(size, patch, centre, anchor):
    """float32 [size, size]: ink of a patch whose point `anchor` (0..1 of height, width) lies on the centre."""
    canvas = np.zeros((size, size), np.float32)
    top, left = (int(c - a * side) for c, a, side in zip(centre, anchor, patch.shape))
    y0, x0, y1, x1 = max(top, 0), max(left, 0), min(top + patch.shape[0], size), min(left + patch.shape[1], size)
    if y1 > y0 and x1 > x0:
        canvas[y0:y1, x0:x1] = 1 - patch[y0 - top:y1 - top, x0 - left:x1 - left] / 255.0
    return canvas


def _wavering_line(size, centre, fonts, rng):
    """A line as a worn plate or a ruler leaves it: wavering, of uneven thickness, in places interrupted."""
    rows, columns = _grid(size)
    slope, wave = rng.normal(0, 0.03), rng.uniform(0, 1.2)
    along = 2 * np.pi * columns / size
    place = centre[0] + slope * (columns - centre[1]) + wave * np.sin(along * rng.uniform(0.5, 3) + rng.uniform(0, 6))
    half = rng.uniform(0.5, 2.6) * size / 224 * (1 + 0.3 * np.sin(along * rng.uniform(3, 9)))
    gaps = np.sin(along * rng.uniform(5, 40) + rng.uniform(0, 6)) < (rng.uniform(0.6, 1) if rng.random() < 0.3 else 2)
    line = np.clip(half + 0.5 - np.abs(rows - place), 0, 1) * gaps
    if rng.random() < 0.5:
        start, end = np.sort(rng.uniform(-0.2, 1.2, 2)) * size
        line = line * ((columns > min(start, centre[1] - 10)) & (columns < max(end, centre[1] + 10)))
    return line.T if rng.random() < 0.12 else line


def _double_line(size, centre, fonts, rng):
    """Two parallel lines, one often thicker, as under totals."""
    rows, columns = _grid(size)
    distance = np.abs(rows - centre[0] - rng.normal(0, 0.02) * (columns - centre[1]))
    gap, thin, thick = rng.uniform(3, 8) * size / 224, rng.uniform(0.5, 1), rng.uniform(0.5, 2)
    second = np.clip(thick + 0.5 - np.abs(distance - gap), 0, 1) * (rows > centre[0])
    return np.clip(thin + 0.5 - distance, 0, 1) + second


def _typed_leader(size, centre, fonts, rng):
    """Dots, dashes or underscores typed in a row: `Name: ..........`."""
    mark = str(rng.choice([".", "_", "-", ". ", "- ", "·"]))
    pixels = max(7, round(size * rng.uniform(0.05, 0.12)))
    line = (phrase(rng, "test") + " " if rng.random() < 0.4 else "") + mark * int(rng.integers(12, 45))
    patch = turned(printed(line, face(fonts, rng), pixels), rng.uniform(-1.5, 1.5))
    return _pasted(size, patch, centre, (rng.uniform(0.4, 0.9), rng.uniform(0.2, 0.8)))


def _dash_dot(size, centre, fonts, rng):
    """A long-short-long line."""
    rows, columns = _grid(size)
    along = columns + rng.uniform(0, 40)
    distance = np.abs(rows - centre[0] - rng.normal(0, 0.015) * (columns - centre[1]))
    period = rng.uniform(14, 30) * size / 224
    phase = (along % period) / period
    return np.clip(rng.uniform(0.5, 1.6) + 0.5 - distance, 0, 1) * ((phase < 0.5) | ((phase > 0.68) & (phase < 0.8)))


def _field_comb(size, centre, fonts, rng):
    """A form field: a base line with teeth for single letters."""
    rows, columns = _grid(size)
    base = np.clip(rng.uniform(0.5, 1.2) + 0.5 - np.abs(rows - centre[0]), 0, 1)
    pitch, tall = rng.uniform(12, 30) * size / 224, rng.uniform(5, 26) * size / 224
    teeth = np.clip(1.2 - np.abs((columns - centre[1]) % pitch - pitch / 2), 0, 1)
    return np.maximum(base, teeth * ((rows < centre[0]) & (rows > centre[0] - tall)))


def _round_box(size, centre, fonts, rng):
    """A frame with round corners, one side of which runs through the centre."""
    rows, columns = _grid(size)
    half = rng.uniform(0.08, 0.45, 2) * size
    shift = np.array([half[0] * rng.choice([-1, 1]), half[1] * rng.uniform(-0.8, 0.8)])
    corner = rng.uniform(0, 0.5) * min(half)
    outside = [np.abs(axis - c - s) - (h - corner) for axis, c, s, h in zip((rows, columns), centre, shift, half)]
    beyond = np.hypot(np.maximum(outside[0], 0), np.maximum(outside[1], 0))
    distance = beyond + np.minimum(np.maximum(*outside), 0) - corner
    return np.clip(rng.uniform(0.5, 2.2) * size / 224 + 0.5 - np.abs(distance), 0, 1)


def _crossed_box(size, centre, fonts, rng):
    """A small tick box with a cross in it."""
    rows, columns = _grid(size)
    side, half = rng.uniform(6, 16) * size / 224, rng.uniform(0.5, 1.3)
    down, right = np.abs(rows - centre[0]), np.abs(columns - centre[1])
    frame = np.clip(half + 0.5 - np.abs(np.maximum(down, right) - side), 0, 1)
    cross = np.clip(half + 0.5 - np.abs(down - right) / 1.41, 0, 1) * (np.maximum(down, right) < side)
    return np.maximum(frame, cross)


def _label(size, centre, fonts, rng):
    """A word in a slanted frame, as a rubber stamp leaves it."""
    word = printed(phrase(rng, "test").upper(), face(fonts, rng), max(8, round(size * rng.uniform(0.07, 0.14))))
    framed = np.pad(np.pad(word, 3, constant_values=PAPER), int(rng.integers(1, 4)), constant_values=0)
    return _pasted(size, turned(framed, rng.uniform(-30, 30)), centre, rng.uniform(0.2, 0.8, 2))


def _scanned(page, rng):
    """Blur, cloudy paper, sensor noise, sometimes JPEG."""
    size = page.shape[0]
    scan = cv2.GaussianBlur(page, (0, 0), rng.uniform(0.3, 0.9)).astype(np.float32)
    clouds = cv2.resize(rng.uniform(0.82, 1.0, (4, 4)).astype(np.float32), (size, size), interpolation=cv2.INTER_CUBIC)
    scan = scan * clouds + rng.normal(0, rng.uniform(0, 16), page.shape) * 1.0
    scan = np.clip(scan, 0, PAPER).astype(np.uint8)
    if rng.random() < 0.2:
        coded = cv2.imencode(".jpg", scan, [cv2.IMWRITE_JPEG_QUALITY, int(rng.integers(20, 60))])[1]
        scan = cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE)
    return scan


def _specked(binary, rng):
    """Salt, pepper, and fine white scratches through print and strokes."""
    noise = rng.random(binary.shape)
    if rng.random() < 0.5:
        grown = cv2.GaussianBlur(noise, (0, 0), rng.uniform(0.01, 0.8))
        noise = (grown - grown.min()) / np.ptp(grown) if rng.random() < 0.5 else noise
    pepper, salt = (rng.uniform(0, 0.02) if rng.random() < 0.4 else 0.0 for _ in range(2))
    low, high = np.quantile(noise, [pepper, 1 - salt])
    binary = np.where(noise < low, 0, np.where(noise > high, PAPER, binary)).astype(np.uint8)
    for _ in range(rng.poisson(0.3)):
        ends = [tuple(int(v) for v in rng.uniform(0, binary.shape[0], 2)) for _ in range(2)]
        cv2.line(binary, *ends, PAPER, 1)
    return binary
