"""Losses and per-example measures; every function gives float32 [N], one value an example."""

from __future__ import annotations

import tensorflow as tf

INK = 0.0          # pictures are -1 (ink) to 1 (paper)
REACH = 3 / 256    # of the side: how far strokes may miss each other in `ink_f`


def mean_of(values):
    """Mean over everything but the batch, float32 [N]."""
    return tf.reduce_mean(tf.cast(values, tf.float32), axis=tuple(range(1, values.shape.rank)))


def weighted(values, weight):
    """Mean over the batch of float [N] with the pipeline's weights, a scalar."""
    return tf.reduce_mean(values * tf.cast(weight, tf.float32))


def contest(logits, real: bool, kind: str):
    """The discriminator's loss for logits [N, h, w, 1] of real or generated pictures.

    bce: Eq. (1) in Isola et al. 2017. lsgan: Eq. (2) in Mao et al. 2017 with labels 1 and 0, without its 1/2.
    hinge: Eq. (16) in Miyato et al. 2018.
    """
    logits = tf.cast(logits, tf.float32)
    if kind == "bce":
        return mean_of(tf.nn.softplus(-logits if real else logits))
    if kind == "lsgan":
        return mean_of(tf.square(logits - float(real)))
    return mean_of(tf.nn.relu(1.0 - logits if real else 1.0 + logits))


def deceit(logits, kind: str):
    """The generator's loss for its pictures' logits: non-saturating for bce, Eq. (17) in Miyato et al. for hinge."""
    return -mean_of(tf.cast(logits, tf.float32)) if kind == "hinge" else contest(logits, True, kind)


def accuracy(logits, real: bool, kind: str):
    """Share of patches judged rightly, float32 [N]."""
    threshold = 0.5 if kind == "lsgan" else 0.0
    return mean_of(tf.cast((logits > threshold) == real, tf.float32))


def l1(one, other):
    """Mean absolute difference; Eq. (3) in Isola et al. 2017."""
    return mean_of(tf.abs(tf.cast(one, tf.float32) - tf.cast(other, tf.float32)))


def coarse(one, other, cell: int = 8):
    """L1 of the means of cell x cell pixels: where there is ink, whichever pixel it is on."""
    return l1(tf.nn.avg_pool2d(one, cell, cell, "VALID"), tf.nn.avg_pool2d(other, cell, cell, "VALID"))


def feature_distance(real, generated):
    """Mean L1 over the discriminator's features; Eq. (4) in Wang et al. 2018 (pix2pixHD). Real ones are held still."""
    return tf.add_n([l1(tf.stop_gradient(one), other) for one, other in zip(real, generated)]) / float(len(real))


def ssim(one, other):
    """Structural similarity of pictures in -1..1 (Wang et al. 2004, 11-pixel Gaussian window)."""
    return tf.cast(tf.image.ssim(tf.cast(one, tf.float32), tf.cast(other, tf.float32), max_val=2.0), tf.float32)


def ink_of(picture):
    """Where there is ink, float32 0 or 1 [N, S, S, 1]."""
    return tf.cast(tf.reduce_mean(tf.cast(picture, tf.float32), axis=-1, keepdims=True) < INK, tf.float32)


def ink_f(generated, real):
    """F-measure of ink whose strokes may miss each other by REACH: blur and blanks score low, small shifts do not."""
    reach = 2 * max(1, round(REACH * generated.shape[1])) + 1
    ours, theirs = ink_of(generated), ink_of(real)
    near_ours, near_theirs = (tf.nn.max_pool2d(ink, reach, 1, "SAME") for ink in (ours, theirs))
    precision = tf.math.divide_no_nan(mean_of(ours * near_theirs), mean_of(ours))
    recall = tf.math.divide_no_nan(mean_of(theirs * near_ours), mean_of(theirs))
    return tf.math.divide_no_nan(2.0 * precision * recall, precision + recall)


def ink_share(generated, real):
    """Generated ink over real ink, at most 10: near 0 the generator draws blanks."""
    return tf.minimum(10.0, mean_of(ink_of(generated)) / tf.maximum(mean_of(ink_of(real)), 1e-3))
