"""Drift alarms on live rows, with a stated mean time between false ones.

The evidence about each column is gathered in :class:`~toolkit.monitoring.evidence.Evidence`; what is tolerated is the
upper bound of each reference share (the reference is a sample too) and the tolerance. A column whose evidence
reaches the bound has drifted. So while the rows come from what the reference came from, give or take the tolerance,
there is at most one false alarm per ``false_alarm_every`` on average, over all columns together, whatever these have
to do with each other, for as long as it runs; and this holds for the columns without drift while others drift.
"""

from __future__ import annotations

import math
import zlib
from collections.abc import Mapping
from typing import Any

import numpy as np

from toolkit.errors import DriftError
from toolkit.monitoring import evidence, learning, limits, recent
from toolkit.monitoring.alarm import Alarm, describe_direction, measure_interval
from toolkit.monitoring.alarm_book import AlarmBook
from toolkit.monitoring.array_text import pack_arrays, unpack_arrays
from toolkit.monitoring.cells import CellGroup, IntArray
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.drift_status import MOST_LOG_EVIDENCE, describe_columns, measure_log_evidence
from toolkit.monitoring.evidence import Evidence, give_time
from toolkit.monitoring.limits import Limits
from toolkit.monitoring.profile import Profile
from toolkit.monitoring.recent import RecentRows
from toolkit.monitoring.shares import Shares

