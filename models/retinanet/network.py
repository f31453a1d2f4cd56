"""The detector's network: the Model Garden's ResNet, FPN and head, or a light one for CPUs and thin strokes."""

from __future__ import annotations

import numpy as np
import tensorflow as tf
from tensorflow.keras import layers

from models.retinanet.config import Config, Network

PRIOR = 0.01  # share of anchors taken for objects at first (arXiv 1708.02002, section 4.1)
MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)  # ImageNet's, of RGB in 0..1
RELU_GAIN = float(np.sqrt(2.0 / (1.0 - 1.0 / np.pi)))  # keeps the variance of relu(x) at 1 (arXiv 2101.08692)


def build(config: Config, classes: int) -> tf.keras.Model:
    """Keras model: uint8 or float [B, height, width, C] in 0..255 to (logits [B, A, classes], offsets [B, A, 4]),
    float32.

    A runs over anchors in the order of anchors.boxes.
    """
    data, network = config.data, config.network
    image = tf.keras.Input((data.height, data.width, data.channels), name="image")
    per_cell = config.anchors.scales * len(config.anchors.aspects)
    make = _light if network.backbone == "light" else _garden
    logits, offsets = make(image, network, classes, per_cell)
    return tf.keras.Model(image, [_flat(logits, classes, "logits"), _flat(offsets, 4, "offsets")],
                          name=network.backbone)


def _flat(maps, width, name):
    """Maps [B, h, w, anchors * width] of all levels as float32 [B, A, width]."""
    rows = [layers.Reshape((-1, width))(level) for level in maps]
    return layers.Activation("linear", dtype="float32", name=name)(layers.Concatenate(axis=1)(rows))


def _garden(image, settings: Network, classes, per_cell):
    """ResNet-FPN (arXiv 1612.03144) with RetinaNet's head, from tf-models-official."""
    from official.vision.modeling.backbones.resnet import ResNet
    from official.vision.modeling.decoders.fpn import FPN
    from official.vision.modeling.heads.dense_prediction_heads import RetinaNetHead
    norm = dict(use_sync_bn=settings.normalisation == "synchronised", norm_momentum=settings.norm_momentum,
                norm_epsilon=settings.norm_epsilon)
    backbone = ResNet(int(settings.backbone.removeprefix("resnet")), layers.InputSpec(shape=[None, *image.shape[1:]]),
                      **norm, name="backbone")
    decoder = FPN(backbone.output_specs, settings.min_level, settings.max_level, settings.filters, **norm,
                  name="decoder")
    head = RetinaNetHead(settings.min_level, settings.max_level, classes + 1, per_cell, settings.head_convs,
                         settings.filters,
                         **norm, name="head")
    scaled = layers.Rescaling([1 / (255 * deviation) for deviation in DEVIATION],
                              [-mean / deviation for mean, deviation in zip(MEAN, DEVIATION)])(image)
    logits, offsets, _ = head(decoder(backbone(scaled)))
    levels = [str(level) for level in range(settings.min_level, settings.max_level + 1)]
    real = [_without_background(logits[level], classes) for level in levels]
    return real, [offsets[level] for level in levels]


def _without_background(logits, classes):
    """The Model Garden's class 0 is background and never used; [B, h, w, a * (classes + 1)] without it."""
    height, width = logits.shape[1:3]
    rows = layers.Reshape((height * width, -1, classes + 1))(logits)
    return layers.Reshape((height, width, -1))(rows[..., 1:])


