"""Posture: how a hand stands. The print is moved, scaled, slanted, sloped and bent a little, before strokes are redrawn.

Most of what parts print from handwriting is posture. It is the same for every name, so it is learned from few.
"""

from __future__ import annotations

import tensorflow as tf

from models.pix2pix.layers import KEPT, blurred, resampled

NUMBERS = 10     # a posture: per axis a shift, x, y, x y and x^2, in a frame from -1 to 1
MOMENTS = 3      # of a print: log of the spreads along and across, share of ink
PACE = 10.0      # a posture moves this much faster than the optimiser's learning rate; a hand comes up rarely
SEEN = 64        # pixels of the side at which postures are compared
BLURS = (2, 4)   # of these: standard deviations; wide enough that strokes feel each other


class Posture(tf.keras.layers.Layer):
    """Learned postures of `hands` hands (at least one). Prints of different fonts differ in proportion, hence moments.

    Starts as doing nothing.
    """

    def __init__(self, hands: int, **options):
        super().__init__(dtype="float32", **options)
        self.hands = max(1, hands)

    def build(self, shape):
        self.own = self.add_weight("own", [self.hands, NUMBERS], initializer="zeros", **KEPT)
        self.by_print = self.add_weight("by_print", [MOMENTS + 1, NUMBERS], initializer="zeros", **KEPT)

    def call(self, inputs):
        """printed [N, S, S, C] in -1..1 and hand int32 [N] -> the print in the hands' postures, alike."""
        printed, hand = inputs
        return resampled(tf.cast(printed, tf.float32), *self.places(printed, hand, printed.shape[1]))

    def places(self, printed, hand, side: int):
        """Where each pixel of [N, side, side] comes from: x and y float32 in -1..1."""
        moments = tf.concat([spread(printed), tf.ones([tf.shape(printed)[0], 1])], axis=1)
        own = tf.matmul(tf.one_hot(hand % self.hands, self.hands), self.own)
        numbers = PACE * (own + tf.matmul(moments, self.by_print))
        x, y = tf.meshgrid(tf.linspace(-1.0, 1.0, side), tf.linspace(-1.0, 1.0, side))
        basis = tf.reshape(tf.stack([tf.ones_like(x), x, y, x * y, x * x]), [NUMBERS // 2, -1])
        moved = tf.reshape(tf.matmul(tf.reshape(numbers, [-1, NUMBERS // 2]), basis), [-1, 2, side, side])
        return x + moved[:, 0], y + moved[:, 1]

    def distance(self, printed, signed, hand):
        """float32 [N]: how far the blurred print in its posture is from the blurred signature; what postures learn by."""
        small, target = shrunk(printed), shrunk(signed)
        stood = resampled(small, *self.places(printed, hand, small.shape[1]))
        return tf.add_n([tf.reduce_mean(tf.square(blurred(stood - target, width)), axis=(1, 2, 3)) for width in BLURS])


def spread(printed):
    """float32 [N, MOMENTS] of prints in -1..1: log of ink's standard deviation in x and y (of half a side), its share."""
    ink = tf.reduce_mean(1.0 - tf.cast(printed, tf.float32), axis=-1) / 2.0 + 1e-6
    places = tf.linspace(-1.0, 1.0, printed.shape[1])
    columns, rows = tf.reduce_mean(ink, axis=1), tf.reduce_mean(ink, axis=2)
    return tf.stack([_log_deviation(columns, places), _log_deviation(rows, places), 10.0 * tf.reduce_mean(columns, axis=1)], 1)


def _log_deviation(weights, places):
    share = weights / tf.reduce_sum(weights, axis=1, keepdims=True)
    mean = tf.reduce_sum(share * places, axis=1, keepdims=True)
    return 0.5 * tf.math.log(tf.reduce_sum(share * tf.square(places - mean), axis=1) + 1e-4) + 1.0


def shrunk(picture):
    """float32 [N, SEEN, SEEN, C], or as it is where it is smaller."""
    factor = max(1, picture.shape[1] // SEEN)
    return tf.nn.avg_pool2d(tf.cast(picture, tf.float32), factor, factor, "VALID")
