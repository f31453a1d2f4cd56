"""Losses and metrics of the cleaner against values worked out by hand."""

import math

import numpy as np
import pytest
import tensorflow as tf

from models.cleaner import losses
from models.cleaner.config import Loss


def image(rows):
    return tf.constant([rows], tf.float32)


def ink_of(count, total=100):
    """float32 [1, 10, 10]: the first `count` pixels are ink."""
    flat = np.ones(total, np.float32)
    flat[:count] = 0
    return tf.constant(flat.reshape(1, 10, 10))


def test_cross_entropy_of_an_undecided_network():
    """Logit 0 means 1/2, whose cross-entropy is ln 2 at every pixel, ink or paper.

    One ink pixel of four at weight 5: the mean weight is (5 + 1 + 1 + 1) / 4 = 2, so the loss is 2 ln 2.
    """
    clean = tf.constant([0.0, 1, 1, 1], shape=[1, 2, 2, 1])
    value, parts = losses.total(tf.zeros([1, 2, 2, 1]), clean, Loss(bce=1, ink_weight=1))
    assert value.numpy() == pytest.approx([math.log(2)]) and set(parts) == {"bce"}
    value, _ = losses.total(tf.zeros([1, 2, 2, 1]), clean, Loss(bce=1, ink_weight=5))
    assert value.numpy() == pytest.approx([2 * math.log(2)])


def test_parts_add_up_and_channels_count_alike():
    """Logits 0 on three channels: |1/2 - clean| = 1/2 everywhere; 0.5 x l1 + 2 x bce = 0.25 + 2 ln 2."""
    clean = tf.constant([0.0, 1, 1, 1], shape=[1, 2, 2, 1])
    value, parts = losses.total(tf.zeros([1, 2, 2, 3]), clean, Loss(bce=2, l1=0.5))
    assert parts["l1"].numpy() == pytest.approx([0.5])
    assert value.numpy() == pytest.approx([0.25 + 2 * math.log(2)])


def test_loss_is_per_example():
    """A right and a wrong example: logit 2 on paper costs ln(1 + e^-2), on ink 2 + ln(1 + e^-2)."""
    clean = tf.stack([tf.ones([4, 4, 1]), tf.zeros([4, 4, 1])])
    value, _ = losses.total(tf.fill([2, 4, 4, 1], 2.0), clean, Loss())
    right = math.log1p(math.exp(-2))
    assert value.numpy() == pytest.approx([right, 2 + right], rel=1e-6)


def test_psnr_and_rmse_of_all_white():
    """All white against 5 % ink: MSE 0.05, PSNR -10 log10 0.05 = 13.0103 dB, RMSE sqrt 0.05; a perfect answer: 60."""
    clean, white = ink_of(5), tf.ones([1, 10, 10])
    assert losses.psnr(white, clean).numpy() == pytest.approx([13.0103], abs=1e-4)
    assert losses.rmse(white, clean).numpy() == pytest.approx([math.sqrt(0.05)])
    assert losses.psnr(clean, clean).numpy() == pytest.approx([60.0])


def test_ink_f():
    """Truth: ink at 0..4. Answer: ink at 2..5 (0.49 counts, 0.5 does not). TP 3, FP 1, FN 2: F = 6 / (6 + 3) = 2/3."""
    answer = np.ones(100, np.float32)
    answer[2:6], answer[0] = 0.49, 0.5
    answer = tf.constant(answer.reshape(1, 10, 10))
    assert losses.ink_f(answer, ink_of(5)).numpy() == pytest.approx([2 / 3])
    assert losses.ink_f(tf.ones([1, 10, 10]), ink_of(5)).numpy() == pytest.approx([0])
    assert losses.ink_f(ink_of(0), ink_of(0)).numpy() == pytest.approx([1])


def test_ssim_of_even_images():
    """No variance: the second factor is C2 / C2. (2 ab + C1) / (a^2 + b^2 + C1) with C1 = 1e-4:
    0.5 and 0.25 give 0.2501 / 0.3126 = 0.800064; paper against ink gives 1e-4 / 1.0001."""
    flat = {value: tf.fill([1, 16, 16], value) for value in (0.0, 0.25, 0.5, 1.0)}
    assert losses.ssim(flat[0.5], flat[0.25]).numpy() == pytest.approx([0.800064], abs=1e-5)
    assert losses.ssim(flat[1.0], flat[0.0]).numpy() == pytest.approx([1e-4 / 1.0001], abs=1e-6)


def test_ssim_is_the_usual_one():
    random = np.random.default_rng(0)
    clean = (random.random((3, 40, 33)) > 0.2).astype(np.float32)
    noisy = np.clip(clean + random.normal(0, 0.2, clean.shape), 0, 1).astype(np.float32)
    usual = tf.image.ssim(noisy[..., None], clean[..., None], max_val=1.0)
    assert losses.ssim(tf.constant(noisy), tf.constant(clean)).numpy() == pytest.approx(usual.numpy(), abs=1e-4)
    value, parts = losses.total(tf.constant(20.0 * clean[..., None] - 10), tf.constant(clean[..., None]), Loss(ssim=1))
    assert parts["ssim"].numpy() == pytest.approx([0, 0, 0], abs=1e-3)


def test_band_rows_are_one_gaussian():
    """Neighbouring weights of a Gaussian of sigma 1.5 differ by exp(-1 / 4.5) next to the middle."""
    band = losses.band(12)
    assert band.shape == (2, 12) and band.sum(axis=1) == pytest.approx([1, 1])
    assert band[0, 11] == 0 and band[1, 0] == 0
    assert band[0, 4] / band[0, 5] == pytest.approx(math.exp(-1 / 4.5), rel=1e-5)
