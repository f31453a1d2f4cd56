"""Pictures of decisions: confusion tables, ROC curves, and how scores spread."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from models.verification import rates

COLOURS = ("#1f6f8b", "#c8553d", "#5b8c5a", "#8e6c8a", "#c9a227", "#444444", "#3a86c8", "#d77a9a")


def figure(width: float = 6.4, height: float = 4.8):
    """A matplotlib figure with one pair of axes, drawn without a display."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure
    made = Figure((width, height), dpi=110, layout="constrained")
    FigureCanvasAgg(made)
    return made, made.add_subplot()


def confusion_table(path: Path, table: np.ndarray, names: list[str], title: str) -> None:
    """A confusion table [C, C]: rows are the truth; numbers in the cells up to 20 classes."""
    side = min(14.0, 3.2 + 0.22 * len(names))
    made, axes = figure(side + 0.8, side)
    share = table / np.maximum(1, table.sum(axis=1, keepdims=True))
    shown = axes.imshow(share, cmap="Blues", vmin=0, vmax=1)
    if len(names) <= 20:
        for row, column in np.ndindex(*table.shape):
            axes.text(column, row, str(table[row, column]), ha="center", va="center", fontsize=9,
                      color="white" if share[row, column] > 0.55 else "black")
    small = 9 if len(names) <= 20 else 6
    axes.set_xticks(range(len(names)), names, rotation=90 if len(names) > 4 else 0, fontsize=small)
    axes.set_yticks(range(len(names)), names, fontsize=small)
    axes.set(xlabel="answer", ylabel="truth", title=title)
    made.colorbar(shown, ax=axes, label="share of the truth", fraction=0.046)
    made.savefig(path)


def roc_curves(path: Path, curves: dict[str, tuple], title: str, wrong: str, right: str) -> None:
    """ROC of several scores: name -> (positives' scores, negatives' scores), high is positive."""
    made, axes = figure()
    for colour, (name, (positive, negative)) in zip(COLOURS * 4, curves.items()):
        curve = rates.roc(-np.asarray(positive, np.float64), -np.asarray(negative, np.float64))
        area = rates.auc(-np.asarray(positive, np.float64), -np.asarray(negative, np.float64))
        axes.plot(100 * curve.far, 100 * (1 - curve.frr), color=colour, label=f"{name}: {area:.3f}")
    axes.plot([0, 100], [0, 100], ":", color="grey", linewidth=1)
    axes.set(xlim=(0, 100), ylim=(0, 101), xlabel=f"{wrong}, %", ylabel=f"{right}, %", title=title)
    axes.legend(loc="lower right", title="area under the curve")
    made.savefig(path)


def histogram(path: Path, groups: dict[str, np.ndarray], threshold: float | None, label: str, title: str) -> None:
    """How the scores of several groups spread, each as shares of itself; a line at the threshold."""
    made, axes = figure()
    everything = np.concatenate([np.ravel(values) for values in groups.values()])
    edges = np.linspace(everything.min(), everything.max() + 1e-9, 41)
    for colour, (name, values) in zip(COLOURS * 4, groups.items()):
        axes.hist(values, edges, weights=np.full(len(values), 100 / len(values)), histtype="step", linewidth=1.6, color=colour,
                  label=f"{name} ({len(values)})")
    if threshold is not None:
        axes.axvline(threshold, color="black", linestyle="--", linewidth=1, label=f"threshold {threshold:.3g}")
    axes.set(xlabel=label, ylabel="share of each, %", title=title)
    axes.legend()
    made.savefig(path)
