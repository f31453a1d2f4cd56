"""The two embedding networks, both on aligned ink and both without batch statistics: the light one and signver's size."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

from models.extractor.config import Network

GROUPS = 8  # channels share normalisation in this many groups; batch statistics would let examples see each other


def build(settings: Network) -> tf.keras.Model:
    """Keras model: ink [B, height, width] in 0..1 (1 = ink, as align.py frames it) to float32 [B, embedding], unit norm.

    No layer looks at other examples of the batch: at 8 writers a batch, its statistics would tell who is in it.
    """
    ink = tf.keras.Input((settings.height, settings.width), name="ink")
    x = layers.Reshape((settings.height, settings.width, 1))(ink)
    learned = _light(x, settings) if settings.name == "light" else _resnet(x, settings)
    start = "zeros" if settings.gradients else "glorot_uniform"
    x = layers.Dense(settings.embedding, use_bias=False, kernel_initializer=start, dtype="float32", name="embedding")(learned)
    if settings.gradients:
        x = layers.Add(dtype="float32")([x, layers.Dense(settings.embedding, dtype="float32", name="projection")(
            OrientedGradients(name="gradients", dtype="float32")(ink))])
    return tf.keras.Model(ink, layers.UnitNormalization(dtype="float32")(x), name=f"extractor_{settings.name}")


def _light(x, settings):
    """Residual levels at half the sides each; the last map is kept by place: a letter moved is a letter changed."""
    first, *deeper = settings.channels
    x = _conv(first, 5, strides=2, activation="relu")(x)
    for channels in deeper:
        x = _conv(channels, 3, strides=2)(x)
        for _ in range(settings.blocks):
            x = _residual(x, channels)
        x = layers.ReLU()(x)
    x = layers.LayerNormalization(axis=-1)(x)  # every place by itself: strokes count alike, faint or bold
    x = _conv(settings.parts, 1, activation="relu")(x)
    x = layers.Flatten()(x)
    return layers.Dropout(settings.dropout)(x) if settings.dropout else x


def _residual(x, channels):
    """Without normalisation: each block starts as identity (its last kernel is zero), which keeps depth trainable."""
    inner = _conv(channels, 3, activation="relu")(layers.ReLU()(x))
    inner = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros")(inner)
    return layers.Add()([x, inner])


def _conv(channels, side, **options):
    return layers.Conv2D(channels, side, padding="same", kernel_initializer="he_normal", **options)


class OrientedGradients(layers.Layer):
    """Ink float32 [B, h, w] to float32 [B, h/8 * w/8 * DIRECTIONS] of unit norm: where strokes run in which direction.

    After Dalal & Triggs 2005 (CVPR), with what signatures ask for: directions over the whole circle, cells that overlap
    widely (letters stand a little elsewhere each time), square roots, and cells with little ink raised. Nothing is learned.
    """

    DIRECTIONS, POOL, STRIDE = 16, 4, 8
    BLUR = 1.0                # pixels
    SPREAD = 13 / 96          # of the height: standard deviation of a cell
    SHARPNESS = 4             # squarings of the cosine between a gradient and a direction
    FAINT = 0.01              # amount of ink below which a cell is no longer raised

    def build(self, shape):
        """Fixed filters: blur, derivatives in every direction, and the cells' overlapping windows."""
        offsets = np.arange(-3, 4)
        bell = np.exp(-offsets ** 2 / (2 * self.BLUR ** 2))
        self._blur = np.outer(bell, bell)[..., None, None].astype(np.float32) / bell.sum() ** 2
        across = np.outer([1, 2, 1], [-1, 0, 1]) / 8
        angles = 2 * np.pi * np.arange(self.DIRECTIONS) / self.DIRECTIONS
        filters = across[..., None] * np.cos(angles) + across.T[..., None] * np.sin(angles)
        self._derivatives = filters[:, :, None].astype(np.float32)
        self._rows, self._columns = (self._windows(side, self.SPREAD * shape[1]) for side in shape[1:])

    def _windows(self, side, spread):
        """float32 [side / STRIDE, side / POOL]: Gaussian windows over pooled pixels."""
        cells = (np.arange(side // self.STRIDE) + 0.5) * self.STRIDE
        places = (np.arange(side // self.POOL) + 0.5) * self.POOL
        return np.exp(-(cells[:, None] - places) ** 2 / (2 * spread ** 2)).astype(np.float32) * self.POOL / spread

    def call(self, ink):
        """float32 [B, cells * DIRECTIONS]."""
        smooth = tf.nn.conv2d(tf.cast(ink, tf.float32)[..., None], self._blur, 1, "SAME")
        along = tf.nn.conv2d(smooth, self._derivatives, 1, "SAME")
        strength = tf.sqrt(tf.reduce_sum(tf.square(along), -1, keepdims=True) * (2 / self.DIRECTIONS) + 1e-12)
        share = tf.nn.relu(along) / strength
        for _ in range(self.SHARPNESS):
            share = tf.square(share)
        pooled = tf.nn.avg_pool2d(strength * share, self.POOL, self.POOL, "VALID")
        cells = tf.einsum("ij,bjwd->biwd", self._rows, pooled)
        cells = tf.einsum("kw,biwd->bikd", self._columns, cells)
        roots = tf.sqrt(cells + 1e-12)
        raised = roots / tf.sqrt(tf.sqrt(tf.reduce_sum(cells, -1, keepdims=True)) + self.FAINT)
        return tf.math.l2_normalize(tf.reshape(raised, [-1, int(np.prod(raised.shape[1:]))]), -1)


WHITENING = 0.3  # 0: as they are; 1: every direction of the training signatures' spread counts alike; 0 to .5 tried


def project(model: tf.keras.Model, ink, whitening: float = WHITENING) -> None:
    """Start `model`'s projection of oriented gradients from ink uint8 [N, h, w] of training signatures.

    Principal components, each divided by its standard deviation to the power of `whitening`, the mean taken away.
    """
    describe = model.get_layer("gradients")
    rows = np.concatenate([describe(tf.constant(ink[k:k + 64], tf.float32) / 255.0).numpy() for k in range(0, len(ink), 64)])
    mean = rows.mean(0)
    values, vectors = np.linalg.eigh((rows - mean) @ (rows - mean).T)
    width = model.get_layer("projection").units
    values, vectors = np.maximum(values[::-1][:width], 1e-6), vectors[:, ::-1][:, :width]
    kernel = (rows - mean).T @ vectors / np.sqrt(values) ** (1 + whitening)
    kernel /= np.linalg.norm((rows - mean) @ kernel, axis=1).mean()
    kernel = np.pad(kernel, [(0, 0), (0, width - kernel.shape[1])]).astype(np.float32)
    model.get_layer("projection").set_weights([kernel, -mean @ kernel])


WIDTH, DEPTHS = 40, (3, 4, 6, 3)  # ResNet-50's blocks at 40 instead of 64 channels: about 9 million parameters


def _resnet(x, settings):
    """ResNet-50 (He et al. 2016, CVPR, Table 1) at 5/8 of its width, group-normalised (Wu & He 2018, ECCV)."""
    x = _normed(layers.Conv2D(WIDTH, 7, strides=2, padding="same", use_bias=False)(x))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for level, depth in enumerate(DEPTHS):
        for block in range(depth):
            x = _bottleneck(x, WIDTH * 2 ** level, strides=2 if level and not block else 1)
    x = layers.GlobalAveragePooling2D()(x)
    return layers.Dropout(settings.dropout)(x) if settings.dropout else x


def _bottleneck(x, channels, strides):
    skip = x
    if strides > 1 or x.shape[-1] != 4 * channels:
        skip = _normed(layers.Conv2D(4 * channels, 1, strides=strides, use_bias=False)(x), active=False)
    inner = _normed(layers.Conv2D(channels, 1, use_bias=False)(x))
    inner = _normed(layers.Conv2D(channels, 3, strides=strides, padding="same", use_bias=False)(inner))
    inner = _normed(layers.Conv2D(4 * channels, 1, use_bias=False)(inner), active=False, gamma="zeros")
    return layers.ReLU()(layers.Add()([skip, inner]))


def _normed(x, active=True, gamma="ones"):
    x = layers.GroupNormalization(GROUPS, gamma_initializer=gamma)(x)
    return layers.ReLU()(x) if active else x


class Proxies(tf.Module):
    """One learned direction for each training writer, which CosFace and ArcFace compare with."""

    def __init__(self, classes: int, embedding: int):
        super().__init__(name="proxies")
        start = tf.random.stateless_normal([classes, embedding], [5, 7]) / embedding ** 0.5
        self.directions = tf.Variable(start, name="directions")


class Average(tf.Module):
    """A running mean of a network's weights, which is judged and exported instead of the last step's.

    Polyak & Juditsky 1992 (SIAM J. Control 30), with an exponential window; small batches make single steps jump.
    """

    def __init__(self, model: tf.keras.Model, twin: tf.keras.Model, decay: float):
        super().__init__(name="average")
        twin.set_weights(model.get_weights())
        self.model, self.decay = twin, decay
        self.steps = tf.Variable(0.0, trainable=False, name="steps")

    def follow(self, model: tf.keras.Model) -> None:
        """Traced: move towards `model`; at first faster, so that the start is soon forgotten."""
        self.steps.assign_add(1.0)
        decay = tf.minimum(self.decay, (1.0 + self.steps) / (10.0 + self.steps))
        for slow, fast in zip(self.model.trainable_variables, model.trainable_variables):
            slow.assign(decay * slow + (1.0 - decay) * fast)
