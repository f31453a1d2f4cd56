"""Figures of decisions, each against a value found by hand."""

import numpy as np
import pytest
from sklearn.metrics import f1_score, roc_auc_score

from models.decisions import charts, scores


def test_auroc_by_hand():
    """Positives 1, 2, 3 against negatives 0, 2: of six pairs four are won, one is a tie: (4 + 0.5) / 6 = 0.75."""
    assert scores.auroc([1, 2, 3], [0, 2]) == pytest.approx(0.75)
    assert scores.auroc([1, 1], [1, 1]) == 0.5 and scores.auroc([2], [1]) == 1 and scores.auroc([1], [2]) == 0


def test_auroc_is_scikit_learns():
    rng = np.random.default_rng(0)
    yes, no = rng.normal(1, 1, 70).round(1), rng.normal(0, 1, 90).round(1)
    truth = np.repeat([1, 0], [70, 90])
    assert scores.auroc(yes, no) == pytest.approx(roc_auc_score(truth, np.concatenate([yes, no])))


def test_false_rate_at_a_kept_share():
    """Of 20 positives 1..20, 95 % are the 19 from 2 up; of negatives 0, 1, 2, 3 two are at least 2."""
    positive = np.arange(1, 21)
    assert scores.threshold_keeping(positive, 0.95) == 2
    assert scores.false_rate_keeping(positive, [0, 1, 2, 3]) == 0.5
    assert scores.threshold_keeping(positive, 1.0) == 1


def test_best_threshold():
    """Separable: the middle of the gap. Not: negatives 0 1 5, positives 4 6 7; 2.5 keeps all and stops 2 of 3."""
    assert scores.best_threshold([4, 5], [0, 1]) == 2.5
    assert scores.best_threshold([4, 6, 7], [0, 1, 5]) == 2.5
    assert scores.best_threshold([3], [3]) == 3


def test_interval_draws_groups():
    """Two groups of positives, one all above and one all below the negatives: AUROC 0.5, between 0 and 1."""
    found = scores.auroc_interval([1, 1, -1, -1], [0, 0], ["a", "a", "b", "b"], ["c", "d"], rounds=300)
    assert found == {"value": 0.5, "low": 0.0, "high": 1.0}


def test_confusion_and_f1():
    """Truth 0 0 1 1 2, answer 0 1 1 1 0: F1 of class 0 is 2/(2+1+1) = 1/2, of 1 is 4/(4+1) = 4/5, of 2 is 0;
    weighted (2 x 1/2 + 2 x 4/5 + 0) / 5 = 0.52."""
    truth, answer = [0, 0, 1, 1, 2], [0, 1, 1, 1, 0]
    table = scores.confusion(truth, answer, 3)
    assert table.tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert scores.f1_scores(table) == pytest.approx([0.5, 0.8, 0.0])
    assert scores.weighted_f1(table) == pytest.approx(0.52)
    assert scores.weighted_f1(table) == pytest.approx(f1_score(truth, answer, average="weighted", zero_division=0))


def test_binary_by_hand():
    """Three yes (two found), two no (one let in): precision 2/3, recall 2/3, accuracy 3/5, balanced (2/3 + 1/2) / 2."""
    found = scores.binary([True, True, True, False, False], [True, True, False, True, False])
    assert found["confusion"] == [[1, 1], [1, 2]]
    assert (found["accuracy"], found["precision"], found["recall"]) == pytest.approx((0.6, 2 / 3, 2 / 3))
    assert found["balanced_accuracy"] == pytest.approx(7 / 12) and found["false_acceptance"] == 0.5


def test_charts_are_written(tmp_path):
    charts.confusion_table(tmp_path / "a.png", np.array([[3, 1], [0, 4]]), ["no", "yes"], "t")
    charts.roc_curves(tmp_path / "b.png", {"one": ([1, 2], [0, 1])}, "t", "x", "y")
    charts.histogram(tmp_path / "c.png", {"one": np.array([1.0, 2.0]), "two": np.array([0.0])}, 0.5, "x", "t")
    assert all((tmp_path / f"{name}.png").stat().st_size > 2000 for name in "abc")
