"""Figures and tables of the page: numbers with their spread, tables with the best value marked, nested facts."""

from __future__ import annotations

import json
import math
import re
from dataclasses import dataclass
from html import escape

LOWER = {"loss", "error", "errors", "rmse", "mse", "mae", "l1", "l2", "bce", "eer", "drd", "fid", "far", "frr", "fpr",
         "fnr", "seconds", "milliseconds", "lpips", "cer", "wer", "perplexity", "difference", "nll", "crossentropy"}
HIGHER = {"psnr", "ssim", "f", "f1", "fmeasure", "auc", "auroc", "ap", "ap50", "ap75", "ar", "map", "map50", "accuracy",
          "precision", "recall", "iou", "tpr", "tnr", "dice", "recovered"}
ABBREVIATIONS = {"psnr", "ssim", "rmse", "mse", "mae", "l1", "l2", "bce", "eer", "drd", "fid", "far", "frr", "fpr",
                 "fnr", "tpr", "f", "f1", "auc", "auroc", "ap", "ap50", "ap75", "ar", "map", "map50", "iou",
                 "cpu", "gpu", "hpu"}
HIGHER_PHRASES = ("images_per_second", "share_of_limit", "f_measure")
SPREAD = {"value", "low", "high"}


def better_of(name: str) -> str:
    """`lower`, `higher` or `` (unknown): which values of the metric of that name are better."""
    name = name.lower().replace("-", "_").replace(" ", "_")
    if any(phrase in name for phrase in HIGHER_PHRASES):
        return "higher"
    words = set(re.split(r"[^a-z0-9]+", name))
    if words & LOWER:
        return "lower"
    return "higher" if words & HIGHER else ""


def number(value, digits: int = 4) -> str:
    """A number for people: `digits` significant digits, thousands parted, no trailing zeros."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        value = float(value)
    if isinstance(value, float) and not math.isfinite(value):
        return str(value)
    if value == 0:
        return "0"
    if isinstance(value, int) or abs(value) >= 10 ** digits and abs(value) < 1e12:
        return part(f"{round(value):,}")
    if not 1e-4 <= abs(value) < 1e12:
        mantissa, exponent = f"{value:.{max(0, digits - 2)}e}".split("e")
        mantissa = mantissa.rstrip("0").rstrip(".") if "." in mantissa else mantissa
        return f"{mantissa}e{int(exponent)}".replace("-", "−")
    decimals = max(0, digits - 1 - math.floor(math.log10(abs(value))))
    text = f"{value:,.{decimals}f}"
    return part(text.rstrip("0").rstrip(".") if "." in text else text)


def part(text: str) -> str:
    """Thousands set apart by a narrow space (not in numbers of four digits, which may be years), a true minus."""
    short = len(text.lstrip("-").partition(".")[0]) <= len("1,000")
    return text.replace(",", "" if short else "\u202f").replace("-", "−")


def is_number(value) -> bool:
    """Whether `value` is a plain number (True and False are not)."""
    return isinstance(value, (int, float)) and not isinstance(value, bool)


def is_spread(value) -> bool:
    """Whether `value` is a figure with its spread: {"value", "low", "high"} or {"mean", "sd"}, perhaps with a unit."""
    shapes = (SPREAD, {"mean", "sd"})
    return isinstance(value, dict) and any(shape <= set(value) and all(is_number(value[key]) for key in shape)
                                           for shape in shapes)


def is_leaf(value) -> bool:
    """Whether `value` fits into one cell."""
    return is_spread(value) or not isinstance(value, (dict, list)) or value in ([], {}) or is_plain_list(value)


def is_plain_list(value) -> bool:
    """Whether `value` is a list without lists or dicts in it."""
    return isinstance(value, list) and not any(isinstance(item, (dict, list)) for item in value)


def middle_of(value) -> float | None:
    """The number that a cell stands for, None where it is text or not finite."""
    if is_spread(value):
        value = value["value"] if SPREAD <= set(value) else value["mean"]
    return float(value) if is_number(value) and math.isfinite(value) else None


def range_of(value) -> tuple[float, float] | None:
    """Lowest and highest of a figure's spread; of a bare number twice itself; None where anything is not finite."""
    middle = middle_of(value)
    if middle is None:
        return None
    if is_spread(value):
        bare = SPREAD <= set(value)
        low = float(value["low"] if bare else value["mean"] - value["sd"])
        high = float(value["high"] if bare else value["mean"] + value["sd"])
        return (low, high) if math.isfinite(low) and math.isfinite(high) else None
    return middle, middle


