"""Intervals of a model's metrics on labelled rows, in closed form: a thousandth of a bootstrap's cost.

Each row has an influence on a metric: how much the metric moves when the row weighs more. The mean square of these over
the number of rows is the metric's variance (Jaeckel's infinitesimal jackknife, 1972; for roc_auc it is the variance of
DeLong, DeLong and Clarke-Pearson, 1988). Near the ends of a metric's range the normal interval of that variance is
wrong, so that metrics from 0 to 1 have Wilson's (1927), for as many rows as would give a share that variance, and means
of losses and errors have theirs on a log scale.
"""

from __future__ import annotations

import math
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from toolkit.metrics import measure_metric
from toolkit.monitoring.shares import measure_wilson_bound

FloatArray = NDArray[np.float64]
BOUNDED = ("roc_auc", "accuracy", "f1")  # from 0 to 1


def measure_performance(
    metric: str, target: FloatArray, prediction: FloatArray, confidence: float
) -> tuple[float, float, float]:
    """Measure a metric with its interval.

    The interval is that of one look, of rows that do not depend on each other. Its coverage is measured in
    ``tests/unit/monitoring/test_intervals.py``.

    Parameters
    ----------
    metric : str
        Of :func:`toolkit.metrics.list_metrics`.
    target : ndarray
        Class indexes or values, shape (n,).
    prediction : ndarray
        Probabilities (n, classes), or values (n,).
    confidence : float
        Of the interval, such as 0.95.

    Returns
    -------
    tuple of float
        The value, as :func:`toolkit.metrics.measure_metric` gives it, and the ends; NaN where it is not defined.
    """
    value = float(measure_metric(metric, target, prediction, np.ones((1, len(target))))[0])
    if math.isnan(value):
        return value, math.nan, math.nan
    z = NormalDist().inv_cdf((1 + confidence) / 2)
    if metric in BOUNDED:
        rows = _measure_effective_rows(metric, value, target, prediction)
        return (value, *bound_share(value, rows, z))
    if metric == "r2":
        low, high = _bound_mean(_influence_of_r2(target, prediction, value) + 1 - value, z)
        return value, 1 - high, 1 - low
    low, high = _bound_mean(_lose(metric, target, prediction), z)
    return (value, math.sqrt(low), math.sqrt(high)) if metric == "rmse" else (value, low, high)


def bound_share(value: float, rows: float, z: float) -> tuple[float, float]:
    """Give Wilson's interval of a share, or of a metric from 0 to 1 that is as certain as one of so many rows."""
    rows = max(rows, 1e-9)
    low = 1 - float(measure_wilson_bound(np.float64(1 - value), rows, z))
    return max(min(low, value), 0.0), min(
        max(float(measure_wilson_bound(np.float64(value), rows, z)), value), 1.0
    )


def bound_positive(value: float, variance: float, z: float) -> tuple[float, float]:
    """Give the interval of a positive number on a log scale: it is never below 0, and longer above than below."""
    if value <= 0:
        return 0.0, z * math.sqrt(variance)
    factor = math.exp(min(z * math.sqrt(variance) / value, 700.0))
    return value / factor, value * factor


def _lose(metric: str, target: FloatArray, prediction: FloatArray) -> FloatArray:
    if metric == "log_loss":
        own = prediction[np.arange(len(target)), target.astype(int)]
        return -np.log(np.clip(own, np.finfo(np.float64).eps, 1))
    error = target - prediction
    return error**2 if metric == "rmse" else np.abs(error)


def _bound_mean(losses: FloatArray, z: float) -> tuple[float, float]:
    """Bound a mean of losses; one more row as bad as the worst is in the variance, since the tail is seldom seen."""
    mean = float(losses.mean())
    squares = float(((losses - mean) ** 2).sum() + (losses.max() - mean) ** 2)
    return bound_positive(mean, squares / (len(losses) + 1) / len(losses), z)


def _influence_of_r2(target: FloatArray, prediction: FloatArray, value: float) -> FloatArray:
    centred = target - target.mean()
    spread = float((centred**2).mean())
    # Of 1 - r2, whose mean it is given back by the caller.
    return ((target - prediction) ** 2 - (1 - value) * centred**2) / spread


def _measure_effective_rows(metric: str, value: float, target: FloatArray, prediction: FloatArray) -> float:
    """Give the rows of a share that would be as uncertain as the metric is."""
    if metric == "accuracy":
        return len(target)
    present = np.bincount(target.astype(int), minlength=prediction.shape[1])
    smallest = int(present[present > 0].min())
    if metric == "f1":
        return _measure_rows_of_f1(value, target, prediction, smallest)
    if value in (0.0, 1.0):
        return (
            smallest  # no pair of rows is out of order: what is not seen may be a share of the smallest class
        )
    variance = float((_influence_on_area(target, prediction, value) ** 2).mean()) / len(target)
    # Two misplaced rows of the smallest class besides: with few of them, those that are misplaced are seldom seen
    # (as Agresti and Coull, 1998, add two to each side of a share).
    return 1 / (variance / (value * (1 - value)) + 2 / smallest**2)


def _measure_rows_of_f1(value: float, target: FloatArray, prediction: FloatArray, smallest: int) -> float:
    truth, predicted = target.astype(int), prediction.argmax(axis=1)
    classes = prediction.shape[1]
    told = [1] if classes == 2 else range(classes)
    influence, present, union = np.zeros(len(target)), 0, 0
    for index in told:
        is_true, is_told = truth == index, predicted == index
        both = int(is_true.sum() + is_told.sum())
        if not both:
            continue
        present, union = present + 1, int((is_true | is_told).sum())
        score = 2 * int((is_true & is_told).sum()) / both
        influence += (2.0 * (is_true & is_told) - score * is_true - score * is_told) * len(target) / both
    if not present:
        return 1e-9  # of two classes the second neither occurs nor is told
    if value in (0.0, 1.0):
        # With two classes, 2 u / (u + z^2) is Wilson's end for the share of true ones among the u true or told.
        return union * (2 if value else 0.5) if classes == 2 else smallest
    variance = float(((influence / present) ** 2).mean()) / len(target)
    more = 0.0 if classes == 2 else 2 / (present * smallest) ** 2
    return 1 / (variance / (value * (1 - value)) + more)


def _influence_on_area(target: FloatArray, prediction: FloatArray, value: float) -> FloatArray:
    """Of each row on the mean over classes of the area under the ROC curve of one against the rest."""
    classes = [1] if prediction.shape[1] == 2 else range(prediction.shape[1])
    parts = [_influence_on_one_area(target == index, prediction[:, index]) for index in classes]
    return np.mean(parts, axis=0)


def _influence_on_one_area(positive: NDArray[np.bool_], score: FloatArray) -> FloatArray:
    order = np.argsort(score, kind="stable")
    starts = np.concatenate([[True], np.diff(score[order]) > 0])
    group = np.empty(len(score), dtype=np.int64)
    group[order] = np.cumsum(starts) - 1
    ups = np.bincount(group, weights=positive)
    downs = np.bincount(group) - ups
    below = np.cumsum(downs) - downs / 2  # of the negatives, ties by half
    above = ups.sum() - np.cumsum(ups) + ups / 2
    area = float((ups * below).sum() / (ups.sum() * downs.sum()))
    share = float(positive.mean())
    of_positive = (below[group] / downs.sum() - area) / share
    return np.where(positive, of_positive, (above[group] / ups.sum() - area) / (1 - share))
