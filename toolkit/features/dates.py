"""Parts of a time that a model can use: its year, its hour, the day of the week."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from toolkit.errors import FeatureError
from toolkit.features.definition import Definition, Input
from toolkit.features.encode import DAY, NAT
from toolkit.features.makers import NAN, Maker, State

MINUTE = 60_000_000  # microseconds
DEFAULT = ("year", "month", "day", "weekday", "hour")


def _civil(days: Any) -> tuple[Any, Any, Any]:
    """Give year, month and day of days since 1970-01-01, for an int as for an array of int64.

    Method: days are counted from 0000-03-01, so that the leap day ends a year, in eras of 400 years (H. Hinnant,
    "chrono-Compatible Low-Level Date Algorithms", 2014).
    """
    shifted = days + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = (shifted_month + 2) % 12 + 1
    year = year_of_era + era * 400 + (month <= 2)
    return year, month, day_of_year - (153 * shifted_month + 2) // 5 + 1


PARTS: dict[str, Callable[[Any], Any]] = {
    "year": lambda moment: _civil(moment // DAY)[0],
    "quarter": lambda moment: (_civil(moment // DAY)[1] + 2) // 3,
    "month": lambda moment: _civil(moment // DAY)[1],
    "day": lambda moment: _civil(moment // DAY)[2],
    "weekday": lambda moment: (moment // DAY + 3) % 7 + 1,  # 1 is Monday, as in ISO 8601
    "hour": lambda moment: moment % DAY // 3_600_000_000,
    "minute": lambda moment: moment % 3_600_000_000 // MINUTE,
    "second": lambda moment: moment % MINUTE // 1_000_000,
    "minute_of_day": lambda moment: moment % DAY // MINUTE,
    "days": lambda moment: moment // DAY,  # since 1970-01-01
}  # of whole microseconds since 1970; integer arithmetic, so that an int and an array give the same


class Dates(Maker):
    """Parts of a time, on the clock of ``zone`` where the column has offsets.

    Without ``parts``, those of year, month, day, weekday and hour that differ among the training rows.
    """

    takes = (("time",),)

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self.parts = tuple(PARTS[part] for part in state["parts"])
        self.outputs = tuple(f"{definition.name}: {part}" for part in state["parts"])
        self._zone = find_zone(definition)
        self._offsets: dict[int, int] = {}

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Choose the parts."""
        named = list(definition.params.get("parts", ()))
        unknown = [part for part in named if part not in PARTS]
        if unknown:
            raise FeatureError(
                f"feature '{definition.name}': parts must be among {', '.join(PARTS)}. Got '{unknown[0]}' instead."
            )
        if named:
            return {"parts": named}
        matrix = cls(definition, {"parts": DEFAULT}, inputs).columns(columns)
        present = matrix[~np.isnan(matrix[:, 0])]
        differ = np.ptp(present, axis=0) > 0 if len(present) else np.zeros(len(DEFAULT), dtype=bool)
        return {"parts": [part for part, varies in zip(DEFAULT, differ, strict=True) if varies]}

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Compute all rows at once."""
        missing = columns[0] == NAT
        moments = np.where(missing, 0, columns[0])
        if self._zone is not None:
            minutes, place = np.unique(moments // MINUTE, return_inverse=True)
            moments = moments + np.array([self._offset(int(minute)) for minute in minutes], np.int64)[place]
        out = np.empty((len(moments), len(self.parts)), dtype=np.float64)
        for index, part in enumerate(self.parts):
            out[:, index] = part(moments)
        out[missing] = NAN
        return out

    def row(self, *values: Any) -> Sequence[float]:
        """Compute one row."""
        moment = values[0]
        if moment is None:
            return (NAN,) * len(self.parts)
        if self._zone is not None:
            moment += self._offset(moment // MINUTE)
        return [float(part(moment)) for part in self.parts]

    def _offset(self, minute: int) -> int:
        """Give the zone's offset in microseconds during a minute since 1970 in UTC; clocks change between minutes."""
        found = self._offsets.get(minute)
        if found is None:
            there = datetime.fromtimestamp(minute * 60, UTC).astimezone(self._zone).utcoffset()
            found = round(there.total_seconds() * 1_000_000) if there else 0
            if len(self._offsets) > 100_000:  # a service asks for new minutes for ever
                self._offsets.clear()
            self._offsets[minute] = found
        return found


def find_zone(definition: Definition) -> ZoneInfo | None:
    """Find the zone that a definition names.

    Raises
    ------
    FeatureError
        There is no such zone.
    """
    name = definition.params.get("zone", "")
    try:
        return ZoneInfo(name) if name else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FeatureError(
            f"feature '{definition.name}': zone must be a name of the IANA database, such as Europe/Berlin. Got "
            f"'{name}' instead."
        ) from None
