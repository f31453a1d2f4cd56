"""Posture: how a hand stands. The print is moved, scaled, slanted, sloped and bent a little, before strokes are redrawn.

Most of what parts print from handwriting is posture. It is the same for every name, so it is learned from few.
"""

from __future__ import annotations

import tensorflow as tf

from models.pix2pix.layers import KEPT, blurred, resampled

NUMBERS = 10     # a posture: per axis a shift, x, y, x y and x^2, in a frame from -1 to 1
MOMENTS = 3      # of a print: log of the spreads along and across, share of ink
PACE = 10.0      # a posture moves this much faster than the optimiser's learning rate; a hand comes up rarely
ROOM = 0.96      # of half a side: ink stays within
AROUND = 2.5     # of half a side: so far ink is looked for
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
        """printed [N, S, S, C] in -1..1 and hand int32 [N] -> the print in the hands' postures, alike, within the frame."""
        printed, hand = inputs
        numbers = self.numbers(printed, hand)
        shift, scale = fitting(shrunk(printed), numbers)
        x, y = tf.meshgrid(*[tf.linspace(-1.0, 1.0, printed.shape[1])] * 2)
        x, y = (shift[:, axis, None, None] + scale[:, None, None] * at for axis, at in ((0, x), (1, y)))
        return resampled(tf.cast(printed, tf.float32), *moved(numbers, x, y))

    def numbers(self, printed, hand):
        """float32 [N, 2, NUMBERS / 2]: the postures of these hands for these prints."""
        moments = tf.concat([spread(printed), tf.ones([tf.shape(printed)[0], 1])], axis=1)
        own = tf.matmul(tf.one_hot(hand % self.hands, self.hands), self.own)
        return tf.reshape(PACE * (own + tf.matmul(moments, self.by_print)), [-1, 2, NUMBERS // 2])

    def distance(self, printed, signed, hand):
        """float32 [N]: how far the blurred print in its posture is from the blurred signature; what postures learn by."""
        small, target = shrunk(printed), shrunk(signed)
        x, y = tf.meshgrid(*[tf.linspace(-1.0, 1.0, small.shape[1])] * 2)
        stood = resampled(small, *moved(self.numbers(printed, hand), x[None], y[None]))
        return tf.add_n([tf.reduce_mean(tf.square(blurred(stood - target, width)), axis=(1, 2, 3)) for width in BLURS])


def moved(numbers, x, y):
    """Where the pixels at x and y [N or 1, s, s] of a posture [N, 2, NUMBERS / 2] come from: x and y float32 [N, s, s]."""
    basis = tf.stack([tf.ones_like(x), x, y, x * y, x * x], axis=1)
    across, down = (tf.reduce_sum(numbers[:, axis, :, None, None] * basis, axis=1) for axis in (0, 1))
    return x + across, y + down


def fitting(small, numbers):
    """Shift float32 [N, 2] and scale [N] of a frame in which the posture cuts off no ink: 0 and 1 where there is room."""
    side = small.shape[1]
    places = tf.linspace(-AROUND, AROUND, round(AROUND * side))
    x, y = tf.meshgrid(places, places)
    ink = tf.reduce_min(resampled(small, *moved(numbers, x[None], y[None])), axis=3) < 0.5
    low, high = (tf.stack([reduce(tf.where(tf.reduce_any(ink, axis=axis), places, blank), axis=1) for axis in (1, 2)], 1)
                 for reduce, blank in ((tf.reduce_min, 1.0), (tf.reduce_max, -1.0)))
    scale = tf.maximum(1.0, tf.reduce_max(high - low, axis=1) / (2.0 * ROOM))
    reach = ROOM * scale[:, None]
    shift = tf.minimum(tf.maximum(0.0, high - reach), low + reach)
    return tf.stop_gradient(shift), tf.stop_gradient(scale)


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
