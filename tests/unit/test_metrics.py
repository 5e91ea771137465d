"""Metrics against scikit-learn, intervals against SciPy."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats
from sklearn import metrics as reference

from toolkit.errors import ModelError
from toolkit.metrics import check_metric, measure_metric
from toolkit.training.bootstrap import iterate_resamples, measure_interval
from toolkit.training.curves import measure_precision_recall, measure_roc


def draw(seed: int, classes: int, rows: int = 60) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    target = np.concatenate([np.arange(classes), rng.integers(0, classes, rows - classes)])
    # Rounded, so that there are ties.
    prediction = np.round(rng.dirichlet(np.ones(classes), rows) + 0.4 * np.eye(classes)[target], 1) + 0.01
    return target, prediction / prediction.sum(axis=1, keepdims=True)


def one(name: str, target: np.ndarray, prediction: np.ndarray, weights: np.ndarray | None = None) -> float:
    weights = np.ones(len(target)) if weights is None else weights
    return float(measure_metric(name, target, prediction, weights[np.newaxis].astype(float))[0])


@given(st.integers(0, 10_000), st.integers(2, 4))
@settings(max_examples=30, deadline=None)
def test_classification_metrics_agree_with_scikit_learn(seed: int, classes: int) -> None:
    target, prediction = draw(seed, classes)
    predicted = prediction.argmax(axis=1)
    weights = np.random.default_rng(seed).integers(1, 4, len(target))
    score = prediction[:, 1] if classes == 2 else prediction
    average = "binary" if classes == 2 else "macro"
    area = reference.roc_auc_score(target, score, multi_class="ovr", sample_weight=weights)
    assert one("roc_auc", target, prediction, weights) == pytest.approx(area, abs=1e-12)
    accuracy = reference.accuracy_score(target, predicted, sample_weight=weights)
    assert one("accuracy", target, prediction, weights) == pytest.approx(accuracy, abs=1e-12)
    f1 = reference.f1_score(target, predicted, average=average, sample_weight=weights)
    assert one("f1", target, prediction, weights) == pytest.approx(f1, abs=1e-12)
    loss = reference.log_loss(target, prediction, sample_weight=weights)
    assert one("log_loss", target, prediction, weights) == pytest.approx(loss, abs=1e-12)


@given(st.integers(0, 10_000), st.floats(-1e6, 1e6))
@settings(max_examples=30, deadline=None)
def test_regression_metrics_agree_with_scikit_learn(seed: int, offset: float) -> None:
    rng = np.random.default_rng(seed)
    target = rng.normal(size=40) + offset
    prediction, weights = target + 0.5 * rng.normal(size=40), rng.integers(1, 4, 40)
    pairs = {
        "rmse": reference.root_mean_squared_error,
        "mae": reference.mean_absolute_error,
        "r2": reference.r2_score,
    }
    for name, function in pairs.items():
        expected = function(target, prediction, sample_weight=weights)
        assert one(name, target, prediction, weights) == pytest.approx(expected, rel=1e-7)


def test_a_sample_with_one_class_has_no_area() -> None:
    target, prediction = draw(1, 2)
    assert np.isnan(one("roc_auc", target, prediction, (target == 1).astype(float)))


@pytest.mark.parametrize(("name", "kind"), [("rmse", "binary"), ("roc_auc", "regression")])
def test_a_metric_of_another_task_is_refused(name: str, kind: str) -> None:
    with pytest.raises(ModelError, match=f"validate.metric must be one of .* Got '{name}'"):
        check_metric(name, kind)


def test_interval_is_scipys_on_the_same_draws() -> None:
    values = np.random.default_rng(3).gamma(2.0, size=80)
    ours = measure_interval(lambda w: w @ values / w.sum(axis=1), 80, 999, 0.9, seed=11)
    theirs = stats.bootstrap(
        (values,),
        np.mean,
        n_resamples=999,
        confidence_level=0.9,
        method="percentile",
        rng=np.random.default_rng(11),
    ).confidence_interval
    assert ours.value == pytest.approx(values.mean())
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high), rel=1e-12)


def test_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(5)
    hits = 0
    for trial in range(200):
        values = rng.exponential(size=60)
        interval = measure_interval(lambda w, v=values: w @ v / w.sum(axis=1), 60, 300, 0.9, seed=trial)
        hits += interval.low <= 1.0 <= interval.high
    assert 0.82 <= hits / 200 <= 0.95  # the percentile interval of a skewed mean of 60 covers a little less


def test_resamples_are_the_same_however_they_are_blocked(monkeypatch: pytest.MonkeyPatch) -> None:
    whole = np.concatenate(list(iterate_resamples(7, 50, seed=1)))
    monkeypatch.setattr("toolkit.training.bootstrap.CELLS_AT_ONCE", 20)
    assert (np.concatenate(list(iterate_resamples(7, 50, seed=1))) == whole).all()
    assert (whole.sum(axis=1) == 7).all()


def test_statistic_that_is_hardly_ever_defined_has_no_interval() -> None:
    interval = measure_interval(lambda w: np.full(len(w), np.nan), 5, 100, 0.9, seed=0)
    assert interval.low is interval.high is None


@pytest.mark.parametrize("classes", [2, 3])
def test_curves_agree_with_scikit_learn(classes: int) -> None:
    target, prediction = draw(2, classes)
    names = [f"c{index}" for index in range(classes)]
    roc, recalls = measure_roc(target, prediction, names), measure_precision_recall(target, prediction, names)
    assert list(roc) == (names[1:] if classes == 2 else names)
    for name, (fpr, tpr) in roc.items():
        index = names.index(name)
        expected = reference.roc_curve(target == index, prediction[:, index], drop_intermediate=False)
        np.testing.assert_allclose([fpr, tpr], expected[:2])
        assert np.trapezoid(tpr, fpr) == pytest.approx(
            reference.roc_auc_score(target == index, prediction[:, index])
        )
        precision, recall, _ = reference.precision_recall_curve(target == index, prediction[:, index])
        np.testing.assert_allclose(recalls[name][0][1:], recall[-2::-1])
        np.testing.assert_allclose(recalls[name][1][1:], precision[-2::-1])
