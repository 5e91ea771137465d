"""What the training rows of the same group (a customer, a product) have in common."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from toolkit.features.definition import Definition, Input
from toolkit.features.encode import is_missing
from toolkit.features.makers import NAN, Maker, State

GROUPS = ("category", "text", "integer", "boolean")
STATISTICS = ("mean", "std", "min", "max", "count")


class GroupStatistic(Maker):
    """A statistic of a number over the training rows of the row's group.

    A group that no training row has gets the statistic of all training rows (a count of 0), and so does one without a
    value: as a missing value it would be taken for 0, where training had none. A row without a group has none.
    ``std`` divides by the rows less one, so that a group of one row has none. A training row is part of its own
    group's statistic, as it was when the model learnt from it: with small groups prefer the history of
    :mod:`toolkit.features.history`, which does not look at the row itself.
    """

    takes = (("number", "integer", "boolean"), GROUPS)

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self._groups, self._otherwise = state["groups"], state["otherwise"]

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Compute the statistic of each group."""
        values, (names, place) = columns[0], find_groups(columns[1])
        known = (place >= 0) & ~is_missing(inputs[0].kind, values)
        order = np.argsort(place[known], kind="stable")
        place, values = place[known][order], values[known][order]
        first = np.flatnonzero(np.diff(place, prepend=-1))
        statistic = definition.params["statistic"]
        parts = np.split(values, first[1:]) if len(values) else []
        overall = 0.0 if statistic == "count" else _measure(statistic, values) if len(values) else None
        return {
            "otherwise": overall,
            "groups": {
                names[group]: found
                for group, part in zip(place[first].tolist(), parts, strict=True)
                if (found := _measure(statistic, part)) is not None
            },
        }

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Look each group up once."""
        return np.array(find_by_group(columns[1], self._find), dtype=np.float64).reshape(-1, 1)

    def row(self, *values: Any) -> Sequence[float]:
        """Look the group up."""
        return (self._find(values[1]),)

    def _find(self, group: Any) -> float:
        if group is None or group != group:  # noqa: PLR0124  # NaN alone differs from itself
            return NAN
        found = self._groups.get(name_group(group), self._otherwise)
        return NAN if found is None else found


def find_groups(column: Any) -> tuple[list[str], np.ndarray]:
    """Name the groups of an encoded column in order; give each row's place among them, -1 where it has none."""
    if isinstance(column, list):
        known = sorted(set(column) - {None, ""})  # an empty text is no group
        places = {name: place for place, name in enumerate(known)}
        found = (places.get(value, -1) for value in column)
        return known, np.fromiter(found, dtype=np.int64, count=len(column))
    numbers, inverse = np.unique(column, return_inverse=True)  # NaN is the last
    names = [name_group(number) for number in numbers.tolist()]
    known = sorted(filter(None, names))
    places = {name: place for place, name in enumerate(known)}
    return known, np.array([places.get(name, -1) for name in names], dtype=np.int64)[inverse]


def find_by_group(column: Any, find: Callable[[Any], Any]) -> list[Any]:
    """Give what ``find`` finds for each row's group (an encoded value), asking it once for each group."""
    if isinstance(column, list):
        found = {group: find(group) for group in set(column)}
        return [found[group] for group in column]
    numbers, inverse = np.unique(column, return_inverse=True)
    answers = [find(number) for number in numbers.tolist()]
    return [answers[place] for place in inverse.tolist()]


def name_group(value: Any) -> str:
    """Give a group's name: JSON's keys are texts, so 3.0 is called "3"; a missing value has the name of none.

    >>> name_group("a"), name_group(3.0), name_group(float("nan")), name_group(None)
    ('a', '3', '', '')
    """
    if isinstance(value, str):
        return value
    if value is None or value != value:  # noqa: PLR0124  # NaN alone differs from itself
        return ""
    return str(int(value))


def _measure(statistic: str, values: np.ndarray) -> float | None:
    if statistic == "count":
        return float(len(values))
    if statistic == "std" and len(values) < 2:
        return None
    with np.errstate(over="ignore", invalid="ignore"):
        if statistic in ("mean", "std"):
            found = values.mean() if statistic == "mean" else values.std(ddof=1)
        else:
            found = values.min() if statistic == "min" else values.max()
    return float(found) if np.isfinite(found) else None  # the spread of numbers near the largest is none
