"""Which signatures are compared with which: pairs for one reference, trials for several."""
from typing import NamedTuple

import numpy as np

from models.signatures.cedar import writers_of

KINDS = ("genuine", "skilled", "random")


class Pairs(NamedTuple):
    """Places in the list of signatures: first[i] (genuine, of writer[i]) is compared with second[i] (of other[i])."""

    first: np.ndarray
    second: np.ndarray
    writer: np.ndarray
    other: np.ndarray


class Trials(NamedTuple):
    """references [T, R] of writer [T] against one query [T] (of other [T]); kind [T] is a place in KINDS."""

    references: np.ndarray
    query: np.ndarray
    kind: np.ndarray
    writer: np.ndarray
    other: np.ndarray


def make_pairs(signatures) -> dict[str, Pairs]:
    """All pairs: "genuine" (of one writer), "skilled" (genuine and forgery of it), "random" (genuine of two writers).

    With W writers of n genuine and f forged each: W n (n - 1) / 2, W n f and n^2 W (W - 1) / 2.
    """
    own, forged = _places(signatures, genuine=True), _places(signatures, genuine=False)
    writers = writers_of(signatures)
    genuine = [_upper(own[writer], writer) for writer in writers]
    skilled = [_grid(own[writer], forged[writer], writer) for writer in writers]
    return dict(zip(KINDS, (_joined(genuine), _joined(skilled), _strangers(own))))


def _places(signatures, genuine: bool) -> dict[int, np.ndarray]:
    """Places of each writer's genuine, or forged, signatures."""
    return {writer: np.array([place for place, signature in enumerate(signatures)
                              if signature.writer == writer and signature.genuine == genuine], int)
            for writer in writers_of(signatures)}


def _upper(places: np.ndarray, writer: int) -> Pairs:
    first, second = np.triu_indices(len(places), 1)
    return Pairs(places[first], places[second], *np.full((2, len(first)), writer))


def _grid(first: np.ndarray, second: np.ndarray, writer: int) -> Pairs:
    return Pairs(np.repeat(first, len(second)), np.tile(second, len(first)), *np.full((2, len(first) * len(second)), writer))


def _strangers(own: dict[int, np.ndarray]) -> Pairs:
    """Every two places of different writers."""
    places = np.concatenate(list(own.values()))
    writers = np.repeat(list(own), [len(part) for part in own.values()])
    first, second = np.triu_indices(len(places), 1)
    apart = writers[first] != writers[second]
    first, second = first[apart], second[apart]
    return Pairs(places[first], places[second], writers[first], writers[second])


def _joined(parts: list[Pairs]) -> Pairs:
    return Pairs(*(np.concatenate(columns) for columns in zip(*parts)))


def make_trials(signatures, references: int, repeats: int = 10, seed: int = 0, random_each: int = 5) -> Trials:
    """For every writer `repeats` draws of `references` genuine ones; all other genuine and all forged are queries.

    Random forgeries: `random_each` genuine signatures of every other writer. Too few signatures: ValueError.
    """
    own, forged = _places(signatures, genuine=True), _places(signatures, genuine=False)
    owners = np.array([signature.writer for signature in signatures])
    rows = []
    for writer in writers_of(signatures):
        if len(own[writer]) <= references:
            raise ValueError(f"writer {writer} has {len(own[writer])} genuine signatures, {references} references need "
                             f"at least {references + 1}")
        random = np.random.default_rng([seed, writer])
        for _ in range(repeats):
            shuffled = random.permutation(own[writer])
            others = [random.permutation(own[other])[:random_each] for other in own if other != writer]
            queries = (shuffled[references:], forged[writer], np.concatenate(others) if others else np.zeros(0, int))
            rows.append(_trials(np.sort(shuffled[:references]), queries, writer, owners))
    return Trials(*(np.concatenate(columns) for columns in zip(*rows)))


def _trials(references: np.ndarray, queries, writer: int, owners: np.ndarray) -> Trials:
    query = np.concatenate(queries)
    kind = np.repeat(np.arange(len(KINDS)), [len(part) for part in queries])
    return Trials(np.tile(references, (len(query), 1)), query, kind, np.full(len(query), writer), owners[query])


def cosine_distances(embeddings: np.ndarray) -> np.ndarray:
    """1 - cosine of every two rows of [N, D]: [N, N], 0 for the same direction."""
    length = np.linalg.norm(embeddings, axis=1, keepdims=True)
    if not (np.isfinite(length).all() and (length > 0).all()):
        worst = int(np.argmin(np.nan_to_num(length[:, 0], posinf=0.0)))
        raise ValueError(f"embedding {worst} has no direction (zero or not finite)")
    unit = embeddings / length
    return np.maximum(0.0, 1.0 - unit @ unit.T)


def pair_distances(distances: np.ndarray, pairs: Pairs) -> np.ndarray:
    """The distance of every pair, from the matrix [N, N] of all."""
    return distances[pairs.first, pairs.second]


def trial_distances(distances: np.ndarray, trials: Trials, rule: str = "centre") -> np.ndarray:
    """One distance a trial from the matrix [N, N] of cosine distances.

    "centre": cosine distance to the references' mean direction, which is what averaging their embeddings gives;
    "mean", "min": of the distances to each reference. All are alike for one reference.
    """
    each = distances[trials.references, trials.query[:, None]]
    if rule == "centre":
        among = 1.0 - distances[trials.references[:, :, None], trials.references[:, None, :]]
        length = np.sqrt(np.maximum(1e-12, among.mean(axis=(1, 2))))   # of the mean of unit vectors
        return 1.0 - (1.0 - each).mean(axis=1) / length
    if rule not in ("mean", "min"):
        raise ValueError(f"rule is {rule!r}, allowed are centre, mean and min")
    return each.mean(axis=1) if rule == "mean" else each.min(axis=1)
