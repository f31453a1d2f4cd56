"""Shapes, receptive fields, normalisation and styles of pix2pix' networks."""

import numpy as np
import pytest
import tensorflow as tf

from models.pix2pix import network
from models.pix2pix.config import Network
from models.pix2pix.layers import Hands, InstanceNorm


def small(name, **more):
    return Network(name=name, channels=4, discriminator_channels=4, blocks=1, **more)


@pytest.mark.parametrize("name", ["paper", "isola", "hand", "resnet"])
@pytest.mark.parametrize("channels", [1, 3])
def test_generators_keep_shape_and_range(name, channels):
    model = network.generator(small(name, dropout=0.5), 64, channels)
    out = model(tf.random.stateless_normal([2, 64, 64, channels], [1, 2]) * 3)
    assert out.shape == (2, 64, 64, channels) and out.dtype == tf.float32
    assert np.abs(out).max() <= 1.0 and np.isfinite(out).all()


def count(model, kind):
    return sum(isinstance(layer, kind) for layer in model.layers)


def test_the_papers_generator_has_six_down_five_up_and_an_output():
    layers = tf.keras.layers
    model = network.generator(Network(name="paper", dropout=0.5), 256, 3)
    assert count(model, layers.Conv2D) - count(model, layers.Conv2DTranspose) == 6  # a transposed one is a Conv2D, too
    assert count(model, layers.Conv2DTranspose) == 5 + 1
    assert count(model, layers.BatchNormalization) == 6 + 5 and count(model, layers.Dropout) == 3
    judge = network.discriminator(Network(name="paper"), 256, 6)
    assert count(judge, layers.Conv2D) == 2 + 1 + 1
    assert judge.outputs[0].shape == (None, 60, 60, 1)  # 256 halved twice, less 2 for each of two 3x3 kernels


def test_isolas_generator_has_54_million_weights_and_reaches_one_pixel():
    """Kernels 4x4, in x out: down 1x64 + 64x128 + 128x256 + 256x512 + 4 x 512x512, up 512x512 + 3 x 1024x512 +
    1024x256 + 512x128 + 256x64 and 128x1 out; biases and norms come on top."""
    model = network.generator(Network(name="isola", dropout=0.5), 256, 1)
    kernels = 16 * (64 + 64 * 128 + 128 * 256 + 256 * 512 + 4 * 512 * 512 + 512 * 512 + 3 * 1024 * 512 + 1024 * 256
                    + 512 * 128 + 256 * 64 + 128)
    have = sum(int(np.prod(variable.shape)) for variable in model.trainable_variables if len(variable.shape) == 4)
    assert have == kernels
    assert min(layer.output_shape[1] for layer in model.layers if isinstance(layer, tf.keras.layers.Conv2D)) == 1


def test_the_patch_discriminator_sees_70_pixels():
    """Going back from one patch: 4, 7 (stride 1), then 2 x 7 + 2 = 16, 34, 70. Instance norm sees all: left out."""
    settings = small("isola")
    judge = network.discriminator(settings, 256, 2)
    assert judge.outputs[0].shape == (None, 30, 30, 1)
    picture = tf.Variable(tf.random.stateless_normal([1, 256, 256, 2], [3, 4]))
    convolutions = [layer for layer in judge.layers if isinstance(layer, tf.keras.layers.Conv2D)]
    with tf.GradientTape() as tape:
        x = picture
        for layer in convolutions:
            x = layer(tf.pad(x, [[0, 0], [1, 1], [1, 1], [0, 0]]))
        one = x[0, 15, 15, 0]
    touched = np.abs(tape.gradient(one, picture).numpy()[0]).sum(axis=-1) > 0
    rows, columns = np.flatnonzero(touched.any(1)), np.flatnonzero(touched.any(0))
    assert rows[-1] - rows[0] + 1 == 70 and columns[-1] - columns[0] + 1 == 70


def test_instance_norm_golden():
    """Values 0 and 2 of one channel: mean 1, deviation 1 -> -1 and 1; another picture of the batch changes nothing."""
    layer = InstanceNorm()
    x = tf.reshape(tf.constant([0.0, 2.0, 0.0, 2.0]), [1, 2, 2, 1])
    np.testing.assert_allclose(layer(x)[0, :, :, 0], [[-1, 1], [-1, 1]], atol=1e-4)
    np.testing.assert_allclose(layer(tf.concat([x, 100 * x], 0))[0], layer(x)[0], atol=1e-5)


def test_hands_write_differently_and_train_with_dense_gradients():
    model = network.generator(small("hand", hands=3, hand_size=4), 32, 1)
    printed = tf.random.stateless_uniform([2, 32, 32, 1], [5, 6], -1, 1)
    for layer in model.layers:
        if isinstance(layer, InstanceNorm):
            layer.style.assign(layer.style * 20)  # at the start styles hardly differ, so that learning starts alike
    one, other = model([printed, tf.constant([0, 0])]), model([printed, tf.constant([0, 2])])
    np.testing.assert_allclose(one[0], other[0], atol=1e-5)
    assert np.abs(one[1] - other[1]).max() > 1e-3
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model([printed, tf.constant([1, 1])]))
    table = next(layer for layer in model.layers if isinstance(layer, Hands)).styles
    gradient = tape.gradient(loss, table)
    assert isinstance(gradient, tf.Tensor)
    assert np.abs(gradient[1]).max() > 0 and np.abs(gradient[0]).max() == 0
