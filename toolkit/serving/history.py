"""What the service did over time, a minute an entry, for its status page: pure, bounded, kept over restarts.

A minute is kept for a day, then folded into a quarter of an hour, which is kept for two weeks. The bounds are numbers
of entries, not ages, so a clock that jumps ahead and back loses nothing. Changes of columns are one row of numbers a
quarter of an hour for a day, then one every six hours: 300 columns for two weeks are 45,000 small numbers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

SCHEMA = 1
MINUTE_S, QUARTER_S, LONG_S = 60, 15 * 60, 6 * 3600
MINUTES, QUARTERS = 24 * 60, 14 * 24 * 4  # a day, two weeks
CHANGES, LONG_CHANGES = 24 * 4, 14 * 4  # a day, two weeks
MAX_LABELS = 20  # what a page can show apart; further ones are counted together
OTHERS = "(others)"
NO_CHANGE = -(10**6)  # stands for a change that is not known, in a row of whole numbers
COUNTED = ("rows", "requests", "errors", "failed", "lost")


@dataclass
class Entry:
    """What was counted in ``span_s`` seconds from ``start_s``; ``latency`` by bucket, ``labels`` by label."""

    start_s: int
    span_s: int
    rows: int = 0
    requests: int = 0
    errors: int = 0
    failed: int = 0
    lost: int = 0
    latency: list[int] = field(default_factory=list)
    labels: list[int] = field(default_factory=list)
    performance: float | None = None

    def add(self, other: Entry) -> None:
        """Add the counts of another entry; its performance is the later one."""
        for name in COUNTED:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        self.latency = _add(self.latency, other.latency)
        self.labels = _add(self.labels, other.labels)
        if other.performance is not None:
            self.performance = other.performance


class History:
    """Turns totals that only grow into entries of what was new.

    Parameters
    ----------
    edges_s : sequence of float
        Upper edges of the latency histogram's buckets, in seconds; one more bucket lies above the last.

    Examples
    --------
    >>> history = History((0.001, 0.01))
    >>> history.add(60.0, {"rows": 5, "requests": 5, "latency": [5, 0, 0]})
    >>> history.add(61.0, {"rows": 7, "requests": 6, "latency": [5, 1, 0]})
    >>> [(entry.start_s, entry.rows, entry.latency) for entry in history.entries]
    [(60, 7, [5, 1, 0])]
    """

    def __init__(self, edges_s: Sequence[float]) -> None:
        self.edges_s = tuple(float(edge) for edge in edges_s)
        self.labels: list[str] = []
        self.columns: list[str] = []
        self.entries: list[Entry] = []  # in order of time; quarters of an hour, then minutes
        self.changes: list[
            tuple[int, int, list[int]]
        ] = []  # start, span, a change in thousandths for each column
        self._last: dict[str, Any] = {}

    def add(self, time_s: float, totals: Mapping[str, Any]) -> None:
        """Take in what has been counted so far.

        A total that is smaller than before began anew (a restart): all of it is new. Entries that lie ahead of
        ``time_s`` were written by a clock that was wrong; they become part of this minute.

        Parameters
        ----------
        time_s : float
            Seconds since 1970.
        totals : mapping
            Since whenever counting began: ``rows``, ``requests``, ``errors`` (requests refused or failed), ``failed``
            of them, records ``lost`` to the log; ``latency``, a count for each bucket; ``labels``, a count for each
            predicted label. As of now: ``changes``, of each column's share that changed
            most; ``performance``. What is missing is not counted.
        """
        if not math.isfinite(time_s) or time_s < 0:
            return
        now = int(time_s)
        entry = self._open(now - now % MINUTE_S)
        entry.add(self._measure_new(totals, entry))
        self._keep_changes(now, totals.get("changes") or {})
        self._fold()

    def _measure_new(self, totals: Mapping[str, Any], entry: Entry) -> Entry:
        new = Entry(entry.start_s, entry.span_s, performance=_number(totals.get("performance")))
        for name in COUNTED:
            if name in totals:
                setattr(new, name, _grown(self._last.get(name, 0), totals[name]))
                self._last[name] = totals[name]
        if "latency" in totals:
            now, before = list(totals["latency"]), self._last.get("latency") or []
            began_anew = len(now) != len(before) or any(a < b for a, b in zip(now, before, strict=True))
            new.latency = now if began_anew else [a - b for a, b in zip(now, before, strict=True)]
            self._last["latency"] = now
        if "labels" in totals:
            grouped = self._group_labels(totals["labels"])
            before = self._last.get("labels") or {}
            new.labels = [_grown(before.get(label, 0), grouped.get(label, 0)) for label in self.labels]
            self._last["labels"] = grouped
        return new

    def _group_labels(self, counts: Mapping[str, int]) -> dict[str, int]:
        grouped: dict[str, int] = {}
        for label, count in counts.items():
            if label not in self.labels:
                if len(self.labels) < MAX_LABELS:
                    self.labels.append(label)
                else:
                    label = OTHERS  # noqa: PLW2901
                    self.labels += [] if OTHERS in self.labels else [OTHERS]
            grouped[label] = grouped.get(label, 0) + int(count)
        return grouped

    def _open(self, start_s: int) -> Entry:
        """Give the entry of a minute, a new one where there is none; what lies ahead of it becomes part of it."""
        ahead = Entry(start_s, MINUTE_S)
        while self.entries and self.entries[-1].start_s > start_s:
            late = self.entries.pop()
            late.add(ahead)  # in order of time: the last performance stays
            late.start_s, late.span_s = start_s, MINUTE_S
            ahead = late
        if self.entries and self.entries[-1].start_s + self.entries[-1].span_s > start_s:
            self.entries[-1].add(ahead)
        else:
            self.entries.append(ahead)
        return self.entries[-1]

    def _keep_changes(self, now: int, changes: Mapping[str, float]) -> None:
        if not changes:
            return
        if list(changes) != self.columns:  # of another model: nothing to compare with
            self.columns, self.changes = list(changes), []
        start = now - now % QUARTER_S
        row = [NO_CHANGE if _number(each) is None else round(each * 1000) for each in changes.values()]
        while self.changes and self.changes[-1][0] >= start:
            self.changes.pop()
        self.changes.append((start, QUARTER_S, row))

    def _fold(self) -> None:
        """Make the oldest minutes a quarter of an hour, the oldest of those nothing; likewise of changes."""
        coarse = next(
            (i for i, each in enumerate(self.entries) if each.span_s == MINUTE_S), len(self.entries)
        )
        while len(self.entries) - coarse > MINUTES:
            oldest = self.entries.pop(coarse)
            start = oldest.start_s - oldest.start_s % QUARTER_S
            if coarse and self.entries[coarse - 1].start_s >= start:
                self.entries[coarse - 1].add(oldest)
            else:
                oldest.start_s, oldest.span_s = start, QUARTER_S
                self.entries.insert(coarse, oldest)
                coarse += 1
        del self.entries[: max(coarse - QUARTERS, 0)]
        while sum(span == QUARTER_S for _, span, _ in self.changes) > CHANGES:
            place = next(i for i, each in enumerate(self.changes) if each[1] == QUARTER_S)
            start, _, row = self.changes[place]
            long = start - start % LONG_S
            if place and self.changes[place - 1][0] >= long:
                self.changes[place - 1 : place + 1] = [(long, LONG_S, row)]
            else:
                self.changes[place] = (long, LONG_S, row)
        del self.changes[: max(len(self.changes) - CHANGES - LONG_CHANGES, 0)]

    def to_list(self) -> list[dict[str, Any]]:
        """Give all of it as values that JSON can hold: what names the numbers, then the entries, then the changes."""
        head = {
            "schema": SCHEMA,
            "edges_s": list(self.edges_s),
            "labels": self.labels,
            "columns": self.columns,
        }
        entries = [_to_dict(entry) for entry in self.entries]
        changes = [{"start_s": start, "span_s": span, "changes": row} for start, span, row in self.changes]
        return [{**head, "last": self._last}, *entries, *changes]

    @classmethod
    def from_list(cls, values: Any, edges_s: Sequence[float]) -> History:
        """Take up what :meth:`to_list` gave; where it is something else or damaged, begin a new one.

        It is a picture of the past, not a count that anything depends on: no error is worth a service that does not
        start.
        """
        history = cls(edges_s)
        try:
            head, *rest = values
            if head["schema"] != SCHEMA or tuple(head["edges_s"]) != history.edges_s:
                return history
            history.labels, history.columns = list(map(str, head["labels"])), list(map(str, head["columns"]))
            history._last = dict(head["last"])
            size = len(history.columns)
            for each in rest:
                if "changes" not in each:
                    history.entries.append(_from_dict(each, len(history.edges_s) + 1))
                elif len(each["changes"]) == size:
                    row = [int(value) for value in each["changes"]]
                    history.changes.append((int(each["start_s"]), int(each["span_s"]), row))
            history.entries.sort(key=lambda entry: entry.start_s)
            history.changes.sort(key=lambda change: change[0])
        except (AttributeError, KeyError, OverflowError, TypeError, ValueError):
            return cls(edges_s)
        return history


def measure_quantile(buckets: Sequence[float], edges_s: Sequence[float], quantile: float) -> float | None:
    """Measure a quantile of times that were counted in buckets, as Prometheus does: straight lines within a bucket.

    What lies above the last edge is told as the last edge. None where nothing was counted.

    >>> measure_quantile([10, 10, 0], (0.1, 0.2), 0.75)
    0.15000000000000002
    """
    total = sum(buckets)
    if total <= 0:
        return None
    wanted, below = quantile * total, 0.0
    for place, edge in enumerate(edges_s):
        if buckets[place] and below + buckets[place] >= wanted:
            lower = edges_s[place - 1] if place else 0.0
            return lower + (edge - lower) * (wanted - below) / buckets[place]
        below += buckets[place]
    return float(edges_s[-1])


def _to_dict(entry: Entry) -> dict[str, Any]:
    """Give an entry without what is nothing: of a quiet minute little is left."""
    told = {name: value for name, value in vars(entry).items() if value not in (None, 0)}
    told |= {} if entry.performance is None else {"performance": entry.performance}  # 0 is something there
    return {name: value for name, value in told.items() if not isinstance(value, list) or any(value)} | {
        "start_s": entry.start_s
    }


def _from_dict(values: Mapping[str, Any], buckets: int) -> Entry:
    entry = Entry(
        int(values["start_s"]), int(values["span_s"]), performance=_number(values.get("performance"))
    )
    for name in COUNTED:
        setattr(entry, name, int(values.get(name, 0)))
    entry.latency = [int(count) for count in values.get("latency", [])]
    entry.labels = [int(count) for count in values.get("labels", [])]
    if len(entry.latency) not in (0, buckets):
        raise ValueError("latency has another number of buckets")
    return entry


def _grown(before: float, now: float) -> int:
    return int(now - before if now >= before else max(now, 0))


def _number(value: Any) -> float | None:
    return float(value) if isinstance(value, (int, float)) and math.isfinite(value) else None


def _add(one: list[int], other: list[int]) -> list[int]:
    if not other:
        return one
    size = max(len(one), len(other))
    return [sum(pair) for pair in zip(_pad(one, size), _pad(other, size), strict=True)]


def _pad(counts: list[int], size: int) -> list[int]:
    return counts + [0] * (size - len(counts))


def name_column(column: Mapping[str, Any]) -> str:
    """Name a column of a watch or an alarm in ``changes``: a feature and a prediction may be called the same.

    >>> name_column({"group": "feature", "name": "size"})
    'feature:size'
    """
    return f"{column.get('group')}:{column.get('name', column.get('column'))}"
