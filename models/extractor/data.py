"""The extractor's sources: prepared signatures as packed PNGs, drawn into aligned frames inside tf.data."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Source
from models.extractor import augment
from models.extractor.batches import Composer, watched_batches
from models.extractor.listing import writers_of
from models.extractor.prepared import Prepared


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
        network, side = self.recipe.network, self.recipe.data.size
        image = tf.io.decode_png(self._packed[index], channels=1)
        image = tf.ensure_shape(image[..., 0], [side, side])
        drawn = augment.view(image, seed, self.recipe.augment, network) if self.varied else augment.plain(image, network)
        return {"ink": tf.ensure_shape(drawn, [network.height, network.width]), "writer": self._writer[index],
                "forged": self._forged[index], "index": tf.cast(index, tf.int32)}


class Composed(Signatures):
    """Training signatures, varied, in batches of P writers x K images."""

    def __init__(self, prepared: Prepared, recipe):
        super().__init__(prepared, recipe, varied=True)
        self._composer = Composer(prepared.records, recipe.batch)

    def epoch(self, epoch, seed, global_batch):
        """Indices and weights [steps, P * K]; every image weighs 1."""
        rows = self._composer.epoch(epoch, seed)
        return rows, np.ones(rows.shape, np.float32)


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
