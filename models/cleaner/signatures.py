"""Clean signatures in memory: decoded or drawn, paper white, ink black, centred. No TensorFlow."""

from __future__ import annotations

import functools
import os
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np

from gaudi.errors import UserError
from models.cleaner import splits
from models.ink.files import UnreadableImage, read_gray
from models.ink.prepare import NoInk, prepare
from models.signatures.synth import make_writer

MARGIN = 0.04  # of the side, around a prepared signature
# A thin stroke that covers 3/8 of a pixel counts as ink, else hairlines fall apart at 224 pixels.
_LEVELS = np.interp(np.arange(256), [0, 160, 255], [0, 127, 255]).astype(np.uint8)


@dataclass
class Signatures:
    """Prepared: images uint8 [N, S, S], ink 0, paper 255, rims between (ink is <= 127); and whose they are."""

    images: np.ndarray
    items: list[splits.Item]

    @property
    def writers(self) -> np.ndarray:
        """[N] str; empty where unknown."""
        return np.array([item.writer for item in self.items])

    @property
    def forged(self) -> np.ndarray:
        """[N] bool."""
        return np.array([item.forged for item in self.items])


def tell(line: str) -> None:
    """Say it on stderr, where people look for warnings."""
    print(line, file=sys.stderr, flush=True)


def load(items: list[splits.Item], split: str, data, left_out=tell) -> Signatures:
    """The signatures of one split; see load_parts."""
    return load_parts({split: items}, data, left_out)[split]


def load_parts(parts: dict[str, list[splits.Item]], data, left_out=tell) -> dict[str, Signatures]:
    """Decode or draw the items of several splits, and prepare, with a thread per core.

    Unusable files: `data.on_corrupt` fail raises one UserError that names those of all splits, skip tells each to
    `left_out`.
    """
    def one(item, split):
        try:
            return prepared(_grey(item, split), data.size, item.name)
        except (UnreadableImage, NoInk) as error:
            return error

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = {split: list(pool.map(one, items, [split] * len(items))) for split, items in parts.items()}
    errors = [result for part in results.values() for result in part if isinstance(result, UserError)]
    nothing_left = any(all(isinstance(result, UserError) for result in part) for part in results.values())
    if errors and (data.on_corrupt == "fail" or nothing_left):
        more = f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
        raise UserError(f"{len(errors)} of {sum(map(len, parts.values()))} images cannot be used: "
                        f"{'; '.join(map(str, errors[:5]))}{more} (data.on_corrupt=skip leaves them out)")
    for error in errors:
        left_out(f"left out: {error}")
    return {split: _kept(results[split], items) for split, items in parts.items()}


def _kept(results, items) -> Signatures:
    pairs = [(image, item) for image, item in zip(results, items) if not isinstance(image, UserError)]
    return Signatures(np.stack([image for image, _ in pairs]), [item for _, item in pairs])


def _grey(item, split):
    if item.path is not None:
        return read_gray(item.path)
    writer = _synthetic_writer(split, int(item.writer))
    return writer.forgery(item.index) if item.forged else writer.genuine(item.index)


@functools.lru_cache(maxsize=64)
def _synthetic_writer(split, writer):
    return make_writer(splits.SYNTHETIC_SETS[split], writer)


def prepared(grey: np.ndarray, size: int, name: str) -> np.ndarray:
    """uint8 [size, size] of a scan uint8 [H, W]: paper flat, ink black, centred, aspect kept."""
    return _LEVELS[prepare(grey, size, size, margin=MARGIN, name=name)]
