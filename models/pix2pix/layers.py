"""Layers that the networks are made of: instance normalisation, with a style where there is one, and padding."""

from __future__ import annotations

import numpy as np
import tensorflow as tf

from models.sampling import bilinear

layers = tf.keras.layers
EPSILON = 1e-5
KEPT = {"dtype": tf.float32, "experimental_autocast": False}  # stays float32 under mixed precision


class InstanceNorm(layers.Layer):
    """Each channel of each picture to mean 0 and variance 1 (Ulyanov et al. 2016, Eq. 4), then scaled and shifted.

    Called with a style vector [N, E], scale and shift are linear in it (Dumoulin et al. 2017, section 2.2). Computes in
    float32; does not depend on the other pictures of the batch, so that the number of ranks changes nothing.
    """

    def __init__(self, styled: bool = False, **options):
        super().__init__(**options)
        self.styled = styled

    def build(self, shape):
        channels = (shape[0] if self.styled else shape)[-1]
        self.scale = self.add_weight("scale", [channels], initializer="ones", **KEPT)
        self.shift = self.add_weight("shift", [channels], initializer="zeros", **KEPT)
        if self.styled:
            self.style = self.add_weight("style", [shape[1][-1], 2 * channels], **KEPT,
                                         initializer=tf.keras.initializers.RandomNormal(0.0, 0.02))

    def call(self, inputs):
        """x [N, H, W, C], or [x, style]."""
        x, style = inputs if self.styled else (inputs, None)
        wide = tf.cast(x, tf.float32)
        mean = tf.reduce_mean(wide, axis=(1, 2), keepdims=True)
        centred = wide - mean
        variance = tf.reduce_mean(tf.square(centred), axis=(1, 2), keepdims=True)
        scale, shift = self.scale, self.shift
        if self.styled:
            more = tf.matmul(tf.cast(style, tf.float32), self.style)[:, None, None, :]
            scale, shift = scale + more[..., :scale.shape[0]], shift + more[..., scale.shape[0]:]
        return tf.cast(centred * (tf.math.rsqrt(variance + EPSILON) * scale) + shift, x.dtype)


class ReflectPad(layers.Layer):
    """Mirrors `by` pixels at every edge."""

    def __init__(self, by: int, **options):
        super().__init__(**options)
        self.by = by

    def call(self, x):
        """x [N, H, W, C] -> [N, H + 2 by, W + 2 by, C]."""
        return tf.pad(x, [[0, 0], [self.by] * 2, [self.by] * 2, [0, 0]], mode="REFLECT")


class Bend(layers.Layer):
    """Moves a picture's pixels by cubic B-splines, so little that nothing tears or folds.

    A two-dimensional cubic B-spline map is one to one if no knot moves by 0.48 of the knots' distance (Choi & Lee 2000,
    Graphical Models 62, "Injectivity conditions of 2D and 3D uniform cubic B-spline functions").
    """

    MOST = 0.48  # of the knots' distance

    def __init__(self, **options):
        super().__init__(dtype="float32", **options)

    def call(self, inputs):
        """picture [N, S, S, C], steps [N, s, s, 2] of any range -> the picture, bent."""
        picture, steps = inputs
        side = picture.shape[1]
        x, y = tf.meshgrid(tf.linspace(-1.0, 1.0, side), tf.linspace(-1.0, 1.0, side))
        moved = smooth(self.MOST * 2.0 / steps.shape[1] * tf.tanh(tf.cast(steps, tf.float32)), side)
        return resampled(tf.cast(picture, tf.float32), x + moved[..., 0], y + moved[..., 1])


class Profile(layers.Layer):
    """How deep in ink or paper each pixel lies: the mean of the picture with strokes 1 .. `reach` pixels thicker, as they
    are, and thinner."""

    def __init__(self, reach: int, **options):
        super().__init__(dtype="float32", **options)
        self.reach = reach

    def call(self, picture):
        """[N, S, S, C] in -1 (ink) .. 1 -> float32, alike: rises evenly from `reach` pixels inside to as many outside."""
        picture = tf.cast(picture, tf.float32)
        levels = [picture]
        for sign in (1.0, -1.0):
            grown = sign * picture
            for _ in range(self.reach):
                grown = tf.nn.max_pool2d(grown, 3, 1, "SAME")
                levels.append(sign * grown)
        return tf.add_n(levels) / float(len(levels))


