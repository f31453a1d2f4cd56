"""The screener's networks: an autoencoder of signatures and a classifier of signature or not."""

from __future__ import annotations

import tensorflow as tf

layers = tf.keras.layers


def build(settings, height: int, width: int) -> dict[str, tf.keras.Model]:
    """`encoder` [b, h, w, 1] -> [b, latent]; `decoder` [b, latent] -> logits [b, h, w, 1]; `classifier` -> logits [b].

    Groups are normalised instead of batches (Wu and He 2018), so that the number of ranks changes nothing.
    """
    return {"encoder": encoder(settings, height, width), "decoder": decoder(settings, height, width),
            "classifier": classifier(settings, height, width)}


def encoder(settings, height, width):
    """Convolution, normalisation, pooling at every level, then one dense code."""
    inputs = x = tf.keras.Input((height, width, 1), name="image")
    for channels in settings.channels:
        x = layers.MaxPooling2D()(convolved(x, channels))
        if settings.encoder_dropout:
            x = layers.Dropout(settings.encoder_dropout)(x)
    code = layers.Dense(settings.latent)(layers.Flatten()(x))
    return tf.keras.Model(inputs, layers.Activation("linear", dtype="float32")(code), name="encoder")


def decoder(settings, height, width):
    """The code unfolded, and a transposed convolution for every level."""
    levels = len(settings.channels)
    inputs = tf.keras.Input((settings.latent,), name="code")
    small = height >> levels, width >> levels, settings.channels[-1]
    x = layers.Dense(small[0] * small[1] * small[2], activation="relu")(inputs)
    x = layers.Reshape(small)(x)
    for channels in reversed(settings.channels[:-1]):
        x = layers.Conv2DTranspose(channels, 3, strides=2, padding="same", use_bias=False)(x)
        x = layers.ReLU()(layers.GroupNormalization(groups_of(channels))(x))
    x = layers.Conv2DTranspose(1, 3, strides=2, padding="same")(x)
    return tf.keras.Model(inputs, layers.Activation("linear", dtype="float32")(x), name="decoder")


def classifier(settings, height, width):
    """Convolution and pooling at every level, the mean and the strongest answer of the whole picture, two dense layers."""
    inputs = x = tf.keras.Input((height, width, 1), name="image")
    for channels in settings.classifier:
        x = layers.MaxPooling2D()(convolved(x, channels))
    x = layers.Concatenate()([layers.GlobalAveragePooling2D()(x), layers.GlobalMaxPooling2D()(x)])
    x = layers.Dense(64, activation="relu")(x)
    if settings.dropout:
        x = layers.Dropout(settings.dropout)(x)
    x = layers.Activation("linear", dtype="float32")(layers.Dense(1)(x))
    return tf.keras.Model(inputs, layers.Flatten()(x), name="classifier")


def convolved(x, channels):
    """3 x 3 convolution, normalised, ReLU."""
    x = layers.Conv2D(channels, 3, padding="same", use_bias=False)(x)
    return layers.ReLU()(layers.GroupNormalization(groups_of(channels))(x))


def groups_of(channels: int) -> int:
    """About eight channels a group, and a divisor of them."""
    wanted = max(1, channels // 8)
    return max(group for group in range(1, wanted + 1) if channels % group == 0)
