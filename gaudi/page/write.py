"""report.html: everything a run folder holds on one self-contained page."""

from __future__ import annotations

import shlex
import time
from html import escape
from pathlib import Path

import numpy as np

from gaudi.page import curves, gallery
from gaudi.page.figures import facts, is_leaf, number, render
from gaudi.page.style import SCRIPT, STYLE
from gaudi.progress import duration
from gaudi.report import replace_file, writing
from gaudi.page.verdict import Run, dig, findings, monitored, read_run, stage, verdict

FILES = ("config.yaml", "run.json", "log.jsonl", "metrics.json", "samples", "pictures", "export/model_card.json")


def write_page(run: Path) -> Path:
    """Write report.html and curves/*.png from whatever the folder `run` holds; returns the page's path."""
    opened = read_run(Path(run))
    path = opened.folder / "report.html"
    with writing(opened.folder):
        curves.write_pictures(opened.panels, opened.folder / "curves")
        replace_file(path, compose(opened).encode("utf-8", "replace"))
    return path


def compose(run: Run) -> str:
    """The whole page."""
    strips = gallery.film_strips(run.folder / "samples", run.epoch_at)
    sections = {"Curves": draw_curves(run), "Pictures over time": strips, "Evaluation": evaluation(run),
                "Export": export(run), "What to run next": next_commands(run),
                "Configuration, resolved": blocks(run.config, verbatim=True), "Environment": blocks(run.facts)}
    body = "".join(f"<section><h2>{escape(name)}</h2>{html}</section>" for name, html in sections.items() if html)
    name = escape(f"{run.model}, {run.folder.resolve().name}")
    return (f'<!doctype html><html lang="en"><head><meta charset="utf-8"><title>{name}</title>'
            f'<meta name="viewport" content="width=device-width, initial-scale=1"><style>{STYLE}</style></head><body>'
            f'<main>{header(run)}{body}{footer(run)}</main><dialog><img alt=""></dialog><script>{SCRIPT}</script>'
            "</body></html>\n")


def header(run: Run) -> str:
    """Name, verdict in words, key figures, findings."""
    troubles = "".join(f'<p class="bad">{escape(text)}</p>' for text in run.troubles)
    found = "".join(f"<li>{text}</li>" for text in findings(run))
    listed = f'<ul class="findings">{found}</ul>' if found else ""
    return (f"<header><h1>{escape(run.model)}<small>{escape(str(run.folder))}</small></h1>"
            f'<p class="verdict">{verdict(run)}</p>{troubles}<dl class="key">{key_figures(run)}</dl>{listed}</header>')


def key_figures(run: Run) -> str:
    """The strip of large figures; what is not known is left out."""
    rows = [make(run) for make in (model_figure, data_figure, epochs_figure, best_figure, duration_figure, speed_figure,
                                   device_figure, precision_figure)]
    return "".join(f"<div><dt>{escape(name)}</dt><dd>{escape(str(value))}<small>{escape(small)}</small></dd></div>"
                   for name, value, small in rows if value)


def model_figure(run: Run) -> tuple[str, str, str]:
    """The model and its number of weights."""
    weights = run.facts.get("parameters")
    if isinstance(weights, dict):
        weights = sum(value for value in weights.values() if isinstance(value, int))
    return "model", run.model, f"{number(weights)} weights" if isinstance(weights, int) and weights else ""


def data_figure(run: Run) -> tuple[str, str, str]:
    """The data folder's name and the number of examples."""
    root, examples = dig(run.config, "data.root"), run.facts.get("examples")
    sizes = [f"{number(size)} {name}" for name, size in examples.items()] if isinstance(examples, dict) else []
    if root:
        return "data", Path(str(root)).name or str(root), ", ".join(sizes)
    return "data", "synthetic" if run.config else "", ", ".join(["embedded", *sizes])


def epochs_figure(run: Run) -> tuple[str, str, str]:
    """Epochs done of those planned."""
    if "epoch" not in run.last:
        return "epochs", "", ""
    planned = f" of {number(run.epochs)}" if run.epochs else ""
    return "epochs", number(run.last["epoch"]) + planned, f"{number(run.last['step'])} steps"


def best_figure(run: Run) -> tuple[str, str, str]:
    """The monitored metric at its best."""
    metric = monitored(run)
    if metric is None:
        return "best", "", ""
    small = f"{metric.words}, {metric.better} is better, epoch {number(metric.series.epochs[metric.best])}"
    return "best", number(metric.series.values[metric.best]), small


def duration_figure(run: Run) -> tuple[str, str, str]:
    """Wall-clock time of all starts."""
    seconds = run.last.get("seconds")
    return "duration", duration(seconds) if isinstance(seconds, (int, float)) else "", "training and validation"


