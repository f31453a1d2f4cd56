"""Error rates of a verifier from its distances: small means the same writer, accepted is distance <= threshold.

FAR: share of impostor pairs accepted. FRR: share of genuine pairs rejected.
"""
from typing import NamedTuple

import numpy as np
from scipy.special import ndtri


class Curve(NamedTuple):
    """FAR and FRR [n] at ascending thresholds [n]; the first threshold is -inf (all rejected)."""

    thresholds: np.ndarray
    far: np.ndarray
    frr: np.ndarray


class EqualError(NamedTuple):
    """The rate (0..1) at which FAR equals FRR, and the threshold there."""

    rate: float
    threshold: float


def roc(genuine, impostor) -> Curve:
    """FAR and FRR at every distance that occurs."""
    genuine, impostor = _checked(genuine, "genuine"), _checked(impostor, "impostor")
    thresholds = np.concatenate([[-np.inf], np.unique(np.concatenate([genuine, impostor]))])
    far, accepted = (np.searchsorted(np.sort(part), thresholds, side="right") / len(part)
                     for part in (impostor, genuine))
    return Curve(thresholds, far, 1.0 - accepted)


def det(genuine, impostor) -> Curve:
    """The same with rates as normal deviates (Martin et al. 1997): a DET curve's axes; rates of 0 and 1 left out."""
    curve = roc(genuine, impostor)
    inside = (curve.far > 0) & (curve.far < 1) & (curve.frr > 0) & (curve.frr < 1)
    return Curve(curve.thresholds[inside], ndtri(curve.far[inside]), ndtri(curve.frr[inside]))


def eer(genuine, impostor) -> EqualError:
    """Where the ROC's line between two neighbouring thresholds has FAR = FRR."""
    return crossing(roc(genuine, impostor))


def crossing(curve: Curve) -> EqualError:
    """Between the first threshold with FAR >= FRR and the one before it, linearly (the line, not the staircase)."""
    above = int(np.argmax(curve.far >= curve.frr))
    below = above - 1   # never -1: at -inf FAR is 0 and FRR is 1
    gap_below, gap_above = curve.frr[below] - curve.far[below], curve.far[above] - curve.frr[above]
    part = gap_below / (gap_below + gap_above)
    rate = curve.far[below] + part * (curve.far[above] - curve.far[below])
    low, high = curve.thresholds[below], curve.thresholds[above]
    return EqualError(float(rate), float(high if np.isinf(low) else low + part * (high - low)))


def auc(genuine, impostor) -> float:
    """Chance that a genuine pair is nearer than an impostor pair, ties counting half (Mann and Whitney 1947)."""
    genuine, impostor = _checked(genuine, "genuine"), np.sort(_checked(impostor, "impostor"))
    farther = len(impostor) - np.searchsorted(impostor, genuine, side="right")
    ties = np.searchsorted(impostor, genuine, side="right") - np.searchsorted(impostor, genuine, side="left")
    return float((farther + 0.5 * ties).mean() / len(impostor))


def far_frr_at(threshold: float, genuine, impostor) -> tuple[float, float]:
    """FAR and FRR of accepting distances <= threshold."""
    genuine, impostor = _checked(genuine, "genuine"), _checked(impostor, "impostor")
    return float((impostor <= threshold).mean()), float((genuine > threshold).mean())


def threshold_at_far(impostor, far: float) -> float:
    """The largest distance that occurs at which the FAR is at most `far`; just below all where even one is too many."""
    impostor = np.sort(_checked(impostor, "impostor"))
    if not 0.0 <= far <= 1.0:
        raise ValueError(f"far is {far}, a share from 0 to 1 is needed")
    values, counts = np.unique(impostor, return_counts=True)
    allowed = np.flatnonzero(np.cumsum(counts) <= far * len(impostor) + 1e-9)
    return float(values[allowed[-1]]) if len(allowed) else float(np.nextafter(values[0], -np.inf))


def _checked(distances, name: str) -> np.ndarray:
    distances = np.asarray(distances, np.float64).ravel()
    if not len(distances):
        raise ValueError(f"no {name} distances")
    if not np.isfinite(distances).all():
        raise ValueError(f"{name} distances hold {(~np.isfinite(distances)).sum()} values that are not finite")
    return distances
