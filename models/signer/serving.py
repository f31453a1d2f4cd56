"""What the signer exports: one SavedModel, from pictures of any size to names, probabilities and how unknown they are."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from gaudi.task import Serving
from models.framing.frame import frames
from models.signatures.synth import make_writer
from models.signer.strangers import SCORES

UNKNOWN = "unknown"
CONTRACT = ("SavedModel. Input: image uint8 [N, H, W, 1], grey, 255 = paper, any H and W from 8 (one size a batch). Output: name "
            "[N] (a known person, or 'unknown'), probability [N, {known}] of the people in the order of class_names [{known}], "
            "unknown_score [N] (above 0 is unknown: the {score} threshold of development people minus the picture's {score}). "
            "Not a forgery check")


class Signer(tf.Module):
    """Frames, networks, names and the stranger rule in one graph; weights are the module's own."""

    def __init__(self, task):
        super().__init__(name="signer")
        self.weights = [part.variables for part in (task.body, task.head, task.rows)]
        self._predict, self._data, self._names = task.predict, task.config.data, task.listing.classes[:task.known]
        self._means = np.asarray(task.fitted["means"], np.float32)
        self._score = SCORES[int(task.fitted["stranger_score"])]
        self._limit = float(task.fitted["stranger_thresholds"][int(task.fitted["stranger_score"])])

    @tf.function(input_signature=[tf.TensorSpec([None, None, None, 1], tf.uint8, name="image")])
    def __call__(self, image):
        """{output: [N, ...]}, as the contract says."""
        found = self._predict({"image": frames(image, self._data.height, self._data.width)})
        known = found["logits"][:, :len(self._names)]
        probability = tf.nn.softmax(found["logits"])[:, :len(self._names)]
        scores = {"softmax": tf.reduce_max(probability, axis=1), "energy": tf.reduce_logsumexp(known, axis=1),
                  "distance": tf.reduce_max(tf.matmul(tf.math.l2_normalize(found["embedding"], axis=1), self._means,
                                                      transpose_b=True), axis=1)}
        unknown = self._limit - scores[self._score]
        names = tf.gather(tf.constant(self._names), tf.argmax(known, axis=1))
        return {"name": tf.where(unknown > 0, UNKNOWN, names), "probability": probability, "unknown_score": unknown,
                "class_names": tf.constant(self._names)}


def serving(task) -> Serving:
    """The trained networks with what `fit` settled."""
    module = Signer(task)
    outputs = {name: value.numpy() for name, value in module(tf.constant(sample())).items()}
    contract = CONTRACT.format(known=task.known, score=SCORES[int(task.fitted["stranger_score"])])
    return Serving(model=module, inputs={"image": sample()}, outputs=outputs, tolerance=1e-4, contract=contract,
                   signatures={"serving_default": module.__call__})


def sample() -> np.ndarray:
    """uint8 [4, 96, 240, 1]: signatures of four people, all fixed."""
    page = np.full((4, 96, 240, 1), 255, np.uint8)
    for number, row in enumerate(page):
        part = make_writer(409, number + 1).genuine(0)[:96, :240]
        row[:part.shape[0], :part.shape[1], 0] = part
    return page
