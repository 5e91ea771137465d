"""Single rows on their way to be counted, packed when they are answered: no object of theirs stays in memory."""

from __future__ import annotations

import struct
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from toolkit.monitoring.cells import NUMBERS
from toolkit.monitoring.profile import Profile
from toolkit.serving.model import Predictions
from toolkit.serving.rows import Column
from toolkit.serving.wanted import make_take


@dataclass
class Taken:
    """Rows that were taken out of :class:`Singles`: one item of each list a row."""

    numbers: list[bytes] = field(default_factory=list)
    others: list[tuple[Any, ...]] = field(default_factory=list)
    predictions: list[Predictions] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.predictions)

    def cut(self, count: int) -> Taken:
        """Take the first so many out."""
        first = Taken(self.numbers[:count], self.others[:count], self.predictions[:count])
        self.numbers, self.others = self.numbers[count:], self.others[count:]
        self.predictions = self.predictions[count:]
        return first


class Singles:
    """Collects rows and gives them as the columns that a profile counts.

    Parameters
    ----------
    profile : Profile
        Says which columns.
    """

    def __init__(self, profile: Profile) -> None:
        self._numbers = [cells.name for cells in profile.features if cells.kind in NUMBERS]
        self._others = [cells.name for cells in profile.features if cells.kind not in NUMBERS]
        self._take_numbers, self._take_others = make_take(self._numbers), make_take(self._others)
        self._pack = struct.Struct(f"{len(self._numbers)}d").pack
        self._taken = Taken()

    def add(self, row: Mapping[str, Any], predictions: Predictions) -> None:
        """Add a row; its missing numbers become NaN."""
        taken, numbers = self._taken, self._take_numbers(row)
        try:
            packed = self._pack(*numbers)
        except struct.error:
            packed = self._pack(*(float("nan") if value is None else value for value in numbers))
        taken.numbers.append(packed)
        if self._others:
            taken.others.append(self._take_others(row))
        taken.predictions.append(predictions)

    def __len__(self) -> int:
        return len(self._taken)

    def take(self) -> Taken:
        """Take all rows out; not at the same time as :meth:`add`."""
        taken, self._taken = self._taken, Taken()
        return taken

    def turn(self, taken: Taken) -> dict[str, Column]:
        """Give the columns of rows that were taken out."""
        table = np.frombuffer(b"".join(taken.numbers)).reshape(len(taken), len(self._numbers))
        columns: dict[str, Column] = dict(zip(self._numbers, table.T, strict=True))
        others: list[Sequence[Any]] = list(zip(*taken.others, strict=True))
        return columns | dict(zip(self._others, others, strict=True))
