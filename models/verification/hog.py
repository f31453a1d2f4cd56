"""A classical verifier: histograms of edge directions on a coarse grid, compared by cosine; no network.

After Dalal and Triggs, "Histograms of oriented gradients for human detection" (CVPR 2005), with what signatures
ask for: size and place normalised by the ink's moments, directions over the whole circle, few and softly bounded cells.
"""
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import NamedTuple

import cv2
import numpy as np

from models.ink.prepare import NoInk, flatten_paper, ink_mask

HEIGHT, WIDTH = 96, 192      # pixels of the canvas
RADIUS = WIDTH / 4.2         # pixels from the ink's centre, root mean square
FINE = (24, 48)              # cells in which directions are counted
GRID = (3, 6)                # cells that are compared


class Scale(NamedTuple):
    """One way to look: `blur` of the ink in pixels, `bins` of direction, `soft` bounds in parts of a cell."""

    blur: float
    bins: int
    soft: float


SCALES = (Scale(1.5, 8, 0.6), Scale(4.0, 12, 0.5))   # strokes, and where the ink lies
SIZE = GRID[0] * GRID[1] * sum(scale.bins for scale in SCALES)


def describe(image: np.ndarray, name: str = "image") -> np.ndarray:
    """Any scan of a signature, uint8 [H, W], as float32 [SIZE] of unit length; raises NoInk, naming `name`."""
    ink = centred_ink(ink_mask(flatten_paper(image), name))
    parts = [_histograms(ink, scale) for scale in SCALES]
    return (np.concatenate(parts) / np.sqrt(len(parts))).astype(np.float32)


def describe_all(images, names=None, on_blank: str = "fail", threads: int = 1) -> np.ndarray:
    """float32 [N, SIZE]. A picture without ink fails, or with on_blank="same" is described as all such are alike."""
    if on_blank not in ("fail", "same"):
        raise ValueError(f"on_blank is {on_blank!r}, allowed are fail and same")
    names = names or [f"image {place}" for place in range(len(images))]

    def one(image, name):
        try:
            return describe(image, name)
        except NoInk:
            if on_blank == "fail":
                raise
            return np.full(SIZE, SIZE ** -0.5, np.float32)
    with ThreadPoolExecutor(threads) as pool:
        return np.stack(list(pool.map(one, images, map(str, names))))


def centred_ink(mask: np.ndarray) -> np.ndarray:
    """Ink bool [H, W] on a canvas float32 [HEIGHT, WIDTH], 1 = ink: centre of mass in the middle, spread RADIUS."""
    rows, columns = np.nonzero(mask)
    spread = max(1.0, np.sqrt(rows.var() + columns.var()))
    scale = RADIUS / spread
    size = [max(1, round(side * scale)) for side in mask.shape]
    how = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    scaled = cv2.resize(mask.astype(np.float32), size[::-1], interpolation=how)
    shift = np.float32([[1, 0, WIDTH / 2 - columns.mean() * scale], [0, 1, HEIGHT / 2 - rows.mean() * scale]])
    return cv2.warpAffine(scaled, shift, (WIDTH, HEIGHT), flags=cv2.INTER_LINEAR)


def _histograms(ink: np.ndarray, scale: Scale) -> np.ndarray:
    """Edge strength by direction and cell, [GRID, bins] flattened: square roots (Hellinger), unit length."""
    counted = _count_directions(cv2.GaussianBlur(ink, (0, 0), scale.blur), scale.bins)
    soft = [scale.soft * fine / coarse for fine, coarse in zip(FINE, GRID)]
    counted = cv2.GaussianBlur(counted, (0, 0), sigmaX=soft[1], sigmaY=soft[0], borderType=cv2.BORDER_CONSTANT)
    cells = counted.reshape(GRID[0], FINE[0] // GRID[0], GRID[1], FINE[1] // GRID[1], -1).mean(axis=(1, 3))
    roots = np.sqrt(np.maximum(cells, 0.0)).ravel()
    return roots / max(1e-9, np.linalg.norm(roots))


def _count_directions(ink: np.ndarray, bins: int) -> np.ndarray:
    """Gradient strength by direction, shared between the two nearest bins, float32 [FINE, bins]."""
    across, down = cv2.Sobel(ink, cv2.CV_32F, 1, 0, ksize=3), cv2.Sobel(ink, cv2.CV_32F, 0, 1, ksize=3)
    strength, angle = cv2.cartToPolar(across, down)
    place = np.mod(angle, 2 * np.pi) * (bins / (2 * np.pi))
    low = place.astype(np.int32)
    upper_part = place - low
    cell, total = _CELLS * bins, FINE[0] * FINE[1] * bins
    count = sum(np.bincount((cell + (low + step) % bins).ravel(), (strength * part).ravel(), minlength=total)
                for step, part in ((0, 1 - upper_part), (1, upper_part)))
    return count.reshape(*FINE, bins).astype(np.float32)


_CELLS = (np.arange(HEIGHT) * FINE[0] // HEIGHT)[:, None] * FINE[1] + (np.arange(WIDTH) * FINE[1] // WIDTH)[None]


@dataclass(frozen=True)
class Whitening:
    """What is learnt of other writers: which differences within one hand are usual (within-class covariance).

    Hatch, Kajarekar and Stolcke, "Within-class covariance normalization for SVM-based speaker recognition" (2006).
    """

    mean: np.ndarray         # [SIZE]
    projection: np.ndarray   # [SIZE, kept]

    def __call__(self, features: np.ndarray) -> np.ndarray:
        """Features [N, SIZE] -> [N, kept], to be compared by cosine."""
        return (features - self.mean) @ self.projection


def learn_whitening(features: np.ndarray, writers, kept: int = 120, ridge: float = 0.3) -> Whitening:
    """From genuine signatures' features [N, SIZE] of `writers` [N], who must not be those judged later."""
    writers = np.asarray(writers)
    mean = features.mean(axis=0)
    _, _, directions = np.linalg.svd(features - mean, full_matrices=False)
    main = directions[:min(kept, len(features) - 1)].T
    reduced = (features - mean) @ main
    within = np.concatenate([reduced[writers == writer] - reduced[writers == writer].mean(axis=0)
                             for writer in np.unique(writers)])
    covariance = within.T @ within / len(within)
    covariance += ridge * np.trace(covariance) / len(covariance) * np.eye(len(covariance))
    return Whitening(mean, main @ np.linalg.cholesky(np.linalg.inv(covariance)))
