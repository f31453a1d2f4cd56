"""Layers that the networks are made of: instance normalisation, with a style where there is one, and padding."""

from __future__ import annotations

import tensorflow as tf

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


class Subpixel(layers.Layer):
    """Moves 4 C channels of a position to 2 x 2 positions of C channels."""

    def call(self, x):
        """x [N, H, W, 4C] -> [N, 2H, 2W, C]."""
        return tf.nn.depth_to_space(x, 2)


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
