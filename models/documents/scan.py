"""What scanners, copiers and faxes do to a page: uneven light, blur, grain, thresholds, worn strokes, dust."""

from __future__ import annotations

import functools

import cv2
import numpy as np

GRAIN_SIDE = 512


@functools.lru_cache(maxsize=1)
def _grain() -> np.ndarray:
    """One sheet of noise for all pages, int16 with standard deviation 64."""
    return np.rint(np.random.default_rng(5).standard_normal((GRAIN_SIDE, GRAIN_SIDE)) * 64).astype(np.int16)


def scanned(page: np.ndarray, rng: np.random.Generator) -> tuple[np.ndarray, bool]:
    """The page as it comes from a scanner, uint8 [H, W], and whether it has only two tones."""
    kind = rng.random()
    if rng.random() < 0.5:
        page = cv2.GaussianBlur(page, (0, 0), rng.uniform(0.4, 0.9))
    if kind < 0.15:  # born digital
        return page, False
    page = _shaded(page, rng)
    page = _noisy(page, rng, rng.uniform(2, 14))
    if kind < 0.5:
        return page, False
    return _two_tones(page, rng), True


def _shaded(page, rng):
    """Paper darker to one side, weaker contrast."""
    corners = rng.uniform(0.82, 1.0, (2, 2)).astype(np.float32)
    light = cv2.resize(corners, (page.shape[1], page.shape[0]), interpolation=cv2.INTER_LINEAR)
    lifted = cv2.addWeighted(page, 1 - (low := rng.uniform(0, 0.25)), page, 0, 255 * low)
    return cv2.multiply(lifted, light, dtype=cv2.CV_8U)


def _noisy(page, rng, deviation):
    """Grain over the page."""
    height, width = page.shape
    top, left = rng.integers(0, GRAIN_SIDE, 2)
    rows, columns = (np.arange(top, top + height) % GRAIN_SIDE), (np.arange(left, left + width) % GRAIN_SIDE)
    grain = cv2.convertScaleAbs(np.abs(_grain()), alpha=deviation / 64)[rows[:, None], columns]
    darker = cv2.subtract(page, grain)
    return darker if rng.random() < 0.5 else cv2.add(darker, grain[::-1, ::-1])


def _two_tones(page, rng):
    """A fax or copy: one threshold, strokes worn or swollen, dust."""
    if rng.random() < 0.4:
        kernel = np.ones((2, 2) if rng.random() < 0.7 else (3, 3), np.uint8)
        page = cv2.erode(page, kernel) if rng.random() < 0.75 else cv2.dilate(page, np.ones((2, 2), np.uint8))
    level = np.median(page[::7, ::7]) * rng.uniform(0.6, 0.85)
    page = np.where(page > level, np.uint8(255), np.uint8(0))
    for share, tone in ((rng.exponential(0.0008), 0), (rng.exponential(0.003), 255)):
        count = int(min(share, 0.03) * page.size)
        page[rng.integers(0, page.shape[0], count), rng.integers(0, page.shape[1], count)] = tone
    return page
