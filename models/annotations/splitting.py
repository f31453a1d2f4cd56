"""Divides pages into training, validation and test so that no page stands, nearly alike, on two sides."""

from __future__ import annotations

import hashlib

import numpy as np

from models.annotations.audit import Finding
from models.annotations.images import NEAR_BITS, distances, groups
from models.annotations.pages import SPLITS, Page


def divide(pages: list[Page], fingerprints: np.ndarray, shares: dict[str, float], seed: int) -> list[str]:
    """The split of every page: as the data set says, and `shares` of the training pages for splits it lacks.

    Near-duplicates and the pages of one file go together; who goes where depends on names and seed alone.
    """
    splits = [page.split or "train" for page in pages]
    together = _joined(pages, groups(fingerprints))
    for name in ("test", "validation"):
        if name not in splits and shares[name] > 0:
            _draw(splits, together, [page.name for page in pages], name, shares[name] * splits.count("train"), seed)
    return splits


def _joined(pages, numbers):
    """Group numbers after joining the groups that pages of one file are in."""
    joined = numbers.copy()
    first: dict[str, int] = {}
    for index, page in enumerate(pages):
        group = first.setdefault(str(page.image), joined[index])
        joined[joined == joined[index]] = group
    return joined


def _draw(splits, together, names, name, wanted, seed):
    """Move whole groups out of training until `wanted` pages have moved (always fewer than all)."""
    members: dict[int, list[int]] = {}
    for index, group in enumerate(together):
        if splits[index] == "train":
            members.setdefault(int(group), []).append(index)

    def lot(rows):
        return hashlib.sha256(f"{seed} {name} {names[rows[0]]}".encode()).digest()

    order = sorted(members.values(), key=lot)
    moved = 0
    for rows in order[:-1]:
        if moved + len(rows) / 2 > wanted:
            continue
        for index in rows:
            splits[index] = name
        moved += len(rows)


def straddling(splits: list[str], pages: list[Page], fingerprints: np.ndarray) -> tuple[np.ndarray, list[Finding]]:
    """Which pages to leave out, bool [N], so that no near-duplicates straddle the splits, and a finding for each.

    Training keeps all of its pages; the test is cleared of pages near to training's; validation of both.
    """
    out = np.zeros(len(pages), bool)
    findings = []
    where = {name: np.array([split == name for split in splits]) for name in SPLITS}
    for name, against in (("test", ("train",)), ("validation", ("train", "test"))):
        for index in np.flatnonzero(where[name]):
            for other in against:
                rows = np.flatnonzero(where[other] & ~out)
                far = distances(fingerprints[index], fingerprints[rows]) if len(rows) else np.array([NEAR_BITS + 1])
                if far.min() <= NEAR_BITS:
                    out[index] = True
                    twin = pages[rows[int(far.argmin())]]
                    findings.append(Finding("near-duplicate", pages[index].name,
                                            f"{name}; {other} has {twin.name}, {int(far.min())} of 256 bits differ"))
                    break
    return out, findings
