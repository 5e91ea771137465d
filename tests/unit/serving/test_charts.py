"""Shapes of the status page's charts stand where the numbers say."""

import re

import numpy as np
import pytest

from toolkit.serving import charts
from toolkit.serving.page_style import STYLE

NAN = float("nan")


def numbers(path: str) -> list[float]:
    return [float(each) for each in re.findall(r"-?\d+\.?\d*", re.search(r'd="([^"]*)"', path)[1])]


def test_a_line_breaks_where_nothing_is_known() -> None:
    drawn = charts.line(np.array([0.0, 1.0, NAN, 0.5, NAN, 0.5, 0.0]), 0, 1, "now")
    assert 'class="now line" d="M0.5 98.0L1.5 2.0M5.5 50.0L6.5 98.0"' in drawn


def test_a_value_alone_is_a_dot_that_can_be_seen() -> None:
    drawn = charts.line(np.array([NAN, 0.5, NAN]), 0, 1, "now", filled=True)
    assert drawn == '<path class="now point line" d="M1.5 50.0h0"/>'
    assert ".point.line { stroke-width: 7; }" in STYLE


def test_a_line_of_nothing_draws_nothing() -> None:
    assert charts.line(np.array([NAN, NAN]), 0, 1, "now", filled=True) == ""


def test_stacked_shares_fill_the_height() -> None:
    first, second = re.findall(r"<path[^>]*>", charts.stack(np.array([[0.25, 0.75], [NAN, NAN]])))
    assert numbers(first) == [0, 75, 1, 25, -1] and numbers(second) == [0, 0, 1, 75, -1]


def test_a_strip_is_drawn_by_levels_and_marks_alarms() -> None:
    drawn = charts.strip(np.array([0.01, 0.03, -0.03, 0.5, NAN]), "changed", [(1, 3)], "x")
    assert re.findall(r'class="changed (level\d)" d="([^"]*)"', drawn) == [
        ("level1", "M1 0h2v10h-2z"),
        ("level5", "M3 0h1v10h-1z"),
    ]
    assert 'class="known" d="M0 0h4v10h-4z"' in drawn  # nothing where nothing is known
    assert 'class="mark" x="1.00" y="11" width="2.00"' in drawn


def test_bars_grow_with_their_values_and_a_small_one_is_seen() -> None:
    heights = numbers(charts.bars(np.array([0.0, 1.0, 1000.0, NAN]), 1000, "bad"))
    assert heights[:3] == [1.1, 100, -2] and heights[5:8] == [2.1, 100, -98]


@pytest.mark.parametrize("value", [-5.0, 5.0])
def test_what_is_off_the_scale_stays_inside_the_drawing(value: float) -> None:
    drawn = charts.interval(value, value, value, [(value, "then")], "x")
    assert all(0 <= float(each) <= 100 for each in re.findall(r'(?:x="|d="M)([-\d.]+)', drawn))
