"""Puts the parts of monitoring together: what one worker records, what all have counted, and what is watched."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Mapping
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json
from toolkit.errors import ModelError
from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.performance_reference import load_reference
from toolkit.monitoring.profile import load_profile
from toolkit.serving.chronicle import Chronicle
from toolkit.serving.exposition import Exposition
from toolkit.serving.feedback import Feedback
from toolkit.serving.judge import LABELS, PERFORMANCE, Judge
from toolkit.serving.ledger import Ledger, Tally, load_total
from toolkit.serving.log import Bounds, SegmentLog
from toolkit.serving.metrics import Metrics
from toolkit.serving.model import Model
from toolkit.serving.notify import Notifier
from toolkit.serving.receivers import load_receivers
from toolkit.serving.recorder import Recorder
from toolkit.serving.records import RecordMaker
from toolkit.serving.shipper import Shipper
from toolkit.serving.watcher import FEATURES, LEADER, Watcher

DAY_S = 86_400.0
# What is watched: what its columns are called, and its part of the false alarms that are promised over all.
WATCHES = {FEATURES: ("feature", 0.5), LABELS: ("label", 0.25), PERFORMANCE: ("performance", 0.25)}


class Monitor:
    """What the service knows of its own work.

    Parameters
    ----------
    model : Model
        Whose predictions are watched; its settings say how.
    folder : Path
        Of the logs and of the state of monitoring.
    metrics : Metrics, optional
        Default: those that this server's workers share.
    built_s : float
        When the model was packaged, in seconds since 1970.

    Raises
    ------
    ModelError
        Personal values are to be hashed and there is no key.
    NotifyError
        An address of notifications cannot be read.
    """

    def __init__(
        self, model: Model, folder: Path, metrics: Metrics | None = None, built_s: float = 0.0
    ) -> None:
        settings, self._model = model.settings, model
        self.folder = find_state(folder, model.version)
        self.log_folder = folder / "predictions"
        self.metrics = metrics or Metrics()
        self._profile = load_profile(model.folder / "profile.json")
        self._reference = load_reference(model.folder / "performance.json")
        self._judge = self._make_judge(folder / "feedback")
        self._facts = {"version": model.version, "task": model.task, "built_s": built_s}
        worker = secrets.token_hex(6)
        bounds = read_bounds(settings["log"])
        self._log = SegmentLog(self.log_folder, worker, bounds) if settings["log"]["predictions"] else None
        maker = RecordMaker(
            model.version, model.rules.personal, find_key(settings["log"]), settings["log"]["sample"]
        )
        ledger, shipper = Ledger(self.folder, worker, self._profile), self._make_shipper(settings["log"])
        self.recorder = Recorder(self._profile, ledger, maker, self._log, shipper)
        self.recorder.at_flush = self.metrics.flush
        self.feedback = Feedback(
            SegmentLog(folder / "feedback", worker, bounds),
            self.log_folder,
            model.classes,
            most=settings["limits"]["rows"],
            flush=self.recorder.flush,
            note_unknown=self.metrics.unknown.inc,
        )
        self._chronicle = Chronicle(self.folder, self._profile, self.metrics)
        make, watched = self._make_detectors, (self.folder, self.log_folder, self._profile)
        self._notifier = Notifier(load_receivers(), model.version)
        self.watcher = Watcher(
            *watched, make, judge=self._judge, chronicle=self._chronicle, notifier=self._notifier
        )

    def _make_judge(self, folder: Path) -> Judge:
        reference = self._reference
        return Judge(
            folder,
            self._model.version,
            reference.metric,
            self._model.classes,
            profile=self._profile,
            reference=reference,
        )

    def _make_detectors(self, values: Mapping[str, Any] | None) -> dict[str, DriftDetector]:
        """Make the detectors, from saved states if there are any; a DriftError says that these do not fit."""
        watch = self._model.settings["watch"]
        found = {}
        for name, profile in {FEATURES: self._profile, **self._judge.profiles}.items():
            group, part = WATCHES[name]
            settings = watch["tolerance"], watch["false_alarm_days"] / part
            options: dict[str, Any] = {
                "group": group,
                "cycle": watch["cycle_days"] if name == FEATURES else 0.0,
            }
            found[name] = (
                DriftDetector(profile, *settings, **options)
                if values is None
                else DriftDetector.from_dict(profile, values[name], *settings, **options)
            )
        return found

    def _make_shipper(self, log: Mapping[str, Any]) -> Shipper | None:
        if not log.get("bentoml_monitor"):
            return None
        numbers = [cells.name for cells in self._profile.features if cells.kind in ("number", "integer")]
        return Shipper(f"{self._model.version.partition(':')[0]}_predictions", numbers)

    def start(self) -> None:
        """Begin to record and to watch."""
        self.recorder.start()
        self.watcher.start()

    def close(self) -> None:
        """Write what waits, and end."""
        self.recorder.close()
        self.feedback.close()
        self.watcher.close()
        self._notifier.close()
        self.metrics.close()

    def check(self) -> tuple[str, str]:
        """Say why nothing is recorded any more, and why the log cannot be written to; empty where all is well."""
        return "" if self.recorder.alive else "its thread has ended", self.recorder.failure

    def refresh(self) -> tuple[Tally, dict[str, Any]]:
        """Bring this worker's part up to date; give the counts of all workers and what the leader says."""
        self.recorder.flush()
        self.watcher.refresh()
        tally, pids = load_total(self.folder, self.log_folder, self._profile, self.recorder.entry)
        return tally, {**self.watcher.status, "workers": len(pids)}

    def describe_status(self) -> dict[str, Any]:
        """Give all that there is to know of the service now, as values that JSON can hold: for its status page."""
        tally, status = self.refresh()
        log = {"written": tally.written, "lost": tally.lost, "bytes": self._measure_log()}
        return {
            **{name: self._facts[name] for name in ("version", "task", "built_s")},
            "classes": list(self._model.classes),
            "rows": tally.counts.rows,
            "log": {**log, "failure": self.recorder.failure},
            **status,
            "feedback": {**status.get("feedback", {}), "unknown": self.metrics.measure_totals()["unknown"]},
            "history": self._chronicle.tell(tally, status),
        }

    def show(self) -> bytes:
        """Give all metrics in Prometheus' text format, this worker's waiting rows included."""
        tally, status = self.refresh()
        facts = {
            **self._facts,
            "log_bytes": self._measure_log(),
            "log_free_bytes": measure_free(self.log_folder) if self._log else None,
        }
        return self.metrics.render(Exposition(self._profile, tally, status, facts))

    def _measure_log(self) -> int:
        return self._log.measure_bytes() if self._log else 0


