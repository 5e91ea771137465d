"""What lies far away: values beyond a column's fences, and rows that are unusual in many columns at once."""

from __future__ import annotations

from functools import partial

import numpy as np
import pandas as pd

from toolkit.data.association import FloatArray, measure_spearman
from toolkit.views.explore_arrays import take_quantiles
from toolkit.views.explore_data import Dataset
from toolkit.views.explore_table import Note, Table, shorten, show, show_number, show_share

_FENCE = 3.0  # interquartile ranges beyond the quartiles: Tukey's outer fence (1977)
_WINSOR = 8.0  # robust standard deviations that a single column counts at most
_FAR = 3.5  # from so many on a column is named (Iglewicz and Hoaglin, 1993)
_BLOCK = 65_536


def describe_outliers(data: Dataset) -> Table | Note:
    """Count the values beyond three interquartile ranges from the quartiles, by column, with the farthest row.

    The robust z of a value is its distance from the median over 1.4826 times the median absolute deviation (the
    interquartile range / 1.349 where that is 0).
    """
    entries = {}
    for name in data.of_kind("number", "integer"):
        values, known = data.numbers(name), data.ordered(name)
        if not len(known):
            continue
        low, high = take_quantiles(known, (0.25, 0.75))
        middle, spread = _find_scale(data, name)
        if not high > low or not spread:
            continue
        floor, ceiling = low - _FENCE * (high - low), high + _FENCE * (high - low)
        beyond = int((known < floor).sum() + (known > ceiling).sum())
        if not beyond:
            continue
        distance = np.where(np.isnan(values), -1.0, np.abs(values - middle) / spread)
        farthest = int(distance.argmax())
        entries[shorten(name, 48)] = {
            "beyond": beyond,
            "share": show_share(beyond, len(known)),
            "below": show_number(floor),
            "above": show_number(ceiling),
            "farthest": show_number(values[farthest]),
            "robust z": float(distance[farthest]),
            "in row": shorten(str(data.column(data.key)[farthest].as_py()), 24),
        }
    if not entries:
        return Note(
            f"No number lies more than three interquartile ranges beyond its quartiles ({data.tell()})."
        )
    frame = pd.DataFrame.from_dict(entries, orient="index").sort_values(
        "beyond", ascending=False, kind="stable"
    )
    return Table(frame, data.tell())


def measure_scale(values: FloatArray) -> tuple[float, float]:
    """Measure the median and the spread of sorted values: 1.4826 MAD, the interquartile range / 1.349 if it is 0."""
    low, middle, high = take_quantiles(values, (0.25, 0.5, 0.75))
    spread = 1.4826 * float(np.median(np.abs(values - middle)))
    if not spread:
        spread = float(high - low) / 1.349
    return middle, spread


def _find_scale(data: Dataset, name: str) -> tuple[float, float]:
    values = data.ordered(name)
    return data._keep("scale", name, partial(measure_scale, values)) if len(values) else (0.0, 0.0)


def measure_distances(data: Dataset) -> tuple[FloatArray, FloatArray, list[str]]:
    """Measure how far each row is from the middle of all, over the numbers together.

    A robust Mahalanobis distance: medians and MADs in place of means and deviations, and the correlations that
    Spearman's imply (2 sin(πρ/6)), with eigenvalues of at least 0.05, so that no combination that hardly varies
    decides. A column counts at most 8 robust deviations, so that no single value does. A missing value counts 0.

    Returns
    -------
    tuple
        The distances (rows,), the robust z of each value (rows, columns; as they counted), the columns' names.
    """
    from threadpoolctl import threadpool_limits

    names, columns = [], []
    for name in data.of_kind("number", "integer"):
        values = data.numbers(name)
        middle, spread = _find_scale(data, name)
        if spread:
            names.append(name)
            columns.append(np.clip((values - middle) / spread, -_WINSOR, _WINSOR))
    if len(names) < 2:
        return np.zeros(data.rows), np.zeros((data.rows, len(names))), names
    z = np.stack(columns).T
    roots = _whiten(2 * np.sin(np.pi / 6 * np.nan_to_num(measure_spearman(z[data.places]))))
    np.nan_to_num(z, copy=False)
    distances = np.empty(len(z))
    with threadpool_limits(1, "blas"):
        for first in range(0, len(z), _BLOCK):
            distances[first : first + _BLOCK] = ((roots @ z[first : first + _BLOCK].T) ** 2).sum(axis=0)
    return np.sqrt(distances), z, names


def describe_far_rows(data: Dataset, most: int = 12) -> Table | Note:
    """List the rows that are unusual in many columns at once, with the columns that say so most."""
    distances, z, names = measure_distances(data)
    if len(names) < 2:
        return Note("Rows can be far from the others in two numbers that vary, or more.")
    typical = float(np.median(distances))
    rows = np.argsort(-distances, kind="stable")[:most]
    entries = []
    for row in rows:
        far = np.argsort(-np.abs(z[row]), kind="stable")[:3]
        entries.append(
            {
                data.key: shorten(str(data.column(data.key)[int(row)].as_py()), 32),
                "distance": float(distances[row]),
                "times the median": f"{distances[row] / typical:.1f}" if typical else "",
                f"columns beyond {_FAR} z": int((np.abs(z[row]) > _FAR).sum()),
                "most unusual": ", ".join(
                    f"{shorten(names[at], 24)} = {show(float(data.numbers(names[at])[row]))}"
                    for at in far
                    if abs(z[row, at]) > 1
                ),
            }
            | ({} if data.label is None else {"label": show(data.label[int(row)].as_py())})
        )
    return Table(pd.DataFrame(entries, index=range(1, len(entries) + 1)), data.tell())


def _whiten(matrix: FloatArray) -> FloatArray:
    """Give what turns rows of these correlations into uncorrelated ones."""
    np.fill_diagonal(matrix, 1.0)
    values, vectors = np.linalg.eigh((matrix + matrix.T) / 2)
    return (vectors / np.sqrt(np.maximum(values, 0.05))).T
