"""Signatures in memory, and the sources of (dirty, clean) pairs: made anew each epoch, or frozen for the test."""

from __future__ import annotations

import functools
import os
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
import tensorflow as tf

from gaudi.errors import UserError
from gaudi.task import Source
from models import fonts
from models.cleaner import splits
from models.cleaner.bank import make_bank
from models.cleaner.dirt import DirtMaker
from models.cleaner.frozen import frozen_pairs
from models.ink.files import UnreadableImage, read_gray
from models.ink.prepare import NoInk, prepare
from models.signatures.synth import make_writer

MARGIN = 0.04  # of the side, around a prepared signature
# A thin stroke that covers 3/8 of a pixel counts as ink, else hairlines fall apart at 224 pixels.
_LEVELS = np.interp(np.arange(256), [0, 160, 255], [0, 127, 255]).astype(np.uint8)


@dataclass
class Signatures:
    """Prepared signatures: images uint8 [N, S, S], ink 0, paper 255, rims between (ink is <= 127); and whose they are."""

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


def load(items: list[splits.Item], split: str, data) -> Signatures:
    """Decode or draw, and prepare, with a thread per core. `data.on_corrupt` says what becomes of unusable files."""
    def one(item):
        try:
            return prepared(_grey(item, split), data.size, item.name)
        except (UnreadableImage, NoInk) as error:
            return error

    with ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        results = list(pool.map(one, items))
    errors = [result for result in results if isinstance(result, UserError)]
    if errors and (data.on_corrupt == "fail" or len(errors) == len(items)):
        more = f"; and {len(errors) - 5} more" if len(errors) > 5 else ""
        raise UserError(f"{len(errors)} of {len(items)} images cannot be used: {'; '.join(map(str, errors[:5]))}{more} "
                        "(data.on_corrupt=skip leaves them out)")
    kept = [(image, item) for image, item in zip(results, items) if not isinstance(image, UserError)]
    return Signatures(np.stack([image for image, _ in kept]), [item for _, item in kept])


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


class Pairs(Source):
    """Pairs made on the fly: {"dirty", "clean"} uint8 [S, S, 1] by (seed, epoch, index)."""

    def __init__(self, signatures: Signatures, maker: DirtMaker):
        self.size, self.digest = len(signatures.items), splits.digest(signatures.items)
        self._maker = maker
        with tf.device("CPU"):
            self._images = tf.constant(signatures.images)

    def example(self, index, seed):
        """One pair; the same index and seed give the same pair wherever it is made."""
        dirty, clean = self._maker.pair(self._images[index], seed)
        return {"dirty": dirty[:, :, None], "clean": clean[:, :, None]}


class Frozen(Source):
    """The test pairs, drawn when first asked for; `signatures` and `arrays` serve the judge."""

    def __init__(self, items: list[splits.Item], data, pairs: int):
        self.size, self.digest = len(items) * pairs, splits.digest(items)
        self._items, self._data, self._pairs = items, data, pairs

    @functools.cached_property
    def signatures(self) -> Signatures:
        """The clean test signatures."""
        loaded = load(self._items, "test", self._data)
        self.size = len(loaded.items) * self._pairs
        return loaded

    @functools.cached_property
    def arrays(self) -> tuple[np.ndarray, np.ndarray]:
        """(dirty, clean) uint8 [size, S, S]; version k of signature n is row n * pairs + k."""
        return frozen_pairs(self.signatures.images, printed_fonts("test"), self._pairs)

    def example(self, index, seed):
        """Pair number `index`; nothing is random."""
        with tf.init_scope(), tf.device("CPU"):
            dirty, clean = (tf.constant(array) for array in self.arrays)
        return {"dirty": dirty[index][:, :, None], "clean": clean[index][:, :, None]}


def printed_fonts(part: str) -> list[tuple]:
    """The faces of every installed family of the part "train" or "test"."""
    return [fonts.faces(family) for family in fonts.families_of(part)]


def make_sources(config) -> dict[str, Source]:
    """`train`, `validation` (training's dirt on unseen writers) and `test` (unseen writers under unseen dirt)."""
    parts = splits.listing(config)
    dirt, size = config.dirt, config.data.size
    bank = make_bank(printed_fonts("train"), size, dirt.word_bank, dirt.layer_bank, config.seed)
    maker = DirtMaker(bank, dirt, size)
    sources: dict[str, Source] = {name: Pairs(load(parts[name], name, config.data), maker) for name in ("train", "validation")}
    sources["test"] = Frozen(parts["test"], config.data, config.evaluation.pairs)
    return sources