def find_state(folder: Path, version: str) -> Path:
    """Find where the state of monitoring a model version is kept, below the folder of the logs."""
    return folder / "monitoring" / version.replace(":", "-")


def is_led(folder: Path) -> bool:
    """Whether a process watches in this folder now. To lead, a worker tries again each second: this stops none."""
    with suppress(OSError), (folder / LEADER).open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def measure_free(folder: Path) -> int | None:
    """Measure what the disk of a folder has left for this user, in bytes; None if there is no such folder."""
    try:
        disk = os.statvfs(folder)
    except OSError:
        return None
    return disk.f_bavail * disk.f_frsize


def read_bounds(log: Mapping[str, Any]) -> Bounds:
    """Read a log's bounds from ``package.log``."""
    return Bounds(log["segment_mb"] * 10**6, log["max_mb"] * 10**6, log["max_days"] * DAY_S)


def find_key(log: Mapping[str, Any]) -> bytes:
    """Find the key that personal values are hashed with; empty where they are left out.

    Raises
    ------
    ModelError
        They are to be hashed, and TOOLKIT_LOG_KEY is missing or too short to be secret.
    """
    if log["personal"] != "hash":
        return b""
    key = os.environ.get("TOOLKIT_LOG_KEY", "").encode()
    if len(key) < 16:
        raise ModelError(
            "package.log.personal: hash needs the key TOOLKIT_LOG_KEY in the environment, 16 characters or more. "
            f"It has {len(key)}. Set it, or package with log.personal: leave_out."
        )
    return key


def find_built_time(code_root: Path, package: Path) -> float:
    """Find when the model was packaged, in seconds since 1970: the Bento's build, else the age of its tag's file."""
    build = code_root / "build.json"
    if build.is_file():
        return datetime.fromisoformat(load_json(build)["built_at"]).timestamp()
    tag = package / "tag.txt"
    return tag.stat().st_mtime if tag.is_file() else 0.0
