"""Judges a screener: each part, their fusion, the notebook's rule and an ink-density baseline, by family and on real pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from models.decisions import charts, scores as figures
from models.decisions.tiles import grid
from models.screener import fusion
from models.screener.splits import SIGNATURE, trained_families

NAMES = (*fusion.PARTS, "fusion", "ink density")
FUSION = NAMES.index("fusion")


class Scored:
    """The pictures of one source with their scores: `values` float64 [N, 5], columns as NAMES, high for signatures."""

    def __init__(self, task, outputs_of, source: str):
        held = task.sources()[source]
        self.images, self.pictures = held.loaded
        outputs, fitted = outputs_of(source), task.fitted
        parts = task.goodness(outputs, fitted)
        fused = fusion.probability(parts, fitted)
        density = -np.abs(np.log(outputs["density"] + 1e-4) - fitted["density_middle"])
        self.values = np.column_stack([parts, fused, density])
        self.families = np.array([picture.family for picture in self.pictures])
        self.groups = np.array([picture.group for picture in self.pictures])
        self.signed = self.families == SIGNATURE
        # the notebook: mean + 2 deviations of the error, anomaly score -0.5, confidence 0.5, all three
        self.notebook = (outputs["error"] <= fitted["error_limit"]) & (parts[:, 1] >= -0.5) & (outputs["logit"] >= 0)


def judge(task, outputs_of, folder: Path | None) -> dict:
    """Figures for metrics.json; pictures into `folder` unless it is None."""
    data, rounds = task.config.data, task.config.evaluation.bootstrap
    development, test = (Scored(task, outputs_of, name) for name in ("validation", "test"))
    limits = limits_of(task.fitted, development)
    trained = trained_families(data, sorted(set(test.families) - {SIGNATURE}))
    kinds = {"seen": np.isin(test.families, trained), "development": np.isin(test.families, data.development_families),
             "held out": np.isin(test.families, data.held_out_families)}
    rows = {kind: compared(test, test, mask & ~test.signed, limits, rounds) for kind, mask in kinds.items()
            if (mask & ~test.signed).any()}
    families = {family: {name: figures.auroc(column[test.signed], column[test.families == family])
                         for name, column in zip(NAMES, test.values.T)} for family in sorted(set(test.families) - {SIGNATURE})}
    found = {"test": rows, "auroc_by_family": families, "thresholds": dict(zip(NAMES, limits)),
             "pictures": {"signatures": int(test.signed.sum()), "others": int((~test.signed).sum())}}
    real = {name.removeprefix("real "): Scored(task, outputs_of, name) for name in task.sources() if name.startswith("real ")}
    if real:
        found["real"] = judged_real(real, test, limits, rounds)
    if folder:
        draw(folder, test, kinds, real, limits, task.config.evaluation.pictures)
    return found


def limits_of(fitted, development: Scored) -> list[float]:
    """The thresholds of NAMES, all from development pictures."""
    density = development.values[:, -1]
    return [*map(float, fitted["part_thresholds"]), float(fitted["fusion_threshold"]),
            figures.best_threshold(density[development.signed], density[~development.signed])]


def compared(positives: Scored, negatives: Scored, mask, limits, rounds: int) -> dict:
    """Every score's AUROC with its interval, FPR at 95 % TPR, and the decision at its threshold; the notebook's rule beside."""
    found = {}
    for place, name in enumerate(NAMES):
        yes, no = positives.values[positives.signed, place], negatives.values[mask, place]
        answer = np.concatenate([yes, no]) >= limits[place]
        found[name] = {"auroc": figures.auroc_interval(yes, no, positives.groups[positives.signed], negatives.groups[mask], rounds),
                       "fpr_at_95_tpr": figures.false_rate_keeping(yes, no),
                       **figures.binary(np.repeat([True, False], [len(yes), len(no)]), answer)}
    ruled = np.concatenate([positives.notebook[positives.signed], negatives.notebook[mask]])
    truth = np.repeat([True, False], [positives.signed.sum(), mask.sum()])
    return found | {"notebook's rule": figures.binary(truth, ruled)}


def judged_real(real: dict[str, Scored], test: Scored, limits, rounds: int) -> dict:
    """Every folder of real signatures against real cuts of pages (or, without pages, against the synthetic others)."""
    others = real.get("page cuts", test)
    mask = ~others.signed
    found = {name: compared(scored, others, mask, limits, rounds) for name, scored in real.items() if scored.signed.any()}
    return {"against": "page cuts" if "page cuts" in real else "synthetic test families", "others": int(mask.sum()),
            "signatures": {name: int(scored.signed.sum()) for name, scored in real.items() if scored.signed.any()}, **found}


def draw(folder: Path, test: Scored, kinds, real, limits, most: int) -> None:
    """confusion.png, roc.png, scores.png, mistakes.png, and roc_real.png where there are real pictures."""
    fused, limit = test.values[:, FUSION], limits[FUSION]
    table = figures.confusion(test.signed.astype(int), (fused >= limit).astype(int), 2)
    charts.confusion_table(folder / "confusion.png", table, ["other", "signature"], "Fusion, test pictures")
    curves = {name: (column[test.signed], column[~test.signed]) for name, column in zip(NAMES, test.values.T)}
    charts.roc_curves(folder / "roc.png", curves, "All test families", "other pictures accepted", "signatures accepted")
    groups = {"signatures": fused[test.signed]} | {f"{kind} families": fused[mask & ~test.signed] for kind, mask in kinds.items()
                                                  if (mask & ~test.signed).any()}
    charts.histogram(folder / "scores.png", groups, limit, "fusion", "Fusion on test pictures")
    write(folder / "mistakes.png", mistakes(test, limit, most))
    others = real.get("page cuts", test)
    curves = {name: (scored.values[scored.signed, FUSION], others.values[~others.signed, FUSION])
              for name, scored in real.items() if scored.signed.any()}
    if curves:
        charts.roc_curves(folder / "roc_real.png", curves, "Fusion, real pictures", "other pictures accepted", "signatures accepted")
    for name, scored in real.items():
        write(folder / f"mistakes_{name.replace(' ', '_')}.png", mistakes(scored, limit, most))


def mistakes(scored: Scored, limit: float, most: int) -> np.ndarray:
    """The pictures farthest on the wrong side of the threshold, then those nearest to it."""
    fused = scored.values[:, FUSION]
    margin = np.where(scored.signed, fused - limit, limit - fused)
    order = np.argsort(margin, kind="stable")[:most]
    captions = [f"{fused[row]:.2f} {scored.families[row]}" for row in order]
    return grid(scored.images[order], captions, scored.signed[order])


def write(path: Path, picture: np.ndarray) -> None:
    """A PNG of uint8 [H, W, 3] RGB."""
    if not cv2.imwrite(str(path), picture[..., ::-1]):
        raise OSError(f"{path}: cannot be written")
