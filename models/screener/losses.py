"""The screener's losses and scores, per example, in float32; images are 0..1 with 1 = ink."""

from __future__ import annotations

import tensorflow as tf

FLOOR = 0.005  # of mean squared ink; a blank picture has none to explain


def reconstruction(logits, images, settings):
    """[b]: bce x binary cross-entropy + ssim x (1 - SSIM), means over pixels, of logits and images [b, h, w, 1].

    SSIM: Wang, Bovik, Sheikh and Simoncelli 2004, Eq. (13), with their Gaussian window of 11 pixels.
    """
    total = settings.bce * tf.reduce_mean(tf.nn.sigmoid_cross_entropy_with_logits(images, logits), axis=(1, 2, 3))
    if settings.ssim:
        total += settings.ssim * (1.0 - tf.image.ssim(images, tf.sigmoid(logits), max_val=1.0))
    return total


def unexplained(logits, images):
    """[b]: mean squared error over the picture's mean squared ink: what share of the picture the autoencoder misses.

    Without the division a blank page would be the best signature of all.
    """
    error = tf.reduce_mean(tf.square(tf.sigmoid(logits) - images), axis=(1, 2, 3))
    return error / (tf.reduce_mean(tf.square(images), axis=(1, 2, 3)) + FLOOR)


def classification(logits, labels):
    """[b]: binary cross-entropy of logits [b] and labels [b] (1 = signature)."""
    return tf.nn.sigmoid_cross_entropy_with_logits(labels, logits)


def density(images):
    """[b]: the share of pixels that are ink."""
    return tf.reduce_mean(tf.cast(images > 0.4, tf.float32), axis=(1, 2, 3))
