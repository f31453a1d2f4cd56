"""The curves of a run: series out of log.jsonl, drawn as inline SVG for the page and as PNG files."""

from __future__ import annotations

import json
import math
from dataclasses import dataclass, field
from html import escape
from pathlib import Path

import numpy as np

from gaudi.page.figures import better_of, number, title

COORDINATES = ("step", "epoch", "images", "seconds")
PACE = ("learning_rate", "images_per_second")
VALIDATION = ("validation/", "validation_", "val/", "val_")
STRETCHES = 160      # a longer series is drawn as the mean, lowest and highest of so many equal stretches
DOTS = 60            # up to so many validation points are marked one by one
LEFT, RIGHT, TOP, BOTTOM = 44, 84, 8, 22


@dataclass
class Series:
    """One quantity over training: finite points in order of step, and where it was not finite."""

    role: str
    steps: np.ndarray
    epochs: np.ndarray
    values: np.ndarray
    broken: np.ndarray

    def best(self, better: str) -> int:
        """Index of the best value."""
        return int(np.argmin(self.values) if better == "lower" else np.argmax(self.values))


@dataclass
class Panel:
    """One chart: the same quantity in training and in validation."""

    name: str
    series: dict[str, Series] = field(default_factory=dict)

    @property
    def kind(self) -> str:
        """`pace`, `loss` (training has it) or `validation` (only validation has it)."""
        if self.name.startswith(PACE):
            return "pace"
        return "loss" if "train" in self.series else "validation"


def panels_of(records: list[dict]) -> list[Panel]:
    """Every quantity of the log as a panel: losses, then validation metrics, then learning rate and speed."""
    columns: dict[str, list] = {}
    for record in records:
        epoch = record.get("epoch", record["step"])
        for key, value in record.items():
            if key not in COORDINATES and type(value) in (int, float):
                columns.setdefault(key, []).append((record["step"], epoch, value))
    if any(key.startswith("learning_rate_") for key in columns):
        columns.pop("learning_rate", None)  # the first player's, which stands there under its own name too
    panels: dict[str, Panel] = {}
    for key, points in columns.items():
        role, name = split_role(key)
        panels.setdefault(name, Panel(name)).series[role] = series_of(role, points)
    order = {"loss": 0, "validation": 1, "pace": 2}
    return sorted(panels.values(), key=lambda panel: (order[panel.kind], panel.name != "loss", -len(panel.series)))


def split_role(key: str) -> tuple[str, str]:
    """`validation/psnr` as ("validation", "psnr"); what has no such prefix is training's."""
    for prefix in VALIDATION:
        if key.startswith(prefix) and len(key) > len(prefix):
            return "validation", key[len(prefix):]
    return "train", key.removeprefix("train/")


def series_of(role: str, points: list[tuple]) -> Series:
    """A series from (step, epoch, value) points."""
    table = np.array(points, dtype=np.float64).reshape(-1, 3)
    finite = np.isfinite(table).all(axis=1)
    steps, epochs, values = table[finite].T
    return Series(role, steps, epochs, values, table[~finite, 1])


@dataclass
class Drawn:
    """A series made short enough to draw: means of stretches, with the lowest and the highest value of each."""

    steps: np.ndarray
    epochs: np.ndarray
    middle: np.ndarray
    low: np.ndarray
    high: np.ndarray
    merged: bool


def shorten(series: Series, most: int = STRETCHES) -> Drawn:
    """At most `most` points; a series that is short already stays as it is."""
    count = len(series.values)
    if count <= most:
        return Drawn(series.steps, series.epochs, series.values, series.values, series.values, merged=False)
    edges = np.linspace(0, count, most + 1).astype(int)[:-1]
    sizes = np.diff(np.append(edges, count))

    def mean(values):
        return np.add.reduceat(values, edges) / sizes

    return Drawn(mean(series.steps), mean(series.epochs), mean(series.values),
                 np.minimum.reduceat(series.values, edges), np.maximum.reduceat(series.values, edges), merged=True)


@dataclass
class Axis:
    """From values to pixels, linear or logarithmic; values outside are held at the frame's edge."""

    low: float
    high: float
    start: float
    end: float
    log: bool = False

    def __call__(self, values) -> np.ndarray:
        low, high, values = self.low, self.high, np.asarray(values, dtype=np.float64)
        if self.log:
            low, high, values = math.log10(low), math.log10(high), np.log10(np.maximum(values, low))
        share = (values - low) / (high - low)
        return self.start + np.clip(share, 0.0, 1.0) * (self.end - self.start)

    def ticks(self, about: int = 4) -> list[float]:
        """Round values inside the axis."""
        return log_ticks(self.low, self.high, about) if self.log else nice_ticks(self.low, self.high, about)


