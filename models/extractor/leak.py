"""The leak gate: can forgeries be told from genuine signatures by what no hand wrote (paper, ink, noise, size)?

In CEDAR the paper of genuine scans is darker than that of forgeries; whatever sees the paper verifies scanners, not
hands. The probe sees only such things and must be no better than chance on writers it was not fitted on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from threadpoolctl import threadpool_limits

from gaudi.errors import UserError

FACTS = ("paper brightness", "paper noise", "ink darkness", "ink noise", "softness of edges", "share of ink",
         "height", "width")
STEPS = 8       # quantile steps of each fact: the probe may find any interval telling, not only a slope
SPLITS = 5      # by writer


def facts_of(image: np.ndarray) -> np.ndarray:
    """float32 [8], the FACTS of uint8 [H, W], from its histogram; edges are the greys between ink and paper."""
    counts = np.bincount(image.ravel(), minlength=256).astype(np.float64)
    below = np.cumsum(counts) / image.size
    dark, bright = (int(np.searchsorted(below, share)) for share in (0.01, 0.75))
    quarter, levels = (bright - dark) / 4, np.arange(256)
    paper, paper_noise = _moments(counts * (levels >= bright - quarter))
    ink, ink_noise = _moments(counts * (levels <= dark + 2 * quarter))
    inked = counts[levels <= dark + 2 * quarter].sum()
    edge = counts[(levels > dark + quarter / 2) & (levels < bright - quarter / 2)].sum()
    return np.array([paper, paper_noise, ink, ink_noise, edge / inked, inked / image.size, *image.shape], np.float32)


def _moments(counts) -> tuple[float, float]:
    """Mean and standard deviation of the grey levels, given how often each occurs."""
    levels = np.arange(256)
    mean = np.average(levels, weights=counts)
    return mean, np.sqrt(np.average((levels - mean) ** 2, weights=counts))


@dataclass(frozen=True)
class Probe:
    """What the probe found. auc on unseen writers; limit is what is allowed; alone: each fact's AUC by itself."""

    auc: float
    limit: float
    alone: dict[str, float]
    images: int

    @property
    def passes(self) -> bool:
        return self.auc <= self.limit


def probe(facts: np.ndarray, forged: np.ndarray, writers, limit: float) -> Probe | None:
    """The probe's AUC on float32 [N, F] facts; None where there are no forgeries or only one writer has them.

    Few images scatter: below some 1,500 of a kind the limit is chance plus three standard errors of an AUC
    (Hanley & McNeil 1982, Radiology 143, the null case: sqrt((a + b + 1) / (12 a b))).
    """
    forged, writers = np.asarray(forged, bool), np.asarray(writers)
    mixed = sorted(set(writers[forged]) & set(writers[~forged]))
    if len(mixed) < 2:
        return None
    keep = np.isin(writers, mixed)
    facts, forged, writers = facts[keep], forged[keep], writers[keep]
    a, b = int(forged.sum()), int((~forged).sum())
    chance = 0.5 + 3.0 * np.sqrt((a + b + 1) / (12.0 * a * b))
    with threadpool_limits(1, "blas"):   # products this small wait for each other: on a busy machine 18 s instead of 0.7
        columns = {name: scores(facts[:, [k]], forged, writers) for k, name in enumerate(FACTS)}
        whole = scores(facts, forged, writers)
    return Probe(auc(whole, forged), max(limit, chance), {name: auc(values, forged) for name, values in columns.items()},
                 len(forged))


def scores(facts, forged, writers) -> np.ndarray:
    """float64 [N]: how forged each image looks to a logistic regression fitted on other writers."""
    names = sorted(set(writers))
    told = np.zeros(len(forged))
    design = stepped(facts)
    for part in range(min(SPLITS, len(names))):
        held = np.isin(writers, names[part::min(SPLITS, len(names))])
        told[held] = design[held] @ fit(design[~held], forged[~held])
    return told


def stepped(facts: np.ndarray) -> np.ndarray:
    """float64 [N, 1 + F * (STEPS - 1)]: whether each fact is above each of its quantiles."""
    cuts = np.quantile(facts, np.arange(1, STEPS) / STEPS, axis=0)
    above = facts[:, None, :] > cuts[None]
    return np.concatenate([np.ones((len(facts), 1)), above.reshape(len(facts), -1)], axis=1)


def fit(design: np.ndarray, forged: np.ndarray, ridge: float = 3.0, rounds: int = 12) -> np.ndarray:
    """Weights of a ridge logistic regression by Newton steps (iteratively reweighted least squares)."""
    weights = np.zeros(design.shape[1])
    penalty = ridge * np.eye(design.shape[1])
    for _ in range(rounds):
        share = 1.0 / (1.0 + np.exp(-np.clip(design @ weights, -30, 30)))
        slope = design.T @ (forged - share) - ridge * weights
        curve = (design * (share * (1 - share))[:, None]).T @ design + penalty
        weights = weights + np.linalg.solve(curve, slope)
    return weights


def auc(values: np.ndarray, positive: np.ndarray) -> float:
    """Chance that a positive has the larger value, ties half (Mann-Whitney)."""
    _, ranks, counts = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(counts) - (counts - 1) / 2
    a, b = int(positive.sum()), int((~positive).sum())
    return float((middle[ranks][positive].sum() - a * (a + 1) / 2) / (a * b))


def describe(found: Probe | None, what: str) -> str:
    """One line for people."""
    if found is None:
        return f"leak probe on {what}: no writer has both genuine and forged images, nothing to probe"
    worst = max(found.alone, key=found.alone.get)
    return (f"leak probe on {what}: AUC {found.auc:.3f} (allowed {found.limit:.3f}, {found.images} images), "
            f"most telling alone: {worst} {found.alone[worst]:.3f}")


def gate(found: Probe | None) -> None:
    """Raise UserError where prepared images tell forgeries by what no hand wrote."""
    if found is not None and not found.passes:
        worst = max(found.alone, key=found.alone.get)
        raise UserError(f"data: prepared images leak: paper, ink, noise and size alone tell forgeries with AUC "
                        f"{found.auc:.3f} (allowed {found.limit:.3f}); most telling: {worst} "
                        f"({found.alone[worst]:.3f}); data.leak_limit=1 lets it pass")
