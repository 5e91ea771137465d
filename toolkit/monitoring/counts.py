"""Rows counted in the cells of a reference profile: all that drift is measured on. No row is kept."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import DriftError


@dataclass(frozen=True, eq=False)
class Counts:
    """Counts of some rows; those of two sets of rows add up to those of both, exactly.

    Attributes
    ----------
    profile : str
        Id of the profile whose cells these are.
    rows : int
        Number of rows.
    features, predictions : ndarray of int64
        Rows per cell, column after column. ``predictions`` is all zero where none were given.
    """

    profile: str
    rows: int
    features: NDArray[np.int64]
    predictions: NDArray[np.int64]

    def __add__(self, other: Counts) -> Counts:
        if not isinstance(other, Counts):
            return NotImplemented
        if self.profile != other.profile:
            raise DriftError(
                f"Counts can be added only if they are of the same reference profile. Got {self.profile} and "
                f"{other.profile}. Keep counts of different model versions apart."
            )
        return Counts(
            self.profile,
            self.rows + other.rows,
            self.features + other.features,
            self.predictions + other.predictions,
        )

    def since(self, before: Counts) -> Counts | None:
        """Give the counts that are here and were not in ``before``; None if there are fewer in any cell."""
        rows = self.rows - before.rows
        features, predictions = self.features - before.features, self.predictions - before.predictions
        if rows < 0 or (features < 0).any() or (predictions < 0).any():
            return None
        return Counts(self.profile, rows, features, predictions)

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Counts)
            and (self.profile, self.rows) == (other.profile, other.rows)
            and np.array_equal(self.features, other.features)
            and np.array_equal(self.predictions, other.predictions)
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside

    def to_dict(self) -> dict[str, Any]:
        """Give the counts as values that JSON can hold."""
        return {
            "schema": 1,
            "profile": self.profile,
            "rows": self.rows,
            "features": self.features.tolist(),
            "predictions": self.predictions.tolist(),
        }

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Counts:
        """Take the counts from what :meth:`to_dict` gave.

        Raises
        ------
        DriftError
            It is something else.
        """
        if not isinstance(values, Mapping) or values.get("schema") != 1:
            raise DriftError('Counts must be a JSON object with "schema": 1. They may be of another version.')
        profile, rows = values.get("profile"), values.get("rows")
        arrays = []
        for name in ("features", "predictions"):
            cells = values.get(name)
            whole = isinstance(cells, list) and all(
                type(count) is int and 0 <= count < 2**62 for count in cells
            )
            if not whole:
                raise DriftError(f"Counts: '{name}' must be a list of whole numbers from 0.")
            arrays.append(np.array(cells, dtype=np.int64))
        if not isinstance(profile, str) or type(rows) is not int or rows < 0:
            raise DriftError("Counts: 'profile' must be a text and 'rows' a whole number from 0.")
        return cls(profile, rows, *arrays)
