"""The estimate before labels come: exact where it can be, covering as often as it says, and honest where not."""

import importlib.util
import json
import sys
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

from toolkit.errors import DriftError
from toolkit.metrics import measure_metric
from toolkit.monitoring.calibration import fit_tables, parse_table, table_to_dict
from toolkit.monitoring.estimate import estimate_performance

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "performance_estimate.py"
spec = importlib.util.spec_from_file_location("performance_estimate", SCRIPT)
bench = importlib.util.module_from_spec(spec)
sys.modules[spec.name] = bench  # where its dataclass looks for its module
spec.loader.exec_module(bench)
make_profile, name_columns = bench.make_profile, bench.name_columns
RUNS = 100
COVERED = stats.binom.ppf(0.001, RUNS, 0.95) / RUNS  # less speaks a thousand to one against 95 %
CLASSES = ("no", "yes")


def draw(rng, rows, shift=0.0, base=-2.0):
    return bench.draw_binary(rng, rows, shift, base, 1.3)


@pytest.fixture
def rng():
    return np.random.default_rng(1)


def count(profile, prediction, classes=CLASSES):
    return profile.count({"x": np.zeros(len(prediction))}, name_columns(prediction, classes))


def fit(rng, rows=2000):
    target, prediction = draw(rng, rows)
    profile = make_profile(prediction, CLASSES)
    return fit_tables(target, prediction, CLASSES, profile.predictions), profile, target, prediction


@pytest.mark.parametrize(
    ("case", "rows", "live_rows", "shift"),
    [
        ("two classes, 50 %", 200, 500, 0.0),
        ("two classes, 10 %", 1000, 2000, 0.5),
        ("five classes", 500, 1000, 1.0),
        ("regression", 1000, 2000, 0.5),
    ],
)
def test_intervals_cover_as_often_as_they_say(case, rows, live_rows, shift):
    for metric, (coverage, _, error, naive) in bench.measure(
        case, bench.Setting(rows, live_rows, shift), RUNS, 1
    ).items():
        assert coverage >= COVERED, metric
        if shift and metric != "roc_auc":
            assert error < naive, metric


def test_without_a_shift_it_is_what_the_held_out_rows_showed(rng):
    tables, profile, target, prediction = fit(rng, 20_000)
    weights = np.ones((1, len(target)))
    for metric in ("accuracy", "f1"):
        expected = measure_metric(metric, target, prediction, weights)[0]
        assert estimate_performance(
            tables, profile, count(profile, prediction), metric
        ).value == pytest.approx(expected, abs=2e-3)
    for metric in ("roc_auc", "log_loss"):
        expected = measure_metric(metric, target, prediction, weights)[0]
        assert estimate_performance(
            tables, profile, count(profile, prediction), metric
        ).value == pytest.approx(expected, rel=0.02)


def test_concept_drift_is_invisible_to_it(rng):
    """The same scores, and true labels that are drawn by lot: the estimate cannot know."""
    tables, profile, _, _ = fit(rng)
    _, live = draw(rng, 2000)
    estimate = estimate_performance(tables, profile, count(profile, live), "roc_auc")
    actual = measure_metric("roc_auc", rng.integers(0, 2, 2000).astype(float), live, np.ones((1, 2000)))[0]
    assert actual < 0.6 < 0.8 < estimate.low


def test_more_held_out_rows_and_more_live_ones_narrow_the_interval(rng):
    def measure_width(reference_rows, live_rows):
        tables, profile, _, _ = fit(rng, reference_rows)
        estimate = estimate_performance(tables, profile, count(profile, draw(rng, live_rows)[1]), "accuracy")
        return estimate.high - estimate.low

    assert measure_width(200, 500) > 1.3 * measure_width(5000, 500) > 1.3 * 1.3 * measure_width(5000, 20_000)


def test_rows_where_no_held_out_row_was_are_uncertain(rng):
    target, prediction = draw(rng, 400, base=-4.0)
    kept = prediction[:, 1] < 0.5
    profile = make_profile(prediction, CLASSES)
    tables = fit_tables(target[kept], prediction[kept], CLASSES, profile.predictions)
    live = np.column_stack([np.full(1000, 0.2), np.full(1000, 0.8)])
    estimate = estimate_performance(tables, profile, count(profile, live), "accuracy")
    assert estimate.value == pytest.approx(0.775, abs=0.05)  # what the model says of itself
    assert estimate.high - estimate.low > 0.4


def test_why_there_is_no_figure_is_said(rng):
    tables, profile, _, prediction = fit(rng)
    few = estimate_performance(tables, profile, count(profile, prediction[:7]), "accuracy")
    assert (few.value, few.reason) == (None, "At least 30 rows must be predicted. So far 7 have been.")
    assert estimate_performance(tables, profile, profile.no_rows(), "accuracy").value is None
    r2 = estimate_performance(tables, profile, count(profile, prediction), "r2")
    assert r2.reason.startswith("r2 cannot be estimated before labels come")


def test_counts_and_tables_must_be_of_the_profile(rng):
    tables, profile, _, prediction = fit(rng)
    other = make_profile(prediction[:500], CLASSES)
    with pytest.raises(DriftError, match="another model version"):
        estimate_performance(tables, other, count(profile, prediction), "accuracy")
    values = np.arange(100.0)
    regression = make_profile(values, ())
    with pytest.raises(DriftError, match="must be of this reference profile"):
        estimate_performance(tables, regression, count(regression, values, ()), "rmse")
    with pytest.raises(DriftError, match="must describe the predictions p_yes and has value"):
        fit_tables(np.zeros(2), np.full((2, 2), 0.5), CLASSES, regression.predictions)


def test_a_perfect_regression_is_expected_to_be_perfect():
    values = np.arange(100.0)
    profile = make_profile(values, ())
    tables = fit_tables(values, values, (), profile.predictions)
    estimate = estimate_performance(tables, profile, count(profile, values, ()), "rmse")
    assert (estimate.value, estimate.low, estimate.high) == (0, 0, 0)


def test_cells_that_nobody_is_in_do_no_harm():
    """Of three classes one never comes: its part of a mean over classes is left out or undefined."""
    prediction = np.tile([0.6, 0.4, 0.0], (100, 1))
    classes = ("a", "b", "c")
    profile = make_profile(prediction, classes)
    tables = fit_tables((np.arange(100) % 3 == 0).astype(float), prediction, classes, profile.predictions)
    counts = count(profile, prediction, classes)
    assert 0.3 < estimate_performance(tables, profile, counts, "f1").value < 0.9
    assert estimate_performance(tables, profile, counts, "accuracy").value == pytest.approx(0.66, abs=0.02)


def test_tables_survive_json_and_damage_is_named(rng):
    for table in (
        *fit(rng)[0],
        *fit_tables(*(rng.normal(size=99),) * 2, (), make_profile(rng.normal(size=99), ()).predictions),
    ):
        values = json.loads(json.dumps(table_to_dict(table)))
        again = parse_table(values, "calibration[0]")
        assert table_to_dict(again) == table_to_dict(table)
        for change in (
            {"rows": [1.0]},
            {"rows": ["a"]},
            {"rows": [-1.0] * len(table.rows)},
            {"column": 3},
            {"more": []},
        ):
            with pytest.raises(DriftError, match=r"calibration\[0\]"):
                parse_table({**values, **change}, "calibration[0]")
    with pytest.raises(DriftError, match="must be an object"):
        parse_table([], "calibration[0]")
