"""Curves over all thresholds of a classifier: ROC, and precision against recall."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

Curve = tuple[np.ndarray, np.ndarray]


def measure_roc(target: np.ndarray, prediction: np.ndarray, classes: Sequence[str]) -> dict[str, Curve]:
    """Compute false and true positive rates, from (0, 0) to (1, 1), by class.

    Parameters
    ----------
    target : ndarray
        Class indexes, shape (n,).
    prediction : ndarray
        Probabilities, shape (n, classes).
    classes : sequence of str
        Of two classes only the second has a curve: the other's is its mirror image.
    """
    curves = {}
    for name, (ups, downs) in _count_by_threshold(target, prediction, classes).items():
        rates = [np.concatenate([[0.0], counts / max(counts[-1], 1)]) for counts in (downs, ups)]
        curves[name] = (rates[0], rates[1])
    return curves


def measure_precision_recall(
    target: np.ndarray, prediction: np.ndarray, classes: Sequence[str]
) -> dict[str, Curve]:
    """Compute recall and precision by class, from the highest threshold to the lowest (see :func:`measure_roc`)."""
    curves = {}
    for name, (ups, downs) in _count_by_threshold(target, prediction, classes).items():
        recall = np.concatenate([[0.0], ups / max(ups[-1], 1)])
        precision = ups / (ups + downs)
        curves[name] = (recall, np.concatenate([precision[:1], precision]))
    return curves


def _count_by_threshold(
    target: np.ndarray, prediction: np.ndarray, classes: Sequence[str]
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Count positives and negatives at or above each distinct score, highest first."""
    told = range(len(classes))[1 if len(classes) == 2 else 0 :]
    counts = {}
    for index in told:
        order = np.argsort(-prediction[:, index], kind="stable")
        score, positive = prediction[order, index], target[order] == index
        ends = np.flatnonzero(np.concatenate([np.diff(score) != 0, [True]]))
        counts[classes[index]] = (np.cumsum(positive)[ends], np.cumsum(~positive)[ends])
    return counts
