"""Bins of histograms: no comb where values lie on a grid, a log scale for heavy tails, clipped ends for the rest."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.views import explore, explore_features
from toolkit.views.explore_bins import choose_bins, space_by_ratio, space_evenly
from toolkit.views.style import new_figure

RANDOM = np.random.default_rng(5)


@pytest.mark.parametrize(
    ("values", "unit"),
    [
        (np.arange(18, 90), 1.0),
        (np.arange(3, 132), 1.0),
        (np.arange(-500, 501), 1.0),
        (np.arange(0, 40_001, 100), 100.0),
        (np.arange(1, 200) / 4, 0.25),
        (np.arange(350, 420) / 10, 0.1),
    ],
)
def test_bins_of_values_on_a_grid_hold_equally_many_of_its_points(values: np.ndarray, unit: float) -> None:
    """A uniform grid must give level bars: all bins but the last count the same."""
    edges = choose_bins(np.repeat(values, 20).astype(float)).edges
    counts = np.histogram(values, edges)[0]
    assert counts.sum() == len(values) and len(counts) <= 60
    assert len(set(counts[:-1].tolist())) == 1 and 0 < counts[-1] <= counts[0]
    assert (edges / unit - np.floor(edges / unit)) == pytest.approx(0.5, abs=1e-6)


def test_values_without_a_grid_get_even_bins() -> None:
    values = RANDOM.normal(size=5000)
    bins = choose_bins(values)
    assert not bins.log and not bins.outside and np.diff(bins.edges) == pytest.approx(np.diff(bins.edges)[0])
    assert bins.edges[[0, -1]].tolist() == [values.min(), values.max()]


def test_heavy_tails_of_positive_values_get_a_log_scale() -> None:
    """Amounts from 0.4 to 43,180 were one bar."""
    values = np.exp(RANDOM.normal(5, 1.5, 20_000))
    bins = choose_bins(values)
    shares = np.histogram(values, bins.edges)[0] / len(values)
    assert bins.log and not bins.outside and shares.sum() == pytest.approx(1) and shares.max() < 0.1
    assert choose_bins(values.round(2)).log
    assert not choose_bins(-values).log and not choose_bins(np.append(values, 0.0)).log
    assert not choose_bins(RANDOM.uniform(1, 1000, 5000)).log  # many decades, and no tail


def test_heavy_tails_with_zeros_lose_their_far_end_alone() -> None:
    values = np.append(np.exp(RANDOM.normal(5, 1.5, 20_000)), np.zeros(50))
    bins = choose_bins(values)
    assert bins.edges[0] <= 0 and 0 < bins.outside <= 0.05 * len(values)
    assert bins.outside == (values > bins.edges[-1]).sum()
    assert np.histogram(values, bins.edges)[0].max() < 0.4 * len(values)


@given(st.integers(1, 10_000), st.integers(100, 10**6), st.sampled_from([1.0, 0.01, 5.0]))
def test_bins_by_ratio_never_shrink_and_hold_every_point(low: int, times: int, unit: float) -> None:
    edges = space_by_ratio(low * unit, low * times * unit, 40, unit)
    widths = np.round(np.diff(edges) / unit)
    assert widths.min() >= 1 and (np.diff(widths) >= 0).all()
    assert edges[0] < low * unit and edges[-1] > low * times * unit


@given(st.integers(-1000, 1000), st.integers(1, 5000), st.integers(5, 60))
def test_even_bins_of_whole_numbers_end_between_them(low: int, reach: int, most: int) -> None:
    edges = space_evenly(low, low + reach, most, 1.0)
    counts = np.histogram(np.arange(low, low + reach + 1), edges)[0]
    assert counts.sum() == reach + 1 and len(counts) <= most
    assert reach >= most * 30 or len(set(counts[:-1].tolist())) <= 1


@pytest.mark.parametrize(
    "values", [[1e307, -1e307], [1e18, 1e18 + 4096], [5e-324, 1.0], [0.1, 0.1 + 1e-15], [2**53, 2**53 + 2]]
)
@pytest.mark.filterwarnings("error")
def test_extreme_values_have_bins(values: list[float]) -> None:
    edges = choose_bins(np.array(values)).edges
    assert np.isfinite(edges).all() and (np.diff(edges) >= 0).all()


def test_the_axis_says_how_it_is_drawn() -> None:
    tail = np.exp(RANDOM.normal(5, 1.5, 2000))
    for values, told in (
        (tail, "(log scale)"),
        (np.append(tail, 0), "beyond this axis, which would reach from 0 to"),
    ):
        _, axes = new_figure()
        explore_features.draw_histogram(axes, {"all": values}, False, "amount")
        assert axes.get_xlabel().startswith("amount") and told in axes.get_xlabel()
        assert axes.get_xscale() == ("log" if "log" in told else "linear")


def test_small_pictures_of_whole_numbers_are_level_too() -> None:
    table = pa.table({"id": [str(row) for row in range(7200)], "age": np.tile(np.arange(18, 90), 100)})
    shown = explore.describe_columns(explore.make_dataset(table, {"age": "integer"}, "id")).frame
    heights = {bar.split('"')[0] for bar in shown.loc["age", "distribution"].html.split('height="')[2:-1]}
    assert len(heights - {"22"}) == 1
