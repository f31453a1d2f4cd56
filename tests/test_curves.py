"""The curves of a run: how series are made short, where ticks stand, and what is drawn of odd ones."""

import math

import pytest

from gaudi.page import curves
from gaudi.page.curves import Axis, log_ticks, nice_ticks, panels_of, series_of, shorten


def test_two_players_have_panels_of_their_own():
    """The learning rate that repeats the first player's is left out; what is not finite is kept apart."""
    records = [
        {
            "step": step,
            "epoch": step / 10,
            "learning_rate": 1.0,
            "learning_rate_generator": 1.0,
            "learning_rate_discriminator": 2.0,
            "generator": math.nan if step > 8 else 3.0,
            "note": "x",
            "flag": True,
        }
        for step in range(1, 11)
    ]
    panels = {panel.name: panel for panel in panels_of(records)}
    assert list(panels) == ["generator", "learning_rate_generator", "learning_rate_discriminator"]
    assert [panel.kind for panel in panels.values()] == ["loss", "pace", "pace"]
    assert panels["generator"].series["train"].broken.tolist() == [0.9, 1.0]


def test_stretches_keep_mean_lowest_and_highest():
    """Ten values in three stretches of 3, 3 and 4: means 1, 4, 7.5; lowest 0, 3, 6; highest 2, 5, 9."""
    short = shorten(series_of("train", [(step, step, step) for step in range(10)]), most=3)
    assert short.middle.tolist() == [1, 4, 7.5]
    assert (short.low.tolist(), short.high.tolist(), short.merged) == ([0, 3, 6], [2, 5, 9], True)


@pytest.mark.parametrize(
    "low, high, ticks",
    [
        (0, 1, [0, 0.2, 0.4, 0.6, 0.8, 1]),
        (0.1, 0.33, [0.1, 0.15, 0.2, 0.25, 0.3]),
        (-3, 4, [-2, 0, 2, 4]),
        (0, 5000, [0, 1000, 2000, 3000, 4000, 5000]),
    ],
)
def test_linear_ticks_are_round(low, high, ticks):
    assert nice_ticks(low, high) == pytest.approx(ticks)


@pytest.mark.parametrize(
    "low, high, ticks",
    [
        (0.0009, 1.1, [0.001, 0.01, 0.1, 1]),
        (0.03, 0.6, [0.05, 0.1, 0.2, 0.5]),
        (1e-8, 1e8, [1e-8, 1e-4, 1, 1e4, 1e8]),
        (0.31, 0.43, [0.32, 0.34, 0.36, 0.38, 0.4, 0.42]),
    ],
)
def test_logarithmic_ticks_are_round(low, high, ticks):
    assert log_ticks(low, high) == pytest.approx(ticks)


def test_a_logarithmic_axis():
    """1 to 100 over 0 to 200 pixels: 10 stands in the middle; what is below the frame is held at its edge."""
    assert Axis(1, 100, 0, 200, log=True)([1, 10, 100, 0.001]).tolist() == [0, 100, 200, 0]


@pytest.mark.parametrize("values", [[0.0], [0.0] * 500, [-2.0, -2.0], [5.0], [1e-9, 1e-9], [1e12, -1e12]])
def test_odd_series_can_be_drawn(values):
    (panel,) = panels_of([{"step": step, "epoch": 0.0, "x": value} for step, value in enumerate(values)])
    drawing = curves.draw_panel(panel, 0)
    assert "nan" not in drawing and "inf" not in drawing


def test_a_series_that_was_never_finite():
    (panel,) = panels_of([{"step": 1, "epoch": 0.5, "x": math.nan}])
    assert "never finite" in curves.draw_panel(panel, 0)
