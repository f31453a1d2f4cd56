"""What a run folder holds, and what can be said of it in words: how far it came, how good it is, what curves show."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np
import yaml

from gaudi.page import curves
from gaudi.page.curves import Panel, Series
from gaudi.page.figures import better_of, number, title
from gaudi.report import read_log

ROLES = {"train": "Training", "validation": "Validation"}


@dataclass
class Run:
    """The files of a run folder; what cannot be read is told in `troubles`."""

    folder: Path
    config: dict = field(default_factory=dict)
    log: list[dict] = field(default_factory=list)
    metrics: object = None
    card: object = None
    facts: dict = field(default_factory=dict)
    troubles: list[str] = field(default_factory=list)
    panels: list[Panel] = field(default_factory=list)

    @property
    def model(self) -> str:
        """The model's name."""
        return str(self.config.get("model") or "run")

    @property
    def last(self) -> dict:
        """The last line of the log."""
        return self.log[-1] if self.log else {}

    @property
    def epochs(self) -> float | None:
        """How many epochs were planned."""
        planned = self.facts.get("epochs", dig(self.config, "train.epochs"))
        return float(planned) if isinstance(planned, (int, float)) else None

    @property
    def rates(self) -> np.ndarray:
        """Measured images per second, oldest first."""
        rates = [record.get("images_per_second") for record in self.log]
        return np.array([rate for rate in rates if isinstance(rate, (int, float)) and math.isfinite(rate) and rate > 0])

    def epoch_at(self, step: int) -> float:
        """The epoch of a step, from the logged line next to it."""
        if not self.log:
            return math.nan
        nearest = min(self.log, key=lambda record: abs(record["step"] - step))
        return round(nearest.get("epoch", math.nan) * (step / nearest["step"] if nearest["step"] else 1.0), 2)


def read_run(folder: Path) -> Run:
    """All files of the run that the page is made of."""
    run = Run(folder)
    run.config = read(folder / "config.yaml", yaml.safe_load, run.troubles, dict) or {}
    run.facts = read(folder / "run.json", json.loads, run.troubles, dict) or {}
    run.metrics = read(folder / "metrics.json", json.loads, run.troubles)
    run.card = read(folder / "export" / "model_card.json", json.loads, run.troubles)
    run.log = read_log(folder)
    # The first stretch may hold no timed step: its speed is logged as 0 and was not measured.
    measured = [{key: value for key, value in record.items() if (key, value) != ("images_per_second", 0)}
                for record in run.log]
    run.panels = curves.panels_of(measured)
    return run


