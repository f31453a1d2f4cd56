"""Judges a signer: accuracy among known people, strangers told apart by every score, forgeries apart, a baseline beside."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.decisions import charts, scores as figures
from models.signer import strangers
from models.decisions.tiles import grid
from models.verification.spread import bootstrap

BASELINE = "nearest mean of pixels"
GRID = (24, 12)  # width, height in pixels of the baseline's pictures


class Judged:
    """One part of the data with its scores: `scores` {name: [N]}, `answer` [N] among known people, `truth` [N] (-1 strangers)."""

    def __init__(self, task, outputs_of, part: str, extractor=None, means=None):
        source = task.sources()[part]
        self.frames, self.images = source.loaded
        self.truth, outputs = source.labels, outputs_of(part)
        self.scores = strangers.scores(outputs, task.fitted["means"])
        self.answer = outputs["logits"][:, :task.known].argmax(axis=1)
        self.probability = strangers.probabilities(outputs["logits"])[:, :task.known]
        cosines = pixels(self.frames) @ means["pixels"].T
        self.scores[BASELINE], self.baseline = cosines.max(axis=1), cosines.argmax(axis=1)
        if extractor:
            self.scores[strangers.EXTRACTOR] = (extractor(self.frames) @ means["extractor"].T).max(axis=1)
        self.people = np.array([image.person for image in self.images])


def pixels(frames: np.ndarray) -> np.ndarray:
    """float64 [N, D] of length 1: frames blurred down to 12 x 24 pixels."""
    small = [cv2.resize(cv2.GaussianBlur(frame, (0, 0), 3), GRID, interpolation=cv2.INTER_AREA) for frame in frames]
    return strangers.unit(np.stack(small).reshape(len(small), -1))


def judge(task, outputs_of, folder: Path | None) -> dict:
    """Figures for metrics.json; pictures into `folder` unless it is None."""
    sources, config = task.sources(), task.config
    extractor = strangers.Extractor(config.data.extractor) if config.data.extractor else None
    frames, labels = sources["people"].loaded[0], sources["people"].labels
    means = {"pixels": strangers.class_means(pixels(frames), labels, task.known)}
    if extractor:
        means["extractor"] = strangers.class_means(extractor(frames), labels, task.known)
    parts = {name: Judged(task, outputs_of, name, extractor, means)
             for name in ("validation", "development", "test", "unknown", "forged") if name in sources}
    test, rounds = parts["test"], config.evaluation.bootstrap
    found = {"known": known(test, task.known, rounds), "people": {"known": task.known, "added": len(task.listing.classes) - task.known},
             "images": {name: len(part.images) for name, part in parts.items()}}
    limits = limits_of(task.fitted, parts, config.evaluation.softmax_threshold)
    decides = strangers.SCORES[int(task.fitted["stranger_score"])]
    if "unknown" in parts:
        found["strangers"] = {"decides": decides} | {
            name: told_apart(test, parts["unknown"], score, limit, rounds) for name, (score, limit) in limits.items()}
    if "forged" in parts:
        found["forgeries"] = {name: forged(test, parts["forged"], score, limit) for name, (score, limit) in limits.items()}
    if folder:
        draw(folder, task, parts, limits, decides)
    return found


def limits_of(fitted, parts, seed_threshold: float) -> dict[str, tuple[str, float]]:
    """Row name -> (score, threshold): the seed's fixed softmax threshold, and every score at its development threshold."""
    rows = {"softmax at the seed's threshold": ("softmax", seed_threshold)}
    rows |= dict(zip(strangers.SCORES, zip(strangers.SCORES, map(float, fitted["stranger_thresholds"]))))
    if "development" in parts:
        known, others = parts["validation"].scores, parts["development"].scores
        rows |= {name: (name, figures.best_threshold(known[name], others[name]))
                 for name in (strangers.EXTRACTOR, BASELINE) if name in known}
        return rows
    return {name: row for name, row in rows.items() if np.isfinite(row[1])}


