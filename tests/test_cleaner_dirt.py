"""Pairs made in the graph: what they hold, that nothing but the seed decides, and that no Python runs in them."""

import numpy as np
import pytest
import tensorflow as tf

from models.cleaner.bank import ink_box, make_bank, noise_fields
from models.cleaner.config import Dirt
from models.cleaner.data import printed_fonts
from models.cleaner.dirt import DirtMaker, Draws, binarised, blurred, otsu
from models.ink.prepare import otsu_threshold

SIZE = 64


@pytest.fixture(scope="module")
def bank():
    return make_bank(printed_fonts("train"), SIZE, words=40, layers=20, seed=3)


@pytest.fixture(scope="module")
def stroke():
    """uint8 [64, 64]: one thick bow with smooth rims."""
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    distance = np.abs(rows - 32 - 12 * np.sin(columns / 9))
    return np.clip(255 * (distance - 1.5), 0, 255).astype(np.uint8)


def pairs(maker, stroke, count, seed=1):
    made = tf.function(lambda index: maker.pair(tf.constant(stroke), tf.stack([seed, index])))
    both = [made(tf.constant(index)) for index in range(count)]
    return [np.stack([pair[side].numpy() for pair in both]) for side in (0, 1)]


def test_pairs_hold_what_they_promise(bank, stroke):
    dirty, clean = pairs(DirtMaker(bank, Dirt(), SIZE), stroke, 60)
    assert dirty.dtype == clean.dtype == np.uint8 and dirty.shape == (60, SIZE, SIZE)
    assert set(np.unique(clean)) == {0, 255}
    binary = [set(np.unique(image)) <= {0, 255} for image in dirty]
    assert 0.6 < np.mean(binary) < 1.0  # grey_share is 0.15
    ink, found = clean == 0, dirty <= 127
    assert (found & ~ink).sum() > 0.5 * ink.sum(), "hardly any dirt on the paper"
    assert (ink & ~found).sum() > 0.005 * ink.sum(), "no stroke is ever damaged"
    assert np.mean((found & ink).sum((1, 2)) / ink.sum((1, 2))) > 0.8, "strokes must mostly survive"


def test_print_covers_the_middle_too(bank):
    """Strokes lie in the middle of an example: print and lines must fall there as often as elsewhere."""
    maker = DirtMaker(bank, Dirt(), SIZE)
    draw = tf.function(lambda index: maker.printed_matter(Draws(tf.stack([7, index]))))
    covered = np.mean([draw(tf.constant(index)).numpy() < 200 for index in range(80)], axis=0)
    assert covered[24:40, 24:40].mean() > 0.6 * covered.mean() > 0.02


def test_only_the_seed_decides(bank, stroke):
    again = make_bank(printed_fonts("train"), SIZE, words=40, layers=20, seed=3)
    first, second = (pairs(DirtMaker(one, Dirt(), SIZE), stroke, 6)[0] for one in (bank, again))
    assert np.array_equal(first, second)
    assert len({image.tobytes() for image in first}) == 6
    assert not np.array_equal(first, pairs(DirtMaker(bank, Dirt(), SIZE), stroke, 6, seed=2)[0])


def test_no_dirt_leaves_the_signature(bank, stroke):
    nothing = Dirt(words=0, layer_share=0, scan_share=0, speck_share=0, grey_share=0)
    dirty, clean = pairs(DirtMaker(bank, nothing, SIZE), stroke, 8)
    assert np.array_equal(dirty, clean)
    still = Dirt(words=0, layer_share=0, scan_share=0, speck_share=0, grey_share=0,
                 shrink=0, widen=0, heighten=0, turn=0, slant=0, shift=0)
    _, clean = pairs(DirtMaker(bank, still, SIZE), stroke, 1)
    assert np.array_equal(clean[0], np.where(stroke > 127, 255, 0))


def test_nothing_is_mirrored(bank):
    """A mark in the upper left corner's quarter stays there: turning and shifting are small."""
    corner = np.full((SIZE, SIZE), 255, np.uint8)
    corner[20:26, 18:26] = 0
    _, clean = pairs(DirtMaker(bank, Dirt(), SIZE), corner, 30)
    rows, columns = zip(*(np.argwhere(image == 0).mean(axis=0) for image in clean))
    assert max(columns) < 45 and max(rows) < 45 and np.mean(columns) < 32 and np.mean(rows) < 32


def test_graph_is_static_and_free_of_python(bank, stroke):
    maker = DirtMaker(bank, Dirt(), SIZE)
    given = tf.TensorSpec([SIZE, SIZE], tf.uint8), tf.TensorSpec([2], tf.int32)
    traced = tf.function(maker.pair).get_concrete_function(*given)
    assert all(shape == [SIZE, SIZE] for shape in (output.shape for output in traced.outputs))
    definition = traced.graph.as_graph_def()
    kinds = {node.op for node in definition.node} | {n.op for f in definition.library.function for n in f.node_def}
    assert not {kind for kind in kinds if "PyFunc" in kind or "Numpy" in kind}
    stateful = {kind for kind in kinds if kind.startswith("Random") or kind in ("Multinomial", "TruncatedNormal")}
    assert not stateful


def test_otsu_equals_the_host_version():
    """On images of even 2 x 4 blocks the sampled histogram is the full one."""
    random = np.random.default_rng(5)
    for _ in range(5):
        ink, paper = random.integers(0, 120, (32, 16)), random.integers(150, 256, (32, 16))
        coarse = np.where(random.random((32, 16)) < 0.1, ink, paper)
        image = np.repeat(np.repeat(coarse, 2, axis=0), 4, axis=1).astype(np.uint8)
        assert int(otsu(tf.constant(image))) == otsu_threshold(image)


def test_otsu_parts_two_levels():
    """Half 50, half 200: every threshold from 50 to 199 parts them alike; the first counts, and <= 50 is ink."""
    image = np.full((8, 8), 200, np.uint8)
    image[:4] = 50
    threshold = otsu(tf.constant(image))
    assert int(threshold) == 50
    assert np.array_equal(binarised(tf.constant(image), threshold).numpy() == 0, image == 50)


def test_blur_keeps_the_mean_and_spreads_as_told():
    """Weight 0.25 along both axes: the middle keeps 0.5 x 0.5, its neighbours get 0.5 x 0.25, corners 0.0625."""
    point = np.zeros((5, 5), np.float32)
    point[2, 2] = 16
    spread = blurred(tf.constant(point), 0.25).numpy()
    assert spread[1:4, 1:4].tolist() == [[1, 2, 1], [2, 4, 2], [1, 2, 1]] and spread.sum() == 16


def test_draws_are_counted():
    draws = Draws(tf.constant([1, 2]), count=4)
    assert draws.take(3, 2.0, 3.0).shape == [3]
    with pytest.raises(ValueError, match="more than the 4"):
        draws.take(2)


def test_noise_fields_mark_the_share_asked_for():
    for field in noise_fields(SIZE, np.random.default_rng(0)):
        assert (field < 64).mean() == pytest.approx(0.25, abs=0.001) and field.max() == 255


def test_bank(bank):
    assert bank.words.shape == (40, 24, SIZE) and bank.layers.shape == (20, 96, 96)
    for patch, box in zip(bank.words, bank.word_boxes):
        assert ink_box(patch) == tuple(box) and (patch[box[0]:] >= 128).all() and (patch[:, box[1]:] >= 128).all()
    assert np.mean((bank.layers < 128).mean((1, 2)) > 0) > 0.8
