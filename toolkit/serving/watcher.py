"""Watches what all workers have counted: the one of them that holds a lock feeds the drift detector and tells alarms.

The state is kept in two files that are replaced whole: ``state.json``, from which the next leader goes on, and
``status.json``, from which every worker answers what is asked about monitoring. A leader that is killed between two
saves costs nothing but time: the counts that the saved detector had not seen are in the workers' files.
"""

from __future__ import annotations

import fcntl
import logging
import os
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import orjson

from toolkit.errors import DriftError
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.profile import Profile
from toolkit.serving.chronicle import Chronicle
from toolkit.serving.judge import Judge
from toolkit.serving.ledger import Tally, load_total, replace_file, retire_dead
from toolkit.serving.mix import describe_mix
from toolkit.serving.notify import Notifier

SCHEMA = 1
STEP_S = 1.0
BLOCK_ROWS = 256  # smaller blocks cost more per row, so they wait for BLOCK_WAIT_S
BLOCK_WAIT_S = 5.0
SAVE_S = 5.0
BEAT_S = 20.0  # without any news: an older status is one of a watch that stands still
DAY_S = 86_400.0
FEATURES = "features"
STATE, STATUS, LEADER = "state.json", "status.json", "leader.lock"
logger = logging.getLogger("toolkit.serving")


