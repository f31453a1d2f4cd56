"""The forest as tensors scores exactly as scikit-learn's, and its path lengths are the paper's."""

import numpy as np
import pytest
import tensorflow as tf
from sklearn.ensemble import IsolationForest

from models.screener import forest


@pytest.mark.parametrize("rows,features,trees,samples", [(400, 8, 50, 256), (90, 3, 20, 37), (30, 64, 10, 256), (5, 2, 3, 2)])
def test_equal_to_scikit_learn(rows, features, trees, samples):
    rng = np.random.default_rng(rows)
    codes = rng.normal(0, 2, (rows, features)).astype(np.float32)
    codes[rows // 2:rows // 2 + 2] = codes[0]  # equal codes, which no cut parts
    made = IsolationForest(n_estimators=trees, max_samples=min(samples, rows), random_state=3).fit(codes)
    asked = np.concatenate([codes, rng.normal(0, 5, (200, features)).astype(np.float32)])
    ours = forest.score_samples(tf.constant(asked), forest.arrays_of(made)).numpy()
    np.testing.assert_allclose(ours, made.score_samples(asked), atol=1e-6, rtol=0)


def test_codes_on_a_threshold_go_left():
    """Half of the codes are 0, half 1: thresholds lie between; asking for the thresholds themselves must agree as well."""
    codes = np.repeat([[0.0], [1.0]], 20, axis=0).astype(np.float32)
    made = IsolationForest(n_estimators=5, random_state=0).fit(codes)
    arrays = forest.arrays_of(made)
    asked = np.unique(arrays["forest_threshold"]).astype(np.float32)[:, None]
    np.testing.assert_allclose(forest.score_samples(asked, arrays), made.score_samples(asked), atol=1e-6)


def test_expected_length_by_hand():
    """c(1) = 0, c(2) = 1; c(256) = 2 (ln 255 + 0.5772157) - 2 x 255 / 256 = 2 (5.541264 + 0.577216) - 1.992188 = 10.244771."""
    assert forest.expected_length(np.array([1, 2, 256])) == pytest.approx([0, 1, 10.244771], abs=1e-6)


def test_fit_is_deterministic_and_plain():
    codes = np.random.default_rng(0).normal(size=(60, 4)).astype(np.float32)
    one, two = (forest.fit(codes, 7, 256, seed=5) for _ in range(2))
    assert set(one) == set(forest.KEYS) and all(values.dtype.kind in "fi" for values in one.values())
    assert all(np.array_equal(one[key], two[key]) for key in one)


def test_outliers_score_lower():
    codes = np.random.default_rng(0).normal(size=(300, 4)).astype(np.float32)
    scores = forest.score_samples(np.concatenate([codes, codes[:20] + 8]), forest.fit(codes, 100, 256, 0)).numpy()
    assert scores[300:].max() < np.median(scores[:300])
