"""From three scores to one answer: a logistic fusion and every part's threshold, settled on development data alone."""

from __future__ import annotations

import numpy as np

from models.decisions.scores import best_threshold

PARTS = ("reconstruction", "anomaly", "classifier")
CLIP = 12.0  # of the classifier's logit; beyond it is sure either way


def goodness(error, anomaly, logit) -> np.ndarray:
    """float64 [N, 3]: the parts as scores that are high for signatures: -log error, anomaly score, clipped logit."""
    return np.stack([-np.log(np.asarray(error, np.float64) + 1e-6), np.asarray(anomaly, np.float64),
                     np.clip(np.asarray(logit, np.float64), -CLIP, CLIP)], axis=1)


def fit(scores: np.ndarray, is_signature: np.ndarray) -> dict[str, np.ndarray]:
    """fusion_weights [3] and fusion_bias [] of raw scores [N, 3], a threshold for each part [3] and for the fusion []."""
    from sklearn.linear_model import LogisticRegression
    mean, spread = scores.mean(axis=0), scores.std(axis=0) + 1e-9
    made = LogisticRegression(C=1.0, class_weight="balanced").fit((scores - mean) / spread, is_signature)
    weights = made.coef_[0] / spread
    found = {"fusion_weights": weights, "fusion_bias": made.intercept_[0] - (weights * mean).sum()}
    thresholds = [best_threshold(column[is_signature], column[~is_signature]) for column in scores.T]
    fused = probability(scores, found)
    return found | {"part_thresholds": np.array(thresholds),
                    "fusion_threshold": np.array(best_threshold(fused[is_signature], fused[~is_signature]))}


def probability(scores: np.ndarray, fitted: dict) -> np.ndarray:
    """float64 [N] in 0..1 of scores [N, 3]."""
    return 1.0 / (1.0 + np.exp(-(scores @ fitted["fusion_weights"] + fitted["fusion_bias"])))