def cell(value, decimals: int | None = None) -> str:
    """A leaf as HTML: numbers with so many decimals (None: as they need), figures with their spread, texts escaped."""
    if is_spread(value):
        return spread(value, decimals)
    if decimals is not None and middle_of(value) is not None:
        return fixed(value, decimals)
    if isinstance(value, bool):
        return "true" if value else "false"
    if value is None or value in ([], {}, ""):
        return '<span class="none">–</span>'
    if is_number(value):
        return number(value)
    if isinstance(value, list):
        return plain_list(value)
    text = str(value)
    kind = ' class="none"' if text == "not yet measured" else ""
    return f"<code>{escape(text)}</code>" if is_command(text) else f"<span{kind}>{escape(text)}</span>"


def is_command(text: str) -> bool:
    """Whether a text is something to type."""
    return bool(re.match(r"(\$ |gaudi |bash |python |mpirun |\.venv/|[A-Z_]+=\S+ )", text))


def fixed(value: float, decimals: int) -> str:
    """A number with exactly so many decimals, thousands parted."""
    return part(f"{value:,.{decimals}f}")


def telling_decimals(width: float) -> int:
    """Decimals that show a spread of that width to two digits."""
    return min(6, max(0, 1 - math.floor(math.log10(width) + 1e-9)))


def spread(figure: dict, decimals: int | None = None) -> str:
    """`25.31 [24.90, 25.70]` or `25.3 ± 0.4`, to two digits of the spread's width unless `decimals` is given."""
    low, high = range_of(figure) or (math.nan, math.nan)
    if decimals is None and high > low:
        decimals = telling_decimals(high - low)

    def show(value):
        return fixed(value, decimals) if decimals is not None and math.isfinite(value) else number(value)

    unit = f" {escape(str(figure['unit']))}" if figure.get("unit") else ""
    if SPREAD <= set(figure):
        middle, rest = figure["value"], f"[{show(figure['low'])}, {show(figure['high'])}]"
    else:
        middle, rest = figure["mean"], f"± {show(figure['sd'])}"
    return f'{show(middle)}{unit} <span class="spread">{rest}</span>'


def plain_list(values: list) -> str:
    """A short list as text, a long one of numbers as a small curve."""
    if len(values) > 12 and all(middle_of(value) is not None for value in values):
        return sparkline([float(value) for value in values])
    return ", ".join(number(value) if is_number(value) else escape(str(value)) for value in values)


