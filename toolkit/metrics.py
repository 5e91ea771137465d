"""Metrics of many weighted samples at once: what makes a bootstrap of a thousand resamples cheap."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from toolkit.errors import ModelError, suggest

CLASSIFICATION = ("roc_auc", "accuracy", "f1", "log_loss")
REGRESSION = ("rmse", "mae", "r2")
LOWER_IS_BETTER = ("log_loss", "rmse", "mae")


def list_metrics(kind: str) -> tuple[str, ...]:
    """Name the metrics of a task: binary and multiclass have the same, regression has its own."""
    return REGRESSION if kind == "regression" else CLASSIFICATION


def check_metric(name: str, kind: str) -> None:
    """Check that a metric fits the task.

    Raises
    ------
    ModelError
        It does not, such as rmse for classes.
    """
    valid = list_metrics(kind)
    if name not in valid:
        raise ModelError(
            f"params.yaml: validate.metric must be one of {', '.join(valid)} for a {kind} task. "
            f"Got '{name}' instead.{suggest(name, valid)} Set validate.limit to suit it."
        )


def measure_metric(name: str, target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Compute a metric for each row of ``weights``.

    Parameters
    ----------
    name : str
        Of :func:`list_metrics`. With more than two classes roc_auc is the mean over classes of one against the rest,
        and f1 the mean over the classes that occur; with two, f1 is that of the second class.
    target : ndarray
        Class indexes or values, shape (n,).
    prediction : ndarray
        Probabilities (n, classes), or values (n,).
    weights : ndarray
        Shape (samples, n): how often each row is in each sample.

    Returns
    -------
    ndarray
        Shape (samples,); NaN where the metric is not defined, such as roc_auc of a sample with one class.
    """
    with np.errstate(divide="ignore", invalid="ignore"):
        return _METRICS[name](target, prediction, weights)


def _roc_auc(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    classes = [1] if prediction.shape[1] == 2 else range(prediction.shape[1])
    return np.mean([_area(target == index, prediction[:, index], weights) for index in classes], axis=0)


def _area(positive: np.ndarray, score: np.ndarray, weights: np.ndarray) -> np.ndarray:
    """Share of pairs (positive, negative) that the score puts in order; ties count half (Mann and Whitney, 1947)."""
    order = np.argsort(score, kind="stable")
    starts = np.flatnonzero(np.concatenate([[True], np.diff(score[order]) > 0]))
    sorted_weights, sorted_positive = weights[:, order], positive[order]
    ups = np.add.reduceat(np.where(sorted_positive, sorted_weights, 0), starts, axis=1)
    downs = np.add.reduceat(np.where(sorted_positive, 0, sorted_weights), starts, axis=1)
    below = np.cumsum(downs, axis=1) - downs
    return (ups * (below + downs / 2)).sum(axis=1) / (ups.sum(axis=1) * downs.sum(axis=1))


def _accuracy(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ (prediction.argmax(axis=1) == target) / weights.sum(axis=1)


def _f1(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    predicted = prediction.argmax(axis=1)
    scores = []
    for index in range(prediction.shape[1]):
        hits = weights @ ((predicted == index) & (target == index))
        scores.append(2 * hits / (weights @ (predicted == index) + weights @ (target == index)))
    if len(scores) == 2:
        return np.nan_to_num(scores[1])
    present = ~np.isnan(scores)
    return np.where(present, scores, 0).sum(axis=0) / present.sum(axis=0)


def _log_loss(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    own = prediction[np.arange(len(target)), target.astype(int)]
    return weights @ -np.log(np.clip(own, np.finfo(np.float64).eps, 1)) / weights.sum(axis=1)


def _rmse(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return np.sqrt(weights @ (target - prediction) ** 2 / weights.sum(axis=1))


def _mae(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    return weights @ np.abs(target - prediction) / weights.sum(axis=1)


def _r2(target: np.ndarray, prediction: np.ndarray, weights: np.ndarray) -> np.ndarray:
    centred = target - target.mean()  # keeps the difference of squares below exact
    total = weights @ centred**2 - (weights @ centred) ** 2 / weights.sum(axis=1)
    left = weights @ (target - prediction) ** 2
    return np.where(total > 0, 1 - left / total, np.nan)


_METRICS: dict[str, Callable[[np.ndarray, np.ndarray, np.ndarray], np.ndarray]] = {
    "roc_auc": _roc_auc,
    "accuracy": _accuracy,
    "f1": _f1,
    "log_loss": _log_loss,
    "rmse": _rmse,
    "mae": _mae,
    "r2": _r2,
}
