"""What happens to a prediction after it was answered: log and counts, in one thread off the request path."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile
from toolkit.serving.counting import count_answered
from toolkit.serving.ledger import Entry, Ledger
from toolkit.serving.log import SegmentLog
from toolkit.serving.records import Answered, Block, RecordMaker
from toolkit.serving.shipper import Shipper
from toolkit.serving.waiting import Batch, Waiting

INTERVAL_S = 0.1  # so the last tenth of a second is what kill -9 may lose
GROUP_ROWS = 10_000
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
    waiting : Waiting
        Takes what was answered.
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
        self.failure = ""
        self._profile, self._ledger, self._maker, self._log = profile, ledger, maker, log
        self._shipper = shipper
        self.at_flush: Callable[[], None] | None = None
        self._has_lines = log is not None or shipper is not None
        self.waiting = Waiting(ledger.worker, profile, maker if self._has_lines else None)
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
    def entry(self) -> Entry:
        """What this worker has counted."""
        return self._ledger.entry

    def start(self) -> None:
        """Begin."""
        self.flush()  # the ledger's file is there, and locked, before the first request
        if self._shipper:
            self._shipper.start()
        self._thread.start()

    def flush(self) -> None:
        """Deal with all that waits, in the calling thread."""
        with self._lock:
            batch = self.waiting.take()
            batch.dropped += self._shipper.take_lost() if self._shipper else 0
            if batch.rows or batch.dropped or batch.counts.rows or not self._ledger.locked:
                try:
                    self._deal_with(batch)
                finally:
                    self.waiting.note_recorded()
            elif time.monotonic() - self._tidied_s > TIDY_S:
                self._tidy()
        if self.at_flush:
            self.at_flush()

    def _deal_with(self, batch: Batch) -> None:
        """Record the lines in groups, as those of a hundred thousand rows at once would fill the memory."""
        group: list[bytes | Answered] = []
        rows = singles = 0
        for line in batch.lines:
            group.append(line)
            rows += 1 if isinstance(line, bytes) else len(line)
            singles += isinstance(line, bytes)
            if rows >= GROUP_ROWS:
                self._record(group, self.waiting.count(batch.singles.cut(singles)), 0)
                self.waiting.note_recorded(rows)
                group, rows, singles = [], 0, 0
        self._record(group, batch.counts + self.waiting.count(batch.singles), batch.dropped)

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

    def _record(self, lines: list[bytes | Answered], counts: Counts, dropped: int) -> None:
        """Announce the block's counts, write it, and take them as made; what the disk refuses is counted as lost."""
        log, tally = self._log, self._ledger.tally
        block = self._make_block(lines)
        for line in lines:
            if isinstance(line, Answered):
                counts += count_answered(self._profile, line)
        if self._shipper:
            self._shipper.add(block.data.splitlines(keepends=True))
        after = replace(tally, counts=tally.counts + counts, lost=tally.lost + dropped)
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

    def _make_block(self, lines: list[bytes | Answered]) -> Block:
        parts, records = [], 0
        for each in lines:
            if isinstance(each, bytes):
                parts.append(each)
                records += 1
            elif self._has_lines:
                made = self._maker.make(each)
                parts.append(made.data)
                records += made.records
        return Block(b"".join(parts), records)
