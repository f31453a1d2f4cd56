"""Training views of a prepared signature: what one hand changes from one signing to the next, and nothing else.

Small affine maps, elastic bends, thicker or thinner strokes, a patch of missing ink. Mirror flips, strong shears and
large turns make another signature out of one; done to all images of a writer alike, they make another writer (guise).
"""

from __future__ import annotations

import tensorflow as tf

from models.extractor import align
from models.sampling import bilinear

KNOTS = (4, 7)  # of the elastic grid, rows and columns


def view(image, seed, settings, network, guise=None, person=None):
    """uint8 [height, width], ink 0..255, of one uint8 [h, w] image: aligned, then varied by int32 [2] `seed` alone.

    guise: config.Guise, how the writer himself is changed, by `person`, int32 [2], the same for all of his images;
    none where person[0] is 0.
    """
    draws = tf.random.stateless_uniform([16], seed, -1.0, 1.0)
    ink = align.ink_of(image[None])
    maps = align.frame(ink, network) @ jitter(draws[1:5], settings, network, draws[5:7] * settings.shift)
    thickness = draws[0] * settings.thickness
    knots = tf.random.stateless_normal([1, *KNOTS, 2], fold(seed, 1)) * (settings.bend * network.width)
    if guise is not None:
        worn, own = person[0] > 0, tf.random.stateless_uniform([6], person, -1.0, 1.0)
        maps = maps @ tf.where(worn, disguise(own[1:], guise, network), tf.eye(3)[None])
        thickness = tf.clip_by_value(thickness + tf.where(worn, own[0] * guise.thickness, 0.0), -2.0, 2.0)
        bend = tf.cast(worn, tf.float32) * guise.bend * network.width
        knots += tf.random.stateless_normal([1, *KNOTS, 2], fold(person, 1)) * bend
    drawn = thickened(align.sample(ink, maps, network.height, network.width), thickness)[0]
    drawn = patched(bent(drawn, knots), draws[7:13], settings)
    return tf.cast(tf.round(drawn * 255.0), tf.uint8)


def disguise(draws, guise, network):
    """float32 [1, 3, 3]: another writer's turn, slant, scale and stretch, mirrored for a share, from draws [5] in -1..1."""
    mirrored = (draws[4] + 1.0) / 2.0 < guise.mirror
    side, far = tf.where(mirrored, -1.0, 1.0), tf.where(mirrored, network.width - 1.0, 0.0)
    mirror = tf.reshape(tf.stack([side, 0.0, far, 0.0, 1.0, 0.0, 0.0, 0.0, 1.0]), [1, 3, 3])
    return jitter(draws[:4], guise, network) @ mirror


def plain(image, network):
    """uint8 [height, width], ink 0..255: aligned only."""
    return tf.cast(tf.round(align.aligned(image[None], network)[0] * 255.0), tf.uint8)


def fold(seed, number: int):
    """Another int32 [2] seed."""
    return tf.random.experimental.stateless_fold_in(seed, number)


def jitter(draws, settings, network, shift=(0.0, 0.0)):
    """float32 [1, 3, 3]: turn, slant, scale and stretch about the frame's centre, from draws [4] in -1..1, and a shift.

    shift: across and down, in shares of the frame's width and height.
    """
    turn, slant = draws[0] * settings.turn, draws[1] * settings.slant
    scale, stretch = draws[2] * settings.scale, draws[3] * settings.stretch
    x, y = shift[0] * network.width, shift[1] * network.height
    along, across = tf.exp(scale + stretch / 2.0), tf.exp(scale - stretch / 2.0)
    cosine, sine = tf.cos(turn), tf.sin(turn)
    a, b = cosine * along, (cosine * slant - sine) * across
    c, d = sine * along, (sine * slant + cosine) * across
    middle_x, middle_y = (network.width - 1) / 2.0, (network.height - 1) / 2.0
    left = middle_x + x - a * middle_x - b * middle_y
    top = middle_y + y - c * middle_x - d * middle_y
    return tf.reshape(tf.stack([a, b, left, c, d, top, 0.0, 0.0, 1.0]), [1, 3, 3])


def thickened(ink, pixels):
    """Ink [1, h, w] with strokes wider (pixels > 0) or thinner by up to two pixels; between whole pixels, both mixed."""
    wider = tf.nn.max_pool2d(ink[..., None], 3, 1, "SAME")[..., 0]
    thinner = 1.0 - tf.nn.max_pool2d(1.0 - ink[..., None], 2, 1, "SAME")[..., 0]
    other = tf.where(pixels > 0, wider, thinner)
    share = tf.abs(pixels) / 2.0
    return ink + share * (other - ink)


def bent(drawn, knots):
    """Ink [h, w] bent by a smooth field: knots float32 [1, *KNOTS, 2] move by so many pixels down and across."""
    height, width = drawn.shape
    field = tf.image.resize(knots, [height, width], "bicubic")[0]
    rows = tf.cast(tf.range(height), tf.float32)[:, None] + field[..., 0]
    columns = tf.cast(tf.range(width), tf.float32)[None] + field[..., 1]
    return bilinear(drawn[None, ..., None], rows[None], columns[None])[0, ..., 0]


def patched(drawn, draws, settings):
    """Ink [h, w], for a share of images without the ink of one rectangle; draws [6] in -1..1."""
    height, width = drawn.shape
    share = (draws + 1.0) / 2.0
    half_x = 0.5 * settings.patch * width * (0.3 + 0.7 * share[1])
    half_y = 0.5 * settings.patch * width * (0.3 + 0.7 * share[2])
    inside = ((tf.abs(tf.cast(tf.range(height), tf.float32) - share[3] * height) < half_y)[:, None]
              & (tf.abs(tf.cast(tf.range(width), tf.float32) - share[4] * width) < half_x)[None])
    return tf.where(inside & (share[0] < settings.dropout), 0.0, drawn)
