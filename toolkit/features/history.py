"""What happened in a row's group before the row: a join that cannot see the future, nor the row itself.

The history is that of the training rows: their times and values by group. A row looks only at what is strictly before
its own time, whether it is a training row, a row of a batch or a request, by the same code. So the model learns from
what it will be given, and fitting again on the training rows gives the same history.
"""

from __future__ import annotations

import sys
from array import array
from base64 import b64decode, b64encode
from bisect import bisect_left
from collections.abc import Iterable, Sequence
from itertools import accumulate, pairwise
from typing import Any

import numpy as np

from toolkit.features.definition import Definition, Input
from toolkit.features.encode import as_values, is_missing
from toolkit.features.groups import GROUPS, find_by_group, find_groups, name_group
from toolkit.features.makers import NAN, Maker, State

Span = tuple[int, int]  # a group's first row, and the one after its last, in the order of the state
NOWHERE: Span = (0, 0)


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
        ends = accumulate(state["groups"].values(), initial=0)
        self._spans: dict[str, Span] = dict(zip(state["groups"], pairwise(ends), strict=True))
        self._times, self._values = _unpack("q", state["times"]), _unpack("d", state.get("values", ""))
        self._sums, self._rest = array("d"), array("d")
        if self._statistic == "mean":
            self._sums, self._rest = _sum_up(self._values, self._spans.values())

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Sort the training rows by group and time.

        The state has the number of rows of each group, and the times (microseconds, int64) and values (float64) of
        all groups one after the other, little-endian in base64: 22 bytes a row, where digits take some 40 and ten
        times as long to read.
        """
        (names, place), times = find_groups(columns[0]), columns[1]
        known = (place >= 0) & ~is_missing("time", times)
        if len(columns) > 2:
            known &= ~np.isnan(columns[2])
        order = np.lexsort((times[known], place[known]))  # rows of one moment stay in the table's order
        place = place[known][order]
        first = np.flatnonzero(np.diff(place, prepend=-1))
        counts = np.diff(first, append=len(place))
        groups = [names[group] for group in place[first].tolist()]
        state: dict[str, Any] = {"groups": dict(zip(groups, counts.tolist(), strict=True))}
        state["times"] = _pack(times[known][order].astype("<i8"))
        if len(columns) > 2:
            state["values"] = _pack(columns[2][known][order].astype("<f8"))
        return state

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Look back from each row."""
        spans, moments = find_by_group(columns[0], self._find), as_values("time", columns[1])
        found = [self._look_back(span, now) for span, now in zip(spans, moments, strict=True)]
        return np.array(found, dtype=np.float64).reshape(-1, 1)

    def row(self, *values: Any) -> Sequence[float]:
        """Look back from one row."""
        return (self._look_back(self._find(values[0]), values[1]),)

    def _find(self, group: Any) -> Span | None:
        """Find the past of a group; None for a row without a group."""
        name = name_group(group)
        return self._spans.get(name, NOWHERE) if name else None

    def _look_back(self, span: Span | None, now: int | None) -> float:
        if now is None or span is None:
            return NAN
        times, values = self._times, self._values
        end = bisect_left(times, now, *span)
        start = bisect_left(times, now - self._window, span[0], end) if self._window else span[0]
        if self._statistic == "count":
            return float(end - start)
        if start == end:
            return NAN
        if self._statistic == "last":
            return values[end - 1]
        if self._statistic == "since":
            return (now - times[end - 1]) / 1_000_000
        total, rest = self._sums[end - 1], self._rest[end - 1]
        if start > span[0]:
            total, rest = total - self._sums[start - 1], rest - self._rest[start - 1]
        return (total + rest) / (end - start)


def _sum_up(values: Sequence[float], spans: Iterable[Span]) -> tuple[array[float], array[float]]:
    """Sum each group's values up to each of them, and what rounding took from the sum.

    The sum of a window is the difference of two such sums. Without the rest, one large value would cost the digits of
    all that come after it (the two-sum of Knuth, TAOCP 2, 4.2.2; Neumaier's summation keeps the same rest).
    """
    sums, rests = array("d"), array("d")
    for start, end in spans:
        total = rest = 0.0
        for value in values[start:end]:
            grown = total + value
            kept = grown - total
            rest += (total - (grown - kept)) + (value - kept)
            total = grown
            sums.append(total)
            rests.append(rest)
    return sums, rests


def _pack(numbers: np.ndarray) -> str:
    return b64encode(numbers.tobytes()).decode("ascii")


def _unpack(code: str, text: str) -> Any:
    numbers = array(code)
    numbers.frombytes(b64decode(text, validate=True))
    if sys.byteorder == "big":
        numbers.byteswap()
    return numbers
