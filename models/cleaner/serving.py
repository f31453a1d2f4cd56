"""What the cleaner exports: a Keras SavedModel that signver's Cleaner loads, [N, S, S, 3] in 0..1 to the same."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Serving

CONTRACT = ("Keras SavedModel. Input: float32 [N, {size}, {size}, 3], 0..1, 1 = paper, best an Otsu-thresholded crop "
            "of a signature; output: the same shape and range, cleaned (below 0.5 is ink). "
            "tf.keras.models.load_model(path, custom_objects={{'PSNR': None, 'SSIM': None}}).predict(x)")


def serving(task) -> Serving:
    """The trained network as it stands: it has stock layers only, float32 when the task was built in float32."""
    size = task.config.data.size
    return Serving(model=task.network, inputs={"image": sample(size)},
                   outputs={"output": task.network(tf.constant(sample(size)), training=False).numpy()},
                   tolerance=1e-5, contract=CONTRACT.format(size=size))


def sample(size: int) -> np.ndarray:
    """float32 [4, size, size, 3]: strokes, print-like blocks, grey noise and blank paper, all fixed."""
    rows, columns = np.mgrid[0:size, 0:size] / size
    stroke = np.abs(rows - 0.5 - 0.3 * np.sin(9 * columns)) > 0.015
    blocks = (np.floor(rows * 30) % 3 > 0) | (np.floor(columns * 40) % 2 > 0)
    noise = np.random.default_rng(0).random((size, size))
    images = np.stack([stroke, stroke & blocks, noise, np.ones_like(noise)])
    return np.repeat(images[..., None], 3, axis=3).astype(np.float32)
