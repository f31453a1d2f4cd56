"""The embedding networks, all on aligned ink and without batch statistics: described strokes, a light one, signver's size."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.keras import layers

from models.extractor import strokes
from models.extractor.config import Network

GROUPS = 8  # channels share normalisation in this many groups; batch statistics would let examples see each other


def build(settings: Network) -> tf.keras.Model:
    """Keras model: ink [B, height, width] in 0..1 (1 = ink, as align.py frames it) to float32 [B, embedding], unit norm.

    No layer looks at other examples of the batch: at 8 writers a batch, its statistics would tell who is in it.
    """
    ink = tf.keras.Input((settings.height, settings.width), name="ink")
    parts = []
    if settings.name != "strokes":
        parts.append(_learned(ink, settings))
    if settings.describes_strokes:
        # beside a network that learns, the projection stays: moving both, it was fitted to the training writers at once
        project = layers.Dense(settings.embedding, dtype="float32", name="projection", trainable=not parts)
        parts.append(project(strokes.description(ink)))
    x = layers.Add(dtype="float32")(parts) if len(parts) > 1 else parts[0]
    return tf.keras.Model(ink, layers.UnitNormalization(dtype="float32")(x), name=f"extractor_{settings.name}")


def _learned(ink, settings):
    """float32 [B, embedding] of convolutions; zeros at first, where training starts from strokes alone."""
    x = layers.Reshape((settings.height, settings.width, 1))(ink)
    x = _light(x, settings) if settings.name == "light" else _resnet(x, settings)
    start = "zeros" if settings.strokes else "glorot_uniform"
    return layers.Dense(settings.embedding, use_bias=False, kernel_initializer=start, dtype="float32", name="embedding")(x)


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


WIDTH = 40  # channels, instead of ResNet-50's 64: about 9 million parameters


def _resnet(x, settings):
    """ResNet-50 (He et al. 2016, CVPR, Table 1) at 5/8 of its width, group-normalised (Wu & He 2018, ECCV)."""
    x = _normed(layers.Conv2D(WIDTH, 7, strides=2, padding="same", use_bias=False)(x))
    x = layers.MaxPooling2D(3, strides=2, padding="same")(x)
    for level, depth in enumerate(settings.depths):
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
