"""The alarms that a detector raised: one per column at a time, the oldest forgotten."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from toolkit.monitoring.alarm import Alarm

KEPT_ALARMS = 100


class AlarmBook:
    """Alarms of columns with these groups and names."""

    def __init__(self, names: Sequence[tuple[str, str]]) -> None:
        self.names = tuple(names)
        self.alarms: list[Alarm] = []
        self._places = {name: place for place, name in enumerate(self.names)}

    @property
    def active(self) -> tuple[Alarm, ...]:
        """Those that are not over."""
        return tuple(alarm for alarm in self.alarms if alarm.active)

    def find_alarmed(self) -> np.ndarray:
        """Say of each column whether it has an alarm that is not over."""
        alarmed = np.zeros(len(self.names), dtype=bool)
        alarmed[[self._places[alarm.group, alarm.column] for alarm in self.active]] = True
        return alarmed

    def add(self, alarm: Alarm) -> None:
        """Keep an alarm, and the last hundred; one that is not over is never forgotten."""
        kept_from = len(self.alarms) + 1 - KEPT_ALARMS
        kept = [old for place, old in enumerate(self.alarms) if old.active or place >= kept_from]
        self.alarms = [*kept, alarm]

    def end(self, column: int, row: int, time_s: float | None) -> None:
        """End the alarm of a column."""
        self.alarms = [
            replace(alarm, cleared_row=row, cleared_s=time_s)
            if alarm.active and self._places[alarm.group, alarm.column] == column
            else alarm
            for alarm in self.alarms
        ]

    def to_list(self) -> list[dict[str, Any]]:
        """Give them as values that JSON can hold."""
        return [asdict(alarm) for alarm in self.alarms]

    def load(self, values: Sequence[Mapping[str, Any]]) -> None:
        """Take what :meth:`to_list` gave; TypeError or ValueError if it is something else."""
        alarms = [Alarm(**value) for value in values]
        if unknown := {(alarm.group, alarm.column) for alarm in alarms} - set(self.names):
            raise ValueError(f"alarms of {sorted(unknown)}")
        self.alarms = alarms
