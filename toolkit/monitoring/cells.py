"""How the values of one column fall into a fixed number of cells, and counting many columns at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import DriftError

NUMBERS = ("number", "integer")
LENGTH = "text"  # a text is described by its number of characters: how it reads, no fixed cells can say
ORDERED = (*NUMBERS, LENGTH)
KINDS = (*ORDERED, "boolean", "category")
_SORTED_ROWS = 24  # from so many rows on it is quicker to sort than to compare each value with each edge

Column = Sequence[Any] | NDArray[Any]
IntArray = NDArray[np.int64]


@dataclass(frozen=True)
class Cells:
    """The cells of one column and how many reference rows fell into each.

    Numbers: bin ``j`` holds values above ``edges[j - 1]`` and at most ``edges[j]``; then a cell for missing.
    Categories and booleans: a cell for each of ``categories``, one for the rest, one for missing.

    Attributes
    ----------
    counts : tuple of int
        Reference rows per cell, in that order; of some categories only half the rows (see
        :func:`~toolkit.monitoring.cell_fit.fit_cells`).
    minimum, maximum : float or None
        Of the reference's numbers.
    design_effect : float or None
        How many of the reference's rows, in the order of time, tell as much as an independent one; None: not known.
    swing : tuple of float
        How far each of the column's shares comes and goes with time, as a standard deviation (see
        :mod:`~toolkit.monitoring.dependence`); empty: not known.
    """

    name: str
    kind: str
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    minimum: float | None = None
    maximum: float | None = None
    design_effect: float | None = None
    swing: tuple[float, ...] = ()

    @property
    def ordered(self) -> bool:
        """Whether the cells before "missing" have an order."""
        return self.kind in ORDERED

    @property
    def size(self) -> int:
        """Number of cells."""
        return (len(self.edges) + 2) if self.ordered else (len(self.categories) + 2)

    @property
    def labels(self) -> tuple[str, ...]:
        """What each cell is called in a table or plot."""
        if not self.ordered:
            rest = "rest" if self.counts and self.counts[-2] else "unseen"
            return (*self.categories, rest, "missing")
        if not self.edges:
            return ("any value", "missing")
        return (*self._bin_labels(), "missing")

    def _bin_labels(self) -> Iterable[str]:
        text = [f"{edge:.4g}" for edge in self.edges]
        # fit_cells gives a minimum that is tied a cell of its own; other edges far below a minimum are what they are
        below_all = self.minimum is not None and self.edges[0] == step_below(self.minimum)
        yield f"< {self.minimum:.4g}" if below_all else f"≤ {text[0]}"
        for index in range(1, len(text)):
            lower = f"{self.minimum:.4g}" if index == 1 and below_all else text[index - 1]
            yield text[index] if lower == text[index] else f"{lower} – {text[index]}"
        yield f"> {text[-1]}"


def step_below(value: float) -> float:
    """Give the largest edge that is below a value."""
    below = math.nextafter(value, -math.inf)
    tiny = float(np.finfo(np.float64).tiny)  # a subnormal edge is taken for 0 where a library flushes them
    return -tiny if abs(below) < tiny else below


def parse_numbers(name: str, values: Column) -> NDArray[np.float64]:
    """Turn a column into float64 with NaN for missing.

    Raises
    ------
    DriftError
        A value is not a number.
    """
    try:
        return np.asarray(values, dtype=np.float64)
    except (TypeError, ValueError) as error:
        raise DriftError(
            f"Column '{name}' must hold numbers or missing values. {str(error).capitalize()}."
        ) from None


def parse_ordered(name: str, kind: str, values: Column) -> NDArray[np.float64]:
    """Turn a column into what its ordered cells are cut by: its numbers, or the length of its texts."""
    if kind != LENGTH:
        return parse_numbers(name, values)
    try:
        return np.array([np.nan if _is_missing(value) else len(value) for value in values], dtype=np.float64)
    except TypeError:
        raise DriftError(f"Column '{name}' must hold texts or missing values, and holds others.") from None


def _is_missing(value: Any) -> bool:
    return value is None or value != value  # noqa: PLR0124  # NaN, of any type


def parse_category(value: Any, kind: str) -> str | None:
    """Give a category's or boolean's text; None when it is missing."""
    if isinstance(value, str):
        return value
    if value is None or value != value:  # noqa: PLR0124  # NaN, of any type
        return None
    if kind == "boolean" or isinstance(value, (bool, np.bool_)):
        return "true" if value else "false"
    if isinstance(value, (float, np.floating)) and float(value).is_integer():
        return str(int(value))  # a column of integers that had missing values
    return str(value)


def count_texts(name: str, kind: str, values: Column) -> dict[str | None, int]:
    """Count the texts of a column of categories or booleans; None stands for missing."""
    plain = values.tolist() if hasattr(values, "tolist") else values
    found: dict[str | None, int] = {}
    try:
        for value, count in Counter(plain).items():
            text = parse_category(value, kind)
            found[text] = found.get(text, 0) + count
    except TypeError as error:
        raise DriftError(f"Column '{name}' must hold categories or missing values. {error}.") from None
    return found


def place_rows(cells: Cells, values: Column) -> IntArray:
    """Give the cell of each row of a column; a DriftError if a value is not of its kind."""
    missing = cells.size - 1
    if cells.ordered:
        numbers = parse_ordered(cells.name, cells.kind, values)
        return np.where(np.isnan(numbers), missing, np.searchsorted(cells.edges, numbers, side="left"))
    places: dict[str | None, int] = {text: place for place, text in enumerate(cells.categories)}
    places[None] = missing
    plain = values.tolist() if hasattr(values, "tolist") else values
    found = (places.get(parse_category(value, cells.kind), missing - 1) for value in plain)
    return np.fromiter(found, dtype=np.int64, count=len(values))


class CellGroup:
    """Several columns whose cells lie one after the other in one array of counts."""

    def __init__(self, columns: Sequence[Cells]) -> None:
        self.columns = tuple(columns)
        sizes = [column.size for column in self.columns]
        self.offsets: IntArray = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
        self.size = int(self.offsets[-1])
        self._ordered = [index for index, column in enumerate(self.columns) if column.ordered]
        widest = max((len(self.columns[index].edges) for index in self._ordered), default=0)
        self._edges = np.full((len(self._ordered), widest), np.inf)
        for row, index in enumerate(self._ordered):
            self._edges[row, : len(self.columns[index].edges)] = self.columns[index].edges
        self._uppers = [np.array([*self.columns[index].edges, np.inf]) for index in self._ordered]
        self._first = self.offsets[self._ordered]
        self._missing = self.offsets[[index + 1 for index in self._ordered]] - 1
        self._places = {
            index: {text: place for place, text in enumerate(column.categories)}
            for index, column in enumerate(self.columns)
            if not column.ordered
        }

    def slice(self, index: int) -> slice:
        """Where the cells of column ``index`` lie."""
        return slice(int(self.offsets[index]), int(self.offsets[index + 1]))

    def count(self, columns: Mapping[str, Column]) -> IntArray:
        """Count the rows of a block in every cell of every column.

        Raises
        ------
        DriftError
            A column is missing, of another length, or holds values that are not of its kind.
        """
        self._check_columns(columns)
        counts = np.zeros(self.size, dtype=np.int64)
        if self._ordered:
            numbers = self._read_ordered(columns)
            few = numbers.shape[1] < _SORTED_ROWS
            counts += self._count_numbers(numbers) if few else self._count_sorted(numbers)
        for index, places in self._places.items():
            column, first = self.columns[index], int(self.offsets[index])
            rest = first + len(places)
            for text, count in count_texts(column.name, column.kind, columns[column.name]).items():
                counts[rest + 1 if text is None else first + places[text] if text in places else rest] += (
                    count
                )
        return counts

    def _read_ordered(self, columns: Mapping[str, Column]) -> NDArray[np.float64]:
        """Give what the ordered cells are cut by (columns, rows): at once if all are numbers, else one by one."""
        ordered = [self.columns[index] for index in self._ordered]
        if all(each.kind in NUMBERS for each in ordered):
            with suppress(TypeError, ValueError):
                return np.array([columns[each.name] for each in ordered], dtype=np.float64)
        return np.array([parse_ordered(each.name, each.kind, columns[each.name]) for each in ordered])

    def _count_numbers(self, numbers: NDArray[np.float64]) -> IntArray:
        # The number of edges below a value is the index of its bin; no edge is below NaN.
        bins = np.count_nonzero(numbers[:, :, None] > self._edges[:, None, :], axis=2)
        places = np.where(np.isnan(numbers), self._missing[:, None], bins + self._first[:, None])
        return np.bincount(places.ravel(), minlength=self.size)

    def _count_sorted(self, numbers: NDArray[np.float64]) -> IntArray:
        """Count many rows: sorted, the rows at or below each edge are found by bisection. NaN sorts last."""
        counts = np.zeros(self.size, dtype=np.int64)
        for values, edges, index in zip(np.sort(numbers, axis=1), self._uppers, self._ordered, strict=True):
            cells = counts[self.slice(index)]
            cells[:-1] = values.searchsorted(edges, side="right")
            cells[-1] = len(values)
            cells[1:] -= cells[:-1].copy()
        return counts

    def _check_columns(self, columns: Mapping[str, Column]) -> None:
        missing = [column.name for column in self.columns if column.name not in columns]
        if missing:
            raise DriftError(
                f"The rows must have the column{'s' if len(missing) > 1 else ''} {', '.join(missing)} that "
                f"the reference profile describes. Found {', '.join(list(columns)[:10]) or 'none'}. "
                "Give rows with the features that the model was trained on."
            )
        lengths = {column.name: len(columns[column.name]) for column in self.columns}
        if len(set(lengths.values())) > 1:
            name = next(name for name, length in lengths.items() if length != next(iter(lengths.values())))
            raise DriftError(
                f"All columns must have the same number of rows. '{self.columns[0].name}' has "
                f"{next(iter(lengths.values()))} and '{name}' has {lengths[name]}."
            )
