"""Drift alarms on live rows, with a stated mean time between false ones.

The evidence about each column is gathered in :class:`~toolkit.monitoring.evidence.Evidence`; what is tolerated is the
upper Wilson bound of each reference share (the reference is a sample too) plus the tolerance. A column whose evidence
reaches the bound has drifted. So while the rows come from what the reference came from, give or take the tolerance,
there is at most one false alarm per ``false_alarm_every`` on average, over all columns together, whatever these have
to do with each other, for as long as it runs; and this holds for the columns without drift while others drift.
"""

from __future__ import annotations

import base64
import math
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from toolkit.errors import DriftError
from toolkit.monitoring.alarm import Alarm, describe_direction, measure_interval
from toolkit.monitoring.cells import CellGroup, IntArray
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.evidence import ARRAYS, FEWEST_ROWS, Evidence
from toolkit.monitoring.profile import Profile
from toolkit.monitoring.shares import Shares, count_reference, measure_wilson_bound

REFERENCE_Z = 3.0  # Wilson bound of the reference share: two-sided 99.7 %
CLEAR_ODDS = 1000.0
WINDOW_ROWS = 4096  # recent rows: at least so many, once there are, and less than twice
KEPT_ALARMS = 100
SIDES = ("more", "fewer")
SCHEMA = 2


