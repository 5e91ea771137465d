"""Checked rows on their way through the service: columns to compute with, rows and ids that are made when needed.

A request of a thousand rows is quick because nobody makes a Python object of each value or row before its answer was
sent: what the log needs is made by the recorder, off the request path.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
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
    """

    sent: Sequence[dict[str, Any]]
    columns: Mapping[str, Column]
    count: int
    single: bool = False


def pack_column(kind: str, values: Sequence[Any]) -> Column:
    """Give a column of JSON's values as an array, null as NaN, where nothing is lost by it; else as it is."""
    types = set(map(type, values))
    if kind in ("number", "integer") and types <= _NUMBERS:
        try:
            array = np.array(values, dtype=np.float64)
        except OverflowError:  # a whole number of a hundred digits
            return list(values)
        exact = kind == "number" or not np.fmax.reduce(np.abs(array)) >= EXACT
        return array if exact else list(values)
    if kind == "boolean" and types == {bool}:
        return np.array(values, dtype=bool)
    return list(values)


def unpack_column(values: Column) -> Sequence[Any]:
    """Give a column as the values that JSON would have given: NaN and NaT are null."""
    if not isinstance(values, np.ndarray):
        return values
    plain = values.tolist()
    if values.dtype.kind == "f" and np.isnan(values).any():
        return [None if value != value else value for value in plain]  # noqa: PLR0124  # NaN differs from itself
    return plain
