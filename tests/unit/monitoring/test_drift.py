"""A window's drift is found where it is, and called drift no more often than promised."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats
from scipy.spatial.distance import jensenshannon

from toolkit.errors import DriftError
from toolkit.monitoring.drift import measure_drift, measure_jensen_shannon
from toolkit.monitoring.profile import fit_profile, fit_scores


def measure(reference, live, alpha=0.01, tolerance=0.0, kind="number"):
    names = [f"x{index}" for index in range(reference.shape[1])]
    profile = fit_profile(dict(zip(names, reference.T, strict=True)), dict.fromkeys(names, kind), 20)
    counts = profile.count(dict(zip(names, live.T, strict=True)))
    return measure_drift(profile, counts, alpha, tolerance)


@pytest.mark.parametrize(("m", "n", "runs"), [(455, 114, 120), (10_000, 1_000, 40)])
def test_false_alarms_are_as_rare_as_promised(m, n, runs):
    """Correlated features, some with ties; the bound is binomial: it fails once in 10,000 at the promised rate."""
    rng = np.random.default_rng(20)
    alpha = 0.1
    alarms = 0
    for _ in range(runs):
        both = rng.normal(size=(m + n, 10)) + rng.normal(size=(m + n, 1))
        both[:, 5:] = np.round(both[:, 5:])
        both[rng.random(both.shape) < 0.02] = np.nan
        alarms += bool(measure(both[:m], both[m:], alpha).drifted)
    assert alarms <= stats.binom.ppf(1 - 1e-4, runs, alpha)


@pytest.mark.parametrize("levels", ["equal", "long tail", "few and rare ones"])
def test_many_categories_alarm_as_rarely_as_promised(levels):
    """The most frequent of the reference are so by chance, and so is what it lacks: neither is drift."""
    rng = np.random.default_rng(23)
    weights = {
        "equal": np.ones(200),
        "long tail": 1 / np.arange(1, 3001),
        "few and rare ones": np.array([1000.0] * 10 + [1.0] * 300),
    }[levels]
    alpha, runs = 0.1, 60
    alarms = 0
    for _ in range(runs):
        drawn = rng.choice(len(weights), (6_000, 1), p=weights / weights.sum()).astype(str)
        alarms += bool(measure(drawn[:3_000], drawn[3_000:], alpha, kind="category").drifted)
    assert alarms <= stats.binom.ppf(1 - 1e-4, runs, alpha)


@pytest.mark.parametrize(("m", "columns"), [(455, 1), (455, 30), (10_000, 5), (8, 3)])
def test_fewer_rows_than_the_fewest_show_no_drift_and_so_many_can(m, columns):
    reference = np.random.default_rng(24).normal(size=(m, columns))
    fewest = measure(reference, reference[:5]).fewest_rows
    assert fewest < 20
    for rows, drifted in ((fewest, ("x0",)), *(((fewest - 1, ()),) if fewest > 1 else ())):
        live = reference[np.arange(rows) % m]
        live[:, 0] = np.nan
        assert measure(reference, live).drifted == drifted


def test_a_change_inside_the_tolerance_is_called_drift_no_more_often():
    """0.05 standard deviations move the middle's share by 0.02, no share by more."""
    rng = np.random.default_rng(21)
    alarms = sum(
        bool(measure(rng.normal(size=(5000, 4)), rng.normal(0.05, size=(5000, 4)), 0.1, 0.02).drifted)
        for _ in range(30)
    )
    assert alarms <= stats.binom.ppf(1 - 1e-4, 30, 0.1)


@pytest.mark.parametrize(("m", "n", "shift"), [(455, 114, 1.0), (10_000, 1_000, 0.4)])
def test_a_shift_of_one_feature_in_thirty_is_found_and_named(m, n, shift):
    rng = np.random.default_rng(22)
    found = 0
    for _ in range(10):
        live = rng.normal(size=(n, 30))
        live[:, 7] += shift
        report = measure(rng.normal(size=(m, 30)), live, 0.01, 0.02)
        found += report.drifted == ("x7",)
        assert report.ranked()[0].name == "x7"
    assert found >= 9


def test_it_finds_about_what_kolmogorov_and_smirnov_find():
    rng = np.random.default_rng(23)
    ours = theirs = 0
    for _ in range(60):
        reference, live = rng.normal(size=(455, 1)), rng.normal(0.4, size=(114, 1))
        ours += bool(measure(reference, live, 0.01).drifted)
        theirs += stats.ks_2samp(reference[:, 0], live[:, 0]).pvalue <= 0.01
    assert ours >= 0.6 * theirs