class DriftDetector:
    """Watches blocks of counts for drift.

    A column with an alarm is watched for its end only: it is over when the rows since speak a thousand to one against
    any change beyond the tolerance, compared with the time when they spoke most for it. Then the column is watched as
    before. Each column has evidence of its own, so an alarm changes nothing for the others.

    Parameters
    ----------
    profile : Profile
        The reference.
    tolerance : float
        Change of a share that is too small to matter.
    false_alarm_every : float
        Mean time between false alarms, at least, in any unit: the one of ``elapsed``. Besides, there is at most one
        false alarm in 20,000 rows.
    group : str
        What the profile's features are called in alarms: ``feature``, ``label`` or ``performance``.

    Attributes
    ----------
    rows : int
        Rows that it has seen.
    alarms : list of Alarm
        Those that are not over, and the last hundred.
    """

    def __init__(
        self,
        profile: Profile,
        tolerance: float = 0.02,
        false_alarm_every: float = 2_000_000,
        group: str = "feature",
    ) -> None:
        if not 0 <= tolerance < 1 or not 0 < false_alarm_every < math.inf:
            raise DriftError(
                "tolerance must be from 0 and below 1, false_alarm_every above 0 and finite. "
                f"Got {tolerance} and {false_alarm_every}."
            )
        self.profile = profile
        self._settings = {"tolerance": float(tolerance), "false_alarm_every": float(false_alarm_every)}
        self.rows = 0
        self.alarms: list[Alarm] = []
        self._group = CellGroup((*profile.features, *profile.predictions))
        self._names = (
            *((group, cells.name) for cells in profile.features),
            *(("prediction", cells.name) for cells in profile.predictions),
        )
        self._shares = Shares(self._group)
        self._evidence = Evidence(self._shares, false_alarm_every)
        self._time_s = math.nan
        self._recent: IntArray = np.zeros(self._group.size, dtype=np.int64)
        self._before: IntArray = np.zeros(self._group.size, dtype=np.int64)
        self._set_limits()

    def _set_limits(self) -> None:
        hits, rows = self._shares.count(count_reference(self._group.columns))
        share = np.stack([hits, rows - hits]) / np.maximum(rows, 1)
        self._reference = share[0]
        self._effect = np.ones(len(self._shares))
        bound = measure_wilson_bound(share, np.maximum(rows, 1), REFERENCE_Z)
        limit = np.where(rows > 0, bound + self._settings["tolerance"], 1.0)
        self._evidence.set_limits(limit, self._effect)

    @property
    def active(self) -> tuple[Alarm, ...]:
        """Alarms that are not over."""
        return tuple(alarm for alarm in self.alarms if alarm.active)

    def update(self, counts: Counts, elapsed: float | None = None, time_s: float | None = None) -> None:
        """Take in a block of rows; ``alarms`` grows when it completes the evidence.

        Blocks of a hundred rows or more keep the cost per row low; one without rows changes nothing.

        Parameters
        ----------
        counts : Counts
            Of the block.
        elapsed : float, optional
            Time since the last block, in the unit of ``false_alarm_every``; by default the number of rows, for a
            ``false_alarm_every`` in rows. It must not be chosen by what the block's values are: the promise would be
            void. Less than the true time is always allowed, so time in which nothing was watched can be left out.
        time_s : float, optional
            Time of day at the block's end, seconds since 1970: alarms then say since when.

        Raises
        ------
        DriftError
            The counts are of another profile, or a time is not one.
        """
        self.profile.check_counts(counts)
        elapsed = counts.rows if elapsed is None else elapsed
        if not 0 <= elapsed < math.inf or not (time_s is None or math.isfinite(time_s)):
            raise DriftError(
                f"elapsed must be a number from 0, time_s a finite one or None. Got {elapsed} and {time_s}."
            )
        if not counts.rows:
            return
        block = np.concatenate([counts.features, counts.predictions])
        self.rows += counts.rows
        self._time_s = math.nan if time_s is None else float(time_s)
        alarmed = self._find_alarmed()
        self._evidence.add(self._shares.count(block), elapsed, self.rows, self._time_s, alarmed)
        if self._recent[self._group.slice(0)].sum() >= WINDOW_ROWS:
            self._before, self._recent = self._recent, np.zeros_like(self._recent)
        self._recent = self._recent + block
        if alarmed.any():
            self._clear_alarms()
        reached = self._evidence.measure_means() >= self._evidence.log_bound
        for column in np.flatnonzero(reached & ~alarmed).tolist():
            self._raise_alarm(column)

    def _find_alarmed(self) -> np.ndarray:
        names = {(alarm.group, alarm.column) for alarm in self.active}
        return np.array([name in names for name in self._names], dtype=bool)

    def _raise_alarm(self, column: int) -> None:
        evidence, place = self._evidence, self._evidence.find_strongest(column)
        _, side, share = place
        group, name = self._names[column]
        tried, where = int(evidence.tried[place]), self._shares.where[share]
        hits = tried - int(evidence.hits[place]) if side else int(evidence.hits[place])
        low, high = measure_interval(hits, tried, float(self._effect[share]), evidence.watched_shares)
        alarm = Alarm(
            column=name,
            group=group,
            where=where,
            side=SIDES[side],
            direction=describe_direction(self._group.columns[column], where, SIDES[side]),
            reference_share=float(self._reference[share]),
            share=hits / max(tried, 1),
            share_low=low,
            share_high=high,
            since_row=int(evidence.since_row[place]),
            raised_row=self.rows,
            since_s=_give_time(evidence.since_s[place]),
            raised_s=_give_time(self._time_s),
        )
        kept_from = len(self.alarms) + 1 - KEPT_ALARMS
        kept = [old for place, old in enumerate(self.alarms) if old.active or place >= kept_from]
        self.alarms = [*kept, alarm]

    def _clear_alarms(self) -> None:
        """End the alarms whose column's evidence fell; a column that waits has no more than the bound."""
        over = self._evidence.measure_peaks() <= self._evidence.log_bound - math.log(CLEAR_ODDS)
        for index, alarm in enumerate(self.alarms):
            column = self._names.index((alarm.group, alarm.column))
            if alarm.active and over[column]:
                ended = replace(alarm, cleared_row=self.rows, cleared_s=_give_time(self._time_s))
                self.alarms[index] = ended
                self._evidence.begin_anew(column, self.rows, self._time_s)

    def statistics(self) -> dict[str, Any]:
        """Give what metrics need.

        Returns
        -------
        dict
            ``rows``; ``recent_rows``, those that changes are measured on; ``evidence``: that of the column without
            an alarm that has most, from 0 (a 20,000th of what alarms, or less) to 1 (alarms), on a log scale;
            ``active_alarms``; and in ``columns``, for each column in the profile's order: ``name``, ``group``,
            ``log_evidence`` (the same, as a natural logarithm: from 0 to 9.9, which alarms), ``change`` of the
            share that changed most against the reference, ``where`` that is, and ``alarm`` (active or not).
        """
        hits, tried = self._shares.count(self._recent + self._before)
        change = np.where(tried > 0, hits / np.maximum(tried, 1) - self._reference, 0.0)
        alarmed, most_of_all = self._find_alarmed(), math.log(FEWEST_ROWS)
        evidence = self._evidence.measure_means() - self._evidence.log_bound + most_of_all
        evidence = np.clip(evidence, 0.0, most_of_all)
        columns = []
        for index, (group, name) in enumerate(self._names):
            own = np.flatnonzero(self._shares.column == index)
            most = own[np.argmax(np.abs(change[own]))]
            columns.append(
                {
                    "name": name,
                    "group": group,
                    "log_evidence": float(evidence[index]),
                    "change": float(change[most]),
                    "where": self._shares.where[most],
                    "alarm": bool(alarmed[index]),
                }
            )
        return {
            "rows": self.rows,
            "recent_rows": int((self._recent + self._before)[self._group.slice(0)].sum()),
            "evidence": float(np.max(evidence, where=~alarmed, initial=0.0)) / most_of_all,
            "active_alarms": len(self.active),
            "columns": columns,
        }

    def to_dict(self) -> dict[str, Any]:
        """Give the state as values that JSON can hold; a restarted service goes on from it exactly."""
        return {
            "schema": SCHEMA,
            "profile": self.profile.id,
            **self._settings,
            "rows": self.rows,
            "time_s": _give_time(self._time_s),
            "alarms": [asdict(alarm) for alarm in self.alarms],
            "recent": _pack(self._recent),
            "before": _pack(self._before),
            **{name: _pack(getattr(self._evidence, name)) for name in ARRAYS},
        }

    @classmethod
    def from_dict(
        cls,
        profile: Profile,
        values: Mapping[str, Any],
        tolerance: float = 0.02,
        false_alarm_every: float = 2_000_000,
        group: str = "feature",
    ) -> DriftDetector:
        """Go on from what :meth:`to_dict` gave.

        Raises
        ------
        DriftError
            It is damaged, of another profile's detector, or of one with other settings.
        """
        detector = cls(profile, tolerance, false_alarm_every, group)
        if not isinstance(values, Mapping) or values.get("schema") != SCHEMA:
            raise DriftError(
                f"The detector's state must be an object of schema {SCHEMA} and is not: begin with a new detector."
            )
        for name, wanted in {"profile": profile.id, **detector._settings}.items():
            if values.get(name) != wanted:
                raise DriftError(
                    f"The detector's state must be of {name} {wanted}. Got {values.get(name)}, of another model "
                    "version or other settings: begin with a new detector."
                )
        try:
            detector._load(values)
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise DriftError(
                f"The detector's state is damaged ({error!r}): begin with a new detector."
            ) from None
        return detector

    def _load(self, values: Mapping[str, Any]) -> None:
        self.rows = int(values["rows"])
        self._time_s = math.nan if values["time_s"] is None else float(values["time_s"])
        self.alarms = [Alarm(**alarm) for alarm in values["alarms"]]
        if unknown := {(alarm.group, alarm.column) for alarm in self.alarms} - set(self._names):
            raise ValueError(f"alarms of {unknown}")
        self._recent = _unpack(values["recent"], self._recent)
        self._before = _unpack(values["before"], self._before)
        for name in ARRAYS:
            setattr(self._evidence, name, _unpack(values[name], getattr(self._evidence, name)))


def _give_time(time_s: Any) -> float | None:
    return None if math.isnan(time_s) else float(time_s)


def _pack(array: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(array.astype(array.dtype.newbyteorder("<")).tobytes(), 1)).decode()


def _unpack(text: str, like: np.ndarray) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(text, validate=True))
    return np.frombuffer(raw, like.dtype.newbyteorder("<")).astype(like.dtype).reshape(like.shape)