CLEAR_ODDS = 1000.0
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
    cycle : float
        The longest regular cycle of the rows in the same unit, such as a day; 0: none. Where the profile does not know
        how rows hang together, nothing is called a cycle before two have passed.
    group : str
        What the profile's features are called in alarms: ``feature``, ``label`` or ``performance``.

    Attributes
    ----------
    rows : int
        Rows that it has seen.
    """

    def __init__(
        self,
        profile: Profile,
        tolerance: float = 0.02,
        false_alarm_every: float = 2_000_000,
        *,
        cycle: float = 0.0,
        group: str = "feature",
    ) -> None:
        in_range = 0 <= tolerance < 1 and 0 < false_alarm_every < math.inf and 0 <= cycle < math.inf
        if not in_range:
            raise DriftError(
                "tolerance must be from 0 and below 1, false_alarm_every above 0, cycle from 0, both finite. "
                f"Got {tolerance}, {false_alarm_every} and {cycle}."
            )
        settings = {"tolerance": tolerance, "false_alarm_every": false_alarm_every, "cycle": cycle}
        self._settings = {name: float(value) for name, value in settings.items()}
        self.profile = profile
        self.rows = 0
        self._group = CellGroup((*profile.features, *profile.predictions))
        features = [(group, cells.name) for cells in profile.features]
        self._book = AlarmBook([*features, *(("prediction", cells.name) for cells in profile.predictions)])
        self._shares = Shares(self._group)
        self._limits = Limits(self._group, self._shares, tolerance, cycle)
        self._evidence = Evidence(self._shares, false_alarm_every)
        self._time_s = math.nan
        self._recent = RecentRows(self._group, self._shares)
        self._evidence.set_limits(self._limits.limit, self._limits.effect)

    @property
    def alarms(self) -> list[Alarm]:
        """Those that are not over, and the last hundred."""
        return self._book.alarms

    @property
    def active(self) -> tuple[Alarm, ...]:
        """Alarms that are not over."""
        return self._book.active

    def update(
        self,
        counts: Counts,
        elapsed: float | None = None,
        time_s: float | None = None,
        began_s: float | None = None,
    ) -> None:
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
        began_s : float, optional
            When its first row came, at the earliest; by default when the block before ended.

        Raises
        ------
        DriftError
            The counts are of another profile, or a time is not one.
        """
        self.profile.check_counts(counts)
        elapsed = counts.rows if elapsed is None else elapsed
        if not 0 <= elapsed < math.inf or not (time_s is None or math.isfinite(time_s)):
            raise DriftError(
                f"elapsed must be a number from 0, time_s a finite one. Got {elapsed}, {time_s}."
            )
        if not counts.rows:
            return
        block = np.concatenate([counts.features, counts.predictions])
        began_s = time_s if began_s is None and not self.rows else began_s  # before it, nothing is known
        if began_s is not None:
            self._evidence.set_starts(self.rows, float(began_s))
        self.rows += counts.rows
        self._time_s = math.nan if time_s is None else float(time_s)
        alarmed = self._book.find_alarmed()
        self._evidence.add(self._shares.count(block), elapsed, self.rows, self._time_s, alarmed)
        self._recent.add(block)
        self._clear_alarms(alarmed)
        reached = self._evidence.measure_means() >= self._evidence.bound
        for column in np.flatnonzero(reached & ~alarmed).tolist():
            self._raise_alarm(column)
        self._learn(block, elapsed)

    def _learn(self, block: IntArray, elapsed: float) -> None:
        """Learn how rows hang together; evidence against other limits than now does not count."""
        alarmed = self._book.find_alarmed()
        changed = self._limits.learn(block, elapsed, alarmed)
        if changed.any():
            self._evidence.set_limits(self._limits.limit, self._limits.effect)
            for column in np.flatnonzero(changed & ~alarmed).tolist():
                self._evidence.begin_anew(column, self.rows, self._time_s)

    def _raise_alarm(self, column: int) -> None:
        gathered, place = self._evidence, self._evidence.find_strongest(column)
        _, side, share = place
        group, name = self._book.names[column]
        tried, where = int(gathered.tried[place]), self._shares.where[share]
        hits = tried - int(gathered.hits[place]) if side else int(gathered.hits[place])
        low, high = measure_interval(hits, tried, float(self._limits.effect[share]), gathered.watched_shares)
        self._book.add(
            Alarm(
                column=name,
                group=group,
                where=where,
                side=SIDES[side],
                direction=describe_direction(self._group.columns[column], where, SIDES[side]),
                reference_share=float(self._limits.reference[share]),
                share=hits / max(tried, 1),
                share_low=low,
                share_high=high,
                since_row=int(gathered.since_row[place]),
                raised_row=self.rows,
                since_s=give_time(gathered.since_s[place]),
                raised_s=give_time(self._time_s),
            )
        )

    def _clear_alarms(self, alarmed: np.ndarray) -> None:
        """End the alarms of columns whose evidence fell; of those that wait it was no more than the bound."""
        over = self._evidence.measure_peaks() <= self._evidence.bound / CLEAR_ODDS
        for column in np.flatnonzero(alarmed & over).tolist():
            self._book.end(column, self.rows, give_time(self._time_s))
            self._evidence.begin_anew(column, self.rows, self._time_s)

    def statistics(self) -> dict[str, Any]:
        """Give what metrics need.

        Returns
        -------
        dict
            ``rows``; ``recent_rows``, those that changes are measured on; ``evidence``: that of the column without
            an alarm that has most, from 0 (a 20,000th of what alarms, or less) to 1 (alarms), on a log scale;
            ``active_alarms``; ``learning``, whether it is still learnt how rows hang together, so that only large
            changes are seen; and in ``columns``, for each column in the profile's order: ``name``, ``group``,
            ``log_evidence`` (the same, as a natural logarithm: from 0 to 9.9, which alarms), ``change`` of the
            share that changed most against the reference, ``where`` that is,
            ``alarm`` (active or not), and ``learning``.
        """
        alarmed, still_learns = self._book.find_alarmed(), self._limits.learning
        found = measure_log_evidence(self._evidence.measure_means(), self._evidence.bound)
        return {
            "rows": self.rows,
            "recent_rows": self._recent.rows,
            "evidence": float(np.max(found, where=~alarmed, initial=0.0)) / MOST_LOG_EVIDENCE,
            "active_alarms": len(self.active),
            "learning": bool(still_learns.any()),
            "columns": describe_columns(
                self._book.names,
                self._shares,
                change=self._recent.measure_change(self._limits.reference),
                log_evidence=found,
                alarmed=alarmed,
                learning=still_learns,
            ),
        }

    def count_recent(self) -> Counts:
        """Give the counts of the recent rows, on which changes are measured."""
        cells, features = self._recent.recent + self._recent.before, self.profile.feature_group.size
        return Counts(self.profile.id, self._recent.rows, cells[:features], cells[features:])

    def to_dict(self) -> dict[str, Any]:
        """Give the state as values that JSON can hold; a restarted service goes on from it exactly."""
        return {
            "schema": SCHEMA,
            "profile": self.profile.id,
            **self._settings,
            "rows": self.rows,
            "time_s": give_time(self._time_s),
            "alarms": self._book.to_list(),
            "arrays": {
                name: pack_arrays(holder, arrays) for name, (holder, arrays) in self._arrays().items()
            },
        }

    def _arrays(self) -> dict[str, tuple[Any, tuple[str, ...]]]:
        """List what holds arrays of the state, and their names."""
        return {
            "recent": (self._recent, recent.ARRAYS),
            "evidence": (self._evidence, evidence.ARRAYS),
            "limits": (self._limits, limits.ARRAYS),
            "learner": (self._limits.learner, learning.ARRAYS),
        }

    @classmethod
    def from_dict(
        cls,
        profile: Profile,
        values: Mapping[str, Any],
        tolerance: float = 0.02,
        false_alarm_every: float = 2_000_000,
        *,
        cycle: float = 0.0,
        group: str = "feature",
    ) -> DriftDetector:
        """Go on from what :meth:`to_dict` gave.

        Raises
        ------
        DriftError
            It is damaged, of another profile's detector, or of one with other settings.
        """
        detector = cls(profile, tolerance, false_alarm_every, cycle=cycle, group=group)
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
            raise DriftError(f"The detector's state is damaged ({error!r}): begin with a new one.") from None
        return detector

    def _load(self, values: Mapping[str, Any]) -> None:
        self.rows = int(values["rows"])
        self._time_s = math.nan if values["time_s"] is None else float(values["time_s"])
        self._book.load(values["alarms"])
        for name, (holder, arrays) in self._arrays().items():
            unpack_arrays(holder, arrays, values["arrays"][name])
        self._limits.measure()
        self._evidence.set_limits(self._limits.limit, self._limits.effect)
