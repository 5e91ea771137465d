"""What every maker of features does: learn from training rows, then compute a column or one value of it alike.

A maker gets its raw columns encoded (:mod:`toolkit.features.encode`). Unless it says otherwise, a column is computed
row by row with the very code of the single row, so that both agree to the last bit.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any, ClassVar

import numpy as np

from toolkit.errors import FeatureError
from toolkit.features.definition import Definition, Input
from toolkit.features.encode import as_values

NAN = math.nan
State = Mapping[str, Any]


class Maker:
    """A fitted feature: ``outputs`` are the names of its model columns.

    Attributes
    ----------
    takes : tuple of tuples of str
        The kinds that each raw column may have, in order; a maker of any number of columns has none.
    learns : bool
        Whether it looks at training rows at all.
    categorical : bool
        Whether its one column holds codes of categories.
    """

    takes: ClassVar[tuple[tuple[str, ...], ...]] = ()
    learns: ClassVar[bool] = True
    categorical: bool = False

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        self.definition, self.state, self.inputs = definition, state, tuple(inputs)
        self.outputs: tuple[str, ...] = (definition.name,)

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Learn from encoded training columns; what is learnt is values that JSON can hold."""
        return {}

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Compute the model columns (n, k) of encoded columns of n rows."""
        lists = [as_values(each.kind, column) for each, column in zip(self.inputs, columns, strict=True)]
        rows = [self.row(*values) for values in zip(*lists, strict=True)]
        return np.array(rows, dtype=np.float64).reshape(len(rows), len(self.outputs))

    def row(self, *values: Any) -> Sequence[float]:
        """Compute the model columns of one row of encoded values."""
        raise NotImplementedError


class Number(Maker):
    """A number, integer or boolean is itself."""

    takes = (("number", "integer", "boolean"),)
    learns = False

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Give the column as it is."""
        return columns[0][:, np.newaxis]

    def row(self, *values: Any) -> Sequence[float]:
        """Give the value as it is."""
        return values


class Category(Maker):
    """A category is the place of its text among the sorted ones of the training rows; unseen ones are missing.

    Those with fewer than ``rare`` training rows share one code after the others: a model learns nothing from a
    category with two rows but noise.
    """

    takes = (("category", "text"),)
    categorical = True

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        names = list(state["categories"])
        if len(set(names)) < len(names):
            raise FeatureError(f"The categories of feature '{definition.name}' must differ, and some do not.")
        self.codes = {name: float(code) for code, name in enumerate(names)}
        self.codes |= dict.fromkeys(state.get("rare", ()), float(len(names)))

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Learn the categories, and which of them are rare."""
        return cls.learn(Counter(columns[0]), int(definition.params.get("rare", 0)))

    @classmethod
    def learn(cls, counts: Counter[Any], least: int = 0) -> dict[str, Any]:
        """Learn from how many training rows each category has; those with fewer than ``least`` are rare."""
        del counts[None]
        rare = sorted(name for name, count in counts.items() if count < least)
        state: dict[str, Any] = {"categories": sorted(set(counts) - set(rare))}
        return state | ({"rare": rare} if rare else {})

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Look each text up."""
        get = self.codes.get
        codes = [get(name, NAN) for name in columns[0]]
        return np.array(codes, dtype=np.float64).reshape(-1, 1)

    def row(self, *values: Any) -> Sequence[float]:
        """Look the text up."""
        return (self.codes.get(values[0], NAN),)


def join_categories(makers: Sequence[Any]) -> Callable[..., list[float]]:
    """Make what looks up the codes of several categories of a row at once: half the time of one after the other."""
    lookups = [maker.codes.get for maker in makers]

    def look_up(*names: str | None) -> list[float]:
        return [get(name, NAN) for get, name in zip(lookups, names, strict=True)]

    return look_up
