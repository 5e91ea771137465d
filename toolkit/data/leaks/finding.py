"""What a check of the splits looks at, and what it says."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from toolkit.columns import as_array
from toolkit.data.labelled import LabelledRows
from toolkit.data.splits import SPLITS
from toolkit.params import Prepare

SHOWN = 10  # rows of evidence


@dataclass(frozen=True, eq=False)
class Splits:
    """The labelled rows and their splits, as the checks look at them.

    Attributes
    ----------
    rows : LabelledRows
        Columns are read from there one at a time.
    codes : ndarray of int8
        0 train, 1 valid, 2 test.
    kinds : mapping
        Kind by name of the features.
    params : Prepare
        Columns of group and time; how rows are split.
    """

    rows: LabelledRows
    codes: np.ndarray
    kinds: Mapping[str, str]
    params: Prepare

    def array(self, name: str) -> np.ndarray:
        """Read a column as a NumPy array."""
        return as_array(self.rows.column(name))

    @cached_property
    def counts(self) -> np.ndarray:
        """Rows of train, valid and test."""
        return np.bincount(self.codes, minlength=3)

    def describe(self, place: int) -> dict[str, Any]:
        """Name a row for the evidence: its key, its number in the raw table, its split."""
        key = self.rows.take(np.array([place]), [self.rows.schema.key])[self.rows.schema.key][0].as_py()
        number = int(self.rows.row_numbers(np.array([place]))[0])
        return {"key": key, "row": number, "split": SPLITS[int(self.codes[place])]}

    def describe_pairs(self, pairs: np.ndarray) -> list[dict[str, Any]]:
        """Name pairs of rows (n, 2) for the evidence, with their labels; the first ten."""
        shown = pairs[:SHOWN]
        if not len(shown):
            return []
        places, back = np.unique(shown, return_inverse=True)
        table = self.rows.take(places, [self.rows.schema.key])
        keys, labels = table[self.rows.schema.key].to_pylist(), table["label"].to_pylist()
        numbers, back = self.rows.row_numbers(places), back.reshape(shown.shape)
        return [
            {
                f"{what} {side}": value
                for side, at in (("one", one), ("other", other))
                for what, value in (
                    ("key", keys[at]),
                    ("row", int(numbers[at])),
                    ("split", SPLITS[int(self.codes[places[at]])]),
                    ("label", labels[at]),
                )
            }
            for one, other in back
        ]


@dataclass(frozen=True)
class Finding:
    """What one check says.

    Attributes
    ----------
    check : str
        Its key in params.yaml, under prepare.checks.
    found : bool
        Whether it found a leak.
    statistic : float or None
        What was measured (``measured`` says what it is); None where there was nothing to measure.
    message, advice : str
        What was found, and what to do.
    evidence : list of dict
        The rows, groups or columns that show it.
    """

    check: str
    found: bool
    statistic: float | None
    measured: str
    message: str
    advice: str = ""
    evidence: list[dict[str, Any]] = field(default_factory=list)

    def to_dict(self) -> dict[str, Any]:
        """Give plain values for JSON."""
        return asdict(self)


def nothing_to_check(check: str, measured: str, why: str) -> Finding:
    """Say that a check had nothing to look at, and why."""
    return Finding(check, False, None, measured, why)
