"""Every metric-learning loss against values derived by hand from one small batch, and gradients that stay finite.

The batch: a and b are genuine signatures of writer 0, f a forgery of writer 0, c genuine of writer 1, d genuine of writer 2.
Cosines: ab .8, af .875, ac 0, bf .5, bc .1, fc 0, ad bd fd .2, cd .7; squared distances (2 - 2 cos): ab .4, af .25, ac 2,
bf 1, bc 1.8, ad bd 1.6, cd .6. Anchors with a positive: a (b) and b (a); their negatives among a b f c: f and c.
"""

from math import cos, exp, log, sin

import numpy as np
import pytest
import tensorflow as tf

from models.extractor import losses
from models.extractor.config import Loss

COSINES = np.array([[1, .8, .875, 0, .2], [.8, 1, .5, .1, .2], [.875, .5, 1, 0, .2], [0, .1, 0, 1, .7], [.2, .2, .2, .7, 1]],
                   np.float32)
WRITERS, FORGED = [0, 0, 0, 1, 2], [False, False, True, False, False]


def value(settings, cosines=COSINES, rows=4):
    """The loss of the batch's first `rows` examples."""
    writers, forged = tf.constant(WRITERS[:rows]), tf.constant(FORGED[:rows])
    positive, negative = losses.relations(writers, forged)
    return float(losses.LOSSES[settings.name](tf.constant(cosines[:rows, :rows]), positive, negative, settings,
                                              losses.same_writer(writers)))


def test_who_is_whose_positive_and_negative():
    """Forgeries are no anchors; two forgeries of one writer are neither; c has negatives only."""
    positive, negative = losses.relations(tf.constant([0, 0, 0, 1, 0]), tf.constant([False, False, True, False, True]))
    np.testing.assert_array_equal(positive, [[0, 1, 0, 0, 0], [1, 0, 0, 0, 0], [0] * 5, [0] * 5, [0] * 5])
    np.testing.assert_array_equal(negative, [[0, 0, 1, 1, 1], [0, 0, 1, 1, 1], [0] * 5, [1, 1, 1, 0, 1], [0] * 5])


def test_contrastive():
    """m = 1. Positives: .4 / 2. Negatives, 7 pairs: only af is nearer than 1: (1 - .5)^2 / 2, over 7."""
    assert value(Loss("contrastive", margin=1.0)) == pytest.approx(.2 + .125 / 7, abs=1e-5)


@pytest.mark.parametrize("mining, expected", [("all", .2375), ("hard", .475), ("semi_hard", .05)])
def test_triplet(mining, expected):
    """Margin .7. abf: .4 - .25 + .7 = .85; baf: .4 - 1 + .7 = .1; abc and bac: below 0.

    all: (.85 + .1) / 4. hard: f is nearest to both, (.85 + .1) / 2. semi-hard: beyond b, a has only c: 0; beyond a, b's
    nearest is f: .1; (0 + .1) / 2.
    """
    assert value(Loss("triplet", mining=mining, margin=.7)) == pytest.approx(expected, abs=1e-5)


def test_semi_hard_takes_the_farthest_where_no_negative_is_beyond():
    """ab now -.5, distance 3: nobody is beyond. a's farthest is c (2): 3 - 2 + .7; b's is c (1.8): 3 - 1.8 + .7; mean 1.8."""
    far = COSINES.copy()
    far[0, 1] = far[1, 0] = -.5
    assert value(Loss("triplet", mining="semi_hard", margin=.7), far) == pytest.approx(1.8, abs=1e-5)


def test_quadruplet():
    """First term as triplet hard, .475 (d is no nearer than f). Second: the one pair of two other writers is cd, .6:
    .4 - .6 + .5 = .3 for a and for b."""
    assert value(Loss("quadruplet", margin=.7, second_margin=.5), rows=5) == pytest.approx(.775, abs=1e-5)


def test_quadruplet_needs_three_writers():
    """With two writers there is no pair of two others: only the first term is left."""
    assert value(Loss("quadruplet", margin=.7, second_margin=.5)) == pytest.approx(.475, abs=1e-5)


