"""Measures of association: those of SciPy and scikit-learn, and what they say where there is no relation."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import chi2_contingency, kruskal, pearsonr, rankdata, spearmanr
from scipy.stats.contingency import association
from sklearn.metrics import mutual_info_score, roc_auc_score

from toolkit.data import association as ours

codes = st.lists(st.tuples(st.integers(0, 4), st.integers(0, 3)), min_size=2, max_size=60)


def table_of(pairs: list[tuple[int, int]]) -> np.ndarray:
    left, right = np.array(pairs).T
    return ours.count_pairs(left, right)


@pytest.mark.parametrize("method", ["pearson", "spearman"])
def test_correlations_are_scipys_on_the_rows_that_a_pair_has(method: str) -> None:
    random = np.random.default_rng(3)
    matrix = random.normal(size=(400, 5))
    matrix[:, 1] += matrix[:, 0]
    matrix[:, 2] = np.round(matrix[:, 2])  # ties
    matrix[:, 3] = np.exp(5 * matrix[:, 3]) + 1e9  # far from 0, a heavy tail
    matrix[random.random((400, 5)) < 0.2] = np.nan
    matrix[:, 4] = np.where(np.isnan(matrix[:, 4]), np.nan, matrix[:, 0] * -2)
    found = ours.measure_pearson(matrix) if method == "pearson" else ours.measure_spearman(matrix)
    reference = pearsonr if method == "pearson" else spearmanr
    for one in range(5):
        for other in range(5):
            both = ~np.isnan(matrix[:, [one, other]]).any(axis=1)
            expected = reference(matrix[both, one], matrix[both, other])[0]
            assert found[one, other] == pytest.approx(expected, abs=1e-9)


def test_a_constant_correlates_with_nothing() -> None:
    matrix = np.column_stack([np.full(50, 7.1), np.arange(50.0), np.full(50, np.nan)])
    found = ours.measure_spearman(matrix)
    assert np.isnan(found[0]).all() and np.isnan(found[2]).all() and found[1, 1] == 1


@given(st.lists(st.floats(allow_nan=True, allow_infinity=False), min_size=1, max_size=50))
def test_ranks_are_scipys_and_leave_what_is_missing(values: list[float]) -> None:
    array = np.array(values)
    known = ~np.isnan(array)
    found = ours.rank(array)
    assert np.isnan(found[~known]).all()
    np.testing.assert_array_equal(found[known], rankdata(array[known]))


@given(codes)
def test_cramers_v_is_scipys_before_it_is_corrected(pairs: list[tuple[int, int]]) -> None:
    table = table_of(pairs)
    if min(table.shape) < 2:
        assert np.isnan(ours.measure_cramers_v(table))
        return
    expected = association(table.astype(int), method="cramer")
    assert ours.measure_cramers_v(table, correct=False) == pytest.approx(expected, abs=1e-12)
    # Bergsma (2013), from SciPy's statistic
    n, (rows, columns) = table.sum(), table.shape
    phi = max(
        0, chi2_contingency(table, correction=False).statistic / n - (rows - 1) * (columns - 1) / (n - 1)
    )
    least = min(rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)) - 1
    expected = min(1.0, (phi / least) ** 0.5) if least > 0 else 0.0
    assert ours.measure_cramers_v(table) == pytest.approx(expected, abs=1e-9)


def test_many_categories_without_a_relation_have_none() -> None:
    random = np.random.default_rng(5)
    left, right = random.integers(0, 300, 20_000), random.integers(0, 300, 20_000)
    table = ours.count_pairs(left, right)
    assert ours.measure_cramers_v(table) < 0.02 < 0.1 < ours.measure_cramers_v(table, correct=False)
    assert ours.measure_correlation_ratio(random.normal(size=20_000), left) < 0.04
    assert ours.measure_information(table) < 0.05
    assert ours.measure_correlation_ratio(np.cos(left), left) == pytest.approx(1)


def test_correlation_ratio_is_the_share_between_groups() -> None:
    random = np.random.default_rng(6)
    group = random.integers(0, 5, 900)
    values = random.normal(group * 0.4, 1.0)
    means = np.array([values[group == at].mean() for at in range(5)])[group]
    assert ours.measure_correlation_ratio(values, group, correct=False) ** 2 == pytest.approx(
        means.var() / values.var(), abs=1e-12
    )
    ranks = rankdata(values)  # of ranks it is the effect size of Kruskal and Wallis: H / (n - 1)
    statistic = kruskal(*[values[group == at] for at in range(5)]).statistic
    assert ours.measure_correlation_ratio(ranks, group, correct=False) ** 2 == pytest.approx(statistic / 899)


@given(codes)
def test_information_is_scikit_learns_less_what_chance_gives(pairs: list[tuple[int, int]]) -> None:
    table = table_of(pairs)
    left, right = np.array(pairs).T
    bias = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * len(pairs))
    expected = max(0.0, mutual_info_score(left, right) - bias) / np.log(2)
    assert ours.measure_information(table) == pytest.approx(expected, abs=1e-9)


def test_area_under_the_curve_is_scikit_learns() -> None:
    random = np.random.default_rng(8)
    positive = random.random(200) < 0.3
    scores = np.round(random.normal(positive * 0.8, 1), 1)
    found = ours.measure_auc(ours.rank(scores), positive)
    assert found == pytest.approx(roc_auc_score(positive, scores), abs=1e-12)
    assert np.isnan(ours.measure_auc(ours.rank(scores), np.ones(200, bool)))


def test_bins_hold_about_equally_many_and_what_is_missing_has_its_own() -> None:
    values = np.concatenate([np.arange(1000.0), np.full(10, np.nan)])
    counts = np.bincount(ours.cut(values, 20))
    assert counts.tolist() == [50] * 20 + [10]
    assert set(ours.cut(np.full(5, np.nan)).tolist()) == {0}
    assert set(ours.cut(np.full(5, 2.0)).tolist()) == {1}
