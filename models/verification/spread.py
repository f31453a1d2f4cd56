"""How far a figure would move with other people: bootstrap over writers, not over pairs, which share writers."""
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
    owner = np.concatenate([_two_columns(genuine_writer), _two_columns(impostor_writers)])
    writers, owner = np.unique(owner, return_inverse=True)
    distances = np.concatenate([genuine, impostor])
    order = np.argsort(distances, kind="stable")
    ordered, owner = distances[order], owner.reshape(-1, 2)[order]
    is_genuine = order < len(genuine)
    alone = owner[:, 0] == owner[:, 1]
    last = np.append(ordered[1:] != ordered[:-1], True)   # of equal distances only the last is a threshold
    random = np.random.default_rng(seed)
    rates = []
    for _ in range(rounds):
        drawn = np.bincount(random.integers(0, len(writers), len(writers)), minlength=len(writers)).astype(float)
        weight = drawn[owner[:, 0]] * np.where(alone, 1.0, drawn[owner[:, 1]])
        rates.append(_weighted_eer(ordered, is_genuine, weight, last))
    return percentiles([rate for rate in rates if rate is not None], level)


def _two_columns(writers) -> np.ndarray:
    writers = np.asarray(writers)
    return writers if writers.ndim == 2 else np.stack([writers, writers], axis=1)


def _weighted_eer(ordered, is_genuine, weight, last) -> float | None:
    """EER of distances in ascending order that count `weight` times; None if one kind was not drawn at all."""
    accepted, passed = np.cumsum(weight * is_genuine), np.cumsum(weight * ~is_genuine)
    if not accepted[-1] or not passed[-1]:
        return None
    far, frr = passed[last] / passed[-1], 1.0 - accepted[last] / accepted[-1]
    curve = Curve(np.append(-np.inf, ordered[last]), np.append(0.0, far), np.append(1.0, frr))
    return crossing(curve).rate
