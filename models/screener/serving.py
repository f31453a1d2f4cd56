"""What the screener exports: one SavedModel, from pictures of any size to the answer and its three scores."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Serving
from models.framing.frame import frames
from models.invalid.families import draw
from models.screener import forest, fusion
from models.signatures.synth import make_writer

CONTRACT = ("SavedModel. Input: image uint8 [N, H, W, 1], grey, 255 = paper, any H and W from 8 (one size a batch). Output, each "
            "[N]: is_signature (bool), score 0..1 (fusion of the three; is_signature is score >= {limit:.4f}), "
            "reconstruction_error (share of the ink left unexplained, low for signatures), anomaly_score (isolation forest, "
            "-1..0, high for signatures), classifier_confidence 0..1. Not a forgery check")


class Screener(tf.Module):
    """Frames, networks, forest and fusion in one graph; weights and arrays are the module's own."""

    def __init__(self, task):
        super().__init__(name="screener")
        self.weights = [part.variables for part in (task.encoder, task.decoder, task.classifier)]
        self._scores, self._data = task.scores, task.config.data
        self._fitted = {key: np.asarray(value) for key, value in task.fitted.items()}

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.uint8, name="image")])
    def __call__(self, image):
        """{output: [N]}, as the contract says."""
        found = self._scores(frames(image, self._data.height, self._data.width))
        anomaly = forest.score_samples(found["code"], self._fitted)
        parts = [-tf.math.log(tf.cast(found["error"], tf.float64) + 1e-6), anomaly,
                 tf.clip_by_value(tf.cast(found["logit"], tf.float64), -fusion.CLIP, fusion.CLIP)]
        fused = tf.sigmoid(tf.linalg.matvec(tf.stack(parts, 1), tf.constant(self._fitted["fusion_weights"]))
                           + float(self._fitted["fusion_bias"]))
        return {"is_signature": fused >= float(self._fitted["fusion_threshold"]), "score": tf.cast(fused, tf.float32),
                "reconstruction_error": found["error"], "anomaly_score": tf.cast(anomaly, tf.float32),
                "classifier_confidence": tf.sigmoid(found["logit"])}


def serving(task) -> Serving:
    """The trained networks with what `fit` settled."""
    module = Screener(task)
    image = sample()
    outputs = {name: value.numpy() for name, value in module(tf.constant(image)).items()}
    return Serving(model=module, inputs={"image": image}, outputs=outputs, tolerance=1e-5,
                   contract=CONTRACT.format(limit=float(task.fitted["fusion_threshold"])),
                   signatures={"serving_default": module.__call__})


def sample() -> np.ndarray:
    """uint8 [5, 96, 240, 1]: two signatures, a stamp, waves and blank paper, all fixed."""
    drawn = [make_writer(309, writer).genuine(0) for writer in (1, 2)] + [draw(name, "test", 309, 0) for name in ("stamp", "waves")]
    page = np.full((5, 96, 240, 1), 255, np.uint8)
    for row, image in zip(page, drawn):
        part = image[:96, :240]
        row[:part.shape[0], :part.shape[1], 0] = part
    return page