def known(test: Judged, count: int, rounds: int) -> dict:
    """Accuracy and weighted F1 among known people, with intervals over people; the baseline's; the worst people."""
    table = figures.confusion(test.truth, test.answer, count)
    right, rough = test.answer == test.truth, test.baseline == test.truth
    hits = np.diag(table) / np.maximum(1, table.sum(axis=1))
    worst = [{"person": test.people[test.truth == person][0], "accuracy": float(hits[person])}
             for person in np.argsort(hits, kind="stable")[:5] if hits[person] < 1]
    return {"accuracy": over_people(right, test.people, rounds), "weighted_f1": figures.weighted_f1(table),
            "top_5": float(np.mean([truth in row.argsort()[-5:] for truth, row in zip(test.truth, test.probability)])),
            "baseline_accuracy": over_people(rough, test.people, rounds),
            "baseline_weighted_f1": figures.weighted_f1(figures.confusion(test.truth, test.baseline, count)), "worst": worst}


def over_people(right, people, rounds: int) -> dict:
    """Mean of bool [N] and its 95 % interval over people."""
    groups = [right[people == person] for person in np.unique(people)]
    spread = bootstrap(lambda drawn: np.concatenate(drawn).mean(), groups, rounds)
    return {"value": float(right.mean()), **spread._asdict()}


def told_apart(test: Judged, others: Judged, score: str, limit: float, rounds: int) -> dict:
    """AUROC of known people against strangers, FPR at 95 % TPR, and what comes of the threshold."""
    yes, no = test.scores[score], others.scores[score]
    answer = test.baseline if score == BASELINE else test.answer
    named = (yes >= limit) & (answer == test.truth)
    return {"auroc": figures.auroc_interval(yes, no, test.people, others.people, rounds),
            "fpr_at_95_tpr": figures.false_rate_keeping(yes, no), "threshold": limit,
            "known_named_rightly": float(named.mean()), "known_rejected": float((yes < limit).mean()),
            "strangers_rejected": float((no < limit).mean()),
            "open_accuracy": float((named.sum() + (no < limit).sum()) / (len(yes) + len(no)))}


def forged(test: Judged, forgeries: Judged, score: str, limit: float) -> dict:
    """Skilled forgeries of known people: how many pass as the person they copy, or as anybody. Not what this model is for."""
    values = forgeries.scores[score]
    answer = forgeries.baseline if score == BASELINE else forgeries.answer
    passed = values >= limit
    return {"auroc_against_genuine": figures.auroc(test.scores[score], values),
            "pass_as_the_person": float((passed & (answer == forgeries.truth)).mean()), "pass_as_anybody": float(passed.mean())}


def draw(folder: Path, task, parts, limits, decides: str) -> None:
    """confusion.png, strangers.png (ROC), scores.png, mistakes.png."""
    test, names = parts["test"], task.listing.classes[:task.known]
    table = figures.confusion(test.truth, test.answer, task.known)
    charts.confusion_table(folder / "confusion.png", table, names, "Known people, test signatures")
    groups = {"known people": test.scores[decides]}
    for part, label in (("unknown", "strangers"), ("forged", "forgeries")):
        if part in parts:
            groups[label] = parts[part].scores[decides]
    charts.histogram(folder / "scores.png", groups, limits[decides][1], decides, f"{decides}: known people and others")
    if "unknown" in parts:
        curves = {name: (values, parts["unknown"].scores[name]) for name, values in test.scores.items()}
        charts.roc_curves(folder / "strangers.png", curves, "Known people against strangers", "strangers accepted", "known accepted")
    order = np.argsort(np.where(test.answer == test.truth, 1, -1) * test.probability.max(axis=1), kind="stable")
    order = order[:task.config.evaluation.pictures]
    captions = [f"{names[test.truth[row]]}: {names[test.answer[row]]} {100 * test.probability[row].max():.0f}%" for row in order]
    picture = grid(test.frames[order], captions, (test.answer == test.truth)[order])
    if not cv2.imwrite(str(folder / "mistakes.png"), picture[..., ::-1]):
        raise OSError(f"{folder / 'mistakes.png'}: cannot be written")
