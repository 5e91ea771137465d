"""Choose the cells of a column from the reference's values."""

from __future__ import annotations

from dataclasses import replace
from itertools import compress

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import DriftError, suggest
from toolkit.monitoring.cells import (
    KINDS,
    ORDERED,
    CellGroup,
    Cells,
    Column,
    count_texts,
    parse_numbers,
    parse_ordered,
    step_below,
)

TOP_CATEGORIES = 50  # a category beyond these is "rest": the profile's size does not depend on the data
ENDS = (0.001, 0.002, 0.005, 0.01, 0.02)  # where the first cell of a histogram is cut
FEW_SINGLES = 5  # categories seen once; with no more, what was not seen at all is too rare to be called drift


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
    found = count_texts(name, "category", values)
    return {text: count for text, count in found.items() if text is not None}


def histogram_cells(name: str, values: Column, bins: int) -> Cells:
    """Count probabilities in ``bins`` cells of equal width between 0 and 1, the first and the last cut finer.

    A model of rare events, or a good one, has most of its probabilities in these two: how they are spread there is
    what its metrics depend on.
    """
    low = [edge for edge in ENDS if edge < 1 / bins]
    inner = (np.arange(1, bins) / bins).tolist()
    edges = (*low, *inner, *(1 - edge for edge in reversed(low)))
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
        edges.add(float(present[first - 1]) if first else step_below(value))
    lowest = present[0]
    if len(present) > 1 and lowest == present[1] and lowest in edges:
        edges.add(step_below(lowest))  # else values below a tied minimum would go unseen
    return tuple(sorted(edge for edge in edges if np.isfinite(edge)))


def _with_counts(cells: Cells, values: Column) -> Cells:
    counts = CellGroup((cells,)).count({cells.name: values})
    return replace(cells, counts=tuple(int(count) for count in counts))
