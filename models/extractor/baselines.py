"""What needs no training: oriented gradients, local binary patterns, ink overlap, and the network as it is initialised."""

from __future__ import annotations

import cv2
import numpy as np

CELL = 16   # pixels of the aligned frame
BATCH = 16  # images at a time


def oriented_gradients(ink: np.ndarray) -> np.ndarray:
    """float32 [N, D]: histograms of gradient orientation (Dalal & Triggs 2005, CVPR), 16-pixel cells, 2 x 2 blocks."""
    height, width = (side // CELL * CELL for side in ink.shape[1:])
    describe = cv2.HOGDescriptor((width, height), (2 * CELL, 2 * CELL), (CELL, CELL), (CELL, CELL), 9)
    smooth = [cv2.GaussianBlur(one[:height, :width], (0, 0), 1.0) for one in ink]
    return np.stack([describe.compute(one).ravel() for one in smooth]) + 1e-6


def binary_patterns(ink: np.ndarray) -> np.ndarray:
    """float32 [N, D]: histograms of uniform local binary patterns (Ojala et al. 2002, TPAMI), 8 points, 2 pixels, by cell."""
    from skimage.feature import local_binary_pattern
    codes = np.stack([local_binary_pattern(one, 8, 2, "uniform") for one in ink]).astype(np.uint8)
    cell = 2 * CELL
    height, width = (max(cell, side // cell * cell) for side in ink.shape[1:])
    counts = np.stack([codes[:, :height, :width] == code for code in range(9)], -1)  # code 9: no uniform pattern
    cells = counts.reshape(len(ink), height // cell, cell, width // cell, cell, 9).sum(axis=(2, 4))
    return np.sqrt(cells.reshape(len(ink), -1).astype(np.float32)) + 1e-6


def ink_overlap(ink: np.ndarray) -> np.ndarray:
    """float32 [N, height * width]: the ink itself, blurred by 3 pixels, so that cosine is how far two signatures cover."""
    return np.stack([cv2.GaussianBlur(one.astype(np.float32), (0, 0), 3.0).ravel() for one in ink]) + 1e-6


DESCRIPTORS = {"oriented gradients": oriented_gradients, "local binary patterns": binary_patterns, "ink overlap": ink_overlap}


def untrained(settings, ink: np.ndarray) -> np.ndarray:
    """float32 [N, D]: what the network of config.Network makes of ink uint8 [N, h, w] before its first step."""
    import tensorflow as tf
    from models.extractor import network
    fresh = tf.function(network.build(settings))
    parts = [fresh(tf.constant(ink[start:start + BATCH] / np.float32(255)), training=False).numpy()
             for start in range(0, len(ink), BATCH)]
    return np.concatenate(parts)