def test_multi_similarity():
    """alpha 2, beta 10, base .5, epsilon .1. a: b is kept (.8 < .875 + .1), f is kept (.875 > .8 - .1), c is not:
    ln(1 + e^(-2 * .3)) / 2 + ln(1 + e^(10 * .375)) / 10. b: .8 > .5 + .1 and .5 < .8 - .1: nothing is kept, 0. Mean of two."""
    expected = (log(1 + exp(-.6)) / 2 + log(1 + exp(3.75)) / 10) / 2
    assert value(Loss("multi_similarity", alpha=2, beta=10, base=.5, epsilon=.1)) == pytest.approx(expected, abs=1e-5)


def test_supervised_contrastive():
    """Temperature .5. a: b at 1.6 against f 1.75 and c 0; b: a at 1.6 against f 1 and c .2."""
    expected = (log(exp(1.6) + exp(1.75) + 1) - 1.6 + log(exp(1.6) + exp(1) + exp(.2)) - 1.6) / 2
    assert value(Loss("supervised_contrastive", temperature=.5)) == pytest.approx(expected, abs=1e-5)


def test_pair_logistic():
    """Scale 4, base .5: positives ln(1 + e^-1.2); forgeries af 1.5 and bf 0, weighing 2; strangers ac -2, bc -1.6 twice,
    and c's forgery pair cf -2."""
    skilled = (log(1 + exp(1.5)) + log(2)) / 2
    strangers = (3 * log(1 + exp(-2)) + 2 * log(1 + exp(-1.6))) / 5
    expected = log(1 + exp(-1.2)) + 2 * skilled + strangers
    assert value(Loss("pair_logistic", scale=4, base=.5, skilled_weight=2)) == pytest.approx(expected, abs=1e-5)


def softmax_loss(name):
    proxies = tf.constant([[1.0, 0.0], [0.0, 3.0]])   # their length does not count
    embeddings = tf.constant([[.6, .8], [.6, .8]])
    return float(losses.total(embeddings, tf.constant([0, 0]), tf.constant([False, True]),
                              Loss(name, scale=2.0, margin=.25), proxies))


def test_cosface():
    """Scale 2, margin .25. Genuine (.6, .8) of class 0: 2 (.6 - .25) = .7 against 1.6: ln(1 + e^.9). The same forged: class 0
    has softmax 1 / (1 + e^.4); -ln(1 - it) = ln(1 + e^-.4)."""
    assert softmax_loss("cosface") == pytest.approx(log(1 + exp(.9)) + log(1 + exp(-.4)), abs=1e-5)


def test_arcface():
    """cos(angle + .25) = .6 cos .25 - .8 sin .25, against 1.6; the forgery as in CosFace."""
    moved = 2 * (.6 * cos(.25) - .8 * sin(.25))
    assert softmax_loss("arcface") == pytest.approx(log(1 + exp(1.6 - moved)) + log(1 + exp(-.4)), abs=1e-5)


@pytest.mark.parametrize("name", [*losses.LOSSES, "cosface", "arcface"])
@pytest.mark.parametrize("case", ["alike", "opposite", "no forgeries", "no positives"])
def test_gradients_stay_finite(name, case):
    """All embeddings the same, opposite ones, and batches in which a kind of pair is missing."""
    sign = -1.0 if case == "opposite" else 1.0
    start = np.array([[1.0, 0.0], [sign, 0.0], [sign, 0.0], [1.0, 0.0]], np.float32)
    writers = [0, 1, 2, 3] if case == "no positives" else [0, 0, 1, 1]
    forged = [False, False, case != "no forgeries", False]
    embeddings, proxies = tf.Variable(start), tf.constant(np.eye(4, 2, dtype=np.float32) + .1)
    with tf.GradientTape() as tape:
        loss = losses.total(embeddings, tf.constant(writers), tf.constant(forged), Loss(name), proxies)
    assert np.isfinite(float(loss)) and np.isfinite(tape.gradient(loss, embeddings).numpy()).all()


def test_moving_a_forgery_nearer_costs_more():
    for name in losses.LOSSES:
        near = COSINES.copy()
        near[:2, 2] = near[2, :2] = .95
        assert value(Loss(name, mining="hard", margin=.7), near) > value(Loss(name, mining="hard", margin=.7)) - 1e-6, name
