"""What the extractor exports: a Keras SavedModel that signver's Extractor loads, [N, S, S, 3] in 0..1 to unit vectors."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Serving
from models.extractor import align

CONTRACT = ("Keras SavedModel. Input: float32 [N, {size}, {size}, 3], 0..1, 1 = paper: an Otsu-thresholded crop of a "
            "signature, best with its aspect kept on white; place and scale do not matter, they are taken out in the graph. "
            "Output: float32 [N, {dimensions}] of unit norm; compare by cosine distance (1 - dot product), thresholds are "
            "in metrics.json and in the model card under calibration; several references: the normalised mean of their "
            "vectors. tf.keras.models.load_model(path).predict(x)")


class Aligned(tf.keras.layers.Layer):
    """Image [N, S, S, 3] in 0..1 to the aligned ink [N, height, width] that the network was trained on."""

    def __init__(self, settings, **options):
        super().__init__(dtype="float32", **options)
        self._settings = settings

    def call(self, images):
        """The mean of the three channels, then align.py; rounded to the 256 levels that training pictures have."""
        ink = align.aligned(tf.reduce_mean(images, 3), self._settings)
        return tf.round(ink * 255.0) / 255.0

    def get_config(self):
        """Plain values; a program without this package revives the layer from its saved graph."""
        from dataclasses import asdict
        return {**super().get_config(), "settings": asdict(self._settings)}


def serving(task) -> Serving:
    """The trained network behind the alignment, in one model."""
    config = task.config
    image = tf.keras.Input((config.data.size, config.data.size, 3), name="image")
    served = tf.keras.Model(image, task.judged(Aligned(config.network, name="aligned")(image)), name="extractor")
    asked = sample(config.data.size)
    framed = np.stack([align.aligned(tf.constant(one[None, ..., 0]), config.network)[0].numpy() for one in asked])
    expected = task.judged(tf.constant(np.round(framed * 255.0) / 255.0, tf.float32), training=False)
    contract = CONTRACT.format(size=config.data.size, dimensions=config.network.embedding)
    return Serving(model=served, inputs={"image": asked}, outputs={"output": expected.numpy()}, tolerance=2e-4,
                   contract=contract)


def sample(size: int) -> np.ndarray:
    """float32 [4, size, size, 3]: a wave, one in a corner, crossing lines and blank paper, all fixed."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    wave = np.abs(rows - 0.5 - 0.2 * np.sin(12 * columns)) > 0.012
    corner = (np.abs(rows - 0.2 - 0.1 * np.cos(30 * columns)) > 0.01) | (columns > 0.4)
    crossing = (np.abs(rows - columns) > 0.012) & (np.abs(rows + 0.5 * columns - 0.8) > 0.012)
    blank = np.ones_like(rows)
    return np.repeat(np.stack([wave, corner, crossing, blank])[..., None], 3, axis=3).astype(np.float32)
