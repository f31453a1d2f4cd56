"""The two cleaning networks: a small residual U-Net on pixel blocks, and signver's autoencoder as the reference."""

from __future__ import annotations

import tensorflow as tf
from tensorflow.keras import layers

from models.cleaner.config import Network

SIGNVER_PARAMETERS = 2_106_051


def build(settings: Network, size: int) -> tf.keras.Model:
    """Keras model: [B, size, size, 3] in 0..1 (1 = paper) to the cleaned image, float32, same shape and range.

    Its layer `logits` holds the answer before the sigmoid, [B, size, size, 1] (light) or [..., 3] (signver).
    Only stock Keras layers, so that any program loads it; no layer looks at other examples of the batch, so that
    the number of ranks changes nothing.
    """
    image = tf.keras.Input((size, size, 3), name="image")
    logits = _light(image, settings) if settings.name == "light" else _signver(image, settings)
    logits = layers.Activation("linear", dtype="float32", name="logits")(logits)
    cleaned = layers.Activation("sigmoid", dtype="float32", name="sigmoid")(logits)
    if cleaned.shape[-1] == 1:
        cleaned = layers.Concatenate(dtype="float32", name="cleaned")([cleaned] * 3)
    return tf.keras.Model(image, cleaned, name=f"cleaner_{settings.name}")


def _light(image, settings):
    """U-Net whose finest level sees blocks of stem x stem pixels and answers for each block's pixels at once.

    All convolutions run at 1 / stem of the resolution or less. The input itself is added to the logits, scaled: so
    copying costs nothing, and features need only say which ink to take away and which gaps to fill.
    """
    first, *deeper = settings.channels
    x = _conv(first, settings.stem, strides=settings.stem)(image)
    x = _residuals(x, first, settings.blocks[0], settings)
    skips = []
    for channels, blocks in zip(deeper, settings.blocks[1:]):
        skips.append(x)
        x = _residuals(_conv(channels, 2, strides=2)(x), channels, blocks, settings)
    for channels in reversed(settings.channels[:-1]):
        x = layers.Add()([_up(channels, 2)(x), skips.pop()])
        x = _residuals(x, channels, settings.decoder_blocks, settings)
    x = _conv(settings.head, 1, activation="relu")(x)
    change = layers.Conv2DTranspose(1, settings.stem, strides=settings.stem, kernel_initializer="zeros")(x)
    copy = layers.Conv2D(1, 1, kernel_initializer=tf.keras.initializers.Constant(2.0),
                         bias_initializer=tf.keras.initializers.Constant(-3.0))(image)
    return layers.Add()([change, copy])


def _conv(channels, side, **options):
    return layers.Conv2D(channels, side, padding="same", kernel_initializer="he_normal", **options)


def _up(channels, factor):
    """Every position becomes factor x factor positions; no overlap, so no checkerboard of uneven sums."""
    return layers.Conv2DTranspose(channels, factor, strides=factor, padding="valid", kernel_initializer="he_normal")


def _residuals(x, channels, blocks, settings):
    """Residual blocks without normalisation: each starts as identity (its last kernel is 0), which trains well."""
    for _ in range(blocks):
        inner = _conv(channels, 3, activation="relu")(x)
        inner = layers.Dropout(settings.dropout)(inner) if settings.dropout else inner
        inner = layers.Conv2D(channels, 3, padding="same", kernel_initializer="zeros")(inner)
        x = layers.ReLU()(layers.Add()([x, inner]))
    return x


def _signver(image, settings):
    """The convolutional autoencoder of signver's training/habana: three levels of 64, 128 and 256 channels."""
    x = image
    for channels in (64, 128, 256):
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.Dropout(settings.dropout)(x)
        x = layers.Conv2D(channels, 3, padding="same", activation="relu")(x)
        x = layers.MaxPooling2D(2, padding="same")(x)
    x = layers.Dropout(settings.dropout)(x)
    for channels in (256, 128, 64):
        x = layers.Conv2DTranspose(channels, 3, strides=2, padding="same", activation="relu")(x)
    return layers.Conv2D(3, 3, padding="same")(x)
