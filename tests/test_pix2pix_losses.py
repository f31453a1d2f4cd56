"""Golden values of pix2pix' losses and statistics, worked out by hand in each docstring."""

import math

import numpy as np
import pytest
import tensorflow as tf

from models.pix2pix import losses
from models.pix2pix.config import Watch
from models.pix2pix.health import MEMORY, Health, handicapped
from models.pix2pix.history import History
from models.pix2pix.style import bootstrap, frechet_distance


def patches(*values):
    return tf.constant(values, tf.float32)[:, None, None, None]


@pytest.mark.parametrize("kind, real, expected", [
    ("bce", True, [math.log(2), math.log(1 + math.exp(-2))]),
    ("bce", False, [math.log(2), 2 + math.log(1 + math.exp(-2))]),
    ("lsgan", True, [1.0, 1.0]), ("lsgan", False, [0.0, 4.0]),
    ("hinge", True, [1.0, 0.0]), ("hinge", False, [1.0, 3.0])])
def test_contest_at_logits_0_and_2(kind, real, expected):
    """bce: -log sigmoid(+-x) = log(1 + e^(-+x)); lsgan: (x - label)^2; hinge: max(0, 1 -+ x)."""
    np.testing.assert_allclose(losses.contest(patches(0.0, 2.0), real, kind), expected, rtol=1e-6)


def test_deceit_wants_to_be_taken_for_real():
    """bce and lsgan: the discriminator's loss for real ones; hinge: minus the logit."""
    np.testing.assert_allclose(losses.deceit(patches(2.0), "bce"), [math.log(1 + math.exp(-2))], rtol=1e-6)
    np.testing.assert_allclose(losses.deceit(patches(3.0), "lsgan"), [4.0])
    np.testing.assert_allclose(losses.deceit(patches(3.0), "hinge"), [-3.0])


def test_accuracy_counts_patches():
    """Logits 1, 1, -1, 0.2 taken for real above 0 (bce) or 0.5 (lsgan): 3 and 2 of 4 patches."""
    logits = tf.reshape(tf.constant([1.0, 1.0, -1.0, 0.2]), [1, 2, 2, 1])
    assert losses.accuracy(logits, True, "bce").numpy() == [0.75]
    assert losses.accuracy(logits, True, "lsgan").numpy() == [0.5]
    assert losses.accuracy(logits, False, "bce").numpy() == [0.25]


def test_l1_and_coarse():
    """A line moved by one pixel: L1 is 2 lines of 8 differing by 2 -> 0.5; the 8x8 means are the same -> 0."""
    one = np.ones((1, 8, 8, 1), np.float32)
    other = one.copy()
    one[:, 3], other[:, 4] = -1, -1
    assert losses.l1(tf.constant(one), tf.constant(other)).numpy() == pytest.approx([0.5])
    assert losses.coarse(tf.constant(one), tf.constant(other)).numpy() == pytest.approx([0.0], abs=1e-6)


def test_feature_distance_means_over_layers_and_holds_the_real_ones_still():
    """Layers differ by 1 and by 3: mean 2. The gradient reaches the generated features only."""
    real, ours = ([tf.Variable(tf.fill([1, 2, 2, 1], value)) for value in values]
                  for values in ((0.0, 0.0), (1.0, 3.0)))
    with tf.GradientTape() as tape:
        value = losses.feature_distance(real, ours)
    assert value.numpy() == pytest.approx([2.0])
    gradients = tape.gradient(value, [*real, *ours])
    assert gradients[0] is None and gradients[1] is None and gradients[2] is not None


def test_weights_are_those_of_the_pipeline():
    """(1 x 2 + 0 x 100) / 2 = 1: the repeated example counts nothing."""
    assert losses.weighted(tf.constant([1.0, 100.0]), tf.constant([2.0, 0.0])).numpy() == 1.0


def line(row, side=256, thick=4):
    picture = np.ones((1, side, side, 1), np.float32)
    picture[:, row:row + thick] = -1
    return tf.constant(picture)


def test_ink_f():
    """Lines of 4 rows, reach 3: moved by 3 all is near (1.0); by 5 two rows of four are (0.5); by 10 none is."""
    assert losses.ink_f(line(100), line(100)).numpy() == pytest.approx([1.0])
    assert losses.ink_f(line(103), line(100)).numpy() == pytest.approx([1.0])
    assert losses.ink_f(line(105), line(100)).numpy() == pytest.approx([0.5])
    assert losses.ink_f(line(110), line(100)).numpy() == pytest.approx([0.0])
    blank = tf.ones([1, 256, 256, 1])
    assert losses.ink_f(blank, line(100)).numpy() == pytest.approx([0.0])
    assert losses.ink_share(blank, line(100)).numpy() == pytest.approx([0.0])
    assert losses.ink_share(line(50, thick=8), line(50)).numpy() == pytest.approx([2.0])


