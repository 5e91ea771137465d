"""What the training rows of the same group (a customer, a product) have in common."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from toolkit.features.definition import Definition, Input
from toolkit.features.encode import is_missing
from toolkit.features.makers import NAN, Maker, State

GROUPS = ("category", "text", "integer", "boolean")
STATISTICS = ("mean", "std", "min", "max", "count")


class GroupStatistic(Maker):
    """A statistic of a number over the training rows of the row's group; a group without any is missing.

    ``std`` divides by the rows less one, so that a group of one row has none. A training row is part of its own
    group's statistic, as it was when the model learnt from it: with small groups prefer the history of
    :mod:`toolkit.features.history`, which does not look at the row itself.
    """

    takes = (("number", "integer", "boolean"), GROUPS)

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self._groups = state["groups"]

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Compute the statistic of each group."""
        values, (names, place) = columns[0], find_groups(columns[1], inputs[1].kind)
        known = (place >= 0) & ~is_missing(inputs[0].kind, values)
        order = np.argsort(place[known], kind="stable")
        place, values = place[known][order], values[known][order]
        first = np.flatnonzero(np.diff(place, prepend=-1))
        statistic = definition.params["statistic"]
        parts = np.split(values, first[1:]) if len(values) else []
        return {
            "groups": {
                names[group]: found
                for group, part in zip(place[first].tolist(), parts, strict=True)
                if (found := _measure(statistic, part)) is not None
            }
        }

    def row(self, *values: Any) -> Sequence[float]:
        """Look the group up."""
        return (self._groups.get(name_group(values[1]), NAN),)


def find_groups(column: Any, kind: str) -> tuple[list[str], np.ndarray]:
    """Name the groups of an encoded column in order; give each row's place among them, -1 where it has none."""
    lacks = is_missing(kind, column)
    texts = [
        "" if lack else name_group(value)
        for lack, value in zip(
            lacks.tolist(), column if isinstance(column, list) else column.tolist(), strict=True
        )
    ]
    names, place = np.unique(np.array(texts, dtype=object).astype(str), return_inverse=True)
    return names.tolist(), np.where(lacks, -1, place)


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
    if statistic == "std":
        return float(np.std(values, ddof=1)) if len(values) > 1 else None
    if statistic == "mean":
        return float(np.mean(values))
    return float(values.min() if statistic == "min" else values.max())
