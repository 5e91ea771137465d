"""How often predictions were right on held-out rows, by cells of the scores: what estimates without labels rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import DriftError
from toolkit.monitoring.cells import Cells

FloatArray = NDArray[np.float64]
TINY = float(np.finfo(np.float64).eps)  # probabilities below count as this, as in log_loss


@dataclass(frozen=True, eq=False)
class ClassTable:
    """Held-out rows by cells of the probability of one class; each array is (cells,).

    Attributes
    ----------
    column : str
        The column of the profile's predictions, such as ``p_yes``.
    rows, true, told, both : ndarray
        Rows, those that are of the class, those that were answered so, and both.
    mean : ndarray
        Mean probability; the cell's middle if it has no rows.
    loss, loss_sq, other_loss, other_loss_sq : ndarray
        Mean of -log p and of its square over the rows that are of the class, and of -log(1 - p) over the others. Rows
        are weighted by the probability (or 1 - it) instead of their labels: within a cell it is the better witness.
    order : ndarray
        Share of pairs in the cell, one of the class and one not, whose probabilities are in order, likewise weighted.
    """

    column: str
    rows: FloatArray
    true: FloatArray
    told: FloatArray
    both: FloatArray
    mean: FloatArray
    loss: FloatArray
    loss_sq: FloatArray
    other_loss: FloatArray
    other_loss_sq: FloatArray
    order: FloatArray


@dataclass(frozen=True, eq=False)
class ValueTable:
    """Held-out rows by cells of the predicted value; each array is (cells,).

    ``rows``; the means of the error's size, its square and its fourth power, and the largest size; mean and variance of
    the predicted value. All are 0 where a cell has no rows.
    """

    column: str
    rows: FloatArray
    size: FloatArray
    square: FloatArray
    fourth: FloatArray
    largest: FloatArray
    center: FloatArray
    spread: FloatArray


Table = ClassTable | ValueTable


def fit_tables(
    target: FloatArray, prediction: FloatArray, classes: Sequence[str], predictions: Sequence[Cells]
) -> tuple[Table, ...]:
    """Count held-out rows in the cells of the profile's predictions.

    Parameters
    ----------
    target, prediction : ndarray
        Of rows that the model has not seen: class indexes (n,) and probabilities (n, classes), or values (n,) twice.
    classes : sequence of str
        In the order of the columns; empty for regression.
    predictions : sequence of Cells
        Of the reference profile (:attr:`toolkit.monitoring.profile.Profile.predictions`).

    Raises
    ------
    DriftError
        The profile describes other predictions.
    """
    known = {cells.name: cells for cells in predictions}
    wanted = [f"p_{name}" for name in classes][1 if len(classes) == 2 else 0 :] or ["value"]
    if missing := [name for name in wanted if name not in known]:
        raise DriftError(
            f"The reference profile must describe the predictions {', '.join(missing)} and has "
            f"{', '.join(known) or 'none'}. Run './run dvc repro train' to make its scores anew."
        )
    if not classes:
        return (_fit_values(known["value"], prediction, prediction - target),)
    first = len(classes) - len(wanted)
    told = prediction.argmax(axis=1)
    return tuple(
        _fit_class(known[name], prediction[:, index], target == index, told == index)
        for index, name in enumerate(wanted, start=first)
    )


def _place(cells: Cells, values: FloatArray) -> tuple[NDArray[np.int64], int]:
    """Give each value's cell, as CellGroup.count does, and the number of cells without that for missing."""
    return np.searchsorted(np.array(cells.edges), values, side="left"), len(cells.edges) + 1


def _fit_class(
    cells: Cells, score: FloatArray, true: NDArray[np.bool_], told: NDArray[np.bool_]
) -> ClassTable:
    place, size = _place(cells, score)
    edges = np.concatenate([[0.0], cells.edges, [1.0]])
    middle = (edges[1:] + edges[:-1]) / 2
    p = np.clip(score, TINY, 1 - TINY)

    def add_up(values: Any) -> FloatArray:
        return np.bincount(place, weights=values, minlength=size).astype(np.float64)

    def average(values: FloatArray, weights: FloatArray, empty: FloatArray) -> FloatArray:
        total = add_up(weights)
        return np.where(total > 0, add_up(values * weights) / np.where(total > 0, total, 1), empty)

    loss, other = -np.log(p), -np.log1p(-p)
    return ClassTable(
        cells.name,
        rows=add_up(np.ones(len(p))),
        true=add_up(true),
        told=add_up(told),
        both=add_up(true & told),
        mean=average(score, np.ones(len(p)), middle),
        loss=average(loss, p, -np.log(middle)),
        loss_sq=average(loss**2, p, np.log(middle) ** 2),
        other_loss=average(other, 1 - p, -np.log1p(-middle)),
        other_loss_sq=average(other**2, 1 - p, np.log1p(-middle) ** 2),
        order=np.array([_measure_order(p[place == cell]) for cell in range(size)]),
    )


def _measure_order(p: FloatArray) -> float:
    """Give the chance that a row of the class has the higher probability than one that is not, ties by half."""
    values, counts = np.unique(p, return_counts=True)
    ups, downs = counts * values, counts * (1 - values)
    pairs = ups.sum() * downs.sum()
    return float((ups * (np.cumsum(downs) - downs / 2)).sum() / pairs) if len(p) > 1 else 0.5


def _fit_values(cells: Cells, predicted: FloatArray, error: FloatArray) -> ValueTable:
    place, number = _place(cells, predicted)
    rows = np.bincount(place, minlength=number).astype(np.float64)

    def average(values: FloatArray) -> FloatArray:
        return np.bincount(place, weights=values, minlength=number) / np.maximum(rows, 1)

    largest = np.zeros(number)
    np.maximum.at(largest, place, np.abs(error))
    center = average(predicted)
    spread = average((predicted - center[place]) ** 2)
    size, square, fourth = (average(np.abs(error) ** power) for power in (1, 2, 4))
    return ValueTable(cells.name, rows, size, square, fourth, largest, center, spread)


def table_to_dict(table: Table) -> dict[str, Any]:
    """Give a table as values that JSON can hold."""
    return {
        name: value.tolist() if isinstance(value, np.ndarray) else value
        for name, value in asdict(table).items()
    }


def parse_table(values: Any, where: str) -> Table:
    """Take a table from what :func:`table_to_dict` gave.

    Raises
    ------
    DriftError
        It is something else.
    """
    if not isinstance(values, Mapping):
        raise DriftError(f"{where} must be an object. Got {type(values).__name__} instead.")
    kind = ValueTable if "square" in values else ClassTable
    names = [field.name for field in fields(kind) if field.name != "column"]
    if set(values) != {"column", *names} or not isinstance(values["column"], str):
        raise DriftError(f"{where} must have column, {', '.join(names)}. Got {', '.join(map(str, values))}.")
    arrays = {}
    for name in names:
        try:
            arrays[name] = np.array(values[name], dtype=np.float64)
        except (TypeError, ValueError):
            raise DriftError(f"{where}.{name} must be a list of numbers.") from None
    shapes = {array.shape for array in arrays.values()}
    sound = all(
        np.isfinite(array).all() and (name == "center" or (array >= 0).all())
        for name, array in arrays.items()
    )
    if len(shapes) != 1 or len(next(iter(shapes))) != 1 or not sound or not arrays["rows"].sum():
        raise DriftError(
            f"{where} must have lists of one length, of finite numbers from 0, with at least one row."
        )
    return kind(values["column"], **arrays)
