"""What became of predictions once their true labels are known, as columns that the drift detector can watch.

The labels' mix is one profile (:func:`fit_label_profile`), the errors another (:func:`fit_outcome_profile`); each is
watched by a :class:`~toolkit.monitoring.detector.DriftDetector` of its own, of group ``label`` and ``performance``.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import DriftError, quote, suggest
from toolkit.monitoring.cell_fit import fit_cells
from toolkit.monitoring.cells import CellGroup, Cells, Column
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile

FloatArray = NDArray[np.float64]
BINS = 10  # quantile bins of errors: held-out rows are few
MOST_CLASSES = 10  # with more, a class's own errors are too few to be watched apart
VERDICTS = ("right", "wrong")
ALL = "all answers"
CERTAINTY = "probability of the true label"
SIZE, ERROR = "size of the error", "prediction minus truth"


def encode_outcome(
    truth: Any, prediction: Mapping[str, Any], classes: Sequence[str]
) -> tuple[float, float | FloatArray]:
    """Turn a true label and a logged output into numbers.

    Parameters
    ----------
    truth : str or float
        One of the classes, or a finite number for regression.
    prediction : mapping
        As answered and logged: with ``probabilities`` by class, or with ``value``.
    classes : sequence of str
        The model's classes in order; empty for regression.

    Returns
    -------
    tuple
        The class's index and the probabilities (classes,), or the true and the predicted value.

    Raises
    ------
    DriftError
        The label is none that the model can predict, or the output is not one of this model.
    """
    if not classes:
        return _take_number(truth, "A true label"), _take_number(prediction.get("value"), "A predicted value")
    if truth not in classes:
        raise DriftError(
            f"A true label must be one of {quote(classes)}, the classes that the model knows. Got {truth!r} instead."
            f"{suggest(str(truth), classes)}"
        )
    given = prediction.get("probabilities")
    if not isinstance(given, Mapping) or set(given) != set(classes):
        found = quote(given) if isinstance(given, Mapping) else repr(given)
        raise DriftError(
            f"A prediction must have the probabilities of {quote(classes)}. Got {found}: it is one of another model."
        )
    row = [_take_number(given[name], f"The probability of '{name}'") for name in classes]
    return float(classes.index(truth)), np.array(row)


def fit_label_profile(profile: Profile) -> Profile | None:
    """Give the profile of the true labels alone, from the reference profile; None if that has none."""
    # True labels are few and come late: to learn first how they hang together would take weeks.
    return None if profile.label is None else Profile((profile.label,)).with_independent_rows()


def count_labels(profile: Profile, truths: Sequence[Any]) -> Counts:
    """Count true labels, as texts or numbers, in the cells of :func:`fit_label_profile`."""
    return profile.count({profile.features[0].name: truths})


def fit_outcome_profile(target: FloatArray, prediction: FloatArray, classes: Sequence[str]) -> Profile:
    """Describe the errors on held-out rows: the reference for the watch on performance.

    The rows must be such as the model has not seen in any way, those of the split ``test``: on others it errs less.

    Classification: how many answers are wrong, of all and of those that name each class (with up to ten classes), and
    the probability that the true label was given. Regression: the size of the error, and its sign and size.

    Parameters
    ----------
    target : ndarray
        Class indexes or values, shape (n,).
    prediction : ndarray
        Probabilities (n, classes), or values (n,).
    classes : sequence of str
        The model's classes in order; empty for regression.
    """
    columns = _list_columns(target, prediction, classes)
    cells = []
    for name, values in columns.items():
        if name in (CERTAINTY, SIZE, ERROR):
            cells.append(fit_cells(name, "number", values, BINS))
        else:  # not fit_cells: a model that was never wrong on these rows still may be
            cells.append(Cells(name, "category", categories=VERDICTS))
    group = CellGroup(cells)
    counts = _count(group, columns)
    # A class that no answer named has no reference, and nothing can be said of its errors.
    known = [index for index in range(len(cells)) if counts[group.slice(index)].any()]
    described = (replace(cells[index], counts=tuple(map(int, counts[group.slice(index)]))) for index in known)
    return Profile(tuple(described)).with_independent_rows()  # as true labels are


def count_outcomes(
    profile: Profile, target: FloatArray, prediction: FloatArray, classes: Sequence[str]
) -> Counts:
    """Count outcomes in the cells of :func:`fit_outcome_profile`; parameters as there, of at least one row."""
    counts = profile.no_rows()
    if not len(target):
        return counts
    features = _count(profile.feature_group, _list_columns(target, prediction, classes))
    return replace(counts, rows=len(target), features=features)


def _list_columns(target: FloatArray, prediction: FloatArray, classes: Sequence[str]) -> dict[str, Column]:
    if not classes:
        error = prediction - target
        return {SIZE: np.abs(error), ERROR: error}
    truth, told = target.astype(int), prediction.argmax(axis=1)
    verdicts = np.where(truth == told, *VERDICTS).tolist()
    columns: dict[str, Column] = {ALL: verdicts}
    if len(classes) <= MOST_CLASSES:
        for index, name in enumerate(classes):
            columns[f"answer {name}"] = [
                verdict if named else None for verdict, named in zip(verdicts, told == index, strict=True)
            ]
    columns[CERTAINTY] = prediction[np.arange(len(truth)), truth]
    return columns


def _count(group: CellGroup, columns: Mapping[str, Column]) -> NDArray[np.int64]:
    """Count; "missing" stands for rows that a column is not about, whose number is no matter of performance."""
    counts = group.count(columns)
    counts[group.offsets[1:] - 1] = 0
    return counts


def _take_number(value: Any, what: str) -> float:
    if type(value) not in (int, float) or not math.isfinite(value):
        raise DriftError(f"{what} must be a finite number. Got {value!r} instead.")
    return float(value)
