"""Drift alarms on live rows, with a stated mean number of rows between false ones.

The Shiryaev-Roberts statistic on cumulated shares, an e-detector (Shin, Ramdas and Rinaldo, "E-detectors", 2023).
For each share of :class:`~toolkit.monitoring.shares.Shares` and each direction the hypothesis is "the live share is at
most c", c being the upper Wilson bound of the reference share (the reference is a sample too) plus a tolerance. Per
block, the likelihood ratio L of a share of c + delta against c updates R <- (R + rows) L. While no share is beyond
its c, R - rows is a supermartingale, for any dependence between the columns. So the mean of R over all components
reaches A within T rows with a chance of at most T / A, and the mean time to a false alarm is at least A rows,
whatever the size of the blocks. The columns named are the one with the largest R, and any other whose own R alone
bring that mean to A: the same bound holds for those without drift when others drift. Rows must be independent of each
other: with a daily cycle this alarms.
"""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import asdict, replace
from typing import Any

import numpy as np

from toolkit.errors import DriftError
from toolkit.monitoring.alarm import Alarm
from toolkit.monitoring.cells import CellGroup, IntArray
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile
from toolkit.monitoring.share_test import FloatArray
from toolkit.monitoring.shares import Shares, count_reference

DELTAS = (
    0.03,
    0.08,
    0.2,
    0.4,
)  # changes of a share, beyond what is tolerated, that the alternatives stand for
REFERENCE_Z = 3.0  # Wilson bound of the reference share: two-sided 99.7 %
CLEAR_Z = 2.0  # interval of the recent share that must be inside the tolerance
WINDOW_ROWS = 4096  # recent rows: at least so many, once there are, and less than twice
KEPT_ALARMS = 100
SIDES = ("more", "fewer")


