"""The screener's sources: pictures drawn or read, brought into frames, held in memory, varied inside tf.data."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from gaudi.errors import UserError
from gaudi.task import Source
from models.framing.load import load
from models.ink.files import read_gray
from models.invalid.families import draw
from models.screener import splits
from models.screener.augment import varied
from models.screener.cuts import cut_out
from models.screener.splits import Picture
from models.signatures.synth import make_writer

def grey(picture: Picture, part: str) -> np.ndarray:
    """uint8 [H, W], 255 = paper: the picture as it is before it is framed."""
    if picture.cut is not None:
        return cut_out(_page(picture.path), picture.cut.box)
    if picture.path is not None:
        return read_gray(picture.path)
    if not picture.is_signature:
        return draw(picture.family, part, splits.SYNTHETIC_SEEDS[part], picture.index)
    writer = _writer(part, int(picture.group))
    return writer.forgery(picture.index) if picture.forged else writer.genuine(picture.index)


@functools.lru_cache(maxsize=8)
def _page(path):
    return read_gray(path)


@functools.lru_cache(maxsize=64)
def _writer(part, writer):
    return make_writer(splits.SYNTHETIC_SEEDS[part], writer)


class Frames(Source):
    """Pictures in order: `image` uint8 [height, width, 1], 255 = ink, `signature` float32 (1 or 0). Read when first needed."""

    def __init__(self, pictures: list[Picture], part: str, data):
        self._all, self._part, self._data = pictures, part, data
        self.digest = splits.digest(pictures)

    @functools.cached_property
    def loaded(self) -> tuple[np.ndarray, list[Picture]]:
        """Frames uint8 [N, height, width], and their pictures."""
        frames, pictures = load(self._all, lambda picture: grey(picture, self._part), self._data, self._part, may_be_blank=True)
        if {picture.is_signature for picture in pictures} != {picture.is_signature for picture in self._all}:
            raise UserError(f"{self._part}: all of its signatures, or all of its other pictures, are unusable")
        return frames, pictures

    @property
    def pictures(self) -> list[Picture]:
        """The pictures, without those that are left out as unusable (which only reading tells)."""
        return self.loaded[1] if self._data.on_corrupt == "skip" else self._all

    @property
    def size(self) -> int:
        return len(self.pictures)

    def _arrays(self):
        with tf.init_scope(), tf.device("CPU"):
            return tf.constant(self.loaded[0]), tf.constant([float(one.is_signature) for one in self.loaded[1]], tf.float32)

    def example(self, index, seed):
        """Picture number `index`; nothing is random."""
        images, signature = self._arrays()
        return {"image": images[index][..., None], "signature": signature[index]}


class Varied(Frames):
    """The same, each picture changed a little by `seed`."""

    def __init__(self, pictures, part, data, settings):
        super().__init__(pictures, part, data)
        self._settings = settings

    def example(self, index, seed):
        """Picture number `index`, varied."""
        plain = super().example(index, seed)
        return plain | {"image": varied(plain["image"], seed, self._settings)}


class Signatures(Frames):
    """The signatures alone of a source that is loaded already."""

    def __init__(self, whole: Frames):
        self._all, self._part, self._data = whole._all, whole._part, whole._data
        self.whole, self.digest = whole, whole.digest

    @functools.cached_property
    def loaded(self):
        """Frames and pictures of the signatures."""
        images, pictures = self.whole.loaded
        mask = np.array([picture.is_signature for picture in pictures])
        return images[mask], [picture for picture in pictures if picture.is_signature]

    @property
    def pictures(self):
        return self.loaded[1]


def make_sources(config) -> dict[str, Frames]:
    """`train`, `validation` (development: thresholds), `codes` (training signatures as they are), `test`, `real NAME`..."""
    parts = splits.listing(config)
    data = config.data
    train = Varied(parts["train"], "train", data, config.augment)
    found: dict[str, Frames] = {"train": train, "validation": Frames(parts["validation"], "validation", data)}
    for source in found.values():
        source.loaded  # unusable files are told before anything starts
    found["codes"] = Signatures(train)
    found["test"] = Frames(parts["test"], "test", data)
    for name, pictures in splits.real(data).items():
        found[f"real {name}"] = Frames(pictures, f"real {name}", data)
    return found
