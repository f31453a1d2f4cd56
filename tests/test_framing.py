"""Frames: the same for bright and dark scans, whatever the size; variation that bends and moves but never mirrors."""

import numpy as np
import pytest
import tensorflow as tf

from models.framing import vary
from models.framing.frame import frames, make_framer

framer = make_framer(32, 64)


def page(height=80, width=200, paper=255, ink=20):
    """A thick L with its foot to the right, off the middle."""
    image = np.full((height, width), paper, np.uint8)
    image[15:60, 40:48] = ink
    image[52:60, 40:100] = ink
    return image


def test_box_is_cut_out_centred_and_keeps_its_aspect():
    """The L is 45 high and 60 wide; 92 % of 32 pixels is 29.44, so the scale is 0.654: 29 rows and 39 columns."""
    rows, columns = np.nonzero(framer(page()) > 100)
    assert (rows.min(), rows.max()) == (1, 29) and (columns.min(), columns.max()) == (12, 50)


@pytest.mark.parametrize("paper,ink", [(255, 0), (239, 60), (180, 20), (255, 190)])
def test_brightness_of_paper_and_pen_does_not_show(paper, ink):
    plain = framer(page()).astype(int)
    assert np.abs(framer(page(paper=paper, ink=ink)).astype(int) - plain).mean() < 2


def test_shading_does_not_show():
    light = np.linspace(1.0, 0.7, 200)[None]
    shaded = np.rint(page() * light).astype(np.uint8)
    assert np.abs(framer(shaded).astype(int) - framer(page()).astype(int)).mean() < 3


def test_specks_do_not_move_the_box():
    dusty = page()
    dusty[2, 2] = dusty[77, 190] = 0
    assert np.abs(framer(dusty).astype(int) - framer(page()).astype(int)).mean() < 2


@pytest.mark.parametrize("image", [np.full((50, 90), 255), np.full((50, 90), 120), np.zeros((50, 90)),
                                   np.random.default_rng(0).normal(220, 5, (60, 100)).clip(0, 255)])
def test_pictures_without_marks_are_empty(image):
    assert not framer(image.astype(np.uint8)).any()


@pytest.mark.parametrize("shape", [(8, 8), (8, 900), (700, 9), (1200, 1100)])
def test_any_size(shape):
    image = np.full(shape, 255, np.uint8)
    image[shape[0] // 2 - 2:shape[0] // 2 + 2, 2:-2] = 0
    assert framer(image).shape == (32, 64) and framer(image).max() > 100


def test_a_batch_is_framed_as_its_pictures_are():
    images = np.stack([page(), page(paper=230), np.full((80, 200), 255, np.uint8)])
    together = frames(tf.constant(images[..., None]), 32, 64).numpy()[..., 0]
    assert np.array_equal(together, np.stack([framer(image) for image in images]))


def ink():
    return tf.constant(framer(page())[..., None] / np.float32(255))


def test_no_movement_is_none():
    still = dict(turn=0.3, slant=0.3, scale=0.3, shift=0.3)
    assert np.allclose(vary.moved(ink(), tf.zeros(6), **still), ink(), atol=1e-5)
    assert np.allclose(vary.bent(ink(), tf.zeros([3, 6, 2])), ink(), atol=1e-3)
    assert np.allclose(vary.thickened(ink(), 0.0), ink())


def test_shift_and_bend_move_by_whole_pixels():
    """A shift of 1/16 of 64 columns fetches from 4 columns to the right; so does an even bend of 4 pixels."""
    draws = tf.constant([0.0, 0, 0, 0, 1, 0])
    shifted = vary.moved(ink(), draws, turn=0, slant=0, scale=0, shift=1 / 16).numpy()
    bent = vary.bent(ink(), tf.constant(np.tile([0.0, 4.0], (3, 6, 1)), tf.float32)).numpy()
    expected = ink().numpy()[:, 4:]
    assert np.allclose(shifted[:, :-4], expected, atol=1e-4) and np.allclose(bent[:, :-5], expected[:, :-1], atol=2e-2)


def test_never_mirrored():
    """Over many draws the foot of the L stays to the right of its stem."""
    for seed in range(20):
        draws = tf.random.stateless_uniform([6], [seed, 0], -1.0, 1.0)
        moved = vary.moved(ink(), draws, turn=0.3, slant=0.3, scale=0.2, shift=0.05).numpy()[..., 0]
        upper, lower = moved[:14], moved[18:]
        middle = [(part * np.arange(64)).sum() / part.sum() for part in (upper, lower)]
        assert middle[1] > middle[0]


def test_thickness_and_patch():
    plain = float(tf.reduce_sum(ink()))
    assert float(tf.reduce_sum(vary.thickened(ink(), 1.0))) > plain > float(tf.reduce_sum(vary.thickened(ink(), -1.0)))
    lost = vary.without_patch(ink(), tf.constant([0.5, 0.5, 1.0, 1.0]), 2.0)
    assert float(tf.reduce_sum(lost)) == 0