def read(path: Path, parse, troubles: list[str], kind=object):
    """The file's contents, None where there is none; a broken file is named in `troubles`."""
    try:
        value = parse(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return None
    except (ValueError, yaml.YAMLError) as error:
        troubles.append(f"{path.name} cannot be read: {' '.join(str(error).split())}")
        return None
    if not isinstance(value, kind):
        troubles.append(f"{path.name} does not hold keys and values")
        return None
    return value


def dig(values, dotted: str):
    """The value at a dotted path of nested dicts, None where there is none."""
    for key in dotted.split("."):
        values = values.get(key) if isinstance(values, dict) else None
    return values


@dataclass
class Monitored:
    """The validation metric that the run is judged by."""

    name: str
    better: str
    series: Series

    @property
    def words(self) -> str:
        """Its name as prose has it."""
        return f"validation {title(self.name)}"

    @property
    def best(self) -> int:
        """Index of its best value."""
        return self.series.best(self.better)


def monitored(run: Run) -> Monitored | None:
    """The metric that run.json names; else the validation loss; else the first metric whose name tells a direction."""
    found = {panel.name: panel.series["validation"] for panel in run.panels
             if "validation" in panel.series and len(panel.series["validation"].values)}
    declared = run.facts.get("monitor")
    if isinstance(declared, list) and len(declared) == 2 and declared[0] in found:
        return Monitored(declared[0], "higher" if declared[1] == "max" else "lower", found[declared[0]])
    for name in sorted(found, key=lambda name: name != "loss"):
        if better_of(name):
            return Monitored(name, better_of(name), found[name])
    return None


def stage(run: Run, metric: Monitored | None) -> str:
    """`new`, `finished`, `early` (stopped early) or `partial`."""
    if not run.log:
        return "new"
    total, planned = run.facts.get("total_steps"), run.epochs
    if isinstance(total, int) and run.last["step"] >= total or planned and run.last.get("epoch", 0.0) >= planned - 1e-3:
        return "finished"
    patience = dig(run.config, "train.early_stop_epochs")
    if patience and metric and metric.series.epochs[-1] - metric.series.epochs[metric.best] >= patience - 1e-3:
        return "early"
    return "partial"


def verdict(run: Run) -> str:
    """One to three sentences of HTML: how far, and how good."""
    metric = monitored(run)
    state = stage(run, metric)
    if state == "new":
        return "Nothing is trained yet: the log is empty."
    planned = f" of {number(run.epochs)}" if run.epochs else ""
    done = f"<b>{number(run.last.get('epoch', math.nan))}{planned} epochs</b>"
    parts = [{"finished": f"Finished {done}.", "early": f"Stopped early after {done}.",
              "partial": f"Not finished: {done} are done (the run goes on, was stopped, or failed)."}[state]]
    if metric:
        parts.append(praise(metric))
    if run.metrics is None:
        parts.append("Not evaluated on test data yet.")
    return " ".join(parts)


def praise(metric: Monitored) -> str:
    """How good the monitored metric became, and where it ended."""
    best, series = metric.best, metric.series
    text = (f"{escape(sentence(metric.words))} is <b>{number(series.values[best])}</b> at its best, "
            f"in epoch {number(series.epochs[best])}")
    last = number(series.values[-1])
    return text + ("." if last == number(series.values[best]) else f", and {last} at the end.")


def sentence(words: str) -> str:
    """The words as a sentence begins."""
    return words[:1].upper() + words[1:]


def findings(run: Run) -> list[str]:
    """What the curves show, computed, as HTML: nothing where there is nothing to tell."""
    return not_finite(run) + standstill(run) + overfitting(run) + slow_stretches(run)


def not_finite(run: Run) -> list[str]:
    """Losses that became NaN or infinite."""
    return [f'<span class="bad">{escape(f"{ROLES[series.role]} {title(panel.name)}")} was not finite '
            f"in {len(series.broken)} log lines, first in epoch {number(series.broken[0])}.</span>"
            for panel in run.panels for series in panel.series.values() if len(series.broken)]


def standstill(run: Run) -> list[str]:
    """Whether the monitored metric stopped improving long ago, or was still improving at the end."""
    metric = monitored(run)
    if metric is None or len(metric.series.values) < 4:
        return []
    epochs = metric.series.epochs
    since = epochs[-1] - epochs[metric.best]
    words = escape(sentence(metric.words))
    if since >= 0.25 * epochs[-1]:
        return [f"{words} has not improved during the last {number(since)} epochs."]
    if metric.best == len(epochs) - 1 and stage(run, metric) == "finished":
        return [f"{words} was best at the very end: more epochs may still improve it."]
    return []


def overfitting(run: Run) -> list[str]:
    """Validation loss rose by a tenth since its lowest while training loss went on falling."""
    panel = next((panel for panel in run.panels if panel.name == "loss" and len(panel.series) == 2), None)
    if panel is None or min(len(series.values) for series in panel.series.values()) < 4:
        return []
    train, validation = panel.series["train"], panel.series["validation"]
    best = validation.best("lower")
    since = validation.epochs[best]
    after, before = train.values[train.epochs > since], train.values[train.epochs <= since]
    if not len(after) or not len(before):
        return []
    rose = validation.values[-1] - validation.values[best] > 0.1 * abs(validation.values[best])
    fell = after[-max(1, len(after) // 2):].mean() < before[-len(after):].mean()
    return [f"Validation loss has risen since epoch {number(since)} while training loss went on falling: "
            "the model overfits."] if rose and fell else []


def slow_stretches(run: Run) -> list[str]:
    """Whether the speed was uneven."""
    rates = run.rates
    if len(rates) < 20:
        return []
    middle = float(np.median(rates))
    slow = float((rates < 0.7 * middle).mean())
    if slow <= 0.02:
        return []
    return [f"{number(100 * slow, 2)}&#8239;% of the logged stretches ran below 70&#8239;% of the median speed "
            f"({number(middle, 3)} images/s): something else was using the machine, or input was late."]