def speed_figure(run: Run) -> tuple[str, str, str]:
    """Median images per second."""
    batch = dig(run.config, "train.global_batch")
    small = "median" + (f", batch {number(batch)}" if isinstance(batch, int) else "")
    return "images/s", number(float(np.median(run.rates)), 3) if len(run.rates) else "", small


def device_figure(run: Run) -> tuple[str, str, str]:
    """Kind and name of the device, number of ranks."""
    ranks = run.facts.get("ranks")
    count = f"{ranks} rank{'s' if ranks != 1 else ''}" if isinstance(ranks, int) else ""
    small = ", ".join(filter(None, [str(run.facts.get("device_name") or ""), count]))
    return "device", run.facts.get("device") or run.config.get("device") or "", small


def precision_figure(run: Run) -> tuple[str, str, str]:
    """What it computed in, and why."""
    return ("precision", run.facts.get("precision") or run.config.get("precision") or "",
            str(run.facts.get("precision_why") or ""))


def draw_curves(run: Run) -> str:
    """All panels, losses first."""
    if not run.panels:
        return '<p class="note">No line in log.jsonl yet.</p>'
    drawn = "".join(curves.draw_panel(panel, index) for index, panel in enumerate(run.panels))
    longest = max(len(series.values) for panel in run.panels for series in panel.series.values())
    count = curves.STRETCHES
    note = ("Blue: training. Orange: validation, its best value ringed. Point at a curve to read it; figures at its "
            "end are the last values. As PNG files: curves/.")
    if longest > count:
        note += (f" Series of more than {count} points are drawn as means of {count} equal stretches; the band runs "
                 "from the lowest to the highest value of each, its wildest hundredth is cut at the frame.")
    return f'<div class="panels">{drawn}</div><p class="note">{note}</p>'


def evaluation(run: Run) -> str:
    """metrics.json as tables, and evaluate's pictures."""
    pictures = gallery.judged(run.folder / "pictures")
    if run.metrics is None:
        return pictures
    note = ("[low, high] is the spread that evaluate computed. The marks of a column share one scale. Arrows say which "
            "way is better; green is the best of its column, its spread clear of all others.")
    return f'{render(run.metrics)}<p class="note">{note}</p>{pictures}'


def export(run: Run) -> str:
    """The model card, but for what the page says elsewhere."""
    if not isinstance(run.card, dict):
        return "" if run.card is None else render(run.card)
    return blocks({key: value for key, value in run.card.items() if key not in ("metrics", "versions")})


def blocks(values: dict, verbatim: bool = False) -> str:
    """Nested dicts as columns, a block of facts for each branch."""
    return f'<div class="blocks">{"".join(branches(values, "", verbatim))}</div>' if values else ""


def branches(values: dict, path: str, verbatim: bool) -> list[str]:
    """The plain values of `values` under the heading `path`, then each inner dict."""
    leaves = {key: value for key, value in values.items() if is_leaf(value)}
    heading = f"<h3>{escape(path)}</h3>" if path else ""
    parts = [f"<section>{heading}{facts(leaves, verbatim)}</section>"] if leaves else []
    for key, value in values.items():
        inner = f"{path}.{key}" if path else str(key)
        if isinstance(value, dict) and key not in leaves:
            parts += branches(value, inner, verbatim)
        elif key not in leaves:
            parts.append(f"<section><h3>{escape(inner)}</h3>{render(value)}</section>")
    return parts


def next_commands(run: Run) -> str:
    """Commands for what has not been done yet, then for what can be done again."""
    folder, config = shlex.quote(str(run.folder)), shlex.quote(str(run.folder / "config.yaml"))
    judge = "judges the best checkpoint on test data" if run.metrics is None else "judges it again"
    write = "writes a SavedModel and its model card" if run.card is None else "writes it again"
    rows = {f"gaudi evaluate {folder}": judge, f"gaudi export {folder}": write}
    state = stage(run, monitored(run))
    if state in ("new", "partial"):
        why = "trains it" if state == "new" else "goes on from the last checkpoint"
        rows = {f"gaudi train {config} --run {folder}": why} | rows
    if (run.folder / "tensorboard").exists():
        rows[f"tensorboard --logdir {folder}"] = "the same curves, live"
    widest = max(map(len, rows))
    lines = [f'{escape(command.ljust(widest))}  <span class="none"># {why}</span>' for command, why in rows.items()]
    return "<pre>" + "\n".join(lines) + "</pre>"


def footer(run: Run) -> str:
    """When it was written, and of which files."""
    names = ", ".join(name for name in FILES if (run.folder / name).exists())
    lines = f" ({number(len(run.log))} log line{'s' if len(run.log) > 1 else ''})" if run.log else ""
    written = time.strftime("%Y-%m-%d %H:%M:%S %Z")
    return (f"<footer>Written {written} from {escape(names or 'an empty folder')}{lines}. "
            "This file needs nothing else: no network, no server.</footer>")