def nice_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Multiples of 1, 2 or 5 times a power of ten between `low` and `high`, about so many."""
    raw = (high - low) / max(1, about)
    power = 10.0 ** math.floor(math.log10(raw))
    gap = power * min((1, 2, 5, 10), key=lambda factor: abs(factor * power - raw))
    first = math.ceil(low / gap - 1e-9)
    return [round(index * gap, 12) for index in range(first, math.floor(high / gap + 1e-9) + 1)]


def log_ticks(low: float, high: float, about: int = 4) -> list[float]:
    """Powers of ten between `low` and `high`, thinned to about so many; with their 2 and 5 fold where they are few."""
    first, last = math.ceil(math.log10(low) - 1e-9), math.floor(math.log10(high) + 1e-9)
    powers = [10.0 ** exponent for exponent in range(first, last + 1)]
    if len(powers) < 3:
        finer = [factor * 10.0 ** exponent for exponent in range(first - 1, last + 2) for factor in (1, 2, 5)]
        finer = [tick for tick in finer if low <= tick <= high]
        return finer if len(finer) > 1 else nice_ticks(low, high, about)
    return powers[::max(1, math.ceil(len(powers) / (about + 1)))]


def tick_text(tick: float) -> str:
    """A tick's label: a learning rate of 0.00002 reads better below 0.0001 than 2e-5 does."""
    return f"{tick:.6f}".rstrip("0").replace("-", "−") if 1e-6 <= abs(tick) < 1e-4 else number(tick, 6)


def limits(drawn: list[Drawn], log: bool) -> tuple[float, float]:
    """The range of the frame: all means, and the bands but for their wildest hundredth."""
    middle = np.concatenate([item.middle for item in drawn])
    edges = np.concatenate([np.concatenate([item.low, item.high]) for item in drawn])
    if log:
        middle, edges = middle[middle > 0], edges[edges > 0]
    low = float(min(middle.min(), np.quantile(edges, 0.01)))
    high = float(max(middle.max(), np.quantile(edges, 0.99)))
    constant = high - low <= 1e-9 * abs(high)  # means of equal numbers differ in the last digit
    if log:
        return (low / 2, high * 2) if constant else (low / 1.05, high * 1.05)
    if constant:
        return min(0.0, 1.25 * low), max(0.0, 1.25 * high) or float(high == 0)
    room = 0.04 * (high - low)
    return (0.0 if 0 <= low < 0.3 * high else low - room), high + room


def wants_log(drawn: list[Drawn]) -> bool:
    """Whether the curve spans so much that a linear axis would hide the later part."""
    middle = np.concatenate([item.middle for item in drawn])
    return middle.min() > 0 and middle.max() > 8 * np.median(middle)


def draw_panel(panel: Panel, index: int, width: int = 420, height: int = 190) -> str:
    """The panel as a <figure>: title, read-out, a linear and (if all is positive) a logarithmic drawing."""
    drawn = {role: shorten(series) for role, series in panel.series.items() if len(series.values)}
    if not drawn:
        return f'<figure class="panel"><figcaption><b>{escape(panel.name)}</b> never finite</figcaption></figure>'
    better = better_of(panel.name)
    logarithm = panel.name != "images_per_second" and all(item.low.min() > 0 for item in drawn.values())
    views = [draw_view(panel, drawn, better, width, height, log=log) for log in (False, True) if logarithm or not log]
    first = "checked" if logarithm and panel.kind != "pace" and wants_log(list(drawn.values())) else ""
    toggle = f'<input type="checkbox" id="log{index}" {first}><label for="log{index}">log</label>' if logarithm else ""
    data = escape(json.dumps([points for _, points in views], separators=(",", ":")), quote=True)
    return (f'<figure class="panel" data-points="{data}"><figcaption><b>{escape(heading(panel))}</b>'
            f'<output>{summary(panel, better)}</output></figcaption>{toggle}'
            f'{"".join(svg for svg, _ in views)}</figure>')


def heading(panel: Panel) -> str:
    """The panel's title."""
    return "images/s" if panel.name == "images_per_second" else title(panel.name)


