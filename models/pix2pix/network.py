"""Generators and discriminators: the AI-Signaturer's, Isola's, CycleGAN's, and `hand`, which learns writers' styles.

A generator takes [printed, hand] where it has styles, else printed (float [N, S, S, C], -1..1); its output is alike.
A discriminator takes a picture, or a pair on the channel axis, and gives [logits [N, h, w, 1], features ...].
"""

from __future__ import annotations

import tensorflow as tf

from models.pix2pix.config import Network
from models.pix2pix.layers import (Bend, Hands, InstanceNorm, Profile, ReflectPad, Smooth, conv, leaky,
                                   normal_start, up)

layers = tf.keras.layers
PROFILE = 1 / 64    # of the side: how far from its edge `hand` may make a stroke thicker or thinner
PEN, PRESS = 0.7, 0.25  # of that: by the pen, alike everywhere; by pressure, from place to place
STEEP = 8.0         # of its edges, before tanh


def generator(settings: Network, size: int, channels: int, name="generator") -> tf.keras.Model:
    """The generator of that name."""
    build = {"paper": paper_generator, "isola": isola_generator, "hand": hand_generator, "resnet": resnet_generator}
    return build[settings.name](settings, size, channels, name)


def discriminator(settings: Network, size: int, channels: int, name="discriminator") -> tf.keras.Model:
    """The discriminator that goes with the generator; `channels` counts those of the condition, too."""
    build = paper_discriminator if settings.name == "paper" else patch_discriminator
    return build(settings, size, channels, name)


# --- the AI-Signaturer's recipe: 6 down, 5 up and an output layer; batch normalisation, as it says ------------------
# What it leaves open (3x3 kernels, 64 to 512 channels, dropout in the first three steps up) is common practice.

def paper_generator(settings, size, channels, name):
    """U-Net with six halvings; the innermost side is size / 64."""
    x = printed = layers.Input([size, size, channels])
    widths = [settings.channels * factor for factor in (1, 2, 4, 8, 8, 8)]
    skips = []
    for width in widths:
        x = layers.BatchNormalization()(leaky(conv(x, width, 3, 2)))
        skips.append(x)
    for step, width in enumerate(reversed(widths[:-1])):
        x = layers.BatchNormalization()(leaky(layers.Conv2DTranspose(width, 3, 2, "same")(x)))
        if step < 3 and settings.dropout:
            x = layers.Dropout(settings.dropout)(x)
        x = layers.Concatenate()([x, skips[-2 - step]])
    x = layers.Conv2DTranspose(channels, 3, 2, "same")(x)
    return tf.keras.Model(printed, layers.Activation("tanh", dtype="float32")(x), name=name)


def paper_discriminator(settings, size, channels, name):
    """Two halvings and a convolution, then one logit a position."""
    x = pair = layers.Input([size, size, channels])
    features, width = [], settings.discriminator_channels
    for factor in (1, 2):
        x = layers.BatchNormalization()(leaky(conv(x, width * factor, 3, 2)))
        features.append(x)
    x = leaky(layers.BatchNormalization()(conv(x, width * 4, 3, 1, "valid")))
    features.append(x)
    x = layers.Dropout(0.5)(x)
    logits = layers.Activation("linear", dtype="float32")(conv(x, 1, 3, 1, "valid"))
    return tf.keras.Model(pair, [logits, *features], name=name)


# --- Isola et al. 2017, appendix 6.1; its batch of 1 makes batch normalisation instance normalisation ---------------

def isola_generator(settings, size, channels, name):
    """U-Net: C64-C128-C256-C512 x 5 down to 1x1 at 256 pixels, CD512 x 3 - C512-C256-C128-C64 up."""
    x = printed = layers.Input([size, size, channels])
    depth = min(8, (size & -size).bit_length() - 1)
    widths = [settings.channels * min(8, 2 ** level) for level in range(depth)]
    skips = []
    for level, width in enumerate(widths):
        normalised = 0 < level and x.shape[1] > 2  # one position has no variance
        x = conv(leaky(x) if level else x, width, 4, 2, bias=not normalised, start=normal_start())
        x = InstanceNorm()(x) if normalised else x
        skips.append(x)
    for step, width in enumerate(reversed(widths[:-1])):
        x = up(layers.ReLU()(x), width, 4)
        x = InstanceNorm()(x)
        if step < 3 and settings.dropout:
            x = layers.Dropout(settings.dropout)(x)
        x = layers.Concatenate()([x, skips[-2 - step]])
    x = layers.Conv2DTranspose(channels, 4, 2, "same", kernel_initializer=normal_start())(layers.ReLU()(x))
    return tf.keras.Model(printed, layers.Activation("tanh", dtype="float32")(x), name=name)


