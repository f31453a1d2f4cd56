"""Statistics of judging: the Frechet distance between two sets of features, and intervals by resampling writers."""

from __future__ import annotations

import numpy as np


def frechet_distance(one: np.ndarray, other: np.ndarray) -> float:
    """|m1 - m2|^2 + tr(C1 + C2 - 2 (C1 C2)^(1/2)) of features [N, F] (Heusel et al. 2017, Eq. 6).

    The trace of the root is the sum of the roots of the eigenvalues of C1^(1/2) C2 C1^(1/2), which is symmetric.
    """
    first, second = np.asarray(one, np.float64), np.asarray(other, np.float64)
    difference = first.mean(axis=0) - second.mean(axis=0)
    cov_first, cov_second = covariance(first), covariance(second)
    root = symmetric_root(cov_first)
    middle = root @ cov_second @ root
    cross = np.sqrt(np.maximum(np.linalg.eigvalsh((middle + middle.T) / 2), 0.0)).sum()
    return float(max(0.0, difference @ difference + np.trace(cov_first) + np.trace(cov_second) - 2 * cross))


def covariance(rows: np.ndarray) -> np.ndarray:
    """[F, F] of features [N, F], divided by N: of a single row all 0 (np.cov would take the row for one variable)."""
    centred = rows - rows.mean(axis=0)
    return centred.T @ centred / len(rows)


def symmetric_root(matrix: np.ndarray) -> np.ndarray:
    """The square root of a symmetric positive matrix."""
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors * np.sqrt(np.maximum(values, 0.0))) @ vectors.T


def bootstrap(values: np.ndarray, groups: np.ndarray, resamples: int, seed: int = 0) -> tuple[float, float]:
    """95 % interval of the mean of `values` [N], whole groups (writers) drawn with replacement."""
    labels, which = np.unique(groups, return_inverse=True)
    sums, sizes = np.bincount(which, values), np.bincount(which)
    drawn = np.random.default_rng(seed).integers(len(labels), size=(resamples, len(labels)))
    means = sums[drawn].sum(axis=1) / sizes[drawn].sum(axis=1)
    return tuple(float(value) for value in np.quantile(means, (0.025, 0.975)))
