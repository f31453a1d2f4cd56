"""An isolation forest as plain arrays, scored by TensorFlow ops as scikit-learn scores it: an export needs no pickle.

F. T. Liu, K. M. Ting, Z.-H. Zhou, "Isolation Forest", ICDM 2008.
"""

from __future__ import annotations

import numpy as np
import tensorflow as tf

KEYS = ("forest_feature", "forest_threshold", "forest_left", "forest_right", "forest_length", "forest_scale")


def fit(codes: np.ndarray, trees: int, samples: int, seed: int) -> dict[str, np.ndarray]:
    """The arrays of a forest fitted on codes float32 [N, D]: of every tree [T] its nodes [M], filled up with leaves.

    feature int32 (-1: a leaf), threshold float64, left and right int32, length float64 (of the path to a leaf, as in
    Eq. (1)'s h with the part that the leaf leaves open), scale float64 [] = trees x c(samples).
    """
    from sklearn.ensemble import IsolationForest
    made = IsolationForest(n_estimators=trees, max_samples=min(samples, len(codes)), random_state=seed).fit(codes)
    return arrays_of(made)


def arrays_of(made) -> dict[str, np.ndarray]:
    """The arrays of a fitted sklearn.ensemble.IsolationForest."""
    trees = [estimator.tree_ for estimator in made.estimators_]
    most = max(tree.node_count for tree in trees)
    shape = len(trees), most
    found = {"feature": np.full(shape, -1, np.int32), "threshold": np.zeros(shape), "left": np.zeros(shape, np.int32),
             "right": np.zeros(shape, np.int32), "length": np.zeros(shape)}
    for number, (tree, chosen) in enumerate(zip(trees, made.estimators_features_)):
        inner = tree.children_left >= 0
        place = np.arange(tree.node_count)
        row = slice(0, tree.node_count)
        found["feature"][number, row] = np.where(inner, chosen[np.maximum(tree.feature, 0)], -1)
        found["threshold"][number, row] = tree.threshold
        found["left"][number, row] = np.where(inner, tree.children_left, place)
        found["right"][number, row] = np.where(inner, tree.children_right, place)
        found["length"][number, row] = depths(tree) + expected_length(tree.n_node_samples)
    found["scale"] = np.array(len(trees) * expected_length(np.array([made.max_samples_]))[0])
    return {f"forest_{name}": values for name, values in found.items()}


def depths(tree) -> np.ndarray:
    """float64 [nodes]: edges from the root to every node; children stand behind their parents."""
    depth = np.zeros(tree.node_count)
    for node in range(tree.node_count):
        for child in (tree.children_left[node], tree.children_right[node]):
            if child >= 0:
                depth[child] = depth[node] + 1
    return depth


def expected_length(samples: np.ndarray) -> np.ndarray:
    """c(n), Eq. (1): mean path length of an unsuccessful search in a binary tree of n samples; 0, 1 for n = 1, 2."""
    n = np.asarray(samples, np.float64)
    many = 2.0 * (np.log(np.maximum(n - 1.0, 1.0)) + np.euler_gamma) - 2.0 * (n - 1.0) / np.maximum(n, 1.0)
    return np.where(n <= 1, 0.0, np.where(n == 2, 1.0, many))


def score_samples(codes, arrays: dict):
    """float64 [N], -1 (anomalous) .. 0: minus Eq. (2), 2^(-mean length / c), of codes [N, D]; as sklearn's score_samples."""
    feature, threshold, left, right, length, scale = (tf.constant(arrays[key]) for key in KEYS)
    codes = tf.cast(tf.cast(codes, tf.float32), tf.float64)  # scikit-learn compares float32 codes with float64 thresholds
    trees = feature.shape[0]
    steps = int(np.ceil(np.max(depth_bound(arrays))))
    rows = tf.range(trees)[None]
    node = tf.zeros([tf.shape(codes)[0], trees], tf.int32)
    for _ in range(steps):
        place = tf.stack([tf.broadcast_to(rows, tf.shape(node)), node], axis=-1)
        asked = tf.maximum(0, tf.gather_nd(feature, place))
        value = tf.gather(codes, asked, axis=1, batch_dims=1)
        node = tf.where(value <= tf.gather_nd(threshold, place), tf.gather_nd(left, place), tf.gather_nd(right, place))
    place = tf.stack([tf.broadcast_to(rows, tf.shape(node)), node], axis=-1)
    total = tf.reduce_sum(tf.gather_nd(length, place), axis=1)
    return -tf.pow(tf.constant(2.0, tf.float64), -total / scale)


def depth_bound(arrays) -> np.ndarray:
    """[T]: the depth of every tree, by walking all its nodes down level by level."""
    left, right, feature = arrays["forest_left"], arrays["forest_right"], arrays["forest_feature"]
    deepest = np.zeros(len(feature))
    for number in range(len(feature)):
        level, steps = np.array([0]), 0
        while True:
            inner = level[feature[number, level] >= 0]
            if not len(inner):
                break
            level, steps = np.concatenate([left[number, inner], right[number, inner]]), steps + 1
        deepest[number] = steps
    return deepest
