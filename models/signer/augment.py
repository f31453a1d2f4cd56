"""How a training signature differs from epoch to epoch: as one hand's signatures do, and no further."""

from __future__ import annotations

import tensorflow as tf

from models.framing import vary


def varied(image, seed, settings):
    """uint8 [h, w, 1] of uint8 [h, w, 1], 255 = ink, changed by `seed` (int32 [2]) alone."""
    seeds = tf.unstack(tf.random.experimental.stateless_split(seed, 4))
    ink = vary.moved(vary.as_float(image), tf.random.stateless_uniform([6], seeds[0], -1.0, 1.0), turn=settings.turn,
                     slant=settings.slant, scale=settings.scale, shift=settings.shift)
    if settings.bend:
        ink = vary.bent(ink, settings.bend * image.shape[0] * tf.random.stateless_normal([*vary.KNOTS, 2], seeds[1]))
    ink = vary.thickened(ink, settings.thickness * tf.random.stateless_uniform([], seeds[2], -1.0, 1.0))
    if settings.patch:
        ink = vary.without_patch(ink, tf.random.stateless_uniform([4], seeds[3]), settings.patch)
    return vary.as_bytes(ink)
