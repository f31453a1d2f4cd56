"""How a page becomes the network's input: fitting, tiles, dark pages, augmentation that moves boxes with the ink."""

import cv2
import numpy as np
import pytest
import tensorflow as tf

from models.retinanet import augment, pages
from models.retinanet.config import Augment, DetectorData

SETTINGS = DetectorData(height=64, width=128, channels=1)


def marked(height, width, box, channels=1):
    """White with a black box (ymin, xmin, ymax, xmax)."""
    page = np.full((height, width, channels), 255, np.uint8)
    page[box[0]:box[2], box[1]:box[3]] = 0
    return page


def ink(image):
    """The box around dark pixels."""
    rows, columns = np.flatnonzero((image < 128).any(axis=(1, 2))), np.flatnonzero((image < 128).any(axis=(0, 2)))
    return [rows[0], columns[0], rows[-1] + 1, columns[-1] + 1]


def test_a_page_keeps_its_aspect():
    """400 x 200 into 64 x 128: scale 64 / 400; the page fills 64 x 32 at the left, the rest is paper."""
    image, scale = pages.fitted(tf.constant(marked(400, 200, (100, 50, 200, 150))), 64, 128)
    assert image.shape == (64, 128, 1) and scale.numpy() == pytest.approx([0.16, 0.16])
    assert ink(image.numpy()) == [16, 8, 32, 24] and (image.numpy()[:, 32:] == 255).all()


@pytest.mark.parametrize("height,width", [(1, 1), (3, 900), (900, 3), (30, 20), (9000, 40)])
def test_any_size_fits(height, width):
    views, places = pages.views(tf.fill([height, width, 1], tf.constant(255, tf.uint8)), SETTINGS, "2x2")
    assert views.shape == (5, 64, 128, 1) and np.isfinite(places.numpy()).all()
    assert (views.numpy() == 255).all()


def test_tiles_say_where_they_lie():
    """A mark in the lower right: back in page pixels it is at the same place in every view that holds it whole."""
    box = (700, 1500, 760, 1600)
    views, places = pages.views(tf.constant(marked(1000, 2000, box)), SETTINGS, "2x2")
    for k in (0, 4):
        scale, corner = np.tile(places[k, :2].numpy(), 2), np.tile(places[k, 2:].numpy(), 2)
        assert np.array(ink(views[k].numpy())) / scale + corner == pytest.approx(box, abs=17)
    assert (views[1].numpy() == 255).all() and float(places[4, 0]) > 1.6 * float(places[0, 0])


def test_dark_pages_are_inverted():
    page = tf.constant(255 - marked(100, 100, (10, 10, 20, 60)))
    assert ink(pages.upright(page, "invert").numpy()) == [10, 10, 20, 60]
    assert (pages.upright(page, "keep").numpy() == page.numpy()).all()
    black = pages.upright(tf.zeros([50, 50, 1], tf.uint8), "invert")
    assert (black.numpy() == 255).all()


def test_colour_and_grey():
    page = tf.constant([[[255, 0, 0]]], tf.uint8)
    assert pages.to_channels(page, 1).numpy().tolist() == [[[76]]]  # 0.299 * 255
    assert pages.to_channels(page[..., :1], 3).numpy().tolist() == [[[255, 255, 255]]]


PLAIN = {"contrast_share": 0, "blur_share": 0, "noise_share": 0, "stroke_share": 0, "binary_share": 0}


@pytest.mark.parametrize("number", range(8))
def test_boxes_move_with_the_ink(number):
    """Whatever the view, the box stays around the mark, to within a pixel or two of rounding."""
    settings = Augment(scale_min=0.8, scale_max=1.6, stretch=0.2, flip_share=0.5, **PLAIN)
    box = (120, 60, 150, 160)
    image, boxes, seen = augment.view(tf.constant(marked(240, 240, box)), tf.constant([box], tf.float32),
                                      tf.constant([7, number]), settings, 128, 128)
    if bool(seen[0]):
        found = np.array(ink(image.numpy()), float)
        assert np.abs(found - boxes[0].numpy()).max() <= 3.5, (found, boxes.numpy())
    else:
        assert (image.numpy() < 128).sum() < 0.5 * 30 * 100


@pytest.mark.parametrize("number", range(4))
def test_boxes_turn_with_the_ink(number):
    """A flat ellipse, 100 x 20, turned by up to 10 degrees: its box, and not the one around the box's corners."""
    page = np.full((240, 240, 1), 255, np.uint8)
    cv2.ellipse(page, (120, 135), (50, 10), 0, 0, 360, 0, -1)
    settings = Augment(scale_min=0.99, scale_max=1.0, stretch=0, turn=10, **PLAIN)
    image, boxes, _ = augment.view(tf.constant(page), tf.constant([[125, 70, 145, 170.0]]), tf.constant([7, number]),
                                   settings, 240, 240)
    assert np.abs(np.array(ink(image.numpy()), float) - boxes[0].numpy()).max() <= 2, (ink(image.numpy()), boxes.numpy())


def test_boxes_cut_off_are_no_examples():
    """Five times as large, the mark in the corner is mostly off the canvas for some views, and then it is not seen."""
    settings = Augment(scale_min=1.0, scale_max=4.0)
    page, box = tf.constant(marked(200, 200, (0, 0, 40, 40))), tf.constant([[0, 0, 40, 40.0]])
    views = [augment.view(page, box, tf.constant([1, k]), settings, 128, 128) for k in range(30)]
    seen = [bool(one[2][0]) for one in views]
    assert any(seen) and not all(seen)
    for image, boxes, kept in views:
        assert boxes.numpy().min() >= 0 and boxes.numpy().max() <= 128


def test_tones_leave_bytes():
    settings = Augment(contrast_share=1, blur_share=1, noise_share=1, stroke_share=1, binary_share=1)
    image, _, _ = augment.view(tf.constant(marked(64, 64, (10, 10, 30, 50))), tf.zeros([0, 4]), tf.constant([1, 2]),
                               settings,
                               64, 64)
    assert image.dtype == tf.uint8 and set(np.unique(image.numpy())) <= {0, 255}


def test_an_example_is_the_same_each_time():
    arguments = tf.constant(marked(64, 64, (10, 10, 30, 50))), tf.constant([[10, 10, 30, 50.0]]), tf.constant([3, 4])
    one, two = (augment.view(*arguments, Augment(turn=2), 64, 64) for _ in range(2))
    assert all((a.numpy() == b.numpy()).all() for a, b in zip(one, two))