def test_a_spread_a_missing_value_and_a_new_category_are_found_where_they_are():
    rng = np.random.default_rng(24)
    m, n = 2000, 1000
    reference = {
        "wide": rng.normal(size=m),
        "holes": rng.normal(size=m),
        "city": rng.choice(["a", "b", "c"], m),
    }
    profile = fit_profile(reference, {"wide": "number", "holes": "number", "city": "category"}, 20)
    holes = rng.normal(size=n)
    holes[:60] = np.nan
    live = {
        "wide": rng.normal(0, 2, size=n),
        "holes": holes,
        "city": rng.choice(["a", "b", "c", "new"], n, p=[0.3, 0.3, 0.3, 0.1]),
    }
    wide, holes_drift, city = measure_drift(profile, profile.count(live), 0.01, 0.02).columns
    assert wide.drifted
    assert holes_drift.where == "missing"
    assert (holes_drift.share, holes_drift.reference_share, holes_drift.missing) == (0.06, 0.0, 0.06)
    assert city.where == "unseen"
    assert city.unseen == pytest.approx(0.1, abs=0.03)
    assert (
        holes_drift.message == "holes drifted: 6.0% of rows are missing, 0.0% in the reference (p < 0.0001)."
    )


def test_predictions_are_tested_beside_the_features():
    rng = np.random.default_rng(25)
    x, scores = rng.normal(size=1000), rng.random(1000)
    profile = fit_profile({"x": x}, {"x": "number"}, 20).with_scores(fit_scores(scores, ("no", "yes")))
    low = rng.random(500) ** 3
    predictions = {"label": np.where(low > 0.5, "yes", "no"), "p_yes": low}
    report = measure_drift(profile, profile.count({"x": rng.normal(size=500)}, predictions))
    assert report.predictions_drifted
    assert report.drifted == ()
    assert [column.name for column in report.predictions] == ["label", "p_yes"]
    without = measure_drift(profile, profile.count({"x": rng.normal(size=500)}))
    assert without.predictions == ()
    json.dumps(report.to_dict(), allow_nan=False)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 50)), min_size=2, max_size=12))
def test_distance_agrees_with_scipy(cells):
    p, q = (np.array(column, dtype=float) for column in zip(*cells, strict=True))
    if p.sum() and q.sum():
        p, q = p / p.sum(), q / q.sum()
        assert measure_jensen_shannon(p, q) == pytest.approx(jensenshannon(p, q, base=2), abs=1e-6)


def test_psi_by_chance_is_what_psi_is_without_drift():
    """PSI is about a two-sample chi-square statistic times (1 / n + 1 / m), whose mean is its degrees of freedom."""
    rng = np.random.default_rng(26)
    report = measure(rng.normal(size=(2000, 200)), rng.normal(size=(1000, 200)))
    psi = [column.psi for column in report.columns]
    expected = report.columns[0].psi_by_chance
    assert expected == pytest.approx(19 * (1 / 1000 + 1 / 2000))
    assert np.mean(psi) == pytest.approx(expected, rel=0.05)
    scaled = np.array(psi) / (1 / 1000 + 1 / 2000)
    assert stats.kstest(scaled, stats.chi2(19).cdf).pvalue > 0.001


def test_p_values_are_corrected_as_holm_does():
    rng = np.random.default_rng(27)
    live = rng.normal(size=(300, 3))
    live[:, 0] += 0.5
    together = measure(reference := rng.normal(size=(1000, 3)), live).columns
    alone = [measure(reference[:, [index]], live[:, [index]]).columns[0].p_value for index in range(3)]
    ordered = np.sort(alone) * [3, 2, 1]
    assert sorted(column.p_value for column in together) == pytest.approx(
        np.minimum(np.maximum.accumulate(ordered), 1)
    )


def test_what_cannot_be_measured_is_refused():
    profile = fit_profile({"x": [1.0, 2.0]}, {"x": "number"}, 2)
    with pytest.raises(DriftError, match="at least one row"):
        measure_drift(profile, profile.no_rows())
    with pytest.raises(DriftError, match="alpha must be"):
        measure_drift(profile, profile.count({"x": [1.0]}), alpha=0.0)
    other = fit_profile({"x": [1.0, 3.0]}, {"x": "number"}, 2)
    with pytest.raises(DriftError, match="another model version"):
        measure_drift(profile, other.count({"x": [1.0]}))


def test_a_window_without_any_value_is_all_missing():
    profile = fit_profile({"x": np.arange(100.0)}, {"x": "number"}, 10)
    (column,) = measure_drift(profile, profile.count({"x": [None] * 50})).columns
    assert (column.where, column.share, column.drifted) == ("missing", 1.0, True)