def test_frechet_distance():
    """One feature: N(0, 1) and N(3, 4) -> 9 + 1 + 4 - 2 x 2 = 10. Two: the second's spreads 1 and 3 add 4."""
    one, other = np.array([[-1.0], [1.0]]), np.array([[1.0], [5.0]])
    assert frechet_distance(one, other) == pytest.approx(10.0)
    corners = np.array([[-1, -1], [-1, 1], [1, -1], [1, 1]], float)
    assert frechet_distance(corners, corners * [2, 3] + [3, 0]) == pytest.approx(14.0)
    assert frechet_distance(corners, corners) == pytest.approx(0.0, abs=1e-9)


def test_bootstrap_draws_whole_writers():
    """Two writers, one always right and one always wrong: means are 0, 0.5 or 1, so the interval is all of 0..1."""
    assert bootstrap(np.array([1, 1, 1, 0, 0, 0.0]), np.array(list("aaabbb")), 500) == (0.0, 1.0)
    assert bootstrap(np.ones(6), np.array(list("aabbcc")), 100) == (1.0, 1.0)


def fakes(*values):
    return tf.constant(np.array(values, np.float32)[:, None, None, None] * np.ones((1, 4, 4, 1), np.float32))


def dice(choose, slot):
    made = np.zeros((2, 8), np.float32)
    made[:, 6], made[:, 7] = choose, slot
    return tf.constant(made)


def test_history_shows_older_pictures_of_all_ranks():
    """Ring of 3 and two ranks of 2: after a step it holds rows 1, 2, 3 of the global batch; then old ones come back.

    Rank 0 holds 0.0 and 0.2, rank 1 holds 0.4 and 0.6. Of the four the last three stay: 0.2, 0.4, 0.6 in slots 0, 1, 2.
    """
    history = History(3, 4, 1)
    other_rank = tf.stack([fakes(0.4, 0.6), -fakes(0.4, 0.6)], axis=1)

    def gather(rows):
        return tf.concat([rows, other_rank], axis=0)

    shown, _ = history.exchange(fakes(0.0, 0.2), -fakes(0.0, 0.2), dice(0.1, 0.0), gather)
    np.testing.assert_allclose(shown[:, 0, 0, 0], [0.0, 0.2], atol=1e-6)  # nothing older yet
    shown_b, shown_a = history.exchange(fakes(-1.0, -0.8), fakes(1.0, 1.0), dice([0.1, 0.9], [0.99, 0.0]), gather)
    np.testing.assert_allclose(shown_b[:, 0, 0, 0], [0.6, -0.8], atol=1 / 127)
    np.testing.assert_allclose(shown_a[:, 0, 0, 0], [-0.6, 1.0], atol=1 / 127)
    assert history.count.numpy() == 6


def scalars(accuracy, norm=1.0):
    return {"discriminator_accuracy": tf.constant(accuracy), "generator_gradient_norm": tf.constant(norm)}


def test_health_says_what_went_wrong():
    health = Health(Watch(patience_epochs=2.0))
    for _ in range(600):
        health.observe(scalars(1.0))
    assert health.verdict(1.0, 1.0) == ""  # too early
    assert "has won" in health.verdict(3.0, 1.0)
    for _ in range(600):
        health.observe(scalars(0.7))
    assert health.verdict(3.0, 0.9) == ""
    assert "collapsed" in health.verdict(3.0, 0.02)
    for _ in range(600):
        health.observe(scalars(0.7, 1e6))
    assert "norm of 1e+06" in health.verdict(3.0, 1.0)
    assert Health(Watch(stop=False)).verdict(9.0, 0.0) == ""


def test_running_mean_golden():
    """The first value counts half beside the start of 0.5: (0.5 + 1) / 2 = 0.75, then 2/3 of it and 1/3 of 0: 0.5."""
    health = Health(Watch())
    health.observe(scalars(1.0))
    assert health.accuracy.numpy() == pytest.approx(0.75)
    health.observe(scalars(0.0))
    assert health.accuracy.numpy() == pytest.approx(0.5) and MEMORY < 1


def test_handicap_rises_and_falls_with_the_discriminator():
    health = Health(Watch(back_off=True, target_accuracy=0.8))
    for _ in range(100):
        health.observe(scalars(1.0))
    risen = health.handicap.numpy()
    assert 0.15 < risen <= 0.2  # 0.002 a step once the mean is above 0.8
    for _ in range(200):
        health.observe(scalars(0.5))
    assert health.handicap.numpy() < risen


def test_handicapped_takes_the_examples_that_their_dice_name():
    """dice[2] = 0.1 and 0.9 at a handicap of 0.5: only the first loses a square of about half the side (4 of 8)."""
    rolls = np.full((2, 8), 0.5, np.float32)
    rolls[:, 2] = 0.1, 0.9
    seen = handicapped(tf.ones([2, 8, 8, 1]), tf.constant(rolls), tf.constant(0.5)).numpy()
    assert (seen[1] == 1).all() and 9 <= (seen[0] == 0).sum() <= 25 and set(np.unique(seen[0])) == {0.0, 1.0}
