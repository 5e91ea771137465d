"""What was answered and waits to be recorded: bounded, in the order of its ids, and every row of it counted."""

from __future__ import annotations

import threading
import time
from dataclasses import dataclass, field

from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile
from toolkit.serving.counting import count_answered, count_columns
from toolkit.serving.records import Answered, AnsweredOne, RecordMaker
from toolkit.serving.rows import Ids
from toolkit.serving.singles import Singles, Taken

MOST_ROWS = 200_000  # that wait; of 30 numbers, 48 MB
PART_ROWS = (
    10_000  # a larger request is recorded in such parts, as its lines take ten times the memory of its rows
)
ROOM_TIMEOUT_S = 5.0
SINGLES_AT_ONCE = 1000


@dataclass
class Batch:
    """What was taken out of :class:`Waiting`.

    Attributes
    ----------
    counts : Counts
        Of rows that were counted at once, as too many waited.
    singles : Taken
        Single rows. The first have a line each among ``lines``, unless a sample is logged, or nothing.
    lines : list of bytes or Answered
        In the order of their ids: the line of a single row, or (a part of) a request of many.
    rows : int
        That have waited.
    dropped : int
        Records that are lost, as too many waited.
    """

    counts: Counts
    singles: Taken = field(default_factory=Taken)
    lines: list[bytes | Answered] = field(default_factory=list)
    rows: int = 0
    dropped: int = 0


class Waiting:
    """Takes what was answered, from the request path.

    Parameters
    ----------
    worker : str
        Begins the id of each prediction, so that ids are unique over workers and restarts.
    profile : Profile
        What rows are counted by.
    maker : RecordMaker, optional
        Makes the lines of single rows; None: nothing is logged.

    Attributes
    ----------
    adding : Lock
        Held by who makes ids and adds what was answered, so that ids grow along the log.
    """

    def __init__(self, worker: str, profile: Profile, maker: RecordMaker | None) -> None:
        self.adding = threading.Lock()
        self._worker, self._profile, self._maker = worker, profile, maker
        self._singles = Singles(profile)
        self._batch, self._overflow = Batch(profile.no_rows()), profile.no_rows()
        self._number = 0  # of the next prediction
        self._being_recorded = 0

    def make_ids(self, count: int) -> Ids:
        """Make the ids of so many predictions; under ``adding``."""
        first, self._number = self._number, self._number + count
        return Ids(self._worker, first, count)

    def make_id(self) -> str:
        """Make one id, likewise."""
        number, self._number = self._number, self._number + 1
        return f"{self._worker}{number:08x}"

    def add(self, answered: Answered) -> None:
        """Add an answered request, under ``adding``.

        Where too many rows wait, its records are lost, and it is counted here and now.
        """
        count = len(answered)
        if self._has_room(count):
            self._batch.lines += answered.split(PART_ROWS)
            self._batch.rows += count
        else:
            self._batch.dropped += count if self._maker else 0
            self._overflow += count_answered(self._profile, answered)

    def add_one(self, one: AnsweredOne) -> None:
        """Add a single row, likewise.

        Its line is made and its values are packed at once, in two microseconds: less than keeping its objects in
        memory costs.
        """
        if self._has_room(1):
            self._batch.rows += 1
            if self._maker and (line := self._maker.make_one(one)):
                self._batch.lines.append(line)
        else:
            self._batch.dropped += 1 if self._maker else 0
            if len(self._singles) >= SINGLES_AT_ONCE:
                self._overflow += self.count(self._singles.take())
        self._singles.add(one.row, one.predictions)

    def _has_room(self, count: int) -> bool:
        waiting = self._batch.rows + self._being_recorded
        return waiting + count <= MOST_ROWS or not waiting

    def wait_for_room(self, count: int) -> None:
        """Wait until so many rows more may wait, for five seconds at most; for requests that have a thread."""
        deadline = time.monotonic() + ROOM_TIMEOUT_S
        while not self._has_room(count) and time.monotonic() < deadline:
            time.sleep(0.01)

    def take(self) -> Batch:
        """Take all out; :meth:`note_recorded` is to be told what of it no longer fills the memory."""
        with self.adding:
            batch, self._batch = self._batch, Batch(self._profile.no_rows())
            batch.counts, self._overflow = self._overflow, self._profile.no_rows()
            batch.singles = self._singles.take()
            self._being_recorded += batch.rows
        return batch

    def note_recorded(self, rows: int | None = None) -> None:
        """Note that so many rows of what was taken are recorded; None: all."""
        with self.adding:
            self._being_recorded = 0 if rows is None else self._being_recorded - rows

    def count(self, singles: Taken) -> Counts:
        """Count single rows."""
        if not len(singles):
            return self._profile.no_rows()
        return count_columns(self._profile, self._singles.turn(singles), singles.predictions)
