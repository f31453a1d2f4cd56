"""Judges a cleaner on the frozen test pairs: image figures, baselines, and the verification error it wins back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import tensorflow as tf

from models.cleaner import losses
from models.cleaner.grid import grid
from models.cleaner.verifier import verification
from models.ink.prepare import otsu_threshold

PAPER, MIDDLE = 255, 127
BATCH = 32
SPECK = 8         # pixels; smaller parts are dropped by the line-removal baseline
LINE_SHARE = 0.2  # of the side; straight runs at least this long count as ruled lines in the line-removal baseline


def judge(source, outputs: dict[str, np.ndarray], config, folder: Path | None) -> dict:
    """Figures for metrics.json; pictures into `folder` unless it is None.

    source: the Frozen source. outputs: what the task's `predict` gave for it, row by row: `cleaned` and the metrics.
    """
    dirty, clean = source.arrays
    pairs = len(dirty) // len(source.signatures.items)
    groups = np.repeat([item.writer or item.name for item in source.signatures.items], pairs)
    rows = {"cleaned": {name: outputs[name] for name in losses.METRICS} | {"drd": drds(outputs["cleaned"], clean)}}
    for name, method in BASELINES.items():
        answers = np.stack([method(image) for image in dirty])
        rows[name] = figures_of(answers, clean) | {"drd": drds(answers, clean)}
    spread = Bootstrap(groups, config.evaluation.bootstrap)
    figures = {"frozen_pairs": {name: {metric: spread.mean(values) for metric, values in row.items()}
                                for name, row in rows.items()},
               "pairs": len(dirty), "writers": len(set(groups)),
               "ink_share": float((clean <= MIDDLE).mean())}
    seen = slice(None, None, pairs)  # the first version of every signature
    removed = np.stack([without_lines(image) for image in dirty[seen]])
    conditions = {"clean": clean[seen], "dirty": dirty[seen], "line removal": removed,
                  "cleaned": outputs["cleaned"][seen]}
    verified = verification(source.signatures.items, conditions, config.evaluation.bootstrap)
    figures |= {"verification": verified} if verified else {}
    if folder:
        write_pictures(folder, dirty, outputs["cleaned"], clean, rows["cleaned"]["ink_f"], config.evaluation.pictures)
    return figures


def figures_of(answers: np.ndarray, clean: np.ndarray) -> dict[str, np.ndarray]:
    """{metric: [N]} of answers uint8 [N, S, S] against clean uint8 [N, S, S]."""
    found: dict[str, list] = {name: [] for name in losses.METRICS}
    for start in range(0, len(answers), BATCH):
        pair = [tf.constant(images[start:start + BATCH] / np.float32(PAPER)) for images in (answers, clean)]
        for name, metric in losses.METRICS.items():
            found[name].append(metric(*pair).numpy())
    return {name: np.concatenate(parts) for name, parts in found.items()}


def do_nothing(dirty):
    """The dirty image itself."""
    return dirty


def all_white(dirty):
    """Blank paper."""
    return np.full_like(dirty, PAPER)


def otsu(dirty):
    """Thresholded: nearly the dirty image again where it came binarised."""
    return np.where(dirty > otsu_threshold(dirty), PAPER, 0).astype(np.uint8)


def without_lines(dirty):
    """Otsu, then long straight runs of ink removed, the gaps they leave closed by 3 pixels, and specks dropped."""
    ink = (otsu(dirty) <= MIDDLE).astype(np.uint8)
    reach = max(5, round(LINE_SHARE * dirty.shape[1]))
    across, down = np.ones((1, reach), np.uint8), np.ones((reach, 1), np.uint8)
    lines = cv2.morphologyEx(ink, cv2.MORPH_OPEN, across) | cv2.morphologyEx(ink, cv2.MORPH_OPEN, down)
    kept = cv2.morphologyEx(ink & ~lines, cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    _, labels, stats, _ = cv2.connectedComponentsWithStats(kept, connectivity=8)
    large = stats[:, cv2.CC_STAT_AREA] >= SPECK
    large[0] = False  # label 0 is the paper
    return np.where(large[labels], 0, PAPER).astype(np.uint8)


BASELINES = {"do nothing": do_nothing, "all white": all_white, "Otsu": otsu, "line removal": without_lines}


def drds(answers: np.ndarray, clean: np.ndarray) -> np.ndarray:
    """[N]: distance reciprocal distortion of every image."""
    return np.array([drd(answer, truth) for answer, truth in zip(answers, clean)])


def drd(answer: np.ndarray, truth: np.ndarray) -> float:
    """Distance reciprocal distortion of binary images, uint8 [H, W] (ink is <= 127).

    H. Lu, A. C. Kot, Y. Q. Shi, "Distance-reciprocal distortion measure for binary document images", IEEE Signal
    Processing Letters 11 (2004): each wrong pixel k costs DRD_k = sum |truth(i, j) - answer(k)| W(i, j) over the 5 x 5
    pixels around it, W being 1 / distance (0 in the middle) scaled to sum 1; DRD = sum DRD_k / number of 8 x 8 blocks
    of the truth that hold both ink and paper (at least 1). Outside the image is paper.
    """
    found, real = answer <= MIDDLE, truth <= MIDDLE
    around = cv2.filter2D(real.astype(np.float64), -1, reciprocal_weights(), borderType=cv2.BORDER_CONSTANT)
    cost = np.where(found, 1.0 - around, around)[found != real].sum()
    height, width = (side // 8 * 8 for side in real.shape)
    blocks = real[:height, :width].reshape(height // 8, 8, width // 8, 8).mean(axis=(1, 3))
    return float(cost / max(1, np.count_nonzero((blocks > 0) & (blocks < 1))))


def reciprocal_weights() -> np.ndarray:
    """float64 [5, 5]: one over the distance from the middle, 0 there, scaled to sum 1."""
    rows, columns = np.mgrid[-2:3, -2:3]
    distance = np.hypot(rows, columns)
    weights = np.divide(1.0, distance, out=np.zeros((5, 5)), where=distance > 0)
    return weights / weights.sum()


class Bootstrap:
    """95 % intervals by drawing whole groups (writers) with replacement, always the same draws."""

    def __init__(self, groups, resamples: int):
        _, self._of_row = np.unique(groups, return_inverse=True)
        count = self._of_row.max() + 1
        drawn = np.random.default_rng(0).integers(0, count, (resamples, count))
        self._times = np.stack([np.bincount(row, minlength=count) for row in drawn])

    def mean(self, values) -> dict[str, float]:
        """The mean over rows, and the 2.5th and 97.5th percentile of the resampled means."""
        sums = np.bincount(self._of_row, weights=values)
        counts = np.bincount(self._of_row)
        means = (self._times @ sums) / (self._times @ counts)
        low, high = np.percentile(means, [2.5, 97.5])
        return {"value": float(np.mean(values)), "low": float(low), "high": float(high)}


def write_pictures(folder: Path, dirty, cleaned, clean, ink_f, count: int) -> None:
    """pairs.png (evenly spread), best.png and worst.png (by ink F): rows of dirty | cleaned | clean.

    inputs/ holds the dirty ones of pairs.png as files of their own, to try an export on.
    """
    order = np.argsort(ink_f, kind="stable")
    chosen = {"pairs": np.linspace(0, len(dirty) - 1, min(count, len(dirty))).astype(int),
              "worst": order[:count], "best": order[::-1][:count]}
    for name, rows in chosen.items():
        write_picture(folder / f"{name}.png", grid([dirty[rows], cleaned[rows], clean[rows]]))
    (folder / "inputs").mkdir(exist_ok=True)
    for row in chosen["pairs"]:
        write_picture(folder / "inputs" / f"{row:04d}.png", dirty[row])


def write_picture(path: Path, picture) -> None:
    """OSError where the file cannot be written; OpenCV only answers no."""
    if not cv2.imwrite(str(path), picture):
        raise OSError(f"{path}: cannot be written")
