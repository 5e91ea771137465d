"""What happens to a prediction after it was answered: log, counts and drift, in one thread off the request path."""

from __future__ import annotations

import logging
import threading
import time
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import numpy as np

from toolkit.errors import ToolkitError
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.profile import Profile
from toolkit.serving.log import PredictionLog
from toolkit.serving.metrics import Metrics
from toolkit.serving.model import Predictions

INTERVAL_S = 0.1
MAX_WAITING_ROWS = 200_000
DRIFT_BLOCK_ROWS = 256  # smaller blocks cost more per row
logger = logging.getLogger("toolkit.serving")


@dataclass(frozen=True)
class Answered:
    """The rows of one request with what was predicted."""

    time_s: float
    ids: Sequence[str]
    rows: Sequence[dict[str, Any]]
    outputs: Sequence[dict[str, Any]]
    predictions: Predictions


class Recorder:
    """Takes answered requests and deals with them every tenth of a second.

    Parameters
    ----------
    version : str
        Goes into each record.
    detector : DriftDetector
        Fed with the counts of rows, in blocks.
    metrics : Metrics
        Where counts are shown.
    log : PredictionLog, optional
        None: predictions are not logged.
    personal : frozenset of str
        Features whose values are left out of the log; they are counted for drift all the same.
    """

    def __init__(
        self,
        version: str,
        detector: DriftDetector,
        metrics: Metrics,
        log: PredictionLog | None,
        personal: frozenset[str] = frozenset(),
    ) -> None:
        self._personal = personal
        self._version, self._detector, self._metrics, self._log = version, detector, metrics, log
        self._profile = detector.profile
        self._counts = self._profile.no_rows()  # that the detector has not seen
        metrics.set_drift(detector.statistics())
        self._waiting: deque[Answered] = deque()
        self._added_rows = self._taken_rows = 0  # each written by one thread only
        self._reported = {"written": 0, "lost": 0, "removed": 0}
        self._lock = threading.Lock()  # held while a batch is dealt with
        self._stop = threading.Event()
        self._told = ""
        self._thread = threading.Thread(target=self._run, name="toolkit-recorder", daemon=True)
        self._thread.start()

    @property
    def alive(self) -> bool:
        """Whether the thread runs."""
        return self._thread.is_alive()

    def add(self, answered: Answered) -> None:
        """Hand over an answered request; called from the request path, so it only appends.

        When the thread cannot keep up, rows above 200,000 are counted as lost instead of filling the memory.
        """
        if self._added_rows - self._taken_rows > MAX_WAITING_ROWS:
            self._metrics.log_lost.inc(len(answered.ids))
            return
        self._added_rows += len(answered.ids)
        self._waiting.append(answered)

    def flush(self) -> None:
        """Deal with all that waits, in the calling thread."""
        with self._lock:
            batch = [self._waiting.popleft() for _ in range(len(self._waiting))]
            self._taken_rows += sum(len(answered.ids) for answered in batch)
            if batch:
                self._write(batch)
                self._count(batch)

    def show(self) -> None:
        """Bring the metrics up to date, for a scrape."""
        self.flush()
        with self._lock:
            if self._counts.rows:
                self._watch()

    def close(self) -> None:
        """Deal with what waits, and end."""
        self._stop.set()
        self._thread.join(timeout=5)
        self.flush()
        if self._log is not None:
            self._log.close()

    def _run(self) -> None:
        while not self._stop.wait(INTERVAL_S):
            try:
                self.flush()
            except Exception:
                logger.exception("A batch of answered requests could not be recorded")
                time.sleep(1)  # a fault that repeats must not fill the error log

    def _write(self, batch: list[Answered]) -> None:
        log = self._log
        if log is None:
            return
        log.write(
            [record for answered in batch for record in make_records(answered, self._version, self._personal)]
        )
        counters = {"written": "log_written", "lost": "log_lost", "removed": "log_removed"}
        for name, metric in counters.items():
            value = getattr(log, name)
            getattr(self._metrics, metric).inc(value - self._reported[name])
            self._reported[name] = value
        if log.failure != self._told:  # once per kind of failure, and once when it is over
            self._told = log.failure
            if log.failure:
                logger.error("Predictions are not logged: %s. Serving goes on.", log.failure)
            else:
                logger.info("Predictions are logged again")

    def _count(self, batch: list[Answered]) -> None:
        rows = [row for answered in batch for row in answered.rows]
        columns = {cells.name: [row[cells.name] for row in rows] for cells in self._profile.features}
        outputs = _join([answered.predictions for answered in batch])
        labels = outputs.pop("label", None)
        if labels is not None:
            found, counts = np.unique(labels, return_counts=True)
            self._metrics.count_labels(dict(zip(found.tolist(), counts.tolist(), strict=True)))
            outputs["label"] = labels
        try:
            counts = self._profile.count(columns, outputs if self._profile.predictions else None)
        except ToolkitError as error:
            logger.error("Rows were not counted for drift: %s", error)
            return
        show_counts(self._metrics, self._profile, counts)
        self._counts += counts
        if self._counts.rows >= DRIFT_BLOCK_ROWS:
            self._watch()

    def _watch(self) -> None:
        """Let the detector see what was counted since it last did."""
        self._detector.update(self._counts)
        self._counts = self._profile.no_rows()
        self._metrics.set_drift(self._detector.statistics())
        for alarm in self._detector.active:
            if alarm.raised_row == self._detector.rows:  # by this block
                logger.warning("Drift alarm: %s", alarm.message)


def make_records(
    answered: Answered, version: str, personal: frozenset[str] = frozenset()
) -> list[dict[str, Any]]:
    """Make the log's records of one answered request, without the values of personal features."""
    when = datetime.fromtimestamp(answered.time_s, UTC)
    rows = answered.rows
    if personal:
        rows = [{name: value for name, value in row.items() if name not in personal} for row in rows]
    return [
        {"id": id_, "time": when, "version": version, "features": row, **output}
        for id_, row, output in zip(answered.ids, rows, answered.outputs, strict=True)
    ]


def show_counts(metrics: Metrics, profile: Profile, counts: Counts) -> None:
    """Add counted rows to the metrics: missing and unseen values by feature, cells of the scores."""
    for index, cells in enumerate(profile.features):
        numbers = counts.features[profile.feature_group.slice(index)]
        if numbers[-1]:
            metrics.missing.labels(cells.name).inc(int(numbers[-1]))
        if cells.kind == "category" and numbers[-2]:
            metrics.unseen.labels(cells.name).inc(int(numbers[-2]))
    for index, cells in enumerate(profile.predictions):
        if cells.ordered:
            uppers = [*(f"{edge:.6g}" for edge in cells.edges), "+Inf"]
            numbers = counts.predictions[profile.prediction_group.slice(index)]
            for upper, number in zip(uppers, numbers.tolist(), strict=False):
                if number:
                    metrics.scores.labels(cells.name, upper).inc(number)


def _join(parts: list[Predictions]) -> dict[str, Any]:
    """Join predictions as the columns that a profile counts: ``label`` and ``p_<class>``, or ``value``."""
    if parts[0].values is not None:
        return {"value": np.concatenate([part.values for part in parts if part.values is not None])}
    probabilities = np.concatenate([part.probabilities for part in parts if part.probabilities is not None])
    joined = Predictions(parts[0].classes, probabilities, None)
    return {"label": joined.labels} | {
        f"p_{name}": probabilities[:, index] for index, name in enumerate(joined.classes)
    }
