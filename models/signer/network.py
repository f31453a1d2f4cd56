"""The signer's networks: a body (small residual, or InceptionV3), a dense head, and one direction or row a class."""

from __future__ import annotations

import tensorflow as tf

layers = tf.keras.layers


def build(settings, height: int, width: int, classes: int, seed: int = 0) -> dict[str, tf.keras.Model]:
    """`body` [b, h, w, 1] (1 = ink) -> [b, F]; `head` -> [b, hidden]; `classes` -> logits [b, classes]."""
    body = inception(settings, height, width) if settings.body == "inception" else light(settings, height, width)
    features = tf.keras.Input(body.output_shape[1:], name="features")
    cosine = settings.head == "cosine"
    hidden = layers.Dense(settings.hidden, activation=None if cosine else "relu")(features)
    head = tf.keras.Model(features, layers.Activation("linear", dtype="float32")(hidden), name="head")
    inputs = x = tf.keras.Input((settings.hidden,), name="hidden")
    if settings.dropout:
        x = layers.Dropout(settings.dropout)(x)
    rows = Directions(classes, settings.scale, name="rows") if cosine else layers.Dense(classes, dtype="float32", name="rows")
    return {"body": body, "head": head, "classes": tf.keras.Model(inputs, rows(x), name="classes")}


class Directions(layers.Layer):
    """Logits = scale x cosine between the input and each class's direction (Wang et al. 2018, Eq. (3)), float32."""

    def __init__(self, classes: int, scale: float, **options):
        super().__init__(dtype="float32", **options)
        self.classes, self.scale = classes, scale

    def build(self, shape):
        """One direction a class."""
        super().build(shape)
        self.kernel = self.add_weight("kernel", (shape[-1], self.classes), initializer="glorot_uniform")

    def call(self, inputs):
        """[b, classes]."""
        unit = tf.math.l2_normalize(tf.cast(inputs, tf.float32), axis=-1)
        return self.scale * tf.matmul(unit, tf.math.l2_normalize(self.kernel, axis=0))

    def get_config(self):
        """What rebuilds the layer."""
        return super().get_config() | {"classes": self.classes, "scale": self.scale}


def light(settings, height: int, width: int):
    """Residual blocks with group normalisation, which is the same on any number of ranks; places are kept beside the mean."""
    inputs = tf.keras.Input((height, width, 1), name="image")
    x = normalised(layers.Conv2D(settings.channels[0], 5, strides=2, padding="same", use_bias=False)(inputs), True)
    for level, channels in enumerate(settings.channels):
        for number in range(settings.blocks):
            x = residual(x, channels, 2 if level and number == 0 else 1)
    places = layers.Flatten()(layers.Conv2D(16, 1, activation="relu")(x))
    return tf.keras.Model(inputs, layers.Concatenate()([layers.GlobalAveragePooling2D()(x), places]), name="body")


def residual(x, channels: int, stride: int):
    """Two 3 x 3 convolutions beside a shortcut (He et al. 2016)."""
    inner = normalised(layers.Conv2D(channels, 3, strides=stride, padding="same", use_bias=False)(x), True)
    inner = normalised(layers.Conv2D(channels, 3, padding="same", use_bias=False)(inner), False)
    if stride > 1 or x.shape[-1] != channels:
        x = layers.AveragePooling2D(stride)(x) if stride > 1 else x
        x = normalised(layers.Conv2D(channels, 1, use_bias=False)(x), False)
    return layers.ReLU()(layers.Add()([x, inner]))


def normalised(x, active: bool):
    """Group normalisation (Wu and He 2018), about eight channels a group."""
    channels = x.shape[-1]
    groups = max(group for group in range(1, max(1, channels // 8) + 1) if channels % group == 0)
    x = layers.GroupNormalization(groups)(x)
    return layers.ReLU()(x) if active else x


def inception(settings, height: int, width: int):
    """InceptionV3 (Szegedy et al. 2016) up to the block `settings.until`, then the mean over all places.

    Its ImageNet weights saw -1..1 with white = 1 and three channels; the notebook fed 0..1.
    """
    whole = tf.keras.applications.InceptionV3(include_top=False, weights=settings.weights or None, input_shape=(height, width, 3))
    cut = tf.keras.Model(whole.input, whole.get_layer(settings.until).output, name="inception")
    inputs = tf.keras.Input((height, width, 1), name="image")
    paper = layers.Concatenate()([1.0 - 2.0 * inputs] * 3)
    return tf.keras.Model(inputs, layers.GlobalAveragePooling2D()(cut(paper)), name="body")


def moving_from(body, block: str) -> list:
    """The body's trainable variables that move: `all`, `none`, or those of an inception from its block `block` on.

    A block's layers are those behind the block before it. Batch normalisation's scale and offset rest with their
    statistics where weights were given: see task.py.
    """
    if block in ("all", "none"):
        return list(body.trainable_variables) if block == "all" else []
    inner = body.get_layer("inception")
    number = int(block.removeprefix("mixed"))
    if number == 0:
        return list(body.trainable_variables)
    names = [layer.name for layer in inner.layers]
    behind = inner.layers[names.index(f"mixed{number - 1}") + 1:]
    return [variable for layer in behind for variable in layer.trainable_variables]
