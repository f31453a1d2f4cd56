"""COCO's figures for detections, class by class, with intervals over resampled pages; no TensorFlow."""

from __future__ import annotations

import contextlib
import io

import numpy as np
from pycocotools.coco import COCO
from pycocotools.cocoeval import COCOeval

FIGURES = ("AP", "AP50", "AP75", "AR")


def judge(truth: list[np.ndarray], boxes, scores, classes, names: list[str], bootstrap: int, seed: int) -> dict:
    """{class or "mean": {figure: value, figure_low, figure_high}}; None where a class has no box.

    truth[k] [n, 5]: class id and corners in pixels of page k; boxes [N, D, 4], scores [N, D] (0 = filling), classes
    [N, D].
    AP is the mean over IoU 0.50 to 0.95, AR the recall of at most 100 detections a page; low and high bound 95 % of
    `bootstrap` resamples of pages.
    """
    evaluated = _evaluated(truth, boxes, scores, classes, names)
    figures = _figures(evaluated, names, np.arange(len(truth)))
    random = np.random.default_rng(seed)
    resampled = [_figures(evaluated, names, random.integers(0, len(truth), len(truth))) for _ in range(bootstrap)]
    for name in figures:
        for figure in FIGURES:
            values = [one[name][figure] for one in resampled if one[name][figure] is not None]
            low, high = np.percentile(values, [2.5, 97.5]) if values and figures[name][figure] is not None else (None,
                                                                                                                 None)
            figures[name] |= {f"{figure}_low": _plain(low), f"{figure}_high": _plain(high)}
        figures[name]["boxes"] = int(sum((rows[:, 0] == names.index(name) + 1).sum() if name in names else len(rows)
                                         for rows in truth))
    return figures


def _plain(value):
    return None if value is None else float(value)


def _evaluated(truth, boxes, scores, classes, names):
    """A COCOeval that has matched every page, for boxes of any size."""
    with contextlib.redirect_stdout(io.StringIO()):  # it prints its progress
        known = COCO()
        known.dataset = _as_coco(truth, names)
        known.createIndex()
        rows = [{"image_id": page, "category_id": int(classes[page, k]), "score": float(scores[page, k]),
                 "bbox": [float(box[1]), float(box[0]), float(box[3] - box[1]), float(box[2] - box[0])]}
                for page in range(len(truth)) for k, box in enumerate(boxes[page]) if scores[page, k] > 0]
        found = known.loadRes(rows) if rows else COCO()
        evaluation = COCOeval(known, found, "bbox")
        evaluation.params.areaRng, evaluation.params.areaRngLbl = [[0, 1e10]], ["all"]
        evaluation.params.maxDets = [100]
        evaluation.evaluate()
    return evaluation


def _as_coco(truth, names):
    annotations = []
    for page, rows in enumerate(truth):
        for label, ymin, xmin, ymax, xmax in rows:
            annotations.append({"id": len(annotations) + 1, "image_id": page, "category_id": int(label), "iscrowd": 0,
                                "bbox": [xmin, ymin, xmax - xmin, ymax - ymin], "area": (xmax - xmin) * (ymax - ymin)})
    return {"images": [{"id": page} for page in range(len(truth))], "annotations": annotations,
            "categories": [{"id": k, "name": name} for k, name in enumerate(names, 1)]}


def _figures(evaluation, names, pages):
    """The figures over these pages (one may come several times)."""
    matched, count = evaluation.evalImgs, len(evaluation._paramsEval.imgIds)
    chosen = [matched[kind * count + page] for kind in range(len(names)) for page in pages]
    resampled = COCOeval()
    resampled.params, resampled._paramsEval = evaluation.params, evaluation._paramsEval
    resampled.evalImgs = chosen
    resampled.params.imgIds = resampled._paramsEval.imgIds
    with contextlib.redirect_stdout(io.StringIO()):
        resampled.accumulate()
    precision, recall = resampled.eval["precision"][..., 0, 0], resampled.eval["recall"][..., 0, 0]  # [T, R, K], [T, K]
    figures = {name: _of_class(precision[:, :, k], recall[:, k]) for k, name in enumerate(names)}
    figures["mean"] = {key: _mean([figures[name][key] for name in names]) for key in FIGURES}
    return figures


