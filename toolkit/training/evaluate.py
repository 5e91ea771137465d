"""What the model does on rows it has never seen: metrics, slices, calibration, confusion."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import lightgbm as lgb
import numpy as np

from toolkit.artifacts import load_json, measure_sha256
from toolkit.errors import ModelError, count_of
from toolkit.metrics import check_metric, list_metrics, measure_metric
from toolkit.params import Validate
from toolkit.training.bootstrap import Interval, measure_interval
from toolkit.training.dataset import Prepared, Split, Task

SLICE_ROWS = 10  # fewer rows say nothing about a slice
CALIBRATION_BINS = 10


def predict_split(folder: Path, split: Split, task: Task) -> np.ndarray:
    """Predict a split with the model in ``folder`` (models/train): probabilities (n, classes), or values (n,).

    Raises
    ------
    ModelError
        The model file is not the one that its signature was written for.
    """
    signature = load_json(folder / "signature.json")
    if measure_sha256(folder / "model.txt") != signature["sha256"]:
        raise ModelError(
            "models/train/model.txt must be the file of its signature and is not. Run './run dvc repro train'."
        )
    raw = np.asarray(lgb.Booster(model_file=str(folder / "model.txt")).predict(split.matrix))
    return np.column_stack([1 - raw, raw]) if task.kind == "binary" else raw


@dataclass(frozen=True, eq=False)
class Evaluation:
    """Metrics of a split with their intervals, and what they were computed from."""

    task: Task
    target: np.ndarray
    prediction: np.ndarray
    metrics: dict[str, Interval]


def evaluate(target: np.ndarray, prediction: np.ndarray, task: Task, params: Validate) -> Evaluation:
    """Compute every metric of the task with its bootstrap interval.

    Raises
    ------
    ModelError
        ``params.metric`` does not fit the task, or is not defined on these rows.
    """
    check_metric(params.metric, task.kind)
    metrics = {}
    for name in list_metrics(task.kind):
        metrics[name] = measure_interval(
            lambda weights, name=name: measure_metric(name, target, prediction, weights),  # type: ignore[misc]
            len(target),
            params.resamples,
            params.confidence,
            params.seed,
        )
    if np.isnan(metrics[params.metric].value):
        raise ModelError(
            f"The test split must allow {params.metric} and does not: it has {count_of(len(target), 'row')} and not "
            "every class. Change prepare.test_share or prepare.seed, or label more rows."
        )
    return Evaluation(task, target, prediction, {n: m for n, m in metrics.items() if not np.isnan(m.value)})


@dataclass(frozen=True)
class Slice:
    """One value of a category or boolean column: its rows, and the metric on them."""

    feature: str
    value: str
    rows: int
    metric: float


def measure_slices(data: Prepared, split: Split, prediction: np.ndarray, metric: str) -> list[Slice]:
    """Compute the metric for each value of each category and boolean column that has enough rows."""
    found = []
    for name, kind in data.features.inputs.items():
        if kind not in {"category", "boolean"}:
            continue
        values = np.asarray(
            ["missing" if value is None else str(value) for value in split.table.column(name).to_pylist()]
        )
        for value in np.unique(values):
            weights = (values == value).astype(np.float64)[np.newaxis]
            result = float(measure_metric(metric, split.target, prediction, weights)[0])
            if weights.sum() >= SLICE_ROWS and not np.isnan(result):
                found.append(Slice(name, str(value), int(weights.sum()), result))
    return found


@dataclass(frozen=True, eq=False)
class Calibration:
    """Rows grouped by what the model says: mean prediction and what was true, each of shape (groups,)."""

    rows: np.ndarray
    predicted: np.ndarray
    observed: np.ndarray

    @property
    def error(self) -> float:
        """Mean distance between the two, weighted by rows."""
        return float(np.average(np.abs(self.predicted - self.observed), weights=self.rows))


def measure_calibration(target: np.ndarray, prediction: np.ndarray) -> Calibration:
    """Group rows by quantiles of the prediction and compare with the truth.

    For two classes the prediction is the probability of the second; for more, that of the most probable class, and
    the truth is whether it was right (Guo et al., "On calibration of modern neural networks", 2017).
    """
    if prediction.ndim == 1:
        score, truth = prediction, target
    elif prediction.shape[1] == 2:
        score, truth = prediction[:, 1], (target == 1).astype(np.float64)
    else:
        score, truth = prediction.max(axis=1), (prediction.argmax(axis=1) == target).astype(np.float64)
    edges = np.unique(np.quantile(score, np.linspace(0, 1, CALIBRATION_BINS + 1)[1:-1]))
    group = np.searchsorted(edges, score, side="left")
    rows = np.bincount(group, minlength=len(edges) + 1)
    used = rows > 0
    sums = [np.bincount(group, values, minlength=len(edges) + 1)[used] for values in (score, truth)]
    return Calibration(rows[used], sums[0] / rows[used], sums[1] / rows[used])


def count_confusion(target: np.ndarray, prediction: np.ndarray) -> np.ndarray:
    """Count rows by true class (row) and predicted class (column)."""
    classes = prediction.shape[1]
    flat = target.astype(int) * classes + prediction.argmax(axis=1)
    return np.bincount(flat, minlength=classes * classes).reshape(classes, classes)
