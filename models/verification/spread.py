"""How far a figure would move with other people: bootstrap over writers, not over pairs, which share writers."""
from bisect import bisect_left
from typing import Callable, NamedTuple

import numpy as np

from models.verification.rates import Curve, crossing


class Interval(NamedTuple):
    """Percentile interval of a figure."""

    low: float
    high: float


def bootstrap(statistic: Callable, groups: list, rounds: int = 1000, seed: int = 0, level: float = 0.95) -> Interval:
    """Interval of statistic(list of groups): a group is what one writer contributes; drawn with replacement.

    Efron and Tibshirani, "An Introduction to the Bootstrap" (1993), percentile interval.
    """
    random = np.random.default_rng(seed)
    draws = (random.integers(0, len(groups), len(groups)) for _ in range(rounds))
    return percentiles([statistic([groups[place] for place in draw]) for draw in draws], level)


def percentiles(values, level: float = 0.95) -> Interval:
    """The middle `level` share of values."""
    if not 0.0 < level < 1.0:
        raise ValueError(f"level is {level}, a share between 0 and 1 is needed")
    low, high = np.quantile(values, [(1 - level) / 2, (1 + level) / 2])
    return Interval(float(low), float(high))


def bootstrap_eer(genuine, genuine_writer, impostor, impostor_writers, rounds: int = 1000, seed: int = 0,
                  level: float = 0.95) -> Interval:
    """Interval of the EER of distances [n]: weights instead of copies, so that it is fast.

    Writers are [n], or [n, 2] for pairs of two people: such a pair counts as often as both were drawn, multiplied.
    """
    thresholds = np.unique(np.concatenate([genuine, impostor]))
    writers = np.unique(np.concatenate([np.ravel(genuine_writer), np.ravel(impostor_writers)]))
    own = _Weighted(genuine, np.searchsorted(writers, genuine_writer), thresholds)
    other = _Weighted(impostor, np.searchsorted(writers, impostor_writers), thresholds)
    random = np.random.default_rng(seed)
    rates = []
    for _ in range(rounds):
        times = np.bincount(random.integers(0, len(writers), len(writers)), minlength=len(writers)).astype(float)
        if own.count(times) and other.count(times):   # else one kind was not drawn at all
            rates.append(_eer(own, other, thresholds))
    return percentiles(rates, level)


class _Weighted:
    """Distances [n] that count as often as their writers (numbers [n] or [n, 2]) were drawn."""

    def __init__(self, distances, writers, thresholds):
        order = np.argsort(distances, kind="stable")
        pairs = np.asarray(writers)[order]
        pairs = pairs if pairs.ndim == 2 else np.stack([pairs, pairs], axis=1)
        self.pairs, self.group = np.unique(pairs, axis=0, return_inverse=True)
        self.group = self.group.ravel()
        self.places = np.searchsorted(np.asarray(distances)[order], thresholds, side="right")   # accepted at each threshold
        self.below = np.zeros(len(order) + 1)

    def count(self, times) -> float:
        """Counts each writer `times` [W] times; returns how many distances there are then."""
        one, two = self.pairs.T
        weight = times[one] * np.where(one == two, 1.0, times[two])
        np.cumsum(weight[self.group], out=self.below[1:])
        return self.below[-1]

    def accepted(self, threshold: int) -> float:
        """The share of distances up to the threshold of that number; none before the first."""
        return self.below[self.places[threshold]] / self.below[-1] if threshold >= 0 else 0.0


def _eer(own: _Weighted, other: _Weighted, thresholds) -> float:
    """EER as last counted; FAR - FRR only rises, so that its sign changes once."""
    above = bisect_left(range(len(thresholds) - 1), True, key=lambda k: other.accepted(k) >= 1.0 - own.accepted(k))
    at = (above - 1, above)
    return crossing(Curve(np.array([-np.inf, thresholds[above]] if above == 0 else thresholds[list(at)]),
                          np.array([other.accepted(k) for k in at]), np.array([1.0 - own.accepted(k) for k in at]))).rate
