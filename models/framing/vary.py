"""How a framed picture may differ from one time to the next: place, slant, size, bends, thickness of strokes, lost ink."""

from __future__ import annotations

import tensorflow as tf

KNOTS = (3, 6)  # rows and columns of the grid that bends a picture


def moved(ink, draws, *, turn: float, slant: float, scale: float, shift: float):
    """float32 [h, w, 1] turned (radians), slanted (shear), scaled (log, each axis) and shifted (of the side) about its middle.

    Each by its setting times one of `draws`, float32 [6] in -1..1; paper (0) flows in from outside. Nothing is mirrored.
    """
    angle, shear = turn * draws[0], slant * draws[1]
    wide, high = (tf.exp(scale * draws[place]) for place in (2, 3))
    height, width = ink.shape[0], ink.shape[1]
    cosine, sine = tf.cos(angle), tf.sin(angle)
    # where each pixel of the answer comes from, about the middle: slanted, turned, then scaled
    a0, a1 = cosine / wide, (shear * cosine - sine) / wide
    b0, b1 = sine / high, (shear * sine + cosine) / high
    x, y = (width - 1) / 2, (height - 1) / 2
    a2 = x - a0 * x - a1 * y + shift * width * draws[4]
    b2 = y - b0 * x - b1 * y + shift * height * draws[5]
    transform = tf.stack([a0, a1, a2, b0, b1, b2, 0.0, 0.0])[None]
    out = tf.raw_ops.ImageProjectiveTransformV3(images=ink[None], transforms=transform, output_shape=[height, width],
                                                fill_value=0.0, interpolation="BILINEAR", fill_mode="CONSTANT")
    return tf.ensure_shape(out[0], ink.shape)


def bent(ink, knots):
    """float32 [h, w, 1] bent smoothly: knots float32 [3, 6, 2] say by how many pixels (down, right) the answer is fetched."""
    height, width = ink.shape[0], ink.shape[1]
    field = tf.image.resize(knots, [height, width], method="bicubic")
    rows = tf.clip_by_value(tf.range(height, dtype=tf.float32)[:, None] + field[..., 0], 0.0, height - 1.001)
    columns = tf.clip_by_value(tf.range(width, dtype=tf.float32)[None] + field[..., 1], 0.0, width - 1.001)
    top, left = tf.cast(tf.floor(rows), tf.int32), tf.cast(tf.floor(columns), tf.int32)
    down, right = (rows - tf.floor(rows))[..., None], (columns - tf.floor(columns))[..., None]
    flat = tf.reshape(ink, [-1, 1])
    above, below = ((1 - right) * tf.gather(flat, place) + right * tf.gather(flat, place + 1)
                    for place in (top * width + left, (top + 1) * width + left))
    return (1 - down) * above + down * below


def thickened(ink, pixels):
    """Strokes of float32 [h, w, 1] wider (pixels above 0) or thinner by a mix with their dilation or erosion."""
    wider = tf.nn.max_pool2d(ink[None], 3, 1, "SAME")[0]
    thinner = -tf.nn.max_pool2d(-ink[None], 3, 1, "SAME")[0]
    share = tf.minimum(1.0, tf.abs(pixels) / 2.0)  # a 3 x 3 window moves each rim by one pixel: 2 in all
    return ink + share * (tf.where(pixels > 0, wider, 0.7 * thinner + 0.3 * ink) - ink)


def without_patch(ink, draws, largest: float):
    """A rectangle of float32 [h, w, 1] loses its ink; draws float32 [4] in 0..1, `largest` side as a share of the width."""
    height, width = ink.shape[0], ink.shape[1]
    high, wide = draws[2] * largest * width, draws[3] * largest * width
    rows, columns = tf.range(height, dtype=tf.float32)[:, None], tf.range(width, dtype=tf.float32)[None]
    hit = (tf.abs(rows - draws[0] * height) < high / 2) & (tf.abs(columns - draws[1] * width) < wide / 2)
    return tf.where(hit[..., None], tf.zeros_like(ink), ink)


def grained(ink, noise):
    """Multiplicative noise, float32 [h, w, 1] of normal numbers, on the ink."""
    return tf.clip_by_value(ink * (1.0 + noise), 0.0, 1.0)


def as_float(image):
    """uint8 to float32 in 0..1."""
    return tf.cast(image, tf.float32) / 255.0


def as_bytes(ink):
    """float32 to uint8, rounded and limited."""
    return tf.cast(tf.round(255.0 * tf.clip_by_value(ink, 0.0, 1.0)), tf.uint8)
