"""Known or nobody known: scores that are high for known people, and which of them decides, settled on development people."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from gaudi.errors import UserError
from models.decisions.scores import auroc, best_threshold

SCORES = ("softmax", "energy", "distance")  # those an export can give
EXTRACTOR = "extractor"


def unit(rows: np.ndarray) -> np.ndarray:
    """Rows [N, D] scaled to length 1."""
    rows = np.asarray(rows, np.float64)
    return rows / np.maximum(np.linalg.norm(rows, axis=-1, keepdims=True), 1e-12)


def class_means(embeddings: np.ndarray, labels: np.ndarray, known: int) -> np.ndarray:
    """float64 [known, D]: the mean direction of every known person."""
    directions = unit(embeddings)
    return unit(np.stack([directions[labels == person].mean(axis=0) for person in range(known)]))


def probabilities(logits: np.ndarray) -> np.ndarray:
    """Softmax over all classes, the added strangers among them, float64 [N, C]."""
    shifted = np.exp(np.asarray(logits, np.float64) - logits.max(axis=1, keepdims=True))
    return shifted / shifted.sum(axis=1, keepdims=True)


def scores(outputs: dict, means: np.ndarray) -> dict[str, np.ndarray]:
    """Each score [N] of what `predict` gave, high for known people.

    softmax: the likeliest known person's probability (Hendrycks and Gimpel 2017).
    energy: log sum exp of the known people's logits (Liu et al. 2020, Eq. (4) at temperature 1, negated).
    distance: cosine between the embedding and the nearest person's mean.
    """
    known = len(means)
    logits = np.asarray(outputs["logits"], np.float64)[:, :known]
    top = logits.max(axis=1)
    return {"softmax": probabilities(outputs["logits"])[:, :known].max(axis=1),
            "energy": top + np.log(np.exp(logits - top[:, None]).sum(axis=1)),
            "distance": (unit(outputs["embedding"]) @ means.T).max(axis=1)}


def settle(known: dict[str, np.ndarray], strangers: dict[str, np.ndarray] | None, softmax_threshold: float) -> dict:
    """stranger_score [] (its place in SCORES) and stranger_thresholds [3], from development people alone.

    The score with the best AUROC decides, the first of equals. Without strangers to settle with it is softmax at
    `softmax_threshold`, and nothing is rejected by the others.
    """
    if strangers is None:
        return {"stranger_score": np.array(0), "stranger_thresholds": np.array([softmax_threshold, -np.inf, -np.inf])}
    areas = [auroc(known[name], strangers[name]) for name in SCORES]
    return {"stranger_score": np.array(int(np.argmax(areas))),
            "stranger_thresholds": np.array([best_threshold(known[name], strangers[name]) for name in SCORES])}


class Extractor:
    """The embedding of another run's export: [N, h, w] frames (255 = ink) -> float64 [N, D] of length 1."""

    def __init__(self, folder: str):
        import tensorflow as tf
        if not (Path(folder) / "saved_model.pb").is_file():
            raise UserError(f"data.extractor: {folder}: no SavedModel there (give the numbered folder of an export)")
        self._model = tf.keras.models.load_model(folder, compile=False)
        self._side = self._model.input_shape[1]

    def __call__(self, frames: np.ndarray) -> np.ndarray:
        """Frames are laid in the middle of a white square, as signver hands crops over."""
        import cv2
        found = []
        for start in range(0, len(frames), 32):
            squares = []
            for frame in frames[start:start + 32]:
                side = max(frame.shape)
                top, left = (side - frame.shape[0]) // 2, (side - frame.shape[1]) // 2
                square = np.full((side, side), 255, np.uint8)
                square[top:top + frame.shape[0], left:left + frame.shape[1]] = 255 - frame
                squares.append(cv2.resize(square, (self._side, self._side), interpolation=cv2.INTER_AREA))
            images = np.repeat(np.stack(squares)[..., None] / np.float32(255), 3, axis=3)
            found.append(self._model.predict(images, verbose=0))
        return unit(np.concatenate(found))