class Watcher:
    """One for each worker; the one that gets the lock leads.

    Parameters
    ----------
    folder : Path
        Of the state of monitoring, shared by the workers and kept over restarts.
    log_folder : Path
        Of the prediction log.
    profile : Profile
        What rows are counted by.
    make_detectors : callable
        Makes the detectors by what they watch: from their saved states, or (None) ones that have seen nothing.
    judge : Judge, optional
        Reads the true labels that came back.
    chronicle : Chronicle, optional
        Is given the totals of all workers.
    notifier : Notifier, optional
        Is told of the alarms that were raised, and those that are over, once they are saved.
    """

    def __init__(
        self,
        folder: Path,
        log_folder: Path,
        profile: Profile,
        make_detectors: Callable[[Mapping[str, Any] | None], dict[str, DriftDetector]],
        *,
        judge: Judge | None = None,
        chronicle: Chronicle | None = None,
        notifier: Notifier | None = None,
    ) -> None:
        self.folder, self.log_folder = folder, log_folder
        self._profile, self._make_detectors = profile, make_detectors
        self._judge, self._chronicle, self._notifier = judge, chronicle, notifier or Notifier((), "")
        self._lock = threading.RLock()
        self._file = -1
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="toolkit-watcher", daemon=True)
        self._failure = ""
        self._started_s = time.time()
        self._status: dict[str, Any] = {}
        self._forget()

    def _forget(self) -> None:
        self._detectors = self._make_detectors(None)
        self._seen = self._profile.no_rows()
        self._told: list[str] = []
        self._updated_s = self._saved_s = self._judged_s = time.time()
        self._quiet_s = self._looked_s = self._updated_s
        self._changed = True
        if self._judge is not None:
            self._judge.load(None)

    @property
    def leading(self) -> bool:
        """Whether this worker watches for all."""
        return self._file >= 0

    @property
    def status(self) -> Mapping[str, Any]:
        """What the leader says: its own last word where this worker leads, else what it has written."""
        return self._status if self.leading and self._status else load_status(self.folder)

    def start(self) -> None:
        """Begin: lead at once if nobody does."""
        self.refresh()
        self._thread.start()

    def step(self, *, now: bool = False) -> None:
        """Take in what the workers have counted since the last step, if this is the leader.

        Parameters
        ----------
        now : bool
            Small blocks too, as for somebody who looks at the metrics.
        """
        with self._lock:
            if not self.leading and not self._try_to_lead():
                return
            with suppress(OSError):  # of a full disk: they stay as they are, and are counted all the same
                retire_dead(self.folder, self.log_folder, self._profile)
            total, pids = load_total(self.folder, self.log_folder, self._profile)
            self._update(total, now)
            self._judge_labels()
            raised, cleared = self._find_news()
            wall_s = time.time()
            idle_s = abs(wall_s - self._saved_s)  # a clock may be set back
            try:
                if (self._changed and (now or raised or cleared or idle_s >= SAVE_S)) or idle_s >= BEAT_S:
                    self._save(len(pids))
            finally:  # what the disk refuses must not keep an alarm from being told
                if raised or cleared:
                    self._tell(raised, cleared)
            if self._chronicle is not None:
                self._chronicle.take(total, self._status, now=now)

    def refresh(self) -> None:
        """Do a step for somebody who looks, small blocks included; what the disk refuses is told by the next one."""
        with suppress(OSError):
            self.step(now=True)

    def close(self) -> None:
        """Save, and let another lead."""
        self._stop.set()
        if self._thread.is_alive():
            self._thread.join(timeout=5)
        with self._lock:
            if self.leading:
                self.refresh()
                os.close(self._file)
                self._file = -1

    def _run(self) -> None:
        while not self._stop.wait(STEP_S):
            try:
                self.step()
            except OSError as error:
                self._fail(f"{error.strerror or error} ({error.filename or self.folder})")
            except Exception:
                logger.exception("Drift could not be watched")
                time.sleep(10)  # a fault that repeats must not fill the error log
            else:
                self._fail("")

    def _fail(self, failure: str) -> None:
        if failure != self._failure:
            self._failure = failure
            if failure:
                logger.error("Drift is not watched: %s. Serving goes on.", failure)
            else:
                logger.info("Drift is watched again")

    def _try_to_lead(self) -> bool:
        self.folder.mkdir(parents=True, exist_ok=True)
        file = os.open(self.folder / LEADER, os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(file)
            return False
        self._file = file
        self._load()
        if self._chronicle is not None:
            self._chronicle.load()
        return True

    def _load(self) -> None:
        """Go on from what the last leader saved; begin anew, and say so, if that is damaged or of other settings."""
        self._forget()
        try:
            content = orjson.loads((self.folder / STATE).read_bytes())
            seen = Counts.from_dict(content["seen"])
            self._profile.check_counts(seen)
            self._detectors = self._make_detectors(content["detectors"])
            self._seen, self._told = seen, list(content["told"])
            self._updated_s = self._judged_s = min(content["updated_s"], time.time())
            self._quiet_s = self._looked_s = self._updated_s  # what came since may have come at once
            if self._judge is not None:
                self._judge.load(content["judge"])
        except FileNotFoundError:
            return
        except (DriftError, KeyError, TypeError, ValueError) as error:
            logger.warning("Drift is watched from now on, not from where it was left: %s", error)
            self._forget()

    def _update(self, total: Tally, now: bool) -> None:
        block = total.counts.since(self._seen)
        if block is None:
            logger.warning("The workers' counts are fewer than before; drift is watched from here on.")
            self._seen, self._changed = total.counts, True
            return
        wall_s = time.time()
        self._updated_s = min(self._updated_s, wall_s)  # a clock may be set back
        elapsed_s = wall_s - self._updated_s
        if not block.rows:
            self._quiet_s = wall_s
        if not block.rows or (block.rows < BLOCK_ROWS and elapsed_s < BLOCK_WAIT_S and not now):
            return
        self._detectors[FEATURES].update(block, elapsed_s / DAY_S, wall_s, min(self._quiet_s, wall_s))
        self._seen, self._changed = total.counts, True
        self._updated_s = self._quiet_s = wall_s

    def _judge_labels(self) -> None:
        blocks = {} if self._judge is None else self._judge.read()
        wall_s = time.time()
        looked_s, self._looked_s = min(self._looked_s, wall_s), wall_s
        if not blocks:
            return
        elapsed_s = max(wall_s - self._judged_s, 0.0)
        for watch, block in blocks.items():
            self._detectors[watch].update(block, elapsed_s / DAY_S, wall_s, looked_s)
        self._judged_s, self._changed = wall_s, True

    def _describe_labels(self) -> dict[str, Any]:
        return {} if self._judge is None else self._judge.describe(self._detectors[FEATURES].count_recent())

    def _list_alarms(self) -> list[dict[str, Any]]:
        """Give all alarms with what they are of, the newest first."""
        alarms = [
            {"watch": watch, **asdict(alarm), "active": alarm.active, "message": alarm.message}
            for watch, detector in self._detectors.items()
            for alarm in detector.alarms
        ]
        return sorted(alarms, key=lambda alarm: -(alarm["raised_s"] or 0.0))

    def _find_news(self) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
        """Give the alarms that nobody was told of yet, and those that were told and are over."""
        alarms = {name_alarm(alarm): alarm for alarm in self._list_alarms()}
        raised = [alarm for name, alarm in alarms.items() if alarm["active"] and name not in self._told]
        told = [alarms[name] for name in self._told if name in alarms]
        return raised, [alarm for alarm in told if not alarm["active"]]

    def _tell(self, raised: list[dict[str, Any]], cleared: list[dict[str, Any]]) -> None:
        for alarm in raised:
            logger.warning("Alarm: %s", alarm["message"])
        for alarm in cleared:
            logger.warning("Over: %s", alarm["message"])
        self._notifier.add(raised, cleared)
        self._told = [name_alarm(alarm) for alarm in self._list_alarms() if alarm["active"]]
        self._changed = True

    def _save(self, workers: int) -> None:
        state = {
            "schema": SCHEMA,
            "seen": self._seen.to_dict(),
            "detectors": {watch: detector.to_dict() for watch, detector in self._detectors.items()},
            "judge": None if self._judge is None else self._judge.to_dict(),
            "told": self._told,
            "updated_s": self._updated_s,
        }
        self._status = self._describe(workers)
        replace_file(self.folder / STATE, orjson.dumps(state))
        replace_file(self.folder / STATUS, orjson.dumps(self._status))
        self._saved_s, self._changed = time.time(), False

    def _describe(self, workers: int) -> dict[str, Any]:
        return {
            "schema": SCHEMA,
            "time_s": time.time(),
            "started_s": self._started_s,
            "workers": workers,
            "drift": {watch: detector.statistics() for watch, detector in self._detectors.items()},
            "mix": describe_mix(
                self._profile.predictions, self._detectors[FEATURES].count_recent().predictions
            ),
            "alarms": self._list_alarms(),
            "notifications": self._notifier.counts,
            **self._describe_labels(),
        }


def name_alarm(alarm: Mapping[str, Any]) -> str:
    """Name an alarm so that it is told once, over restarts too."""
    return f"{alarm['watch']}/{alarm['group']}/{alarm['column']}/{alarm['raised_row']}"


def load_status(folder: Path) -> Mapping[str, Any]:
    """Read what the leader last wrote; nothing if it has not yet."""
    try:
        return orjson.loads((folder / STATUS).read_bytes())
    except (OSError, ValueError):
        return {}
