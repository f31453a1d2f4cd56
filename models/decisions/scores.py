"""Figures of accepting what scores high: AUROC and its spread, false acceptances at a kept share, thresholds, F1."""

from __future__ import annotations

import numpy as np

from models.verification import rates
from models.verification.spread import percentiles


def auroc(positive, negative) -> float:
    """Chance that a positive scores higher than a negative, ties counting half."""
    return rates.auc(-np.asarray(positive, np.float64), -np.asarray(negative, np.float64))


def threshold_keeping(positive, share: float) -> float:
    """The highest score that occurs at which at least `share` of the positives score as high or higher."""
    ordered = np.sort(np.asarray(positive, np.float64))[::-1]
    return float(ordered[max(0, int(np.ceil(share * len(ordered) - 1e-9)) - 1)])


def false_rate_keeping(positive, negative, share: float = 0.95) -> float:
    """Share of negatives accepted where `share` of the positives are (FPR at 95 % TPR)."""
    return float((np.asarray(negative) >= threshold_keeping(positive, share)).mean())


def best_threshold(positive, negative) -> float:
    """Where the mean of the accepted positives' and the rejected negatives' shares is largest (Youden 1950).

    Of several such places the middle of the widest gap between neighbouring scores, which other data disturb least.
    """
    positive, negative = (np.sort(np.asarray(part, np.float64)) for part in (positive, negative))
    values = np.unique(np.concatenate([positive, negative]))
    if len(values) == 1:
        return float(values[0])
    middles = (values[1:] + values[:-1]) / 2
    kept = 1 - np.searchsorted(positive, middles) / len(positive)
    stopped = np.searchsorted(negative, middles) / len(negative)
    best = np.flatnonzero(kept + stopped >= (kept + stopped).max() - 1e-12)
    return float(middles[best[np.argmax(np.diff(values)[best])]])


def auroc_interval(positive, negative, positive_groups, negative_groups, rounds: int = 1000, seed: int = 0) -> dict:
    """{"value", "low", "high"}: the AUROC and its 95 % interval over whole groups (writers, pages), drawn with replacement."""
    random = np.random.default_rng(seed)
    draws = []
    sides = [(np.asarray(scores, np.float64), *_rows_of(groups)) for scores, groups in
             ((positive, positive_groups), (negative, negative_groups))]
    for _ in range(rounds):
        drawn = [scores[np.concatenate([rows[place] for place in random.integers(0, count, count)])]
                 for scores, rows, count in sides]
        draws.append(auroc(*drawn))
    return {"value": auroc(positive, negative), **percentiles(draws)._asdict()}


def _rows_of(groups):
    names, owner = np.unique(np.asarray(groups), return_inverse=True)
    order = np.argsort(owner, kind="stable")
    return np.split(order, np.cumsum(np.bincount(owner))[:-1]), len(names)


def confusion(truth, answer, classes: int) -> np.ndarray:
    """int [classes, classes]: rows are the truth, columns the answer."""
    return np.bincount(np.asarray(truth) * classes + np.asarray(answer), minlength=classes ** 2).reshape(classes, classes)


def f1_scores(table: np.ndarray) -> np.ndarray:
    """F1 of every class of a confusion table [C, C]: 2 TP / (2 TP + FP + FN), 0 where a class never occurs."""
    hits = np.diag(table)
    return 2 * hits / np.maximum(1, table.sum(axis=0) + table.sum(axis=1))


def weighted_f1(table: np.ndarray) -> float:
    """F1 averaged over classes, each counting as often as it truly occurs."""
    return float((f1_scores(table) * table.sum(axis=1)).sum() / table.sum())


def binary(truth, answer) -> dict[str, float]:
    """Accuracy, balanced accuracy, precision, recall, F1 and the confusion table of yes (True) and no."""
    table = confusion(np.asarray(truth, int), np.asarray(answer, int), 2)
    (right_no, wrong_yes), (wrong_no, right_yes) = table.tolist()
    recall, kept_out = right_yes / max(1, right_yes + wrong_no), right_no / max(1, right_no + wrong_yes)
    return {"accuracy": (right_yes + right_no) / table.sum(), "balanced_accuracy": (recall + kept_out) / 2,
            "precision": right_yes / max(1, right_yes + wrong_yes), "recall": recall, "false_acceptance": 1 - kept_out,
            "f1": float(f1_scores(table)[1]), "confusion": table.tolist()}