def summary(panel: Panel, better: str) -> str:
    """What stands beside the title until the pointer moves: the best validation value, else first and last."""
    series = panel.series.get("validation", panel.series.get("train"))
    if panel.name == "images_per_second":
        low, middle, high = np.quantile(series.values, (0.05, 0.5, 0.95))
        return f"median {number(middle, 3)}, 90&#8239;% in {number(low, 3)}–{number(high, 3)}"
    if series.role == "validation" and better:
        best = series.best(better)
        word = "lowest" if better == "lower" else "highest"
        return f"{word} {number(series.values[best])} at epoch {number(series.epochs[best])}"
    first, last = number(series.values[0]), number(series.values[-1])
    return f"constant {last}" if np.ptp(series.values) == 0 else f"from {first} to {last}"


def draw_view(panel, drawn: dict[str, Drawn], better: str, width: int, height: int, log: bool) -> tuple[str, dict]:
    """The SVG of one scale, and the points (in its pixels) that the pointer can read out."""
    items = list(drawn.values())
    right = max(ends.max() for series in panel.series.values() for ends in (series.epochs, series.broken) if len(ends))
    left = min(0.0, min(item.epochs.min() for item in items))
    x = Axis(left, right if right > left else left + 1, LEFT, width - RIGHT)
    y = Axis(*limits(items, log), height - BOTTOM, TOP, log)
    parts = [draw_grid(x, y, width, height)]
    points = {"left": LEFT, "right": width - RIGHT, "rows": []}
    for role, item in drawn.items():
        parts.append(draw_series(role, item, x, y, dots=role == "validation" and len(item.middle) <= DOTS))
        points["rows"].append(readable(role, item, x, y))
    parts += [draw_broken(series, x, y) for series in panel.series.values() if len(series.broken)]
    if better and "validation" in drawn:
        parts.append(draw_best(panel.series["validation"], better, x, y))
    parts.append(draw_labels(panel, drawn, x, y))
    label = escape(f"{panel.name} over epochs, {'logarithmic' if log else 'linear'}", quote=True)
    svg = (f'<svg class="{"log" if log else "lin"}" viewBox="0 0 {width} {height}" role="img" aria-label="{label}">'
           f'{"".join(parts)}<g class="at"></g></svg>')
    return svg, points


def draw_grid(x: Axis, y: Axis, width: int, height: int) -> str:
    """Faint lines at round values, epochs below."""
    parts = []
    for tick in y.ticks():
        at = float(y(tick))
        parts.append(f'<path class="grid" d="M{LEFT} {at:.1f}H{width - RIGHT}"/>'
                     f'<text class="tick" x="{LEFT - 6}" y="{at + 3.5:.1f}" text-anchor="end">{tick_text(tick)}</text>')
    for tick in x.ticks(6):
        at = float(x(tick))
        parts.append(f'<text class="tick" x="{at:.1f}" y="{height - 6}" text-anchor="middle">{number(tick)}</text>')
    parts.append(f'<text class="tick" x="{width - RIGHT + 16}" y="{height - 6}">epoch</text>')
    return "".join(parts)


def draw_series(role: str, item: Drawn, x: Axis, y: Axis, dots: bool) -> str:
    """The line, the band of its stretches behind it, dots where there are few."""
    across, middle = x(item.epochs), y(item.middle)
    band = ""
    if item.merged:
        outline = join(across, y(item.high)) + " L" + join(across[::-1], y(item.low)[::-1])
        band = f'<path class="band {role}" d="M{outline}Z"/>'
    marks = "".join(f'<circle class="{role}" cx="{a:.1f}" cy="{b:.1f}" r="1.8"/>'
                    for a, b in zip(across, middle)) if dots or len(middle) == 1 else ""
    return f'{band}<path class="line {role}" d="M{join(across, middle)}"/>{marks}'


def join(across, up) -> str:
    """Pixel positions as the coordinates of a path."""
    return " ".join(f"{a:.1f},{b:.1f}" for a, b in zip(across, up))


def draw_broken(series: Series, x: Axis, y: Axis) -> str:
    """Red ticks where the value was not a number or infinite."""
    ticks = "".join(f"M{at:.1f} {y.start:.1f}v-10" for at in np.unique(np.round(x(series.broken), 0)))
    return f'<path class="broken" d="{ticks}"><title>not finite here</title></path>'


def draw_best(series: Series, better: str, x: Axis, y: Axis) -> str:
    """A ring around the best validation value."""
    best = series.best(better)
    across, up = float(x(series.epochs[best])), float(y(series.values[best]))
    return f'<circle class="best" cx="{across:.1f}" cy="{up:.1f}" r="4.5"/>'


