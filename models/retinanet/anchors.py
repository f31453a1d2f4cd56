"""Anchor boxes in plain numpy, in the order of the network's outputs, and how well they cover annotated boxes."""

from __future__ import annotations

import math

import numpy as np

from models.retinanet.config import Anchors, Config


def boxes(settings: Anchors, min_level: int, max_level: int, height: int, width: int) -> np.ndarray:
    """float32 [A, 4] (ymin, xmin, ymax, xmax in pixels): level by level, row by row, then scale by scale, aspect by
    aspect.

    Each is centred on its cell; area (size * stride * 2^(scale / scales))^2, aspect = width / height
    (Lin et al. 2017, arXiv 1708.02002, section 4).
    """
    levels = []
    for level in range(min_level, max_level + 1):
        stride = 2 ** level
        rows, columns = math.ceil(height / stride), math.ceil(width / stride)
        y, x = (np.arange(rows) + 0.5) * stride, (np.arange(columns) + 0.5) * stride
        centres = np.stack(np.meshgrid(y, x, indexing="ij"), -1).reshape(-1, 1, 2)
        halves = np.array([shape for scale in range(settings.scales) for shape in _halves(settings, stride, scale)])
        levels.append(np.concatenate([centres - halves, centres + halves], -1).reshape(-1, 4))
    return np.concatenate(levels).astype(np.float32)


def _halves(settings, stride, scale):
    """Half heights and widths of one scale's anchors."""
    side = settings.size * stride * 2 ** (scale / settings.scales)
    return [(side / math.sqrt(aspect) / 2, side * math.sqrt(aspect) / 2) for aspect in settings.aspects]


def of(config: Config) -> np.ndarray:
    """The recipe's anchors, float32 [A, 4]."""
    network = config.network
    return boxes(config.anchors, network.min_level, network.max_level, config.data.height, config.data.width)


def overlaps(one: np.ndarray, many: np.ndarray) -> np.ndarray:
    """Intersection over union of box [4] with boxes [N, 4], float [N]."""
    low, high = np.maximum(one[:2], many[:, :2]), np.minimum(one[2:], many[:, 2:])
    shared = np.prod(np.maximum(high - low, 0), axis=1)
    areas = np.prod(many[:, 2:] - many[:, :2], axis=1) + np.prod(one[2:] - one[:2])
    return shared / np.maximum(areas - shared, 1e-9)


def best_overlaps(wanted: np.ndarray, config: Config) -> np.ndarray:
    """The best overlap any anchor has with each of the boxes [n, 4] (pixels of the network's input), float [n]."""
    every = of(config)
    return np.array([overlaps(box, every).max() for box in wanted])
