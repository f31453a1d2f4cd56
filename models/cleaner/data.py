"""The sources of (dirty, clean) pairs: made anew each epoch, or frozen for the test."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from gaudi.task import Source
from models import fonts
from models.cleaner import splits
from models.cleaner.bank import make_bank
from models.cleaner.dirt import DirtMaker
from models.cleaner.frozen import frozen_pairs
from models.cleaner.signatures import Signatures, load, load_parts


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

    def __init__(self, items: list[splits.Item], data, pairs: int, loaded: Signatures | None = None):
        self.digest = splits.digest(items)
        self._items, self._data, self._pairs, self._loaded = items, data, pairs, loaded

    @property
    def size(self) -> int:
        """Number of pairs; files that cannot be used are not among them."""
        return len(self._loaded.items if self._loaded else self._items) * self._pairs

    @functools.cached_property
    def signatures(self) -> Signatures:
        """The clean test signatures: as loaded, or drawn now."""
        return self._loaded or load(self._items, "test", self._data)

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
    parts["validation"] = [parts["validation"][place] for place in _mixed(len(parts["validation"]))]
    dirt, size = config.dirt, config.data.size
    # files are all read now, so that one message names every unusable one; synthetic test signatures can wait
    now = {name: items for name, items in parts.items() if name != "test" or items[0].path}
    loaded = load_parts(now, config.data)
    bank = make_bank(printed_fonts("train"), size, dirt.word_bank, dirt.layer_bank, config.seed)
    maker = DirtMaker(bank, dirt, size)
    sources: dict[str, Source] = {name: Pairs(loaded[name], maker) for name in ("train", "validation")}
    sources["test"] = Frozen(parts["test"], config.data, config.evaluation.pairs, loaded.get("test"))
    return sources


def _mixed(count: int) -> np.ndarray:
    """A fixed order in which neighbours are of different writers, so that the first batch's pictures show several."""
    return np.random.default_rng(0).permutation(count)
