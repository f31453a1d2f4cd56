"""Drawn marks that are no signature: lines, shapes, strokes in rows, waves, circles, mixtures of these, scribbles."""

from __future__ import annotations

import cv2
import numpy as np

PAPER = 255
_FIXED = 4  # bits behind the point in OpenCV's coordinates


def sheet(rng: np.random.Generator) -> np.ndarray:
    """Blank uint8 [h, w] of a size that crops have: 64 to 224 pixels high, once to three times as wide."""
    height = int(rng.integers(64, 225))
    return np.full((height, int(height * rng.uniform(1.0, 3.0))), PAPER, np.uint8)


def pen(page: np.ndarray, rng: np.random.Generator) -> tuple[int, int]:
    """Thickness in pixels, in proportion to the page, and tone."""
    return max(1, round(page.shape[0] * float(np.exp(rng.uniform(np.log(0.008), np.log(0.035)))))), int(rng.integers(0, 110))


def curve(page: np.ndarray, points: np.ndarray, thickness: int, tone: int, closed: bool = False) -> None:
    """A line through points [n, 2] (x, y in pixels), smooth at its rim."""
    fixed = np.rint(np.asarray(points) * 2 ** _FIXED).astype(np.int32)
    cv2.polylines(page, [fixed], closed, tone, thickness, cv2.LINE_AA, _FIXED)


def inside(page: np.ndarray, rng: np.random.Generator, count: int) -> np.ndarray:
    """Points [count, 2] anywhere on the page but its rim."""
    height, width = page.shape
    return rng.uniform((0.05 * width, 0.08 * height), (0.95 * width, 0.92 * height), (count, 2))


def lines(page, rng, part):
    """Straight lines from point to point, or each on its own."""
    thickness, tone = pen(page, rng)
    if rng.random() < 0.5:
        curve(page, inside(page, rng, int(rng.integers(4, 15))), thickness, tone)
        return
    for _ in range(rng.integers(1, 8)):
        curve(page, inside(page, rng, 2), thickness, tone)


def shapes(page, rng, part):
    """Outlines of rectangles, triangles, polygons and ellipses."""
    for _ in range(rng.integers(1, 5)):
        thickness, tone = pen(page, rng)
        corners = int(rng.choice((3, 4, 4, 5, 6, 40)))
        angles = np.arange(corners) * 2 * np.pi / corners + rng.uniform(0, 2 * np.pi)
        radius = page.shape[0] * rng.uniform(0.12, 0.42) * np.array((rng.uniform(0.7, 1.8), 1.0))
        curve(page, inside(page, rng, 1) + np.stack([np.cos(angles), np.sin(angles)], 1) * radius, thickness, tone, closed=True)


def strokes(page, rng, part):
    """Short strokes side by side, like letters of no alphabet, in one to three rows."""
    rows, (thickness, tone) = int(rng.integers(1, 4)), pen(page, rng)
    step = page.shape[0] / rows
    for row in range(rows):
        size, x = step * rng.uniform(0.35, 0.7), page.shape[1] * rng.uniform(0.03, 0.2)
        end = page.shape[1] * rng.uniform(0.6, 0.97)
        while x < end:
            wide = size * rng.uniform(0.2, 0.8)
            base = np.array((x, step * (row + 0.5) - size / 2))
            for _ in range(rng.integers(2, 5)):
                curve(page, base + rng.uniform(0, 1, (2, 2)) * (wide, size), thickness, tone)
            x += wide + size * rng.uniform(0.1, 0.45)


def waves(page, rng, part):
    """Sine waves across the page."""
    height, width = page.shape
    x = np.arange(width * 0.04, width * 0.96)
    for _ in range(rng.integers(1, 5)):
        thickness, tone = pen(page, rng)
        turns, phase = rng.uniform(1, 14), rng.uniform(0, 2 * np.pi)
        y = height * (rng.uniform(0.3, 0.7) + rng.uniform(0.05, 0.25) * np.sin(2 * np.pi * turns * x / width + phase))
        curve(page, np.stack([x, y], 1), thickness, tone)


def circles(page, rng, part):
    """Circles that overlap."""
    for _ in range(rng.integers(2, 9)):
        thickness, tone = pen(page, rng)
        x, y = inside(page, rng, 1)[0]
        cv2.circle(page, (round(x), round(y)), round(page.shape[0] * rng.uniform(0.06, 0.3)), tone, thickness, cv2.LINE_AA)


def composites(page, rng, part):
    """Two or three kinds of the above on one page."""
    kinds = (lines, shapes, waves, circles)
    for place in rng.permutation(len(kinds))[:rng.integers(2, 4)]:
        kinds[place](page, rng, part)


def scribble(page, rng, part):
    """A pen moved to and fro without letters: hatching, a cross-out, or a ball of loops.

    No free curves: people's signs are such.
    """
    height, width = page.shape
    thickness, tone = pen(page, rng)
    turns = float(rng.integers(4, 16))
    t = np.linspace(0, 1, 400)
    kind = rng.integers(3)
    if kind == 0:  # hatching
        points = np.stack([t * 0.8 + 0.1, 0.5 + 0.35 * (2 * np.abs((t * turns) % 1 * 2 - 1) - 1)], 1)
    elif kind == 1:  # cross-out: to and fro over one place
        points = np.stack([0.5 + 0.42 * (2 * np.abs((t * turns) % 1 * 2 - 1) - 1), 0.35 + 0.3 * t], 1)
    else:  # loops about one middle
        radius = rng.uniform(0.15, 0.4) * (1 + 0.3 * np.sin(t * rng.uniform(5, 30)))
        points = 0.5 + radius[:, None] * np.stack([np.cos(2 * np.pi * turns * t), np.sin(2 * np.pi * turns * t + 0.5)], 1)
    points = points + smooth(rng.normal(0, 0.03, (12, 2)), len(points))
    curve(page, points * (width, height), thickness, tone)


def smooth(points: np.ndarray, samples: int = 400) -> np.ndarray:
    """A Catmull-Rom curve through the points [n, 2] (Catmull and Rom 1974), [samples, 2]."""
    ends = np.concatenate([2 * points[:1] - points[1:2], points, 2 * points[-1:] - points[-2:-1]])
    place = np.linspace(0, len(points) - 1, samples)
    start = np.minimum(place.astype(int), len(points) - 2)
    t = (place - start)[:, None]
    p0, p1, p2, p3 = (ends[start + k] for k in range(4))
    return 0.5 * (2 * p1 + (p2 - p0) * t + (2 * p0 - 5 * p1 + 4 * p2 - p3) * t ** 2 + (3 * p1 - p0 - 3 * p2 + p3) * t ** 3)