def patch_discriminator(settings, size, channels, name):
    """C64-C128-C256-C512 and one logit a patch; each sees 70x70 pixels (of what `discriminator_shrink` leaves)."""
    x = pair = layers.Input([size, size, channels])
    x = layers.AveragePooling2D(settings.discriminator_shrink)(x) if settings.discriminator_shrink > 1 else x
    features = []
    for level, stride in enumerate((2, 2, 2, 1)):
        width = settings.discriminator_channels * 2 ** level
        x = conv(layers.ZeroPadding2D(1)(x), width, 4, stride, "valid", bias=not level, start=normal_start())
        x = leaky(InstanceNorm()(x) if level else x)
        features.append(x)
    x = conv(layers.ZeroPadding2D(1)(x), 1, 4, 1, "valid", start=normal_start())
    return tf.keras.Model(pair, [layers.Activation("linear", dtype="float32")(x), *features], name=name)


# --- CycleGAN (Zhu et al. 2017, appendix 7.2, after Johnson et al. 2016) --------------------------------------------

def resnet_generator(settings, size, channels, name):
    """c7s1-64, d128, d256, R256 x blocks, u128, u64, c7s1-C."""
    x = printed = layers.Input([size, size, channels])
    width, start = settings.channels, normal_start
    x = layers.ReLU()(InstanceNorm()(conv(ReflectPad(3)(x), width, 7, padding="valid", bias=False, start=start())))
    for factor in (2, 4):
        x = layers.ReLU()(InstanceNorm()(conv(x, width * factor, 3, 2, bias=False, start=start())))
    for _ in range(settings.blocks):
        y = layers.ReLU()(InstanceNorm()(conv(ReflectPad(1)(x), width * 4, padding="valid", bias=False, start=start())))
        y = InstanceNorm()(conv(ReflectPad(1)(y), width * 4, padding="valid", bias=False, start=start()))
        x = layers.Add()([x, y])
    for factor in (2, 1):
        x = layers.ReLU()(InstanceNorm()(up(x, width * factor, 3)))
    x = conv(ReflectPad(3)(x), channels, 7, padding="valid", start=start())
    return tf.keras.Model(printed, layers.Activation("tanh", dtype="float32")(x), name=name)


# --- ours -----------------------------------------------------------------------------------------------------------

def bounded(x, most):
    """x squeezed into -most .. most, float32."""
    return layers.Rescaling(most, dtype="float32")(layers.Activation("tanh", dtype="float32")(x))


def hand_generator(settings, size, channels, name):
    """Bends the print's strokes and makes them thicker or thinner, in a writer's style.

    A network that draws each pixel frays strokes where signatures of one name do not match to the pixel. Here no bend
    tears or folds the picture, and no ink appears away from strokes; but a thin stroke can fade, and close ones can
    meet. Every instance normalisation is steered by the style of a hand, so that one network writes in many. Starts as
    the print itself.
    """
    printed = layers.Input([size, size, channels], name="printed")
    hand = layers.Input([], dtype="int32", name="hand") if settings.hands else None
    style = Hands(settings.hands, settings.hand_size, name="hands")(hand) if settings.hands else None

    def normal(tensor, *shape):
        tensor = conv(tensor, *shape, bias=False)
        return InstanceNorm(styled=True)([tensor, style]) if settings.hands else InstanceNorm()(tensor)

    width = settings.channels
    x = leaky(normal(leaky(conv(printed, width // 2, 4, 2)), width, 4, 2))
    x = leaky(normal(x, width * 2, 4, 2))
    for _ in range(settings.blocks):
        y = leaky(normal(x, width * 2))
        x = layers.Add()([x, normal(y, width * 2)])
    x = layers.Dropout(settings.dropout)(x) if settings.dropout else leaky(x)
    drawn = Profile(max(1, round(PROFILE * size)), name="profile")(printed)
    for shrink in (4, 2, 1):  # parts of letters first, turns of strokes last
        steps = conv(layers.AveragePooling2D(shrink, padding="same")(x) if shrink > 1 else x, 2, start="zeros")
        drawn = Bend(name=f"bend_{shrink}")([drawn, steps])
    pen = layers.Dense(channels, kernel_initializer="zeros")(layers.GlobalAveragePooling2D(keepdims=True)(x))
    press = conv(layers.AveragePooling2D(2, padding="same")(x), channels, start="zeros")
    drawn = layers.Add()([drawn, bounded(pen, PEN), Smooth(size, name="press")(bounded(press, PRESS))])
    written = layers.Activation("tanh", dtype="float32")(layers.Rescaling(STEEP, dtype="float32")(drawn))
    return tf.keras.Model([printed, hand] if settings.hands else printed, written, name=name)
