"""Parts of a time that a model can use: its year, its hour, the day of the week."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from toolkit.errors import FeatureError
from toolkit.features.clocks import Clock
from toolkit.features.definition import Definition, Input
from toolkit.features.encode import DAY, NAT
from toolkit.features.makers import NAN, Maker, State

PARTS = ("year", "quarter", "month", "day", "weekday", "hour", "minute", "second", "minute_of_day", "days")
DEFAULT = ("year", "month", "day", "weekday", "hour", "minute")


def split_time(moment: Any) -> tuple[Any, ...]:
    """Give all of ``PARTS`` of microseconds since 1970, for an int as for an array of int64: whole numbers alone.

    Weekday 1 is Monday, as in ISO 8601; days are those since 1970-01-01.

    Method: days are counted from 0000-03-01, so that the leap day ends a year, in eras of 400 years (H. Hinnant,
    "chrono-Compatible Low-Level Date Algorithms", 2014).

    >>> split_time(1_764_059_400_000_000)  # 2025-11-25T08:30
    (2025, 4, 11, 25, 2, 8, 30, 0, 510, 20417)
    """
    days = moment // DAY
    second_of_day = (moment - days * DAY) // 1_000_000
    minute_of_day = second_of_day // 60
    hour = minute_of_day // 60
    shifted = days + 719_468
    era = shifted // 146_097
    day_of_era = shifted - era * 146_097
    year_of_era = (day_of_era - day_of_era // 1460 + day_of_era // 36_524 - day_of_era // 146_096) // 365
    day_of_year = day_of_era - (365 * year_of_era + year_of_era // 4 - year_of_era // 100)
    shifted_month = (5 * day_of_year + 2) // 153
    month = (shifted_month + 2) % 12 + 1
    return (
        year_of_era + era * 400 + (month <= 2),
        (month + 2) // 3,
        month,
        day_of_year - (153 * shifted_month + 2) // 5 + 1,
        (days + 3) % 7 + 1,
        hour,
        minute_of_day - hour * 60,
        second_of_day - minute_of_day * 60,
        minute_of_day,
        days,
    )


class Dates(Maker):
    """Parts of a time, on the clock of ``zone``, or of the column's own zone, if its times have offsets.

    Without ``parts``, those of year, month, day, weekday, hour and minute that differ among the training rows.
    """

    takes = (("time",),)

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self._places = [PARTS.index(part) for part in state["parts"]]
        self.outputs = tuple(f"{definition.name}: {part}" for part in state["parts"])
        zone = find_zone(definition, inputs[0])
        try:
            self._clock = Clock(zone) if zone else None
        except FeatureError as error:
            raise definition.tell(f"feature '{definition.name}': {error}") from None

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Choose the parts."""
        named = list(definition.params.get("parts", ()))
        unknown = [part for part in named if part not in PARTS]
        if unknown:
            raise definition.tell(
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
        parts = split_time(self._clock.show_all(moments) if self._clock else moments)
        out = np.empty((len(moments), len(self._places)), dtype=np.float64)
        for index, place in enumerate(self._places):
            out[:, index] = parts[place]
        out[missing] = NAN
        return out

    def row(self, *values: Any) -> Sequence[float]:
        """Compute one row."""
        moment = values[0]
        if moment is None:
            return (NAN,) * len(self._places)
        parts = split_time(self._clock.show(moment) if self._clock else moment)
        return [parts[place] for place in self._places]


def find_zone(definition: Definition, column: Input) -> str:
    """Give the zone whose clock is read: the definition's, else the column's; none for wall times.

    Raises
    ------
    FeatureError
        The definition names a zone for times that have no offset.
    """
    zone = definition.params.get("zone", "")
    if zone and not column.zoned:
        raise definition.tell(
            f"feature '{definition.name}': zone must be left out, as the times of '{column.name}' have no offset: they "
            f"are what a clock showed already. Got '{zone}'. Name the column's zone in the contract if they are not."
        )
    return zone or (column.zone if column.zoned else "")
