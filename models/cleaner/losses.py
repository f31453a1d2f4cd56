"""Losses and metrics of the cleaner, all per example, float32; images are in 0..1 with 1 = paper."""

from __future__ import annotations

import functools

import numpy as np
import tensorflow as tf

LEAST_MSE = 1e-6  # PSNR ends at 60 dB instead of infinity, so that a perfect example cannot carry a mean
WINDOW, SIGMA = 11, 1.5
C1, C2 = 0.01 ** 2, 0.03 ** 2


def total(logits, clean, settings):
    """(loss [B], {part: [B]}) of logits [B, H, W, C] against clean [B, H, W, 1]; `settings` is config.Loss."""
    clean = tf.broadcast_to(clean, tf.shape(logits))
    cleaned = tf.sigmoid(logits)
    pixel_weights = 1.0 + (settings.ink_weight - 1.0) * (1.0 - clean)
    parts = {}
    if settings.bce:
        parts["bce"] = _weighted(tf.nn.sigmoid_cross_entropy_with_logits(clean, logits), pixel_weights)
    if settings.l1:
        parts["l1"] = _weighted(tf.abs(cleaned - clean), pixel_weights)
    if settings.ssim:
        parts["ssim"] = 1.0 - ssim(tf.reduce_mean(cleaned, -1), clean[..., 0])
    return tf.add_n([getattr(settings, name) * value for name, value in parts.items()]), parts


def _weighted(values, weights):
    return tf.reduce_mean(values * weights, axis=[1, 2, 3])


def mse(cleaned, clean):
    """[B]: mean squared error of [B, H, W]."""
    return tf.reduce_mean(tf.math.squared_difference(cleaned, clean), axis=[1, 2])


def psnr(cleaned, clean):
    """[B], dB: -10 log10(MSE), at most 60."""
    return -10.0 / np.log(10.0) * tf.math.log(tf.maximum(mse(cleaned, clean), LEAST_MSE))


def rmse(cleaned, clean):
    """[B]: root of the mean squared error; on 0/1 images its square is the share of wrong pixels."""
    return tf.sqrt(mse(cleaned, clean))


def ink_counts(cleaned, clean):
    """(true, false, missed) ink pixels, each [B]; ink is < 0.5."""
    found, real = cleaned < 0.5, clean < 0.5
    # Summed as float32, exact below 2 ** 24 pixels: count_nonzero adds up in int64, which Gaudi leaves to the host.
    return tuple(tf.reduce_sum(tf.cast(pixels, tf.float32), axis=[1, 2])
                 for pixels in (found & real, found & ~real, ~found & real))


def ink_f(cleaned, clean):
    """[B]: F-measure of ink pixels, 2 TP / (2 TP + FP + FN); 1 where neither image has ink."""
    hit, false, missed = ink_counts(cleaned, clean)
    wrong = false + missed
    return tf.where(hit + wrong > 0, 2.0 * hit / tf.maximum(2.0 * hit + wrong, 1.0), 1.0)


def ssim(a, b):
    """[B]: mean structural similarity of [B, H, W] in 0..1, Eq. (13) of Wang et al. 2004 (11-pixel Gaussian).

    Windows lie wholly inside the image, as in tf.image.ssim. The Gaussian is applied as a banded matrix from either
    side: two dense products, which every device is fast at, where a depthwise convolution is slow on all of them.
    """
    mean_a, mean_b = _smooth(a), _smooth(b)
    variance_a = _smooth(a * a) - mean_a * mean_a
    variance_b = _smooth(b * b) - mean_b * mean_b
    covariance = _smooth(a * b) - mean_a * mean_b
    value = ((2.0 * mean_a * mean_b + C1) * (2.0 * covariance + C2)
             / ((mean_a ** 2 + mean_b ** 2 + C1) * (variance_a + variance_b + C2)))
    return tf.reduce_mean(value, axis=[1, 2])


def _smooth(images):
    rows, columns = images.shape[1], images.shape[2]
    by_rows = tf.einsum("ij,bjk->bik", tf.constant(band(rows)), images)
    return tf.einsum("bik,lk->bil", by_rows, tf.constant(band(columns)))


@functools.lru_cache
def band(side: int) -> np.ndarray:
    """float32 [side - 10, side]: row i holds the normalised Gaussian over pixels i .. i + 10."""
    distance = np.arange(WINDOW) - WINDOW // 2
    kernel = np.exp(-distance ** 2 / (2.0 * SIGMA ** 2))
    matrix = np.zeros((side - WINDOW + 1, side))
    for row in range(len(matrix)):
        matrix[row, row:row + WINDOW] = kernel / kernel.sum()
    return matrix.astype(np.float32)


METRICS = {"psnr": psnr, "ssim": ssim, "rmse": rmse, "ink_f": ink_f}
