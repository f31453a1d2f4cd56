"""The extractor's sources: prepared signatures as packed PNGs, drawn into aligned frames inside tf.data."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Source
from models.extractor import augment
from models.extractor.batches import Composer, watched_batches
from models.extractor.listing import writers_of
from models.extractor.prepared import Prepared


GUISES = 10_000         # of one writer
EXACT = 2 ** 24         # float32 counts so far: writers travel between ranks beside their embeddings


class Signatures(Source):
    """Prepared signatures by index: `ink` uint8 [height, width] (255 = ink), `writer` int32, `forged` and `index` int32."""

    def __init__(self, prepared: Prepared, recipe, varied: bool = False):
        self.prepared, self.recipe, self.varied = prepared, recipe, varied
        self.size, self.digest = len(prepared.records), prepared.digest
        names = {writer: number for number, writer in enumerate(writers_of(prepared.records))}
        with tf.device("CPU"):
            self._packed = tf.constant(prepared.packed)
            self._writer = tf.constant([names[record.writer] for record in prepared.records], tf.int32)
            self._forged = tf.constant([record.forged for record in prepared.records])

    def example(self, index, seed):
        """The signature `index`, in training varied by `seed`."""
        image, network = self._image(index), self.recipe.network
        return self._told(index, augment.view(image, seed, self.recipe.augment, network) if self.varied
                          else augment.plain(image, network))

    def _image(self, index):
        side = self.recipe.data.size
        return tf.ensure_shape(tf.io.decode_png(self._packed[index], channels=1)[..., 0], [side, side])

    def _told(self, index, drawn):
        shape = self.recipe.network.height, self.recipe.network.width
        return {"ink": tf.ensure_shape(drawn, shape), "writer": self._writer[index], "forged": self._forged[index],
                "index": tf.cast(index, tf.int32)}


class Composed(Signatures):
    """Training signatures, varied, in batches of P writers x K images.

    A writer may wear a guise in a batch: index + number x size is the image `index` of that writer in guise `number`.
    """

    def __init__(self, prepared: Prepared, recipe):
        super().__init__(prepared, recipe, varied=True)
        self._composer = Composer(prepared.records, recipe.batch)
        self._writers = len(writers_of(prepared.records))
        self._guises = min(GUISES, 2 ** 31 // self.size - 1, EXACT // self._writers - 1)

    def epoch(self, epoch, seed, global_batch):
        """Indices and weights [steps, P * K]; every image weighs 1."""
        rows = self._composer.epoch(epoch, seed)
        if self.recipe.guise.share:
            random, writers = np.random.default_rng((seed, epoch, 13)), self.recipe.batch.writers
            numbers = random.integers(1, self._guises + 1, (len(rows), writers))
            numbers[random.random(numbers.shape) >= self.recipe.guise.share] = 0
            rows = rows + self.size * np.repeat(numbers, rows.shape[1] // writers, axis=1)
        return rows, np.ones(rows.shape, np.float32)

    def example(self, index, seed):
        """The signature `index` varied by `seed`; a writer in a guise counts as another writer."""
        if not self.recipe.guise.share:
            return super().example(index, seed)
        number, index = tf.cast(index // self.size, tf.int32), index % self.size
        writer = self._writer[index]
        image = self._image(index)
        drawn = augment.view(image, seed, self.recipe.augment, self.recipe.network, self.recipe.guise,
                             tf.stack([number, writer]))
        return self._told(index, drawn) | {"writer": writer + self._writers * number}


class Watched(Signatures):
    """Validation signatures in the same composed batches every time, so that their figures can be compared."""

    def ordered(self, global_batch):
        """Indices and weights [steps, global_batch]: every batch holds genuine and forged images of several writers."""
        return watched_batches(self.prepared.records, global_batch)


def sources(ready: dict[str, Prepared], recipe) -> dict[str, Signatures]:
    """The runtime's `train` and `validation`; in plain order `development` (validation writers), `test`, `known`."""
    return {"train": Composed(ready["train"], recipe), "validation": Watched(ready["validation"], recipe),
            "development": Signatures(ready["validation"], recipe), "test": Signatures(ready["test"], recipe),
            "known": Signatures(ready["known"], recipe)}


def aligned_ink(prepared: Prepared, recipe, positions=None) -> np.ndarray:
    """uint8 [N, height, width] (255 = ink): the prepared images (at `positions`, or all) in the frame the network sees."""
    source = Signatures(prepared, recipe)
    chosen = np.arange(source.size) if positions is None else np.asarray(positions)
    drawn = tf.data.Dataset.from_tensor_slices(chosen).map(
        lambda index: source.example(index, None)["ink"], tf.data.AUTOTUNE)
    return np.stack(list(drawn.as_numpy_iterator()))
