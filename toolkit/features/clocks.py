"""What clocks in a time zone show: instants in UTC to wall times, for one as for many, the same by both ways."""

from __future__ import annotations

import importlib.resources
from datetime import UTC, datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import numpy as np

from toolkit.errors import FeatureError
from toolkit.features.encode import DAY

MINUTE = 60_000_000  # microseconds
MOST_KEPT = 100_000  # a service asks for new days for ever


class Clock:
    """The clocks of a zone. Its offset is looked up once a day, and once a minute on days when clocks are changed.

    >>> clock = Clock("Europe/Berlin")
    >>> [clock.show(hour * 3_600_000_000) // 3_600_000_000 for hour in (0, 4367, 4368)]  # from 1970-01-01 on
    [1, 4368, 4369]
    """

    def __init__(self, zone: str) -> None:
        self._zone = load_zone(zone)
        self._days: dict[int, int | None] = {}
        self._minutes: dict[int, int] = {}

    def show(self, moment: int) -> int:
        """Give the wall time of an instant, both in microseconds since 1970."""
        offset = self._offset_of_day(moment // DAY)
        return moment + (self._offset_of_minute(moment // MINUTE) if offset is None else offset)

    def show_all(self, moments: np.ndarray) -> np.ndarray:
        """Give the wall times of instants, int64 (n,)."""
        days, place = np.unique(moments // DAY, return_inverse=True)
        found = [self._offset_of_day(day) for day in days.tolist()]
        shown = moments + np.array([offset or 0 for offset in found], dtype=np.int64)[place]
        changed = np.array([offset is None for offset in found], dtype=bool)
        for row in np.flatnonzero(changed[place]).tolist():
            shown[row] += self._offset_of_minute(int(moments[row]) // MINUTE)
        return shown

    def _offset_of_day(self, day: int) -> int | None:
        """Give the offset in microseconds, or None on a day in UTC on which it changes (no zone changes it twice)."""
        if day in self._days:
            return self._days[day]
        if len(self._days) > MOST_KEPT:
            self._days.clear()
        begin, end = self._measure(day * DAY), self._measure(day * DAY + DAY - MINUTE)
        self._days[day] = begin if begin == end else None
        return self._days[day]

    def _offset_of_minute(self, minute: int) -> int:
        if minute not in self._minutes:
            if len(self._minutes) > MOST_KEPT:
                self._minutes.clear()
            self._minutes[minute] = self._measure(minute * MINUTE)
        return self._minutes[minute]

    def _measure(self, moment: int) -> int:
        there = datetime.fromtimestamp(moment // 1_000_000, UTC).astimezone(self._zone).utcoffset()
        return round(there.total_seconds() * 1_000_000) if there else 0


def load_zone(name: str) -> ZoneInfo:
    """Read a zone of the IANA database from the package tzdata, which training and service have the same version of.

    Raises
    ------
    FeatureError
        There is no such zone.
    """
    try:
        place = importlib.resources.files("tzdata").joinpath("zoneinfo", *name.split("/"))
        with place.open("rb") as file:
            return ZoneInfo.from_file(file, key=name)
    except (OSError, ValueError, ModuleNotFoundError):
        pass  # without the package, or for a name of this machine alone
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise FeatureError(
            f"zone must be a name of the IANA database, such as Europe/Berlin. Got '{name}' instead."
        ) from None
