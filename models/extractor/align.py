"""Aligns the ink of prepared images in the graph: centre and spread of the strokes decide place and scale.

The same ops serve training, evaluation and the exported model, so that whatever frame a caller hands over (signver's
crops, a margin, a stretched square) the network sees one frame. Forgeries and genuine signatures meet alike there.
"""

from __future__ import annotations

import tensorflow as tf

INK_BELOW = 160             # grey level under which a pixel is ink, as prepared.py packs them
FINE = 2                    # the frame is sampled this much finer and averaged: thin strokes do not break


def ink_of(images):
    """float32 [B, h, w], 1 where images [B, h, w] hold ink: uint8 0..255 or floats 0..1, bright = paper."""
    bound = tf.constant(INK_BELOW, tf.uint8) if images.dtype == tf.uint8 else tf.cast(INK_BELOW / 255.0, images.dtype)
    return tf.cast(images < bound, tf.float32)


def spread(ink):
    """Centre (x, y), standard deviations (x, y) and covariance of ink [B, h, w], float32 [B, 5], in pixels; blank: of the frame."""
    columns, rows = tf.reduce_sum(ink, 1), tf.reduce_sum(ink, 2)
    total = tf.reduce_sum(columns, 1, keepdims=True)
    blank = total < 1.0
    columns, rows = tf.where(blank, 1.0, columns), tf.where(blank, 1.0, rows)
    x, sx, right = _moments(columns)
    y, sy, down = _moments(rows)
    covariance = tf.reduce_sum(right * tf.einsum("bh,bhw->bw", down, ink), 1) / tf.maximum(total[:, 0], 1.0)
    return tf.stack([x, y, sx, sy, covariance], 1)


def _moments(weights):
    """Mean and standard deviation of places weighted by [B, n], each [B], and every place's distance from the mean, [B, n]."""
    places = tf.range(weights.shape[1], dtype=tf.float32)
    share = weights / tf.reduce_sum(weights, 1, keepdims=True)
    mean = tf.reduce_sum(share * places, 1)
    away = places - mean[:, None]
    return mean, tf.sqrt(tf.reduce_sum(share * away ** 2, 1) + 1.0), away


def box(ink):
    """Centre (x, y) and half the sides (x, y) of the box around ink [B, h, w], float32 [B, 4]; blank: of the frame."""
    x, half_x = _ends(tf.reduce_max(ink, 1))
    y, half_y = _ends(tf.reduce_max(ink, 2))
    return tf.stack([x, y, half_x, half_y], 1)


def _ends(inked):
    """Middle and half the length of where inked [B, n] is above 0, each [B]."""
    inked = tf.where(tf.reduce_max(inked, 1, keepdims=True) > 0, inked, 1.0)
    count = inked.shape[1]
    first = tf.cast(tf.argmax(inked, 1), tf.float32)
    last = count - 1.0 - tf.cast(tf.argmax(inked[:, ::-1], 1), tf.float32)
    return (first + last) / 2.0, (last - first + 1.0) / 2.0


def frame(ink, settings):
    """Affine map float32 [B, 2, 3] from aligned pixels to image pixels; `settings` is config.Network."""
    if settings.align == "moments":
        x, y, deviation_x, deviation_y, covariance = tf.unstack(spread(ink), axis=1)
        variance_x, variance_y = tf.square(deviation_x), tf.square(deviation_y)
        turn = settings.level * tf.atan(tf.clip_by_value(covariance / variance_x, -1.0, 1.0))
        cos, sin = tf.cos(turn), tf.sin(turn)
        half_x = settings.extent * tf.sqrt(cos ** 2 * variance_x + 2.0 * cos * sin * covariance + sin ** 2 * variance_y)
        half_y = settings.extent * tf.sqrt(sin ** 2 * variance_x - 2.0 * cos * sin * covariance + cos ** 2 * variance_y)
    else:
        x, y, half_x, half_y = tf.unstack(box(ink), axis=1)
        half_x, half_y, cos, sin = half_x * 1.03, half_y * 1.03, tf.ones_like(x), tf.zeros_like(x)
    scale_x, scale_y = 2.0 * half_x / settings.width, 2.0 * half_y / settings.height
    if settings.aspect == "keep":
        scale_x = scale_y = tf.maximum(scale_x, scale_y)
    right, down = (scale_x * cos, scale_x * sin), (-scale_y * sin, scale_y * cos)  # a step in the frame, in the image
    corner = [place - (settings.width - 1) / 2.0 * across - (settings.height - 1) / 2.0 * along
              for place, across, along in zip((x, y), right, down)]
    return tf.stack([tf.stack(row, 1) for row in zip(right, down, corner)], 1)


def sample(ink, maps, height: int, width: int):
    """float32 [B, height, width]: ink [B, h, w] where the affine maps [B, 2, 3] point, averaged over FINE x FINE points."""
    shift = (FINE - 1) / (2.0 * FINE)
    fine = tf.concat([maps[:, :, :2] / FINE, maps[:, :, 2:] - shift * tf.reduce_sum(maps[:, :, :2], 2, keepdims=True)], 2)
    flat = tf.concat([tf.reshape(fine, [-1, 6]), tf.zeros([tf.shape(fine)[0], 2])], 1)
    drawn = tf.raw_ops.ImageProjectiveTransformV3(
        images=ink[..., None], transforms=flat, output_shape=[height * FINE, width * FINE], fill_value=0.0,
        interpolation="BILINEAR", fill_mode="CONSTANT")
    drawn = tf.ensure_shape(drawn, [None, height * FINE, width * FINE, 1])
    return tf.nn.avg_pool2d(drawn, FINE, FINE, "VALID")[..., 0]


def aligned(images, settings):
    """float32 [B, height, width], ink share 0..1, of images [B, h, w] as ink_of takes them, in any frame."""
    ink = ink_of(images)
    return sample(ink, frame(ink, settings), settings.height, settings.width)
