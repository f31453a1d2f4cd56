"""Random views of a training page: scale, place, stretch, turn, then contrast, blur, strokes, grain and thresholds."""

from __future__ import annotations

import math

import tensorflow as tf

from models.retinanet.config import Augment
from models.retinanet.pages import PAPER, placed, resized, to_bytes

LEAST_VISIBLE = 0.35  # of a box's area; less of it on the canvas is no example any more


class Draws:
    """Uniform numbers of one example, handed out in order."""

    def __init__(self, seed, count=32):
        self._values, self._used = tf.random.stateless_uniform([count], seed), 0

    def one(self, low=0.0, high=1.0):
        """float32 scalar in [low, high)."""
        self._used += 1
        return low + (high - low) * self._values[self._used - 1]

    def happens(self, share: float):
        """bool scalar, true for a share of examples."""
        return self.one() < share


def view(page, boxes, seed, settings: Augment, height: int, width: int):
    """A random view of a page uint8 [H, W, C] and its boxes float32 [n, 4] in page pixels.

    Returns uint8 [height, width, C], boxes in canvas pixels cut to the canvas, and which of them are still seen,
    bool [n].
    """
    draws = Draws(seed)
    image, moved = _geometry(page, boxes, draws, settings, height, width)
    if settings.flip_share:
        flips = draws.happens(settings.flip_share)
        image = tf.where(flips, image[:, ::-1], image)
        moved = tf.where(flips, tf.stack([moved[:, 0], width - moved[:, 3], moved[:, 2], width - moved[:, 1]], 1),
                         moved)
    if settings.turn:
        image, moved = _turned(image, moved, draws.one(-settings.turn, settings.turn) * math.pi / 180, height, width)
    image = _tones(image, draws, tf.random.experimental.stateless_fold_in(seed, 1), settings)
    limits = tf.constant([height, width, height, width], tf.float32)
    cut = tf.clip_by_value(moved, 0.0, limits)
    return to_bytes(image), cut, _area(cut) >= LEAST_VISIBLE * tf.maximum(_area(moved), 1.0)


def _area(boxes):
    return (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])


def _geometry(page, boxes, draws, settings, height, width):
    """The page scaled, stretched and shifted; only the part that will be seen is resized."""
    rows, columns = tf.cast(tf.shape(page)[0], tf.float32), tf.cast(tf.shape(page)[1], tf.float32)
    scale = tf.exp(draws.one(math.log(settings.scale_min), math.log(settings.scale_max)))
    stretch = tf.exp(draws.one(-settings.stretch, settings.stretch))
    fit = tf.minimum(height / rows, width / columns)
    top, bottom, place_y, new_rows = _axis(rows, fit * scale * tf.sqrt(stretch), height, draws.one())
    left, right, place_x, new_columns = _axis(columns, fit * scale / tf.sqrt(stretch), width, draws.one())
    image = placed(resized(page[top:bottom, left:right], new_rows, new_columns), place_y, place_x, height, width)
    y, x = (tf.cast(value, tf.float32) for value in (new_rows / (bottom - top), new_columns / (right - left)))
    moved = (boxes - tf.cast(tf.stack([top, left, top, left]), tf.float32)) * tf.stack([y, x, y, x])
    return image, moved + tf.cast(tf.stack([place_y, place_x, place_y, place_x]), tf.float32)


def _axis(length, scale, canvas, chance):
    """Along one side: first and last page pixel that are seen, where they begin on the canvas, and over how many
    pixels."""
    room = canvas - length * scale
    offset = chance * room  # negative: the page is larger than the canvas and starts before it
    first = tf.cast(tf.maximum(0.0, -offset / scale), tf.int32)
    last = tf.minimum(tf.cast(length, tf.int32), tf.cast(tf.math.ceil((canvas - offset) / scale), tf.int32))
    last = tf.maximum(last, first + 1)
    new = tf.clip_by_value(tf.cast(tf.round(tf.cast(last - first, tf.float32) * scale), tf.int32), 1, canvas)
    return first, last, tf.minimum(tf.cast(tf.maximum(0.0, offset), tf.int32), canvas - new), new


def _turned(image, boxes, angle, height, width):
    """Turned about the middle; a box becomes the one around the turned ellipse within it.

    Ink seldom fills the corners: boxes around turned corners teach boxes that are too high (Kalra et al. 2021, "Towards
    rotation invariance in object detection", ICCV 2021, section 4.1).
    """
    cosine, sine = tf.cos(angle), tf.sin(angle)
    cy, cx = height / 2, width / 2
    transform = tf.stack([cosine, -sine, cx - cosine * cx + sine * cy, sine, cosine, cy - sine * cx - cosine * cy, 0.0,
                          0.0])
    turned = tf.raw_ops.ImageProjectiveTransformV3(
        images=image[None], transforms=transform[None], output_shape=[height, width], fill_value=PAPER,
        interpolation="BILINEAR", fill_mode="CONSTANT")[0]
    turned.set_shape(image.shape)
    # the transform maps output pixels to input pixels; boxes go the other way
    middle, half = (boxes[:, :2] + boxes[:, 2:]) / 2 - [cy, cx], (boxes[:, 2:] - boxes[:, :2]) / 2
    y, x = middle[:, :1], middle[:, 1:]
    middle = tf.concat([cosine * y - sine * x + cy, sine * y + cosine * x + cx], 1)
    half = tf.sqrt(tf.linalg.matmul(tf.square(half), [[cosine ** 2, sine ** 2], [sine ** 2, cosine ** 2]]))
    return turned, tf.concat([middle - half, middle + half], 1)


def _tones(image, draws, seed, settings):
    """Everything that changes brightness only; image float32 [H, W, C] in 0..255."""
    image = _sometimes(draws, settings.stroke_share, image, lambda x: _strokes(x, draws.one() < 0.5))
    image = _sometimes(draws, settings.blur_share, image, _blurred)
    strength, shift = draws.one(0.5, 1.15), draws.one(-40.0, 15.0)
    image = _sometimes(draws, settings.contrast_share, image, lambda x: PAPER - (PAPER - x) * strength + shift)
    deviation = draws.one(3.0, 30.0)
    image = _sometimes(draws, settings.noise_share, image,
                       lambda x: x + deviation * tf.random.stateless_normal(tf.shape(x), seed))
    level = draws.one(0.5, 0.85)
    image = _sometimes(draws, settings.binary_share, image,
                       lambda x: tf.where(x < level * PAPER, 0.0, PAPER))
    return _sometimes(draws, settings.invert_share, image, lambda x: PAPER - x)


def _sometimes(draws, share, image, change):
    """`change` for a share of the examples; costs nothing for the others."""
    if not share:
        return image
    return tf.cond(draws.happens(share), lambda: tf.ensure_shape(change(image), image.shape), lambda: image)


def _strokes(image, thicker):
    """Dark strokes a pixel thicker or thinner."""
    sign = tf.where(thicker, -1.0, 1.0)
    return sign * tf.nn.max_pool2d((sign * image)[None], 2, 1, "SAME")[0]


def _blurred(image):
    return tf.nn.avg_pool2d(image[None], 3, 1, "SAME")[0]
