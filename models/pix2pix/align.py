"""Lays a printed name out on its handwriting, character by character: position, scale and slant.

The handwriting is made upright (one slant for all), cut between characters where least ink is cut, and each glyph gets
the affine map that gives its ink the mean and covariance of the ink of its part.
"""

from __future__ import annotations

import cv2
import numpy as np

from models.pix2pix.printing import Glyph, plain_layout

SLANTS = np.linspace(-0.6, 0.6, 25)   # tangents tried
UPRIGHT = 0.02         # how much sharper columns must be, per unit of slant, to be believed
UNEVEN = 0.35          # price of a part that is wider or narrower than its glyph, against ink that is cut
MOST_SCALE = 2.5       # a glyph's axis against its plain size; strokes such as that of 1 have hardly any width
MOST_SLANT = 0.7       # tangent, of one character beyond the common one
TOLERANCE = 3          # pixels of 256 by which strokes may miss each other in `agreement`


def lay_out(line: list[Glyph], hand: np.ndarray) -> list[np.ndarray]:
    """For each glyph its map float [2, 3] onto the handwriting uint8 [S, S], 255 = paper."""
    ink = 255.0 - hand.astype(np.float32)
    slant = common_slant(ink)
    upright = sheared(ink, -slant)
    cuts = cuts_between(upright.sum(axis=0), [glyph.ink.shape[1] for glyph in line])
    plain = plain_layout(line, hand.shape[0])
    back = shear_matrix(slant, hand.shape[0])
    maps = []
    for glyph, layout, left, right in zip(line, plain, cuts[:-1], cuts[1:]):
        part = np.zeros_like(upright)
        part[:, left:right] = upright[:, left:right]
        maps.append(after(back, matched(glyph.ink, part, layout)))
    return maps


def common_slant(ink: np.ndarray) -> float:
    """The slant (tangent, to the right positive) whose removal gathers float [S, S] ink in the fewest columns."""
    small = cv2.resize(ink, (96, 96), interpolation=cv2.INTER_AREA)
    total = small.sum() + 1e-6
    sharpness = [np.square(sheared(small, -slant).sum(axis=0) / total).sum() * 96 - UPRIGHT * 96 * abs(slant) / 10
                 for slant in SLANTS]
    return float(SLANTS[int(np.argmax(sharpness))])


def shear_matrix(slant: float, side: int) -> np.ndarray:
    """float [2, 3]: moves the top of a square to the right by slant * side / 2, the bottom to the left."""
    return np.array([[1.0, -slant, slant * (side - 1) / 2], [0.0, 1.0, 0.0]])


def sheared(ink: np.ndarray, slant: float) -> np.ndarray:
    """Ink float [S, S] slanted by a tangent about the middle row."""
    side = ink.shape[0]
    return cv2.warpAffine(ink, shear_matrix(slant, side), (side, side), flags=cv2.INTER_LINEAR)


def after(second: np.ndarray, first: np.ndarray) -> np.ndarray:
    """The map float [2, 3] that does `first`, then `second`."""
    return second[:, :2] @ first + np.pad(second[:, 2:], ((0, 0), (2, 0)))


def cuts_between(columns: np.ndarray, widths: list[int]) -> list[int]:
    """Columns where the characters begin and the last one ends, int [characters + 1], by dynamic programming.

    Minimises the ink in the columns cut, plus UNEVEN times the squared relative deviation of every part from the width
    that its glyph asks for.
    """
    inked = np.flatnonzero(columns > 0.02 * columns.max())
    if not len(inked):
        return np.linspace(0, len(columns), len(widths) + 1).astype(int).tolist()
    first, last = int(inked[0]), int(inked[-1]) + 1
    places = np.arange(first, last + 1)
    expected = np.maximum(np.asarray(widths, float), 0.35 * max(widths))
    expected *= (last - first) / expected.sum()
    cut_ink = np.append(columns, 0.0)[places] / columns.max()
    cut_ink[[0, -1]] = 0.0
    cost = np.full((len(widths) + 1, len(places)), np.inf)
    came = np.zeros(cost.shape, int)
    cost[0, 0] = 0.0
    span = places[None, :] - places[:, None]  # [from, to]
    for k, width in enumerate(expected):
        price = np.where(span > 0, UNEVEN * ((span - width) / width) ** 2, np.inf)
        total = cost[k][:, None] + price
        came[k + 1] = np.argmin(total, axis=0)
        cost[k + 1] = total.min(axis=0) + cut_ink
    cuts = [len(places) - 1]
    for k in range(len(widths), 0, -1):
        cuts.append(int(came[k, cuts[-1]]))
    return [int(places[cut]) for cut in reversed(cuts)]


def moments(ink: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Centre [2] and covariance [2, 2] of ink [h, w] as (x, y), in pixels."""
    found = cv2.moments(ink.astype(np.float32))
    centre = np.array([found["m10"], found["m01"]]) / found["m00"]
    return centre, np.array([[found["mu20"], found["mu11"]], [found["mu11"], found["mu02"]]]) / found["m00"]


def matched(glyph: np.ndarray, part: np.ndarray, plain: np.ndarray) -> np.ndarray:
    """The map float [2, 3] with which the glyph's ink takes the centre, size and slant of the part's.

    With y before x, both covariances have Cholesky factors L; L_part L_glyph^-1 is lower triangular: it scales rows,
    scales columns and slants, and never turns. `plain` bounds the scales and stands in where there is no ink.
    """
    if part.sum() < 1.0 or not glyph.any():
        return plain
    (from_centre, from_cov), (to_centre, to_cov) = moments(glyph), moments(part)
    flip = np.array([[0.0, 1.0], [1.0, 0.0]])
    factor_from = np.linalg.cholesky(flip @ from_cov @ flip + np.eye(2))
    factor_to = np.linalg.cholesky(flip @ to_cov @ flip + np.eye(2) * 0.25)
    linear = flip @ (factor_to @ np.linalg.inv(factor_from)) @ flip
    usual = plain[0, 0]
    across = np.clip(linear[0, 0], usual / MOST_SCALE, usual * MOST_SCALE)
    down = np.clip(linear[1, 1], usual / MOST_SCALE, usual * MOST_SCALE)
    slant = np.clip(linear[0, 1], -MOST_SLANT * down, MOST_SLANT * down)
    linear = np.array([[across, slant], [0.0, down]])
    return np.column_stack([linear, to_centre - linear @ from_centre])


def agreement(one: np.ndarray, other: np.ndarray, tolerance: int | None = None) -> float:
    """F-measure 0..1 of the ink of two pictures uint8 [S, S]: strokes count that lie near the other's strokes."""
    reach = tolerance if tolerance is not None else max(1, round(TOLERANCE * one.shape[0] / 256))
    kernel = cv2.getStructuringElement(cv2.MORPH_RECT, (2 * reach + 1, 2 * reach + 1))
    first, second = (one < 128).astype(np.uint8), (other < 128).astype(np.uint8)
    precision = (first & cv2.dilate(second, kernel)).sum() / max(1, first.sum())
    recall = (second & cv2.dilate(first, kernel)).sum() / max(1, second.sum())
    return float(2 * precision * recall / max(1e-9, precision + recall))
