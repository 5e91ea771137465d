"""What happens to a prediction after it was answered: log and counts, in one thread off the request path."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile
from toolkit.serving.ledger import Ledger, Tally
from toolkit.serving.log import SegmentLog
from toolkit.serving.model import Predictions
from toolkit.serving.records import Answered, AnsweredOne, Block, RecordMaker
from toolkit.serving.rows import Column, Ids
from toolkit.serving.shipper import Shipper
from toolkit.serving.singles import Singles, Taken

INTERVAL_S = 0.1  # so the last tenth of a second is what kill -9 may lose
MAX_WAITING_ROWS = 200_000
TIDY_S = 600  # how often old segments are looked for while little is written
logger = logging.getLogger("toolkit.serving")


class Recorder:
    """Takes answered requests and deals with them every tenth of a second.

    Parameters
    ----------
    profile : Profile
        What rows are counted by.
    ledger : Ledger
        Keeps the counts.
    maker : RecordMaker
        Makes the log's lines.
    log : SegmentLog, optional
        None: predictions are not logged.
    shipper : Shipper, optional
        Is handed the log's lines as well.

    Attributes
    ----------
    adding : Lock
        Held by who makes ids and adds what was answered, so that ids grow along the log.
    worker : str
        Begins the id of each prediction of this worker, so that ids are unique over workers and restarts.
    failure : str
        Why the last block could not be written; empty if it was.
    at_flush : callable, optional
        Is called whenever what waits was dealt with.
    """

    def __init__(
        self,
        profile: Profile,
        ledger: Ledger,
        maker: RecordMaker,
        log: SegmentLog | None = None,
        shipper: Shipper | None = None,
    ) -> None:
        self.worker, self.failure = ledger.worker, ""
        self._profile, self._ledger, self._maker, self._log = profile, ledger, maker, log
        self._shipper = shipper
        self.at_flush: Callable[[], None] | None = None
        self.adding = threading.Lock()
        self._waiting: list[bytes | Answered] = []  # a single row's line, or a request of many
        self._singles = Singles(profile)
        self._number = 0  # of the next prediction
        self._added_rows = self._taken_rows = self._dropped_rows = 0
        self._has_lines = log is not None or shipper is not None
        self._lock = threading.Lock()  # held while a batch is dealt with
        self._stop = threading.Event()
        self._told = ""
        self._tidied_s = time.monotonic()
        self._thread = threading.Thread(target=self._run, name="toolkit-recorder", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    @property
    def tally(self) -> Tally:
        """What this worker has counted."""
        return self._ledger.tally

    def start(self) -> None:
        """Begin."""
        self.flush()  # the ledger's file is there, and locked, before the first request
        if self._shipper:
            self._shipper.start()
        self._thread.start()

    def make_ids(self, count: int) -> Ids:
        """Make the ids of so many predictions, in the order in which they will be logged; under ``adding``."""
        first, self._number = self._number, self._number + count
        return Ids(self.worker, first, count)

    def make_id(self) -> str:
        """Make one id, likewise."""
        number, self._number = self._number, self._number + 1
        return f"{self.worker}{number:08x}"

    def add(self, answered: Answered) -> None:
        """Hand over an answered request, under ``adding``; called from the request path, so it only appends.

        When the thread cannot keep up, rows above 200,000 are counted as lost instead of filling the memory.
        """
        if self._admit(len(answered)):
            self._waiting.append(answered)

    def add_one(self, one: AnsweredOne) -> None:
        """Hand over a single row, likewise.

        Its line is made and its values are packed at once, in two microseconds: less than keeping its objects in
        memory costs.
        """
        if self._admit(1):
            if self._has_lines and (line := self._maker.make_one(one)):
                self._waiting.append(line)
            self._singles.add(one.row, one.predictions)

    def _admit(self, count: int) -> bool:
        if self._added_rows - self._taken_rows > MAX_WAITING_ROWS:
            self._dropped_rows += count
            return False
        self._added_rows += count
        return True

    def flush(self) -> None:
        """Deal with all that waits, in the calling thread."""
        with self._lock:
            with self.adding:
                waiting, self._waiting, singles = self._waiting, [], self._singles.take()
                self._taken_rows = self._added_rows
                dropped, self._dropped_rows = self._dropped_rows, 0
            dropped += self._shipper.take_lost() if self._shipper else 0
            if waiting or singles.predictions or dropped or not self._ledger.locked:
                self._record(waiting, singles, dropped)
            elif time.monotonic() - self._tidied_s > TIDY_S:
                self._tidy()
        if self.at_flush:
            self.at_flush()

    def close(self) -> None:
        """Deal with what waits, and end."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        self.flush()
        if self._shipper:
            self._shipper.close()
            self.flush()  # counts what could not be shipped
        if self._log is not None:
            self._log.close()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            try:
                self.flush()
            except Exception:
                logger.exception("A batch of answered requests could not be recorded")
                time.sleep(1)  # a fault that repeats must not fill the error log

    def _tidy(self) -> None:
        self._tidied_s = time.monotonic()
        if self._log is not None:
            self._log.remove_old()

    def _record(self, waiting: list[bytes | Answered], singles: Taken, dropped: int) -> None:
        """Announce the block's counts, write it, and take them as made; what the disk refuses is counted as lost."""
        log, tally = self._log, self._ledger.tally
        batch = [each for each in waiting if isinstance(each, Answered)]
        block = self._make_block(waiting)
        if self._shipper:
            self._shipper.add(block.data.splitlines(keepends=True))
        after = replace(tally, counts=tally.counts + self._count(batch, singles), lost=tally.lost + dropped)
        written = replace(
            after, written=after.written + (block.records if log else 0), removed=log.removed if log else 0
        )
        try:
            if log and block.data:
                self._ledger.announce(written, log.place(), len(block.data))
                log.write(block.data)
            else:
                self._ledger.announce(written)
        except OSError as error:
            written = replace(after, lost=after.lost + (block.records if log else 0))
            self.failure = f"{error.strerror or error} ({error.filename or (log and log.folder) or ''})"
            self._ledger.try_announce(written)
        else:
            self.failure = ""
        self._ledger.tally = written
        self._tell()

    def _tell(self) -> None:
        if self.failure == self._told:
            return
        self._told = self.failure  # once per kind of failure, and once when it is over
        if self.failure:
            logger.error("Predictions are not logged: %s. Serving goes on.", self.failure)
        else:
            logger.info("Predictions are logged again")

    def _make_block(self, waiting: list[bytes | Answered]) -> Block:
        parts, records = [], 0
        for each in waiting:
            if isinstance(each, bytes):
                parts.append(each)
                records += 1
            elif self._has_lines:
                made = self._maker.make(each)
                parts.append(made.data)
                records += made.records
        return Block(b"".join(parts), records)

    def _count(self, batch: Sequence[Answered], singles: Taken) -> Counts:
        """Count the rows: single ones together, each table of many by itself."""
        counts = self._profile.no_rows()
        if singles.predictions:
            counts += self._count_columns(self._singles.turn(singles), singles.predictions)
        for answered in batch:
            columns = {cells.name: answered.take_column(cells.name) for cells in self._profile.features}
            counts += self._count_columns(columns, [answered.predictions])
        return counts

    def _count_columns(self, columns: Mapping[str, Column], predictions: Sequence[Predictions]) -> Counts:
        outputs = join_predictions(predictions) if self._profile.predictions else None
        try:
            return self._profile.count(columns, outputs)
        except ToolkitError as error:
            logger.error("Rows were not counted for drift: %s", error)
            return self._profile.no_rows()


def join_predictions(parts: Sequence[Predictions]) -> dict[str, Any]:
    """Join predictions as the columns that a profile counts: ``label`` and ``p_<class>``, or ``value``."""
    if parts[0].values is not None:
        return {"value": np.concatenate([part.values for part in parts if part.values is not None])}
    probabilities = np.concatenate([part.probabilities for part in parts if part.probabilities is not None])
    joined = Predictions(parts[0].classes, probabilities, None)
    return {"label": joined.labels} | {
        f"p_{name}": probabilities[:, index] for index, name in enumerate(joined.classes)
    }
