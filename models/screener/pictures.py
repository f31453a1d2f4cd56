"""Pictures above what the autoencoder makes of them."""

from __future__ import annotations

import numpy as np

from models.decisions.tiles import rows_of, tile


def pairs(images, made, answers, signed) -> np.ndarray:
    """uint8 [H, W, 3]: every image of uint8 [N, h, w] above its reconstruction, the classifier's answer as caption."""
    return rows_of([np.vstack([tile(image, f"answer {answer:.2f}", sign), tile(again, "reconstruction", sign)])
                    for image, again, answer, sign in zip(images, made, answers, signed)])
