"""Reads pictures between their pixels; every model that bends pictures on the device does it here."""

from __future__ import annotations

import tensorflow as tf


def bilinear(pictures, rows, columns):
    """float32 [N, h, w, C] of pictures [N, H, W, C] at float rows and columns [N, h, w], in pixels; outside, the edge goes on."""
    height, width, channels = pictures.shape[1:]
    rows, columns = tf.clip_by_value(rows, 0.0, height - 1.001), tf.clip_by_value(columns, 0.0, width - 1.001)
    top, left = tf.floor(rows), tf.floor(columns)
    down, right = (rows - top)[..., None], (columns - left)[..., None]
    first = tf.range(tf.shape(pictures)[0])[:, None, None] * (height * width)
    corner = first + tf.cast(top, tf.int32) * width + tf.cast(left, tf.int32)
    flat = tf.reshape(pictures, [-1, channels])
    upper = tf.gather(flat, corner) * (1.0 - right) + tf.gather(flat, corner + 1) * right
    lower = tf.gather(flat, corner + width) * (1.0 - right) + tf.gather(flat, corner + width + 1) * right
    return upper * (1.0 - down) + lower * down
