"""Metrics on labelled rows equal scikit-learn's, and their intervals cover as often as they say."""

import time

import numpy as np
import pytest
from scipy import stats
from sklearn import metrics as reference

from toolkit.metrics import CLASSIFICATION, REGRESSION, measure_metric
from toolkit.monitoring.intervals import bound_positive, bound_share, measure_performance

RUNS = 300
COVERED = stats.binom.ppf(0.001, RUNS, 0.95)  # fewer speak a thousand to one against 95 %


def draw_classes(rng, rows, shares, sharpness):
    """Rows whose probabilities are true: each class occurs as often as they say."""
    prediction = np.clip(rng.dirichlet(sharpness * np.array(shares), rows), 1e-7, 1)
    prediction /= prediction.sum(axis=1, keepdims=True)
    target = (rng.random(rows)[:, None] > prediction.cumsum(axis=1)).sum(axis=1)
    return np.minimum(target, len(shares) - 1).astype(float), prediction


def draw_values(rng, rows, shares, sharpness):
    predicted = 2 * rng.normal(size=rows)
    return predicted + rng.normal(size=rows), predicted


CASES = [
    *((metric, draw_classes, (0.7, 0.3), 0.7) for metric in CLASSIFICATION),
    *((metric, draw_classes, (0.95, 0.05), 0.3) for metric in ("roc_auc", "f1")),
    *((metric, draw_classes, (0.5, 0.3, 0.2), 0.5) for metric in ("roc_auc", "f1")),
    *((metric, draw_values, (), 0) for metric in REGRESSION),
]


@pytest.mark.parametrize(("metric", "draw", "shares", "sharpness"), CASES)
@pytest.mark.parametrize("rows", [200, 1000])
def test_intervals_cover_as_often_as_they_say(metric, draw, shares, sharpness, rows):
    rng = np.random.default_rng(1)
    target, prediction = draw(rng, 300_000, shares, sharpness)
    truth = measure_metric(metric, target, prediction, np.ones((1, len(target))))[0]
    covered = 0
    for _ in range(RUNS):
        _, low, high = measure_performance(metric, *draw(rng, rows, shares, sharpness), 0.95)
        covered += low <= truth <= high
    assert covered >= COVERED


def test_values_are_those_of_scikit_learn_ties_included():
    rng = np.random.default_rng(2)
    target, prediction = draw_classes(rng, 400, (0.6, 0.4), 2)
    prediction = np.round(prediction, 1)  # rows of equal probability
    told = prediction.argmax(axis=1)
    expected = {
        "roc_auc": reference.roc_auc_score(target, prediction[:, 1]),
        "accuracy": reference.accuracy_score(target, told),
        "f1": reference.f1_score(target, told),
        "log_loss": reference.log_loss(target, np.clip(prediction, np.finfo(float).eps, 1)),
    }
    for metric, value in expected.items():
        assert measure_performance(metric, target, prediction, 0.95)[0] == pytest.approx(value, abs=1e-12)


def test_accuracy_has_wilsons_interval():
    prediction = np.tile([0.1, 0.9], (50, 1))
    target = np.array([1.0] * 43 + [0.0] * 7)
    expected = stats.binomtest(43, 50).proportion_ci(0.9, method="wilson")
    assert measure_performance("accuracy", target, prediction, 0.9) == pytest.approx(
        (0.86, *expected), abs=1e-9
    )


def test_the_variance_of_roc_auc_is_that_of_a_bootstrap():
    rng = np.random.default_rng(3)
    target, prediction = draw_classes(rng, 2000, (0.5, 0.3, 0.2), 1)
    weights = rng.multinomial(2000, np.full(2000, 1 / 2000), size=400).astype(float)
    spread = measure_metric("roc_auc", target, prediction, weights).std()
    _, low, high = measure_performance("roc_auc", target, prediction, 0.95)
    assert (high - low) / (2 * 1.96) == pytest.approx(spread, rel=0.15)


@pytest.mark.parametrize("metric", ["roc_auc", "accuracy", "f1"])
def test_a_model_without_a_mistake_on_few_rows_may_still_make_some(metric):
    target = np.array([0.0] * 40 + [1.0] * 10)
    prediction = np.column_stack([1 - 0.9 * target, 0.9 * target])
    value, low, high = measure_performance(metric, target, prediction, 0.95)
    assert (value, high) == (1.0, 1.0)
    assert 0.65 < low < 0.95


@pytest.mark.parametrize(
    ("metric", "target", "prediction"),
    [
        ("roc_auc", np.zeros(40), np.full((40, 2), 0.5)),
        ("roc_auc", np.arange(40) % 2.0, np.full((40, 3), 1 / 3)),
        ("r2", np.zeros(40), np.arange(40.0)),
    ],
)
def test_what_is_not_defined_is_not_a_number(metric, target, prediction):
    assert np.isnan(measure_performance(metric, target, prediction, 0.95)).all()


def test_errors_of_zero_have_an_interval():
    assert measure_performance("rmse", np.arange(40.0), np.arange(40.0), 0.95) == (0.0, 0.0, 0.0)
    assert measure_performance("f1", np.zeros(40), np.tile([0.9, 0.1], (40, 1)), 0.95) == pytest.approx(
        (0, 0, 1)
    )


def test_the_ends_of_an_interval_stay_in_the_metrics_range():
    assert bound_share(0.999, 3, 1.96)[1] <= 1
    assert bound_positive(0.1, 1e9, 1.96)[0] >= 0


@pytest.mark.parametrize("metric", [*CLASSIFICATION, *REGRESSION])
def test_five_thousand_rows_take_less_than_fifty_milliseconds(metric):
    rng = np.random.default_rng(4)
    rows = (
        draw_classes(rng, 5000, (0.4, 0.3, 0.3), 1)
        if metric in CLASSIFICATION
        else draw_values(rng, 5000, (), 0)
    )
    fastest = np.inf
    for _ in range(5):
        start = time.perf_counter()
        measure_performance(metric, *rows, 0.95)
        fastest = min(fastest, time.perf_counter() - start)
    assert fastest < 0.05
