"""What dirt costs the suite's classical, untrained signature verifier, and how much of it cleaning wins back."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from models.verification.hog import describe_all
from models.verification.pairs import cosine_distances, make_pairs, pair_distances
from models.verification.rates import eer
from models.verification.spread import bootstrap_eer

RECOVERY_ROUNDS = 200  # of the bootstrap of `recovered`, whose every round needs three EERs
NEEDED = ("clean", "dirty", "cleaned")


@dataclass(frozen=True)
class Signer:
    """Who a test signature is of, as models/verification asks for it."""

    writer: int
    genuine: bool


def verification(items, conditions: dict[str, np.ndarray], rounds: int) -> dict:
    """EER of every condition (`clean`, `dirty`, `cleaned`, ...), and the share of the loss that is recovered.

    items: the test signatures; conditions: name -> uint8 [N, S, S], both sides of a pair are of one condition.
    Empty where writers are unknown or have one signature each.
    """
    if not all(item.writer for item in items):
        return {}
    numbers = {writer: number for number, writer in enumerate(sorted({item.writer for item in items}))}
    pairs = make_pairs([Signer(numbers[item.writer], not item.forged) for item in items])
    told = {name: cosine_distances(describe_all(images, on_blank="same")) for name, images in conditions.items()}
    return {kind: judged(pairs["genuine"], pairs[kind], told, rounds) for kind in ("skilled", "random")
            if len(pairs["genuine"].first) and len(pairs[kind].first)}


def judged(genuine, impostor, told: dict[str, np.ndarray], rounds: int) -> dict:
    """{condition: {"eer": figure with interval}}, and `recovered` where there is anything to recover."""
    near = {name: pair_distances(matrix, genuine) for name, matrix in told.items()}
    far = {name: pair_distances(matrix, impostor) for name, matrix in told.items()}
    both = np.stack([impostor.writer, impostor.other], axis=1)
    found: dict = {}
    for name in told:
        low, high = bootstrap_eer(near[name], genuine.writer, far[name], both, rounds)
        found[name] = {"eer": {"value": eer(near[name], far[name]).rate, "low": low, "high": high}}
    share = recovered(near, far)
    if share is not None:
        draws = [recovered(_repeated(near, genuine, times), _repeated(far, impostor, times))
                 for times in _drawn(genuine.writer.max() + 1, min(rounds, RECOVERY_ROUNDS))]
        low, high = np.percentile([draw for draw in draws if draw is not None], [2.5, 97.5])
        found["recovered"] = {"value": share, "low": float(low), "high": float(high)}
    return found


def recovered(near: dict, far: dict) -> float | None:
    """(EER dirty - EER cleaned) / (EER dirty - EER clean); None where dirt cost nothing or nothing was drawn.

    near, far: condition -> distances of genuine and of impostor pairs.
    """
    if not all(len(side[name]) for side in (near, far) for name in NEEDED):
        return None
    clean, dirty, cleaned = (eer(near[name], far[name]).rate for name in NEEDED)
    return float((dirty - cleaned) / (dirty - clean)) if dirty > clean else None


def _drawn(writers: int, rounds: int):
    """How often each writer is drawn, [writers], with replacement, round after round; always the same draws."""
    random = np.random.default_rng(0)
    return (np.bincount(random.integers(0, writers, writers), minlength=writers) for _ in range(rounds))


def _repeated(distances: dict, pairs, times) -> dict:
    """Distances as often as the pair's writers were drawn: both counts multiplied where they are two people."""
    count = times[pairs.writer] * np.where(pairs.writer == pairs.other, 1, times[pairs.other])
    return {name: np.repeat(distances[name], count) for name in NEEDED}