def sparkline(values: list[float], width: int = 150, height: int = 26) -> str:
    """Many numbers as a curve the height of a line, with lowest and highest beside it."""
    low, high = min(values), max(values)
    values = values[::max(1, len(values) // width)]
    across, up = (width - 2) / (len(values) - 1), (height - 4) / ((high - low) or 1)
    points = " ".join(f"{index * across + 1:.1f},{height - 2 - (value - low) * up:.1f}"
                      for index, value in enumerate(values))
    return (f'<svg class="spark" width="{width}" height="{height}"><polyline points="{points}"/></svg> '
            f'<span class="spread">{number(low)} to {number(high)}</span>')


def render(value, level: int = 3) -> str:
    """Any value of metrics.json or a model card as HTML: tables where it is a table, else facts under headings."""
    if is_leaf(value):
        return f"<p>{cell(value)}</p>"
    if isinstance(value, list):
        return table([item if isinstance(item, dict) else {"": item} for item in value])
    if is_table(value):
        return table([{"": key, **row} for key, row in value.items()])
    leaves = {key: item for key, item in value.items() if is_leaf(item)}
    parts = [f"<section>{facts(leaves)}</section>"] if leaves else []
    for key, item in value.items():
        if key not in leaves:
            inner = render(item, min(level + 1, 5))
            parts.append(f"<section><h{level}>{escape(title(key))}</h{level}>{inner}</section>")
    return f'<div class="flow">{"".join(parts)}</div>'


def is_table(value: dict) -> bool:
    """Whether a dict of dicts is a table: two rows or more, of leaves, that share most of their names."""
    rows = list(value.values())
    if len(rows) < 2 or not all(isinstance(row, dict) and row and not is_spread(row) for row in rows):
        return False
    shared = set.intersection(*(set(row) for row in rows))
    return bool(shared) and all(is_leaf(item) for row in rows for item in row.values())


def title(key) -> str:
    """A key as words, abbreviations in capitals."""
    words = str(key).replace("_", " ").split(" ")
    return " ".join(word.upper() if word.lower() in ABBREVIATIONS else word for word in words)


def facts(leaves: dict, verbatim: bool = False) -> str:
    """Names and values in two columns; `verbatim` as one types them."""
    if verbatim:
        rows = "".join(f"<dt>{escape(str(key))}</dt><dd>{escape(typed(value))}</dd>" for key, value in leaves.items())
    else:
        rows = "".join(f"<dt>{escape(title(key))}</dt><dd>{cell(value)}</dd>" for key, value in leaves.items())
    return f'<dl class="facts">{rows}</dl>'


@dataclass
class Column:
    """A column of a table: the scale and the decimals its numbers share (None: not all are numbers), its best row."""

    name: str
    scale: tuple[float, float] | None
    decimals: int | None
    best: int | None


def typed(value) -> str:
    """A setting as YAML and key=value arguments have it."""
    return value if isinstance(value, str) and value else json.dumps(value, default=str, ensure_ascii=False)


def table(rows: list[dict]) -> str:
    """Rows of leaves; a column of numbers shares one scale, on which each value (and its spread) is drawn."""
    names = dict.fromkeys(key for row in rows for key in row)
    columns = [column_of(name, [row.get(name) for row in rows]) for name in names]
    head = "".join(f"<th{numeric(column)}>{escape(title(column.name))}{arrow(column)}</th>" for column in columns)
    body = []
    for position, row in enumerate(rows):
        cells = [table_cell(row.get(column.name), column, position == column.best) for column in columns]
        body.append(f"<tr>{''.join(cells)}</tr>")
    return f'<div class="wide"><table><thead><tr>{head}</tr></thead><tbody>{"".join(body)}</tbody></table></div>'


def column_of(name: str, values: list) -> Column:
    """What the values of a column have in common."""
    ranges = [range_of(value) for value in values if value is not None]
    if not ranges or any(item is None for item in ranges):
        return Column(name, None, None, None)
    scale = min(low for low, _ in ranges), max(high for _, high in ranges)
    return Column(name, scale, decimals_of(values), winner(values, better_of(str(name))))


def decimals_of(values: list) -> int | None:
    """Decimals that suit all numbers of a column, None where none do."""
    values = [value for value in values if value is not None]
    widths = sorted(high - low for low, high in map(range_of, values) if high > low)
    middles = [abs(middle_of(value)) for value in values]
    if widths:
        return telling_decimals(widths[len(widths) // 2])
    if not any(middles) or all(isinstance(value, int) for value in values) or max(middles) >= 1e5:
        return None
    decimals = min(6, max(0, 3 - math.floor(math.log10(max(middles)))))
    while decimals and all(f"{value:.{decimals}f}"[-1] == "0" for value in middles):
        decimals -= 1
    smallest = min(value for value in middles if value)
    return decimals if smallest >= 10.0 ** (1 - decimals) else None


def winner(values: list, better: str) -> int | None:
    """The row with the best value, if it is known what is better and no other row's spread reaches into its own."""
    ranges = [None if value is None else range_of(value) for value in values]
    rows = [row for row, value in enumerate(values) if ranges[row] is not None]
    if not better or len(rows) < 2:
        return None
    best = (min if better == "lower" else max)(rows, key=lambda row: middle_of(values[row]))
    low, high = ranges[best]
    clear = all(ranges[row][0] > high if better == "lower" else ranges[row][1] < low for row in rows if row != best)
    return best if clear else None


def numeric(column: Column) -> str:
    """The class of a column's cells."""
    return ' class="n"' if column.scale else ""


def arrow(column: Column) -> str:
    """Which way is better, where the name tells."""
    better = better_of(str(column.name)) if column.scale else ""
    sign = "↓" if better == "lower" else "↑"
    return f' <span class="way" title="{better} is better">{sign}</span>' if better else ""


def table_cell(value, column: Column, best: bool) -> str:
    """A cell with its mark on the column's scale below it."""
    text = cell(value, column.decimals)
    if not column.scale or value is None:
        return f"<td{numeric(column)}>{text}</td>"
    low, high = column.scale
    first, last = ((end - low) / ((high - low) or 1) * 100 for end in range_of(value))
    at = (middle_of(value) - low) / ((high - low) or 1) * 100
    mark = ""
    if high > low:
        mark = (f'<i class="scale"><i style="left:{first:.1f}%;width:{last - first:.1f}%"></i>'
                f'<b style="left:{at:.1f}%"></b></i>')
    return f'<td class="n{" won" if best else ""}">{text}{mark}</td>'
