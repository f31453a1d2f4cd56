"""Shapes, receptive fields, normalisation and styles of pix2pix' networks."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from models.pix2pix import network
from models.pix2pix.config import Network
from models.pix2pix.layers import Bend, Hands, InstanceNorm, Profile, smooth, spline_weights
from models.pix2pix.posture import Posture


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


def sketch(side=64):
    """A cross of strokes, float32 [1, side, side, 1]: -1 ink, 1 paper."""
    picture = np.ones((1, side, side, 1), np.float32)
    picture[:, 16:20, 8:56] = picture[:, 8:56, 30:34] = -1.0
    return tf.constant(picture)


def test_hand_starts_as_the_print_itself():
    written = network.generator(small("hand"), 64, 1)(sketch())
    assert np.abs(written - sketch()).mean() < 0.02 and (np.sign(written) == np.sign(sketch())).mean() > 0.99


def test_hand_neither_tears_a_thick_stroke_nor_draws_where_none_is():
    """Whatever the weights: no ink further from the print's than bends and weight reach, and a thick stroke stays whole."""
    model = network.generator(small("hand"), 64, 1)
    random = np.random.default_rng(3)
    model.set_weights([weights + random.normal(0, 0.5, weights.shape) for weights in model.get_weights()])
    thick = np.ones((1, 64, 64, 1), np.float32)
    thick[:, 24:40, 10:54] = -1.0
    written = model(tf.constant(thick)).numpy()[0, :, :, 0]
    assert np.abs(written - thick[0, :, :, 0]).max() > 1.0, "it moves"
    reach = int(np.ceil(0.48 * (32 + 16 + 8) + 1)) + 1
    near = tf.nn.max_pool2d(-tf.constant(thick), 2 * reach + 1, 1, "SAME").numpy()[0, :, :, 0] > 0
    assert (written[~near] > 0).all()
    parts, _ = cv2.connectedComponents((written < 0).astype(np.uint8))
    assert parts == 2, "paper and one stroke"


def test_bends_neither_tear_nor_fold():
    """Knots moved as far as may be, at random: pixels in a row keep their order, in both directions."""
    ramp = np.stack(np.meshgrid(np.arange(64.0), np.arange(64.0)), axis=-1).astype(np.float32)[None]
    steps = tf.constant(np.random.default_rng(0).choice([-9.0, 9.0], (1, 8, 8, 2)).astype(np.float32))
    bent = Bend()([ramp, steps]).numpy()[0, 8:-8, 8:-8]
    assert np.abs(bent - ramp[0, 8:-8, 8:-8]).max() > 1.0
    (xx, xy), (yx, yy) = (np.gradient(bent[..., axis])[::-1] for axis in (0, 1))
    assert (xx * yy - xy * yx).min() > 0


def test_profile_golden():
    """An edge between pixels 3 (ink) and 4, reach 1: the mean of the edge one pixel left, there, and one pixel right."""
    edge = np.where(np.arange(8) < 4, -1.0, 1.0).astype(np.float32)
    rows = Profile(1)(tf.constant(np.tile(edge, (8, 1))[None, ..., None])).numpy()[0, :, :, 0]
    np.testing.assert_allclose(rows, np.tile([-1, -1, -1, -1 / 3, 1 / 3, 1, 1, 1], (8, 1)), atol=1e-6)


def test_splines_add_up_and_a_single_knot_is_a_cubic():
    """One knot of 8, drawn at the knots' own places: 1/6, 2/3, 1/6."""
    np.testing.assert_allclose(spline_weights(5, 40).sum(axis=1), 1.0, atol=1e-6)
    knots = np.zeros((1, 8, 8, 1), np.float32)
    knots[0, 4, :, 0] = 1.0
    np.testing.assert_allclose(smooth(tf.constant(knots), 8)[0, 2:7, 4, 0], [0, 1 / 6, 2 / 3, 1 / 6, 0], atol=1e-6)


def test_posture_learns_how_a_hand_stands():
    """Hand 1 writes 6 pixels lower, hand 0 as printed: the distance falls to a tenth, and only hand 1 moves."""
    posture, lower = Posture(2), tf.roll(sketch(), 6, axis=1)
    optimizer = tf.keras.optimizers.legacy.Adam(1e-3)
    printed, signed, hand = tf.concat([sketch()] * 2, 0), tf.concat([sketch(), lower], 0), tf.constant([0, 1])
    np.testing.assert_allclose(posture([printed, hand]), printed, atol=1e-4)
    before = float(posture.distance(printed, signed, hand)[1])
    for _ in range(150):
        optimizer.minimize(lambda: tf.reduce_sum(posture.distance(printed, signed, hand)), posture.trainable_variables)
    after = posture.distance(printed, signed, hand)
    assert float(after[1]) < 0.1 * before and float(after[0]) < 0.1 * before
    middle = [float(tf.reduce_sum((1 - one[:, :, 0]) * tf.range(64.0)[:, None]) / tf.reduce_sum(1 - one[:, :, 0]))
              for one in posture([printed, hand])]
    assert middle[1] - middle[0] == pytest.approx(6.0, abs=1.0)


def test_a_posture_cuts_off_no_ink():
    """A hand that would write far to the right and twice as wide: all of the stroke stays, within the frame."""
    posture, stroke = Posture(1), np.ones((1, 64, 64, 1), np.float32)
    stroke[0, 30:34, 12:52] = -1.0
    posture([tf.constant(stroke), tf.constant([0])])
    posture.own.assign([[-0.05, -0.05, 0, 0, 0, 0, 0, 0, 0, 0]])  # x comes from x / 2 - 0.5
    ink = posture([tf.constant(stroke), tf.constant([0])]).numpy()[0, :, :, 0] < 0
    columns = np.flatnonzero(ink.any(0))
    assert 1 <= columns[0] <= 4 and 59 <= columns[-1] <= 62
    posture.own.assign(tf.zeros([1, 10]))
    np.testing.assert_allclose(posture([tf.constant(stroke), tf.constant([0])]), stroke, atol=1e-4)


def test_hands_write_differently_and_train_with_dense_gradients():
    model = network.generator(small("hand", hands=3, hand_size=4), 32, 1)
    random = np.random.default_rng(4)  # at the start hands do not differ, and the print comes back as it is
    model.set_weights([weights + random.normal(0, 0.3, weights.shape) for weights in model.get_weights()])
    printed = sketch()[:, :32, 12:44]
    printed = tf.concat([printed, printed], 0)
    one, other = model([printed, tf.constant([0, 0])]), model([printed, tf.constant([0, 2])])
    np.testing.assert_allclose(one[0], other[0], atol=1e-5)
    assert np.abs(one[1] - other[1]).max() > 1e-3
    with tf.GradientTape() as tape:
        loss = tf.reduce_sum(model([printed, tf.constant([1, 1])]))
    table = next(layer for layer in model.layers if isinstance(layer, Hands)).styles
    gradient = tape.gradient(loss, table)
    assert isinstance(gradient, tf.Tensor)
    assert np.abs(gradient[1]).max() > 0 and np.abs(gradient[0]).max() == 0