class DriftDetector:
    """Watches blocks of counts for drift of features and predictions.

    A column with an active alarm is watched for its end only, so it does not hide others. Every column whose own
    evidence reaches the bound alarms in the same block; the rest begins anew. The end is when the interval of its
    share in the recent rows lies inside the tolerance.

    Parameters
    ----------
    profile : Profile
        The reference.
    tolerance : float
        Change of a share that is too small to matter.
    alarm_rows : int
        Mean number of rows between false alarms, at least.
    """

    def __init__(self, profile: Profile, tolerance: float = 0.02, alarm_rows: int = 2_000_000) -> None:
        if not 0 <= tolerance < 1 or alarm_rows < 1:
            raise DriftError(
                f"tolerance must be from 0 and below 1, alarm_rows from 1. Got {tolerance}, {alarm_rows}."
            )
        self.profile, self.tolerance, self.alarm_rows = profile, tolerance, alarm_rows
        self.rows = 0
        self.alarms: list[Alarm] = []
        self._group = CellGroup((*profile.features, *profile.predictions))
        self._shares = Shares(self._group)
        named = [("feature", cells.name) for cells in profile.features]
        named += [("prediction", cells.name) for cells in profile.predictions]
        self._names = tuple(named)
        self._places = {
            (*named[column], where): share
            for share, (column, where) in enumerate(zip(self._shares.column, self._shares.where, strict=True))
        }
        self._prepare_ratios()
        shape = self._if_hit.shape
        self._log_r: FloatArray = np.full(shape, -np.inf)
        self._cusum: FloatArray = np.zeros(shape)
        self._since: IntArray = np.zeros(shape, dtype=np.int64)  # detector's rows when the cusum last left 0
        self._hits: IntArray = np.zeros(shape, dtype=np.int64)  # hits and rows of the share since then
        self._tried: IntArray = np.zeros(shape, dtype=np.int64)
        self._recent: IntArray = np.zeros(self._group.size, dtype=np.int64)
        self._before: IntArray = np.zeros(self._group.size, dtype=np.int64)
        self._muted = np.zeros(len(self._group.columns), dtype=bool)

    def _prepare_ratios(self) -> None:
        """Log likelihood ratio per hit and per miss, shape (deltas, sides, shares); both 0 where untestable."""
        hits, rows = self._shares.count(count_reference(self._group.columns))
        q = np.stack([hits, rows - hits]) / np.maximum(rows, 1)
        self._reference = q[0]
        self._limit = np.where(rows > 0, measure_wilson_bound(q, rows, REFERENCE_Z) + self.tolerance, 1.0)
        limit = np.minimum(self._limit, 1.0)
        raised = limit + np.minimum(np.array(DELTAS)[:, None, None], (1 - limit) / 2)
        testable = np.broadcast_to((limit > 0) & (limit < 1), raised.shape)
        self._if_hit, self._if_miss = np.zeros(raised.shape), np.zeros(raised.shape)
        np.log(raised / limit, out=self._if_hit, where=testable)
        np.log((1 - raised) / np.where(limit < 1, 1 - limit, 1), out=self._if_miss, where=testable)
        self._testable = testable
        self._log_components = np.log(max(np.count_nonzero(testable), 1))

    @property
    def active(self) -> tuple[Alarm, ...]:
        """Alarms that are not over."""
        return tuple(alarm for alarm in self.alarms if alarm.active)

    def update(self, counts: Counts) -> None:
        """Take in a block of rows; ``alarms`` grows when it completes the evidence.

        Blocks of a hundred rows or more keep the cost per row low; an empty one changes nothing.

        Raises
        ------
        DriftError
            The counts are of another profile.
        """
        self.profile.check_counts(counts)
        if not counts.rows:
            return
        block = np.concatenate([counts.features, counts.predictions])
        self._add_evidence(block, counts.rows)
        self.rows += counts.rows
        if self._recent[self._group.slice(0)].sum() >= WINDOW_ROWS:
            self._before, self._recent = self._recent, np.zeros_like(self._recent)
        self._recent = self._recent + block
        self._clear_alarms()
        if self._log_mean() >= np.log(self.alarm_rows):
            self._raise_alarms()

    def _add_evidence(self, block: IntArray, rows: int) -> None:
        hits, tried = self._shares.count(block)
        sides = np.stack([hits, tried - hits])
        log_ratio = sides * self._if_hit + (tried - sides) * self._if_miss
        gap = np.exp(-np.abs(self._log_r - np.log(rows)))
        self._log_r = np.maximum(self._log_r, np.log(rows)) + np.log1p(gap) + log_ratio  # log((R + rows) L)
        self._cusum += log_ratio
        at_rest = self._cusum <= 0
        self._cusum[at_rest] = 0.0
        self._hits = np.where(at_rest, 0, self._hits + sides)
        self._tried = np.where(at_rest, 0, self._tried + tried)
        self._since[at_rest] = self.rows + rows

    def _watched(self) -> FloatArray:
        """Log R of the components that can alarm."""
        return np.where(self._testable & ~self._muted[self._shares.column], self._log_r, -np.inf)

    def _log_mean(self) -> float:
        watched = self._watched()
        largest = watched.max(initial=-np.inf)
        if not np.isfinite(largest):
            return -np.inf
        return float(largest + np.log(np.exp(watched - largest).sum()) - self._log_components)

    def _log_own(self) -> FloatArray:
        """Give each column's part of the mean: what it would be if no other column had any evidence."""
        own = np.full(len(self._group.columns), -np.inf)
        watched = self._watched().reshape(-1, len(self._shares.column))
        np.logaddexp.at(own, self._shares.column, np.logaddexp.reduce(watched, axis=0))
        return own - self._log_components

    def _raise_alarms(self) -> None:
        """Raise the column with the strongest evidence, and every other whose own is enough; begin anew."""
        watched, own = self._watched(), self._log_own()
        strongest = int(self._shares.column[watched.max(axis=(0, 1)).argmax()])
        others = np.flatnonzero(own >= np.log(self.alarm_rows))
        for column in [strongest, *(other for other in others.tolist() if other != strongest)]:
            self._raise_alarm(column, np.where(self._shares.column == column, watched, -np.inf))
        self.alarms = _forget_oldest(self.alarms)
        self._log_r.fill(-np.inf)
        self._cusum.fill(0.0)
        self._since.fill(self.rows)
        self._recent, self._before = np.zeros_like(self._recent), np.zeros_like(self._before)

    def _raise_alarm(self, column: int, evidence: FloatArray) -> None:
        place = np.unravel_index(np.argmax(evidence), evidence.shape)
        side, share = int(place[1]), int(place[2])
        tried = max(int(self._tried[place]), 1)
        hits = int(self._hits[place])
        alarm = Alarm(
            column=self._names[column][1],
            group=self._names[column][0],
            where=self._shares.where[share],
            side=SIDES[side],
            reference_share=float(self._reference[share]),
            share=(tried - hits if side else hits) / tried,
            since_row=int(self._since[place]),
            raised_row=self.rows,
        )
        self.alarms.append(alarm)
        self._muted[column] = True

    def _clear_alarms(self) -> None:
        if not self._muted.any():
            return
        hits, tried = self._shares.count(self._recent + self._before)
        for index, alarm in enumerate(self.alarms):
            if not alarm.active:
                continue
            share = self._places[alarm.group, alarm.column, alarm.where]
            rows = tried[share]
            sides = np.array([hits[share], rows - hits[share]])
            if rows and (measure_wilson_bound(sides / rows, rows, CLEAR_Z) <= self._limit[:, share]).all():
                self.alarms[index] = replace(alarm, cleared_row=self.rows)
                column = self._shares.column[share]
                self._muted[column] = False
                self._log_r[..., self._shares.column == column] = -np.inf

    def statistics(self) -> dict[str, Any]:
        """Give what metrics need.

        Returns
        -------
        dict
            ``rows``; ``recent_rows``, those that changes are measured on; ``evidence``: log of the mean R over log
            of what alarms, so 1 is an alarm (0 before any row); ``active_alarms``; and in ``columns``, for each
            column in the profile's order: ``name``, ``group``, ``log_evidence`` (log of its largest R), ``change`` of
            the share that changed most against the reference, ``where`` that is, and ``alarm`` (active or not).
        """
        hits, tried = self._shares.count(self._recent + self._before)
        change = np.where(tried > 0, hits / np.maximum(tried, 1) - self._reference, 0.0)
        largest = np.where(self._testable, self._log_r, -np.inf).max(axis=(0, 1))
        columns = []
        for index, (group, name) in enumerate(self._names):
            own = np.flatnonzero(self._shares.column == index)
            most = own[np.argmax(np.abs(change[own]))]
            columns.append(
                {
                    "name": name,
                    "group": group,
                    "log_evidence": max(float(largest[own].max()), 0.0),
                    "change": float(change[most]),
                    "where": self._shares.where[most],
                    "alarm": bool(self._muted[index]),
                }
            )
        return {
            "rows": self.rows,
            "recent_rows": int((self._recent + self._before)[self._group.slice(0)].sum()),
            "evidence": max(self._log_mean(), 0.0) / float(np.log(max(self.alarm_rows, 2))),
            "active_alarms": len(self.active),
            "columns": columns,
        }

    def to_dict(self) -> dict[str, Any]:
        """Give the state as values that JSON can hold; a restarted service goes on from it exactly."""
        return {
            "schema": 1,
            "profile": self.profile.id,
            "tolerance": self.tolerance,
            "alarm_rows": self.alarm_rows,
            "rows": self.rows,
            "alarms": [asdict(alarm) for alarm in self.alarms],
            **{name: _pack(getattr(self, f"_{name}")) for name in _ARRAYS},
        }

    @classmethod
    def from_dict(cls, profile: Profile, values: Mapping[str, Any]) -> DriftDetector:
        """Go on from what :meth:`to_dict` gave.

        Raises
        ------
        DriftError
            It is damaged, or the state of another profile's detector.
        """
        if (
            not isinstance(values, Mapping)
            or values.get("schema") != 1
            or values.get("profile") != profile.id
        ):
            raise DriftError(
                f"The detector's state must be of schema 1 and the reference profile {profile.id}. It is of another "
                "model version or damaged: begin with a new detector."
            )
        try:
            detector = cls(profile, values["tolerance"], values["alarm_rows"])
            detector.rows = int(values["rows"])
            detector.alarms = [Alarm(**alarm) for alarm in values["alarms"]]
            for name in _ARRAYS:
                setattr(detector, f"_{name}", _unpack(values[name], getattr(detector, f"_{name}")))
            for alarm in detector.active:
                share = detector._places[alarm.group, alarm.column, alarm.where]
                detector._muted[detector._shares.column[share]] = True
        except (KeyError, TypeError, ValueError, zlib.error) as error:
            raise DriftError(
                f"The detector's state is damaged ({error!r}): begin with a new detector."
            ) from None
        return detector


def _forget_oldest(alarms: list[Alarm]) -> list[Alarm]:
    """Drop the oldest alarms beyond those kept, but none that is active: its column waits for its end."""
    kept_from = len(alarms) - KEPT_ALARMS
    return [alarm for place, alarm in enumerate(alarms) if alarm.active or place >= kept_from]


_ARRAYS = ("log_r", "cusum", "since", "hits", "tried", "recent", "before")


def measure_wilson_bound(share: FloatArray, rows: Any, z: float) -> FloatArray:
    """Measure the upper bound of Wilson's (1927) interval of a share of ``rows`` rows."""
    n = np.maximum(rows, 1)
    middle = share + z * z / (2 * n)
    spread = z * np.sqrt(share * (1 - share) / n + z * z / (4 * n * n))
    return (middle + spread) / (1 + z * z / n)


def _pack(array: np.ndarray) -> str:
    return base64.b64encode(zlib.compress(array.astype(array.dtype.newbyteorder("<")).tobytes(), 1)).decode()


def _unpack(text: str, like: np.ndarray) -> np.ndarray:
    raw = zlib.decompress(base64.b64decode(text, validate=True))
    return np.frombuffer(raw, like.dtype.newbyteorder("<")).astype(like.dtype).reshape(like.shape)
