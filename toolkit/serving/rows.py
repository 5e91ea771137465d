"""Checked rows on their way through the service: columns to compute with, rows and ids that are made when needed.

A request of a thousand rows is quick because nobody makes a Python object of each value or row before its answer was
sent: what the log needs is made by the recorder, off the request path.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, overload

import numpy as np

Column = Sequence[Any] | np.ndarray
EXACT = 2.0**53  # from here on float64 does not tell whole numbers apart
_NUMBERS = frozenset((float, int, type(None)))


class Lazy(Sequence[Any]):
    """A sequence of known length whose items are made, all at once, when the first is asked for."""

    def __init__(self, make: Callable[[], Sequence[Any]], count: int) -> None:
        self._make, self._count = make, count
        self._made: Sequence[Any] | None = None

    def __len__(self) -> int:
        return self._count

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> Sequence[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        return self._items()[index]

    def __iter__(self) -> Iterator[Any]:
        return iter(self._items())

    def _items(self) -> Sequence[Any]:
        if self._made is None:
            self._made = self._make()
        return self._made


class Ids(Lazy):
    """Ids of rows that follow each other: the worker's own start, then a running number of eight hex digits."""

    def __init__(self, start: str, first: int, count: int) -> None:
        super().__init__(self._name_all, count)
        self.start, self.first = start, first

    def _name_all(self) -> list[str]:
        start = self.start
        return [f"{start}{number:08x}" for number in range(self.first, self.first + self._count)]


class OneRow(Mapping[str, Sequence[Any]]):
    """A row as columns of one value, in the order of ``names``; each is made when it is asked for."""

    def __init__(self, row: Mapping[str, Any], names: Collection[str]) -> None:
        self._row, self._names = row, names

    def __getitem__(self, name: str) -> Sequence[Any]:
        return [self._row[name]]

    def __iter__(self) -> Iterator[str]:
        return iter(self._names)

    def __len__(self) -> int:
        return len(self._names)


@dataclass(frozen=True)
class Rows:
    """Checked rows of a request.

    Attributes
    ----------
    sent : sequence of dict
        The rows as values that JSON can hold; of a request by columns they are made when first asked for.
    columns : mapping
        By name, in the model's order: float64 or boolean arrays where all values are such, else lists of values;
        a single row has lists alone.
    count : int
        Number of rows.
    single : bool
        It was one object, not a list, and is answered as one.
    body : bytes
        The JSON of a list of objects, where they came as such.
    top : object
        What was sent as ``top`` beside the rows, where that may be; not checked.
    """

    sent: Sequence[dict[str, Any]]
    columns: Mapping[str, Column]
    count: int
    single: bool = False
    body: bytes = b""
    top: Any = None


def pack_column(kind: str, values: Sequence[Any], booleans: bool = True) -> Column:
    """Give a column of JSON's values as an array, null as NaN, where nothing is lost by it; else as a list.

    ``booleans``: whether there may be true or false among the values. Where the request has none, numbers are packed
    without a look at the type of each.
    """
    if kind in ("number", "integer"):
        array = _pack_numbers(values, booleans)
        exact = array is not None and (kind == "number" or not np.fmax.reduce(np.abs(array)) >= EXACT)
        return array if array is not None and exact else list(values)
    if kind == "boolean" and set(map(type, values)) == {bool}:
        return np.array(values, dtype=bool)
    return list(values)


def _pack_numbers(values: Sequence[Any], booleans: bool) -> np.ndarray | None:
    with suppress(struct.error, OverflowError):  # null, or no number, or one of a hundred digits
        if not booleans or set(map(type, values)) <= {float, int}:  # true would be packed as 1
            return np.frombuffer(
                struct.pack(f"{len(values)}d", *values), dtype=np.float64
            )  # as quick as it gets
    with suppress(OverflowError):
        if set(map(type, values)) <= _NUMBERS:
            return np.array(values, dtype=np.float64)
    return None


def unpack_column(values: Column) -> Sequence[Any]:
    """Give a column as the values that JSON would have given: NaN and NaT are null."""
    if not isinstance(values, np.ndarray):
        return values
    plain = values.tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if value != value else value for value in plain]  # noqa: PLR0124  # NaN differs from itself
    return plain
