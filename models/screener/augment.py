"""How a training picture differs from epoch to epoch: place, slant, size, thickness of strokes, grain of ink."""

from __future__ import annotations

import tensorflow as tf

from models.framing import vary


def varied(image, seed, settings):
    """uint8 [h, w, 1] of uint8 [h, w, 1], 255 = ink, changed by `seed` (int32 [2]) alone."""
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
    ink = vary.moved(vary.as_float(image), tf.random.stateless_uniform([6], seeds[0], -1.0, 1.0), turn=settings.turn,
                     slant=settings.slant, scale=settings.scale, shift=settings.shift)
    ink = vary.thickened(ink, settings.thickness * tf.random.stateless_uniform([], seeds[1], -1.0, 1.0))
    strength = settings.noise * tf.random.stateless_uniform([], seeds[3])
    return vary.as_bytes(vary.grained(ink, strength * tf.random.stateless_normal(ink.shape, seeds[2])))