class Smooth(layers.Layer):
    """A coarse map drawn large without edges of its own."""

    def __init__(self, side: int, **options):
        super().__init__(dtype="float32", **options)
        self.side = side

    def call(self, x):
        """[N, s, s, C] -> float32 [N, side, side, C]."""
        return smooth(tf.cast(x, tf.float32), self.side)


def blurred(picture, width: float):
    """float32 [N, S, S, C] under a Gaussian of that standard deviation in pixels."""
    side = picture.shape[1]
    reach = np.arange(-4 * side, 5 * side)
    weights = np.exp(-np.square(np.arange(side)[:, None] - reach) / (2.0 * max(width, 0.1) ** 2))
    band = np.zeros((side, side))
    np.add.at(band.T, np.clip(reach, 0, side - 1), weights.T)
    band = (band / band.sum(1, keepdims=True)).astype(np.float32)
    return tf.einsum("ij,njkc,lk->nilc", band, picture, band)


def smooth(x, side: int):
    """float32 [N, s, s, C] as cubic B-splines, [N, side, side, C] (Unser 1999, IEEE Signal Processing Magazine 16(6))."""
    weights = spline_weights(x.shape[1], side)
    return tf.einsum("ij,njkc,lk->nilc", weights, x, weights)


def spline_weights(count: int, side: int) -> np.ndarray:
    """float32 [side, count]: how much each of `count` knots counts at each pixel; every row sums to 1."""
    places = (np.arange(side) + 0.5) * count / side - 0.5
    t = np.abs(places[:, None] - np.arange(-2, count + 2))
    weights = np.where(t < 1, 2 / 3 - t ** 2 + t ** 3 / 2, np.where(t < 2, (2 - t) ** 3 / 6, 0.0))
    inside = weights[:, 2:-2].copy()
    inside[:, 0] += weights[:, :2].sum(1)  # beyond the edge, the last knot goes on
    inside[:, -1] += weights[:, -2:].sum(1)
    return inside.astype(np.float32)


def resampled(picture, x, y):
    """float32 [N, S, S, C] read at x and y float32 [N, s, s], where -1..1 is the frame; outside, the edge goes on."""
    columns, rows = ((at + 1.0) * (picture.shape[1] - 1) / 2.0 for at in (x, y))
    return bilinear(picture, rows, columns)


class Hands(layers.Layer):
    """A learned style for every hand. One-hot times a matrix, not a lookup: gradients stay dense and of fixed shape."""

    def __init__(self, hands: int, size: int, **options):
        super().__init__(**options)
        self.hands, self.size = hands, size

    def build(self, shape):
        self.styles = self.add_weight("styles", [self.hands, self.size], **KEPT,
                                      initializer=tf.keras.initializers.RandomNormal(0.0, 1.0))

    def call(self, hand):
        """hand int32 [N] -> [N, size]."""
        return tf.matmul(tf.one_hot(hand, self.hands), self.styles)


def normal_start():
    """Weights from N(0, 0.02), as in Isola et al. 2017, appendix 6.2."""
    return tf.keras.initializers.RandomNormal(0.0, 0.02)


def up(x, channels, kernel):
    """A transposed convolution that doubles the side, to be normalised: a bias would be taken away again."""
    return layers.Conv2DTranspose(channels, kernel, 2, "same", use_bias=False, kernel_initializer=normal_start())(x)


def conv(x, channels, kernel=3, stride=1, padding="same", bias=True, start=None):
    """A convolution without activation; `bias` False where a normalisation follows, which would take it away."""
    return layers.Conv2D(channels, kernel, stride, padding, use_bias=bias,
                         kernel_initializer=start or "glorot_uniform")(x)


def leaky(x):
    """LeakyReLU, slope 0.2."""
    return layers.LeakyReLU(0.2)(x)
