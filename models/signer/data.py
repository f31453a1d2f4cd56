"""The signer's sources: signatures drawn or read, brought into frames, held in memory, varied inside tf.data."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

from gaudi.errors import UserError
from gaudi.task import Source
from models.framing.load import load
from models.ink.files import read_gray
from models.signatures.synth import make_writer
from models.signer import splits
from models.signer.augment import varied
from models.signer.splits import Image, Listing

def grey(image: Image) -> np.ndarray:
    """uint8 [H, W], 255 = paper: the signature as it is before it is framed."""
    if image.path is not None:
        return read_gray(image.path)
    writer = _writer(image.set_seed, image.writer)
    return writer.forgery(image.index) if image.forged else writer.genuine(image.index)


@functools.lru_cache(maxsize=64)
def _writer(set_seed, writer):
    return make_writer(set_seed, writer)


class Frames(Source):
    """Signatures in order: `image` uint8 [height, width, 1], 255 = ink; `person` int32, -1 for people in no class."""

    def __init__(self, images: list[Image], part: str, listing: Listing, data):
        self._all, self._part, self._listing, self._data = images, part, listing, data
        self.digest = splits.digest(images)

    @functools.cached_property
    def loaded(self) -> tuple[np.ndarray, list[Image]]:
        """Frames uint8 [N, height, width], and their images."""
        return load(self._all, grey, self._data, self._part, may_be_blank=False)

    @property
    def images(self) -> list[Image]:
        """The images, without those left out as unusable (which only reading tells)."""
        return self.loaded[1] if self._data.on_corrupt == "skip" else self._all

    @property
    def labels(self) -> np.ndarray:
        """int32 [N]: the class of every image, -1 for strangers."""
        return np.array([self._listing.label(image) for image in self.images], np.int32)

    @property
    def size(self) -> int:
        return len(self.images)

    def example(self, index, seed):
        """Signature number `index`; nothing is random."""
        with tf.init_scope(), tf.device("CPU"):
            frames, labels = tf.constant(self.loaded[0]), tf.constant(self.labels)
        return {"image": frames[index][..., None], "person": labels[index]}


class Varied(Frames):
    """The same, each signature changed a little by `seed`."""

    def __init__(self, images, part, listing, data, settings):
        super().__init__(images, part, listing, data)
        self._settings = settings

    def example(self, index, seed):
        """Signature number `index`, varied."""
        plain = super().example(index, seed)
        return plain | {"image": varied(plain["image"], seed, self._settings)}


class Known(Frames):
    """The known people's signatures of a source that is loaded already, as they are."""

    def __init__(self, whole: Frames):
        self._all, self._part, self._listing, self._data = whole._all, whole._part, whole._listing, whole._data
        self.whole, self.digest = whole, whole.digest

    @functools.cached_property
    def loaded(self):
        """Frames and images of the known people."""
        frames, images = self.whole.loaded
        mask = self.whole.labels < self._listing.known
        return frames[mask], [image for image, keep in zip(images, mask) if keep]

    @property
    def images(self):
        return self.loaded[1]


def make_sources(config) -> dict[str, Frames]:
    """`train`, `validation`, `test` of known people; `people` (training's, not varied); `development`, `unknown`, `forged`."""
    listing, data = splits.listing(config.data), config.data
    train = Varied(listing.train, "train", listing, data, config.augment)
    validation = Frames(listing.validation, "validation", listing, data)
    for source in (train, validation):
        source.loaded  # unusable files are told before anything starts
        check_complete(source, listing)
    found = {"train": train, "validation": validation, "people": Known(train)}
    for name in ("test", "development", "unknown", "forged"):
        if getattr(listing, name):
            found[name] = Frames(getattr(listing, name), name, listing, data)
    return found


def check_complete(source: Frames, listing: Listing) -> None:
    """Every known person is in the part, also where unusable files were left out."""
    missing = sorted(set(range(listing.known)) - set(source.labels.tolist()))
    if missing:
        raise UserError(f"{listing.classes[missing[0]]} has no usable signature for {source._part}; so have {len(missing)} of "
                        f"{listing.known} people")
