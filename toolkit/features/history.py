"""What happened in a row's group before the row: a join that cannot see the future, nor the row itself.

The history is that of the training rows: their times and values by group. A row looks only at what is strictly before
its own time, whether it is a training row, a row of a batch or a request, by the same code. So the model learns from
what it will be given, and fitting again on the training rows gives the same history.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Any

import numpy as np

from toolkit.features.definition import Definition, Input
from toolkit.features.encode import as_values, is_missing
from toolkit.features.groups import GROUPS, find_by_group, find_groups, name_group
from toolkit.features.makers import NAN, Maker, State

Past = tuple[
    "array[int]", "array[float]", "array[float]"
]  # times in order, values, their running sums from 0
NOTHING: Past = (array("q"), array("d"), array("d", [0.0]))


class History(Maker):
    """A look at the rows of the same group before this one.

    ``statistic`` is last (value), mean, count (of rows), or since (seconds since the last one); ``window_s`` looks no
    further back than so many seconds.
    """

    takes = (GROUPS, ("time",), ("number", "integer", "boolean"))

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self._statistic = definition.params["statistic"]
        window = definition.params.get("window_s", 0)
        self._window = round(window * 1_000_000) if window else 0
        self._past: dict[str, Past] = {
            name: (array("q", times), array("d", values), array("d", accumulate(values, initial=0.0)))
            for name, (times, values) in state["groups"].items()
        }

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Sort the training rows by group and time."""
        (names, place), times = find_groups(columns[0]), columns[1]
        known = (place >= 0) & ~is_missing("time", times)
        values = columns[2] if len(columns) > 2 else np.zeros(len(times))
        known &= ~np.isnan(values)
        order = np.lexsort((times[known], place[known]))  # rows of one moment stay in the table's order
        place, times, values = place[known][order], times[known][order], values[known][order]
        first = np.flatnonzero(np.diff(place, prepend=-1))
        ends = [*first[1:].tolist(), len(place)]
        return {
            "groups": {
                names[place[start]]: [times[start:end].tolist(), values[start:end].tolist()]
                for start, end in zip(first.tolist(), ends, strict=True)
            }
        }

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Look back from each row."""
        pasts, moments = find_by_group(columns[0], self._find), as_values("time", columns[1])
        found = [self._look_back(past, now) for past, now in zip(pasts, moments, strict=True)]
        return np.array(found, dtype=np.float64).reshape(-1, 1)

    def row(self, *values: Any) -> Sequence[float]:
        """Look back from one row."""
        return (self._look_back(self._find(values[0]), values[1]),)

    def _find(self, group: Any) -> Past | None:
        """Find the past of a group; None for a row without a group."""
        name = name_group(group)
        return self._past.get(name, NOTHING) if name else None

    def _look_back(self, past: Past | None, now: int | None) -> float:
        if now is None or past is None:
            return NAN
        times, seen, sums = past
        end = bisect_left(times, now)
        start = bisect_left(times, now - self._window, 0, end) if self._window else 0
        if self._statistic == "count":
            return float(end - start)
        if start == end:
            return NAN
        if self._statistic == "last":
            return seen[end - 1]
        if self._statistic == "since":
            return (now - times[end - 1]) / 1_000_000
        return (sums[end] - sums[start]) / (end - start)
