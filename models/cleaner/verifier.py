"""What dirt costs a signature verifier, and how much of it cleaning wins back: a fixed classical verifier, no training."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from models.ink.prepare import fit_to_canvas
from models.verification.pairs import cosine_distances, make_pairs, pair_distances
from models.verification.rates import eer
from models.verification.spread import bootstrap_eer

MIDDLE = 127
HEIGHT, WIDTH, CELL = 96, 192, 16  # pixels; fixed before any test image was seen, nothing in here is tuned
RECOVERY_ROUNDS = 200              # of the bootstrap of `recovered`, whose every round needs three EERs


@dataclass(frozen=True)
class Signer:
    """Who a test signature is of, as models/verification asks for it."""

    writer: int
    genuine: bool


def describe(images: np.ndarray) -> np.ndarray:
    """float32 [N, D] of uint8 [N, S, S]: the ink's box scaled into 96 x 192, gradient orientations of 16-pixel cells.

    Dalal and Triggs, "Histograms of oriented gradients for human detection", CVPR 2005; blocks of 2 x 2 cells, 9 bins.
    """
    hog = cv2.HOGDescriptor((WIDTH, HEIGHT), (2 * CELL, 2 * CELL), (CELL, CELL), (CELL, CELL), 9)
    found = [hog.compute(cv2.GaussianBlur(fit_to_canvas(ink_box(image), HEIGHT, WIDTH), (0, 0), 1.0)) for image in images]
    return np.stack([row.ravel() for row in found]) + 1e-6  # a blank image has a direction too, the same for all


def ink_box(image: np.ndarray) -> np.ndarray:
    """The part of uint8 [S, S] that holds all ink, binarised; all of it where there is none."""
    ink = image <= MIDDLE
    rows, columns = np.flatnonzero(ink.any(axis=1)), np.flatnonzero(ink.any(axis=0))
    binary = np.where(ink, 0, 255).astype(np.uint8)
    return binary[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1] if len(rows) else binary


def verification(items, conditions: dict[str, np.ndarray], rounds: int) -> dict:
    """EER of every condition (`clean`, `dirty`, `cleaned`, ...), and the share of the loss that is recovered.

    items: the test signatures; conditions: name -> uint8 [N, S, S], both sides of a pair are of one condition.
    Empty where writers are unknown or have one signature each.
    """
    if not all(item.writer for item in items):
        return {}
    numbers = {writer: number for number, writer in enumerate(sorted({item.writer for item in items}))}
    pairs = make_pairs([Signer(numbers[item.writer], not item.forged) for item in items])
    told = {name: cosine_distances(describe(images)) for name, images in conditions.items()}
    found = {}
    for kind in ("skilled", "random"):
        if len(pairs["genuine"].first) and len(pairs[kind].first):
            found[kind] = judged(pairs["genuine"], pairs[kind], told, rounds)
    return found


def judged(genuine, impostor, told: dict[str, np.ndarray], rounds: int) -> dict:
    """{condition: {"eer": figure with interval}}, and `recovered` where there is anything to recover."""
    near = {name: pair_distances(matrix, genuine) for name, matrix in told.items()}
    far = {name: pair_distances(matrix, impostor) for name, matrix in told.items()}
    found: dict = {}
    for name in told:
        interval = bootstrap_eer(near[name], genuine.writer, far[name], impostor.writer, rounds)
        found[name] = {"eer": {"value": eer(near[name], far[name]).rate, "low": interval.low, "high": interval.high}}
    groups = [{name: (near[name][genuine.writer == writer], far[name][impostor.writer == writer]) for name in told}
              for writer in np.unique(genuine.writer)]
    share = recovered(groups)
    if share is not None:
        shares = [recovered_or_nan(drawn) for drawn in _resampled(groups, min(rounds, RECOVERY_ROUNDS))]
        low, high = np.nanpercentile(shares, [2.5, 97.5])
        found["recovered"] = {"value": share, "low": float(low), "high": float(high)}
    return found


def recovered(groups: list[dict]) -> float | None:
    """(EER dirty - EER cleaned) / (EER dirty - EER clean) of pooled distances; None where dirt cost nothing.

    groups: one a writer, condition -> (genuine distances, impostor distances).
    """
    rate = {}
    for name in ("clean", "dirty", "cleaned"):
        near, far = (np.concatenate([group[name][side] for group in groups]) for side in (0, 1))
        if not len(near) or not len(far):
            return None
        rate[name] = eer(near, far).rate
    lost = rate["dirty"] - rate["clean"]
    return float((rate["dirty"] - rate["cleaned"]) / lost) if lost > 0 else None


def recovered_or_nan(groups) -> float:
    """The same, nan where a draw of writers has nothing to recover."""
    share = recovered(groups)
    return float("nan") if share is None else share


def _resampled(groups, rounds):
    random = np.random.default_rng(0)
    return ([groups[place] for place in random.integers(0, len(groups), len(groups))] for _ in range(rounds))
