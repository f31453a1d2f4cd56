"""Alignment and training views: place and scale of a signature are taken out, its shape is not."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from models.extractor import align, augment, network, rates
from models.extractor.config import Augment, Guise, Network
from models.ink.prepare import fit_to_canvas
from models.sampling import bilinear
from models.signatures.writer import SignatureWriter

SETTINGS = Network(height=48, width=96)


def signature(seed=5, forged=False):
    writer = SignatureWriter(seed)
    image = writer.forgery(0, 100) if forged else writer.genuine(0, 100)
    return np.where(fit_to_canvas(image, 224, 224) < 160, 0, 255).astype(np.uint8)


def aligned(image, settings=SETTINGS):
    return align.aligned(tf.constant(image[None] / 255.0, tf.float32), settings)[0].numpy()


def likeness(one, other):
    """Cosine of two blurred pictures."""
    one, other = (cv2.GaussianBlur(part, (0, 0), 1.5).ravel() for part in (one, other))
    return float(one @ other / np.linalg.norm(one) / np.linalg.norm(other))


def test_spread_of_a_bar():
    """A bar of 5 x 1 pixels, columns 10..14 of row 7: centre (12, 7); variance along it (4 + 1 + 0 + 1 + 4) / 5 = 2, across 0;
    1 is added to both (a pixel's own extent), so that sqrt(3) and 1."""
    ink = np.zeros((1, 20, 30), np.float32)
    ink[0, 7, 10:15] = 1
    np.testing.assert_allclose(align.spread(tf.constant(ink))[0], [12, 7, 3 ** .5, 1, 0], rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(align.box(tf.constant(ink))[0], [12, 7, 2.5, .5], rtol=1e-6)


@pytest.mark.parametrize("how", ["moments", "box"])
def test_place_and_scale_are_taken_out(how):
    settings = Network(height=48, width=96, align=how)
    image = signature()
    small = np.full((224, 224), 255, np.uint8)
    small[100:212, 5:117] = cv2.resize(image, (112, 112), interpolation=cv2.INTER_AREA)
    assert likeness(aligned(image, settings), aligned(small, settings)) > .93
    assert likeness(1 - image / 255.0, 1 - small / 255.0) < .5   # before, they hardly overlap


def slope(ink):
    """Of the line that fits ink [h, w] best, dy/dx."""
    _, _, deviation, _, covariance = align.spread(tf.constant(ink, tf.float32)[None])[0].numpy()
    return float(covariance / deviation ** 2)


def test_a_rising_line_is_levelled():
    """Turned by a fifth of a radian: `level: 1` takes it out, `level: 0` keeps it, and at `level: .5` half of it stays."""
    image = signature()
    around = cv2.getRotationMatrix2D((112, 112), np.degrees(.2), .9)
    rising = cv2.warpAffine(image, around, (224, 224), borderValue=255)
    assert np.arctan(slope(rising < 160)) == pytest.approx(np.arctan(slope(image < 160)) - .2, abs=.04)
    level, kept = Network(height=48, width=96, level=1.0), Network(height=48, width=96)
    assert likeness(aligned(image, level), aligned(rising, level)) > .93
    assert likeness(aligned(image, kept), aligned(rising, kept)) < .8
    half = aligned(rising, Network(height=224, width=448, level=.5)) > .5
    assert np.arctan(slope(half)) == pytest.approx(np.arctan(slope(rising < 160)) / 2, abs=.04)


def test_a_stretched_square_comes_out_alike_where_aspect_is_dropped():
    """signver stretches its crops to a square; aspect: stretch takes that out, aspect: keep does not."""
    image = signature()
    rows, columns = np.flatnonzero((image == 0).any(1)), np.flatnonzero((image == 0).any(0))
    crop = image[rows[0]:rows[-1] + 1, columns[0]:columns[-1] + 1]
    square = cv2.resize(crop, (224, 224), interpolation=cv2.INTER_LINEAR)
    kept, dropped = Network(height=48, width=96), Network(height=48, width=96, aspect="stretch")
    assert likeness(aligned(image, dropped), aligned(square, dropped)) > .9
    assert likeness(aligned(image, kept), aligned(square, kept)) < likeness(aligned(image, dropped), aligned(square, dropped))


def test_blank_and_black_images_stay_finite():
    pictures = np.stack([np.ones((224, 224)), np.zeros((224, 224))]).astype(np.float32)
    assert np.isfinite(align.aligned(tf.constant(pictures), SETTINGS).numpy()).all()


def test_views_depend_on_the_seed_alone():
    image, settings = tf.constant(signature()), Augment()
    one, again, other = (augment.view(image, tf.constant(seed), settings, SETTINGS).numpy() for seed in ([1, 2], [1, 2], [1, 3]))
    assert one.shape == (48, 96) and one.dtype == np.uint8
    assert (one == again).all() and (one != other).any()


def test_without_settings_a_view_is_the_plain_picture():
    image = tf.constant(signature())
    view = augment.view(image, tf.constant([1, 2]), STILL, SETTINGS).numpy()
    np.testing.assert_allclose(view.astype(int), augment.plain(image, SETTINGS).numpy(), atol=1)


def test_views_keep_identity():
    """A view is more like its signature than like its mirror image, and than another writer's signature."""
    plain = aligned(signature())
    for number in range(8):
        view = augment.view(tf.constant(signature()), tf.constant([7, number]), Augment(), SETTINGS).numpy() / 255.0
        assert likeness(view, plain) > max(likeness(view, plain[:, ::-1]), likeness(view, aligned(signature(6))))


def test_thickness_moves_ink_both_ways():
    ink = align.ink_of(tf.constant(signature()[None] / 255.0, tf.float32))
    thin, same, thick = (float(tf.reduce_sum(augment.thickened(ink, pixels))) for pixels in (-1.0, 0.0, 1.0))
    assert thin < .9 * same and thick > 1.1 * same and same == float(tf.reduce_sum(ink))


def test_bending_samples_between_pixels():
    """A ramp read half a pixel to the right is half a step brighter, in each picture of a batch and each channel."""
    ramp = np.tile(np.arange(8, dtype=np.float32), (4, 1))
    pictures = tf.constant(np.stack([np.stack([ramp, 2 * ramp], -1), np.stack([ramp + 50, ramp - 50], -1)]))
    rows, columns = np.meshgrid(np.arange(3.0), np.arange(6.0) + .5, indexing="ij")
    both = [tf.constant(np.stack([places] * 2), tf.float32) for places in (rows, columns)]
    read, right = bilinear(pictures, *both), np.tile(np.arange(6) + .5, (3, 1))
    for got, wanted in zip(np.moveaxis(read.numpy(), -1, 1).reshape(4, 3, 6), (right, 2 * right, right + 50, right - 50)):
        np.testing.assert_allclose(got, wanted, rtol=1e-5)


def test_no_layer_sees_the_rest_of_the_batch():
    """Embeddings are the same alone and among others, have unit norm, and training mode without dropout changes nothing."""
    for name in ("light", "signver"):
        model = network.build(Network(name=name, height=32, width=64, embedding=16, channels=[8, 16], parts=4, dropout=0))
        ink = np.random.default_rng(0).random((3, 32, 64)).astype(np.float32)
        together = model(ink, training=True).numpy()
        np.testing.assert_allclose(np.linalg.norm(together, axis=1), 1, rtol=1e-5)
        np.testing.assert_allclose(model(ink[1:2], training=False).numpy()[0], together[1], atol=1e-5)


def test_the_reference_has_signvers_size():
    assert 8.5e6 < network.build(Network(name="signver", height=224, width=224)).count_params() < 9.8e6


def test_equal_error_rate_of_a_batch():
    """Positives .9 .8 .3, negatives .7 .2 .1: between .3 and .7 one of three is wrong on both sides."""
    cosines = tf.constant([[.9, .8, .3], [.7, .2, .1]])
    positive = tf.constant([[1.0, 1, 1], [0, 0, 0]])
    assert float(rates.batch_eer(cosines, positive, 1 - positive)) == pytest.approx(1 / 3)
    assert float(rates.batch_eer(cosines, positive, 0 * positive)) == .5


def guised(person, seed=(1, 2), **changes):
    return augment.view(tf.constant(signature()), tf.constant(seed), STILL, SETTINGS, Guise(**changes),
                        tf.constant(person)).numpy() / 255.0


STILL = Augment(turn=0, slant=0, scale=0, stretch=0, shift=0, bend=0, thickness=0, dropout=0)
NO_GUISE = {"turn": 0, "slant": 0, "scale": 0, "stretch": 0, "bend": 0, "thickness": 0}


def test_a_guise_is_shared_by_all_images_of_a_person():
    """Whatever an image's own seed; person 0 wears none; another person, another guise."""
    np.testing.assert_array_equal(guised((5, 3)), guised((5, 3), seed=(8, 9)))
    np.testing.assert_allclose(guised((0, 3)), aligned(signature()), atol=1 / 255)
    assert abs(guised((5, 3)) - guised((0, 3))).max() > 0.5 and abs(guised((5, 3)) - guised((6, 3))).max() > 0.5


def test_a_mirroring_guise():
    plain, mirrored = (guised((5, 3), mirror=share, **NO_GUISE) for share in (0.0, 1.0))
    np.testing.assert_allclose(mirrored[:, ::-1], plain, atol=0.02)

