"""Figures and tables of the report page: rounding by the spread, clear winners, and any shape of metrics."""

import math
import re

import numpy as np
import pytest

from gaudi.page.figures import better_of, cell, number, render, spread, table, winner
from html_checker import Checker


def test_metrics_become_tables_with_marks_and_a_clear_winner(tmp_path):
    """PSNR [24, 26] is clear of do nothing's [11, 12]: green. SSIM's spreads overlap: no winner. DRD: lower wins."""

    def row(psnr, ssim, drd):
        return {
            "psnr": {"value": psnr, "low": psnr - 1, "high": psnr + 1},
            "ssim": {"value": ssim, "low": ssim - 0.1, "high": ssim + 0.1},
            "drd": drd,
        }

    html = render(
        {
            "cleaning": {"do nothing": row(11.6, 0.80, 30.0), "this model": row(25.3, 0.85, 2.5)},
            "pairs": 240,
            "published": "not yet measured",
            "command": "gaudi evaluate runs/x",
        }
    )
    page = Checker(html)
    assert (
        "PSNR ↑ SSIM ↑ DRD ↓ do nothing 11.6 [10.6, 12.6] 0.80 [0.70, 0.90] 30.0 this model 25.3 [24.3, 26.3]"
        in page.text
    )
    assert re.findall(r'<td class="n won">([\d.]+)', html) == ["25.3", "2.5"]
    assert '<span class="none">not yet measured</span>' in html and "<code>gaudi evaluate runs/x</code>" in html
    assert "left:0.0%" in html and "left:100.0%" in html


def test_a_list_of_dicts_becomes_a_table():
    page = Checker(table([{"references": 1, "eer": 0.0972}, {"references": 3, "eer": 0.061, "note": "three"}]))
    assert page.text.split() == "references EER ↓ note 1 0.0972 – 3 0.0610 three".split()


def test_odd_metrics_are_shown_somehow():
    for value in (
        None,
        [],
        {},
        "text",
        3,
        True,
        [1, 2],
        [[1, 2], [3]],
        {"a": []},
        {"a": {}, "b": {"c": None}},
        [{"a": [1]}, 5],
        {"a": {"b": {"c": {"d": {"e": {"f": 1}}}}}},
        {"x": math.nan, "y": {"value": math.nan, "low": 0, "high": 1}},
        {"r": {"m": math.inf}, "s": {"m": 1.0}},
        {"curve": list(range(500))},
        {"r": {"m": {"value": math.nan, "low": 0.0, "high": 1.0}}, "s": {"m": 1.0}},
    ):
        Checker(render(value))


def test_winners_must_be_clear():
    """Of 0.10 and 0.12 the lower error wins; with spreads that touch nobody does; where better is unknown, nobody."""
    low, near = {"value": 0.1, "low": 0.08, "high": 0.12}, {"value": 0.12, "low": 0.11, "high": 0.14}
    assert winner([0.12, 0.10], "lower") == 1 and winner([0.12, 0.10], "higher") == 0
    assert (
        winner([low, near], "lower") is None and winner([0.1, 0.2], "") is None and winner([0.2, 0.2], "lower") is None
    )
    assert winner([None, "x", 1.0], "lower") is None


@pytest.mark.parametrize(
    "figure, text",
    [
        ({"value": 25.3124, "low": 24.9, "high": 25.7}, "25.31 [24.90, 25.70]"),
        ({"value": 0.97, "low": 0.96, "high": 0.98}, "0.970 [0.960, 0.980]"),
        ({"mean": 0.76, "sd": 0.013}, "0.760 ± 0.013"),
        ({"value": 1240, "low": 1100, "high": 1380, "unit": "images/s"}, "1240 images/s [1100, 1380]"),
        ({"value": 1.0, "low": 1.0, "high": 1.0}, "1 [1, 1]"),
    ],
)
def test_spreads_are_rounded_to_what_they_tell(figure, text):
    """Two digits of the interval's width: 0.8 wide means two decimals, 280 wide none."""
    assert re.sub(r"<[^>]+>", "", spread(figure)) == text == re.sub(r"<[^>]+>", "", cell(figure))


@pytest.mark.parametrize(
    "value, text",
    [
        (0, "0"),
        (4960, "4960"),
        (31840, "31\u202f840"),
        (2106051, "2\u202f106\u202f051"),
        (0.0312345, "0.03123"),
        (12950.4, "12\u202f950"),
        (1e-5, "1e−5"),
        (3.25e-7, "3.25e−7"),
        (99.99999, "100"),
        (-0.5, "−0.5"),
        (math.inf, "inf"),
        (np.float32(0.25), "0.25"),
    ],
)
def test_numbers_for_people(value, text):
    assert number(value) == text


@pytest.mark.parametrize(
    "name, better",
    [
        ("validation_loss", "lower"),
        ("psnr", "higher"),
        ("ink_f", "higher"),
        ("drd", "lower"),
        ("skilled EER", "lower"),
        ("images_per_second", "higher"),
        ("seconds", "lower"),
        ("AP50", "higher"),
        ("pairs", ""),
        ("drift", ""),
        ("threshold", ""),
    ],
)
def test_which_way_is_better(name, better):
    assert better_of(name) == better
