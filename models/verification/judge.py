"""Judges a set of embeddings by the suite's protocol: every pair of unseen writers, several references, spread."""
from typing import NamedTuple

import numpy as np

from models.verification.pairs import (KINDS, cosine_distances, make_pairs, make_trials, pair_distances,
                                       trial_distances)
from models.verification.rates import auc, eer
from models.verification.spread import Interval, bootstrap_eer


class Verdict(NamedTuple):
    """EER and its interval over writers, AUC, the threshold at the EER, and how many comparisons of both kinds."""

    eer: float
    interval: Interval
    auc: float
    threshold: float
    genuine: int
    impostor: int


def judge(embeddings: np.ndarray, signatures, references: int = 1, rounds: int = 1000,
          seed: int = 0) -> dict[str, Verdict]:
    """"skilled" and "random" verdicts (as far as the data has such pairs) for embeddings [N, D] of N signatures."""
    distances = cosine_distances(embeddings)
    found = _by_pairs(distances, signatures) if references == 1 else _by_trials(distances, signatures, references, seed)
    own, own_writers = found["genuine"]
    return {kind: _verdict(own, own_writers, *found[kind], rounds, seed) for kind in KINDS[1:] if len(found[kind][0])}


def _by_pairs(distances, signatures) -> dict:
    return {kind: (pair_distances(distances, pairs), np.stack([pairs.writer, pairs.other], axis=1))
            for kind, pairs in make_pairs(signatures).items()}


def _by_trials(distances, signatures, references: int, seed: int) -> dict:
    trials = make_trials(signatures, references, seed=seed)
    score = trial_distances(distances, trials)
    writers = np.stack([trials.writer, trials.other], axis=1)
    return {kind: (score[trials.kind == place], writers[trials.kind == place]) for place, kind in enumerate(KINDS)}


def _verdict(own, own_writers, other, other_writers, rounds: int, seed: int) -> Verdict:
    rate, threshold = eer(own, other)
    interval = bootstrap_eer(own, own_writers, other, other_writers, rounds, seed)
    return Verdict(rate, interval, auc(own, other), threshold, len(own), len(other))
