"""The shares that drift is looked for in: rows at or below each bin's edge, of each category, and missing ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.monitoring.cells import CellGroup, Cells, IntArray


class Shares:
    """The shares of a group of columns, read from its array of counts.

    A number has a share for each edge: the rows at or below it among those not missing. A category has one for
    each value and the rest, a boolean one for "true"; every column has one for missing, among all rows.

    Attributes
    ----------
    column : ndarray of int64
        Index of the column that each share belongs to.
    where : tuple of str
        What each share is of, as in "≤ 13.4", "= north" or "missing".
    """

    def __init__(self, group: CellGroup) -> None:
        found = [(index, *named) for index, cells in enumerate(group.columns) for named in _spans(cells)]
        self.column: IntArray = np.array([index for index, _, _ in found], dtype=np.int64)
        self.where = tuple(where for _, where, _ in found)
        spans = np.array([span for _, _, span in found], dtype=np.int64).reshape(-1, 4)
        spans += group.offsets[self.column][:, None]
        self._from, self._to, self._rows_from, self._rows_to = spans.T

    def __len__(self) -> int:
        return len(self.where)

    def count(self, cells: IntArray) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Give, for each share, the rows in it and the rows it is a share of; the last axis is that of the cells."""
        total = np.zeros((*cells.shape[:-1], cells.shape[-1] + 1), dtype=np.int64)
        np.cumsum(cells, axis=-1, out=total[..., 1:])
        hits = total[..., self._to] - total[..., self._from]
        return hits, total[..., self._rows_to] - total[..., self._rows_from]


def count_reference(columns: Sequence[Cells]) -> IntArray:
    """Give the reference's counts of several columns, one after the other."""
    return np.array([count for cells in columns for count in cells.counts], dtype=np.int64)


def measure_wilson_bound(share: Any, rows: Any, z: float) -> Any:
    """Measure the upper bound of Wilson's (1927) interval of a share of ``rows`` rows, above 0."""
    middle = share + z * z / (2 * rows)
    spread = z * np.sqrt(share * (1 - share) / rows + z * z / (4 * rows * rows))
    return (middle + spread) / (1 + z * z / rows)


def _spans(cells: Cells) -> list[tuple[str, tuple[int, int, int, int]]]:
    """From and to, as cells, of each share and of the rows it is a share of."""
    last = cells.size - 1
    if cells.ordered:
        upper = [label.rpartition(" – ")[2].lstrip("≤ ") for label in cells.labels]
        spans = [
            (label if label.startswith(("<", "≤")) else f"≤ {upper[place]}", (0, place + 1, 0, last))
            for place, label in enumerate(cells.labels[:-2])
        ]
    elif cells.kind == "boolean":
        spans = [("= true", (1, 2, 0, last))]
    else:
        named = [f"= {text}" for text in cells.categories]
        rest = cells.labels[-2] if cells.labels[-2] == "unseen" else "rest of the categories"
        spans = [(text, (place, place + 1, 0, last)) for place, text in enumerate([*named, rest])]
    return [*spans, ("missing", (last, last + 1, 0, last + 1))]