def _of_class(precision, recall):
    """COCO's figures of one class; -1 in COCO's tables says that it has no box."""
    if (precision < 0).all():
        return dict.fromkeys(FIGURES)
    return {"AP": float(precision.mean()), "AP50": float(precision[0].mean()), "AP75": float(precision[5].mean()),
            "AR": float(recall.mean())}


def _mean(values):
    real = [value for value in values if value is not None]
    return float(np.mean(real)) if real else None


def best_threshold(truth, boxes, scores, classes, wanted: int) -> tuple[float, float]:
    """The score from which class `wanted` has the best F1 at IoU 0.5, and that F1; to be picked on validation pages.

    It lies in the middle between the lowest score taken and the highest left out (0 where none is), so that it is nobody's
    score: one that is would be taken or left as the next machine rounds it.
    """
    rows, count = matches(truth, boxes, scores, classes, wanted)
    if not count or not len(rows):
        return 1.0, 0.0
    rows = rows[np.argsort(-rows[:, 0], kind="stable")]
    hits = np.cumsum(rows[:, 1])
    f1 = 2 * hits / (np.arange(1, len(rows) + 1) + count)
    following = np.append(rows[1:, 0], 0.0)
    f1[following == rows[:, 0]] = -1.0   # equal scores are taken together
    return float(rows[f1.argmax(), 0] + following[f1.argmax()]) / 2, float(f1.max())


def at_threshold(truth, boxes, scores, classes, wanted: int, threshold: float) -> dict:
    """Precision, recall and F1 of a class at a score threshold, IoU 0.5."""
    rows, count = matches(truth, boxes, scores, classes, wanted)
    taken = rows[rows[:, 0] >= threshold]
    hits = float(taken[:, 1].sum())
    return {"threshold": threshold, "precision": hits / len(taken) if len(taken) else None,
            "recall": hits / count if count else None, "f1": 2 * hits / (len(taken) + count) if count else None}


def matches(truth, boxes, scores, classes, wanted: int, least: float = 0.5) -> tuple[np.ndarray, int]:
    """Score and whether it hits (1 or 0) of every detection of a class, [n, 2], and how many boxes there are to find.

    By falling score a detection takes the box it overlaps most, if nobody has and by at least `least`.
    """
    from models.retinanet.anchors import overlaps
    rows, count = [], 0
    for page, known in enumerate(truth):
        own = known[known[:, 0] == wanted, 1:]
        count += len(own)
        free = np.ones(len(own), bool)
        order = np.flatnonzero((classes[page] == wanted) & (scores[page] > 0))
        for k in order[np.argsort(-scores[page, order], kind="stable")]:
            overlap = np.where(free, overlaps(boxes[page, k], own), 0.0) if len(own) else np.zeros(0)
            hit = bool(len(own)) and overlap.max() >= least
            if hit:
                free[overlap.argmax()] = False
            rows.append((float(scores[page, k]), float(hit)))
    return np.array(rows).reshape(-1, 2), count


def usual_places(truth: list[np.ndarray], sizes: np.ndarray, kinds: int, most: int = 5) -> np.ndarray:
    """The simplest detector: boxes [most * kinds, 6] (class, score, shares of the page) where training pages have them.

    Of every class the `most` boxes that overlap the most others by 0.5 or more, one after another.
    """
    from models.retinanet.anchors import overlaps
    found = []
    for kind in range(1, kinds + 1):
        rows = [row[1:] / np.tile(size, 2) for known, size in zip(truth, sizes) for row in known if row[0] == kind]
        rows = np.array(rows[:2000]).reshape(-1, 4)
        left = np.ones(len(rows), bool)
        near = np.array([overlaps(row, rows) >= 0.5 for row in rows]).reshape(len(rows), len(rows))
        for _ in range(min(most, len(rows))):
            votes = (near & left).sum(axis=1)
            if votes.max() == 0:
                break
            best = votes.argmax()
            found.append([kind, votes[best] / len(rows), *rows[best]])
            left &= ~near[best]
    return np.array(found).reshape(-1, 6)