class StandardisedConv(layers.Conv2D):
    """Convolution whose kernels have mean 0 and variance 1 / fan-in, times a gain a channel: no normalisation layers.

    Eq. (1) of Brock et al. 2021, arXiv 2101.08692. It looks at no other example, so the number of ranks changes
    nothing.
    """

    def __init__(self, filters, side, strides=1, **options):
        super().__init__(filters, side, strides, padding="same", kernel_initializer="he_normal", **options)

    def build(self, input_shape):
        super().build(input_shape)
        self.gain = self.add_weight("gain", (self.filters,), initializer="ones", trainable=True)

    def convolution_op(self, inputs, kernel):
        """The convolution with the standardised kernel, computed in float32."""
        kernel = tf.cast(kernel, tf.float32)
        mean, variance = tf.nn.moments(kernel, [0, 1, 2], keepdims=True)
        fan_in = float(np.prod(kernel.shape[:3]))
        standard = (kernel - mean) * tf.math.rsqrt(tf.maximum(variance * fan_in, 1e-4)) * tf.cast(self.gain, tf.float32)
        return super().convolution_op(inputs, tf.cast(standard, inputs.dtype))


class Gate(layers.Layer):
    """One learned factor, 0 at first: a residual block starts as identity (SkipInit, De & Smith 2020, arXiv
    2002.10444)."""

    def build(self, input_shape):
        self.factor = self.add_weight("factor", (), initializer="zeros", trainable=True)

    def call(self, x):
        """x times the factor."""
        return x * tf.cast(self.factor, x.dtype)


def _relu(x):
    return layers.ReLU()(x) * RELU_GAIN


def _light(image, settings: Network, classes, per_cell):
    """Residual stages at strides 4 to 32, a pyramid, and one head shared by its levels; 1 or 3 channels in.

    The first layers see ink as 1 on paper 0, so that empty paper stays silent.
    """
    x = layers.Rescaling(-1 / 255, 1.0)(image)
    x = StandardisedConv(settings.channels[0] // 2, 3, 2)(x)
    x = StandardisedConv(settings.channels[0], 3, 2)(_relu(x))
    stages = {}
    for level, (channels, blocks) in enumerate(zip(settings.channels, settings.blocks), 2):
        if level > 2:
            x = StandardisedConv(channels, 1)(layers.AveragePooling2D(2)(x))
        for _ in range(blocks):
            inner = StandardisedConv(channels, 3)(_relu(x))
            x = layers.Add()([x, Gate()(StandardisedConv(channels, 3)(_relu(inner)))])
        stages[level] = x
    return _shared_head(_pyramid(stages, settings), settings, classes, per_cell)


def _pyramid(stages, settings):
    """One map a level, [B, h, w, filters]; levels above the backbone's come from its last (arXiv 1708.02002)."""
    top = min(max(stages), settings.max_level)
    x = StandardisedConv(settings.filters, 1)(_relu(stages[top]))
    maps = {top: x}
    for level in range(top - 1, settings.min_level - 1, -1):
        x = layers.Add()([layers.UpSampling2D(2)(x), StandardisedConv(settings.filters, 1)(_relu(stages[level]))])
        maps[level] = x
    maps = {level: StandardisedConv(settings.filters, 3)(_relu(x)) for level, x in maps.items()}
    for level in range(top + 1, settings.max_level + 1):
        maps[level] = StandardisedConv(settings.filters, 3, 2)(_relu(maps[level - 1]))
    return [maps[level] for level in range(settings.min_level, settings.max_level + 1)]


def _shared_head(maps, settings, classes, per_cell):
    """Class logits and box offsets of every level by the same weights."""
    tower = [StandardisedConv(settings.filters, 3, name=f"head_{k}") for k in range(settings.head_convs)]
    initial, prior = tf.keras.initializers.RandomNormal, tf.keras.initializers.Constant(-np.log((1 - PRIOR) / PRIOR))
    score = layers.Conv2D(classes * per_cell, 1, kernel_initializer=initial(stddev=0.01), bias_initializer=prior,
                          name="score")
    offset = layers.Conv2D(4 * per_cell, 1, kernel_initializer=initial(stddev=0.01), name="offset")
    logits, offsets = [], []
    for x in maps:
        for conv in tower:
            x = conv(_relu(x))
        x = _relu(x)
        logits.append(score(x))
        offsets.append(offset(x))
    return logits, offsets
