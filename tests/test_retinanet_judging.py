"""COCO's figures, thresholds and the blind baseline against pages worked out by hand."""

import numpy as np
import pytest

from models.retinanet import draw, judge

NAMES = ["signature", "date"]
TRUTH = [np.array([[1, 10, 10, 30, 50.0]]), np.array([[1, 10, 10, 30, 50.0], [2, 60, 60, 80, 90]]), np.zeros((0, 5))]


def detections(rows, most=4):
    """Arrays of [(page, class, score, box)], three pages."""
    boxes, scores, classes = np.zeros((3, most, 4)), np.zeros((3, most)), np.zeros((3, most), int)
    used = [0, 0, 0]
    for page, kind, score, box in rows:
        boxes[page, used[page]], scores[page, used[page]], classes[page, used[page]] = box, score, kind
        used[page] += 1
    return boxes, scores, classes


def test_perfect_detections_score_one():
    rows = [(0, 1, 0.9, (10, 10, 30, 50)), (1, 1, 0.8, (10, 10, 30, 50)), (1, 2, 0.7, (60, 60, 80, 90))]
    found = judge.judge(TRUTH, *detections(rows), NAMES, 20, 1)
    for name in (*NAMES, "mean"):
        assert [found[name][key] for key in judge.FIGURES] == pytest.approx([1, 1, 1, 1])
    assert (found["signature"]["boxes"], found["mean"]["boxes"]) == (2, 3)


def test_precision_by_hand():
    """Signatures, best first: a hit, a false alarm on the blank page, a hit. Precision at recall 1/2 is 1, at 1 it is
    2/3. COCO reads 101 recalls: 51 of them (0 to 0.5) at 1 and 50 at 2/3. Nobody found the date: its AP is 0."""
    rows = [(0, 1, 0.9, (10, 10, 30, 50)), (2, 1, 0.8, (0, 0, 20, 20)), (1, 1, 0.7, (10, 10, 30, 50))]
    found = judge.judge(TRUTH, *detections(rows), NAMES, 20, 1)
    assert found["signature"]["AP50"] == pytest.approx((51 + 50 * 2 / 3) / 101)
    assert found["date"]["AP50"] == 0 and found["mean"]["AP50"] == pytest.approx(found["signature"]["AP50"] / 2)
    assert found["signature"]["AP50_low"] <= found["signature"]["AP50"] <= found["signature"]["AP50_high"]


def test_loose_boxes_count_at_low_overlaps_only():
    """A box of 40 x 14 in one of 40 x 20 overlaps by 0.7: right at 0.50 to 0.70, five of ten thresholds."""
    rows = [(0, 1, 0.9, (10, 10, 24, 50)), (1, 1, 0.8, (10, 10, 24, 50))]
    found = judge.judge(TRUTH, *detections(rows), NAMES, 20, 1)["signature"]
    assert found["AP50"] == pytest.approx(1) and found["AP75"] == 0 and found["AP"] == pytest.approx(0.5)


def test_a_class_without_boxes_has_no_figure():
    truth = [rows[:1] for rows in TRUTH]
    found = judge.judge(truth, *detections([(0, 1, 0.9, (10, 10, 30, 50))]), NAMES, 20, 1)
    assert found["date"]["AP"] is None and found["mean"]["AP"] == found["signature"]["AP"]


def test_nothing_found_scores_nothing():
    found = judge.judge(TRUTH, *detections([]), NAMES, 20, 1)
    assert found["mean"]["AP"] == 0 and found["signature"]["AR"] == 0


def test_threshold_by_hand():
    """Hits at 0.9 and 0.5, a false alarm at 0.7; two boxes. F1 from 0.9: 2/3; from 0.7: 2/4; from 0.5: 4/5, the
    best: the threshold is midway to 0, as nothing follows, or to the false alarm that does."""
    rows = [(0, 1, 0.9, (10, 10, 30, 50)), (2, 1, 0.7, (0, 0, 20, 20)), (1, 1, 0.5, (10, 10, 30, 50))]
    arrays = detections(rows)
    assert judge.best_threshold(TRUTH, *arrays, 1) == (0.25, pytest.approx(4 / 5))
    assert judge.best_threshold(TRUTH, *detections([*rows, (2, 1, 0.3, (40, 40, 60, 60))]), 1)[0] == pytest.approx(0.4)
    tied = detections([rows[0], (2, 1, 0.9, (0, 0, 20, 20))])   # no score parts them: 2/4, not 2/3
    assert judge.best_threshold(TRUTH, *tied, 1) == (0.45, pytest.approx(1 / 2))
    assert judge.at_threshold(TRUTH, *arrays, 1, 0.6) == {"threshold": 0.6, "precision": 0.5, "recall": 0.5, "f1": 0.5}


def test_a_box_is_hit_once():
    rows = [(0, 1, 0.9, (10, 10, 30, 50)), (0, 1, 0.8, (10, 10, 30, 49))]
    hits, count = judge.matches(TRUTH, *detections(rows), 1)
    assert hits.tolist() == [[0.9, 1.0], [0.8, 0.0]] and count == 2


def test_usual_places():
    """Three pages of another size with the signature in one place, one elsewhere: that place first, with 3 of 4
    votes."""
    truth = [np.array([[1, 10, 10, 20, 50.0]])] * 3 + [np.array([[1, 80, 10, 90, 50.0]])]
    found = judge.usual_places(truth, np.full((4, 2), 100.0), 1)
    assert found[0] == pytest.approx([1, 0.75, 0.1, 0.1, 0.2, 0.5]) and len(found) == 2


def test_pictures_show_what_was_missed_and_waste_no_room():
    page, boxes = np.zeros((100, 100, 3), np.uint8), np.array([[10, 10, 30, 50], [60, 60, 80, 90.0]])
    assert draw.misses(page.copy(), TRUTH[1], boxes, np.array([1, 2]))[1] == 0
    picture, missed = draw.misses(page.copy(), TRUTH[1], boxes, np.array([1, 1]))   # the date was called a signature
    assert missed == 1 and tuple(picture[60, 75]) == draw.MISSED and not picture[:40].any()
    assert draw.beside([page] * 2, 3).shape == (100, 200, 3) and draw.beside([page] * 4, 3).shape == (200, 300, 3)