def draw_labels(panel: Panel, drawn: dict[str, Drawn], x: Axis, y: Axis) -> str:
    """The last value beside the end of each line, pushed apart where they would touch."""
    ends = sorted((float(y(item.middle[-1])), role) for role, item in drawn.items())
    named = len(ends) > 1 or "validation" in drawn
    gap = 25 if named else 12
    heights, room = [], y.start - (gap - 12)
    for order, (at, _) in enumerate(ends):
        highest = heights[-1] + gap if heights else TOP + 4
        heights.append(min(max(at, highest), room - gap * (len(ends) - 1 - order)))
    parts = []
    for at, (_, role) in zip(heights, ends):
        name = f'<tspan x="{x.end + 8:.0f}" dy="11">{role}</tspan>' if named else ""
        last = number(panel.series[role].values[-1])
        parts.append(f'<text class="end {role}" x="{x.end + 8:.0f}" y="{at + 3.5:.1f}">{last}{name}</text>')
    return "".join(parts)


def readable(role: str, item: Drawn, x: Axis, y: Axis) -> dict:
    """What the pointer reads out of a series: pixels, and texts of epoch, step and value."""
    return {"role": role, "x": np.round(x(item.epochs), 1).tolist(), "y": np.round(y(item.middle), 1).tolist(),
            "text": [number(value) for value in item.middle], "epoch": [number(epoch) for epoch in item.epochs],
            "step": np.round(item.steps).astype(int).tolist()}


INK = {"train": "#2f6f9f", "validation": "#c2511b"}


def write_pictures(panels: list[Panel], folder: Path) -> list[Path]:
    """losses.png, validation.png and learning_rate.png in `folder`, those that have anything to show."""
    wanted = {"losses.png": [panel for panel in panels if panel.kind == "loss"],
              "validation.png": [panel for panel in panels if "validation" in panel.series],
              "learning_rate.png": [panel for panel in panels if panel.kind == "pace"]}
    written = []
    for name, chosen in wanted.items():
        chosen = [panel for panel in chosen if any(len(series.values) for series in panel.series.values())]
        if chosen:
            folder.mkdir(exist_ok=True)
            written.append(write_picture(chosen, folder / name))
    return written


def write_picture(panels: list[Panel], path: Path) -> Path:
    """Small multiples of the panels as a PNG file."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    columns = 2 if len(panels) in (2, 4) else min(3, len(panels))
    rows = math.ceil(len(panels) / columns)
    width, height = 4.6 * columns, 2.9 * rows
    figure = Figure(figsize=(width, height), dpi=110)
    FigureCanvasAgg(figure)
    grid = figure.subplots(rows, columns, squeeze=False).ravel()
    figure.subplots_adjust(left=0.65 / width, right=1 - 0.15 / width, bottom=0.5 / height, top=1 - 0.35 / height,
                           wspace=0.22, hspace=0.42)
    for panel, axes in zip(panels, grid):
        paint(panel, axes)
    for axes in grid[len(panels):]:
        axes.set_axis_off()
    scratch = path.with_name(f".{path.name}")
    figure.savefig(scratch, format="png")
    scratch.replace(path)
    return path


def paint(panel: Panel, axes) -> None:
    """One panel on matplotlib axes."""
    drawn = {role: shorten(series) for role, series in panel.series.items() if len(series.values)}
    for role, item in drawn.items():
        if item.merged:
            axes.fill_between(item.epochs, item.low, item.high, color=INK[role], alpha=0.18, linewidth=0)
        mark = "o" if len(item.middle) == 1 or role == "validation" and len(item.middle) <= DOTS else ""
        axes.plot(item.epochs, item.middle, mark + "-", color=INK[role], linewidth=1.3, markersize=2.5, label=role)
    log = panel.kind != "pace" and wants_log(list(drawn.values()))
    low, high = limits(list(drawn.values()), log)
    ticks = Axis(low, high, 0.0, 1.0, log).ticks()
    axes.set_yscale("log" if log else "linear")
    axes.set_yticks(ticks, [tick_text(tick) for tick in ticks])
    axes.set_yticks([], minor=True)
    axes.set_ylim(low, high)
    axes.set_title(heading(panel), fontsize=10, loc="left")
    axes.set_xlabel("epoch", fontsize=8)
    axes.tick_params(labelsize=8)
    axes.grid(axis="y", linewidth=0.4, alpha=0.5)
    axes.spines[["top", "right"]].set_visible(False)
    if len(drawn) > 1:
        axes.legend(frameon=False, fontsize=8)
