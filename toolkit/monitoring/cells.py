"""How the values of one column fall into a fixed number of cells, and counting many columns at once."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import compress
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import DriftError, suggest

NUMBERS = ("number", "integer")
LENGTH = "text"  # a text is described by its number of characters: how it reads, no fixed cells can say
ORDERED = (*NUMBERS, LENGTH)
KINDS = (*ORDERED, "boolean", "category")
TOP_CATEGORIES = 50  # a category beyond these is "rest": the profile's size does not depend on the data
FEW_SINGLES = 5  # categories seen once; with no more, what was not seen at all is too rare to be called drift
_CHUNK_ROWS = 256  # rows compared with all edges at once: the scratch array stays in the cache

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
        Reference rows per cell, in that order; of some categories only half the rows (see :func:`fit_cells`).
    minimum, maximum : float or None
        Of the reference's numbers.
    """

    name: str
    kind: str
    edges: tuple[float, ...] = ()
    categories: tuple[str, ...] = ()
    counts: tuple[int, ...] = ()
    minimum: float | None = None
    maximum: float | None = None

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
        lowest = self.edges[0]
        below_all = self.minimum is not None and lowest < self.minimum
        yield f"< {self.minimum:.4g}" if below_all else f"≤ {text[0]}"
        for index in range(1, len(text)):
            lower = f"{self.minimum:.4g}" if index == 1 and below_all else text[index - 1]
            yield text[index] if lower == text[index] else f"{lower} – {text[index]}"
        yield f"> {text[-1]}"


def fit_cells(name: str, kind: str, values: Column, bins: int) -> Cells:
    """Choose the cells of a column from reference values, and count these.

    Bins are cut at order statistics, so that without ties the true share of each is Beta-distributed,
    whatever the distribution of the values. Where many values are equal there are fewer bins, and these
    values have one of their own.

    The most frequent of many categories were also frequent by chance: on the rows that they were chosen by they are
    more frequent, and all others rarer, than they will ever be again. So where there are more than
    ``TOP_CATEGORIES``, or more than ``FEW_SINGLES`` seen but once (as many rows again will bring as many unseen
    ones: Good, 1953, Biometrika 40), one random half of the rows chooses them and the other is counted.

    Parameters
    ----------
    name, kind : str
        The column, and one of number, integer, boolean, category.
    values : sequence
        Reference values; None and NaN are missing.
    bins : int
        Quantile bins wanted for numbers.

    Raises
    ------
    DriftError
        The kind is unknown or the values are not of it.
    """
    if kind not in KINDS:
        raise DriftError(
            f"Column '{name}' must be one of {', '.join(KINDS)}. Got '{kind}' instead.{suggest(kind, KINDS)}"
        )
    if kind not in ORDERED:
        return (
            _fit_categories(name, values)
            if kind == "category"
            else _with_counts(Cells(name, kind, categories=("false", "true")), values)
        )
    numbers = parse_ordered(name, kind, values)
    largest = np.finfo(np.float64).max
    present = np.sort(np.clip(numbers[~np.isnan(numbers)], -largest, largest))
    if not len(present):
        return _with_counts(Cells(name, kind), values)
    minimum, maximum = float(present[0]), float(present[-1])
    return _with_counts(Cells(name, kind, _cut(present, bins), minimum=minimum, maximum=maximum), values)


def _fit_categories(name: str, values: Column) -> Cells:
    counted: Column = values
    known = _count_known(name, values)
    if len(known) > TOP_CATEGORIES or sum(count == 1 for count in known.values()) > FEW_SINGLES:
        chooses = np.random.default_rng(0).permutation(len(values)) < len(values) // 2
        counted = list(compress(values, ~chooses))
        known = _count_known(name, list(compress(values, chooses)))
    ranked = sorted(known, key=lambda text: (-known[text], text))
    return _with_counts(Cells(name, "category", categories=tuple(sorted(ranked[:TOP_CATEGORIES]))), counted)


def _count_known(name: str, values: Column) -> dict[str, int]:
    found = _count_texts(name, "category", values)
    return {text: count for text, count in found.items() if text is not None}


def histogram_cells(name: str, values: Column, bins: int) -> Cells:
    """Count probabilities in ``bins`` cells of equal width between 0 and 1."""
    edges = tuple(float(edge) for edge in np.arange(1, bins) / bins)
    numbers = parse_numbers(name, values)
    present = numbers[~np.isnan(numbers)]
    minimum, maximum = (float(present.min()), float(present.max())) if len(present) else (None, None)
    return _with_counts(Cells(name, "number", edges, minimum=minimum, maximum=maximum), values)


def _cut(present: NDArray[np.float64], bins: int) -> tuple[float, ...]:
    """Quantile cuts at order statistics; a value that several cuts fall on gets a bin of its own."""
    bins = max(2, min(bins, len(present)))
    ranks = -(-np.arange(1, bins) * len(present) // bins) - 1
    cuts, repeats = np.unique(present[ranks], return_counts=True)
    edges = set(cuts.tolist())
    for value in cuts[repeats > 1]:
        first = int(np.searchsorted(present, value, "left"))
        edges.add(float(present[first - 1]) if first else _just_below(value))
    lowest = present[0]
    if len(present) > 1 and lowest == present[1] and lowest in edges:
        edges.add(_just_below(lowest))  # else values below a tied minimum would go unseen
    return tuple(sorted(edge for edge in edges if np.isfinite(edge)))


def _just_below(value: float) -> float:
    below = math.nextafter(value, -math.inf)
    tiny = float(np.finfo(np.float64).tiny)  # a subnormal edge is taken for 0 where a library flushes them
    return -tiny if abs(below) < tiny else below


def _with_counts(cells: Cells, values: Column) -> Cells:
    counts = CellGroup((cells,)).count({cells.name: values})
    return replace(cells, counts=tuple(int(count) for count in counts))


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


def _count_texts(name: str, kind: str, values: Column) -> dict[str | None, int]:
    plain = values.tolist() if hasattr(values, "tolist") else values
    found: dict[str | None, int] = {}
    try:
        for value, count in Counter(plain).items():
            text = parse_category(value, kind)
            found[text] = found.get(text, 0) + count
    except TypeError as error:
        raise DriftError(f"Column '{name}' must hold categories or missing values. {error}.") from None
    return found


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
            for start in range(0, numbers.shape[1], _CHUNK_ROWS):
                counts += self._count_numbers(numbers[:, start : start + _CHUNK_ROWS])
        for index, places in self._places.items():
            column, first = self.columns[index], int(self.offsets[index])
            rest = first + len(places)
            for text, count in _count_texts(column.name, column.kind, columns[column.name]).items():
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
