"""What monitoring has counted, as Prometheus metrics: read from the files that the workers share, at each scrape.

So each row is counted once, whichever worker answers the scrape, and the counts go on after a restart. The number of
series is bounded by the model, since no label has a value that a request could choose; where a model has so many
columns or classes that they would be more than ``MOST_SERIES``, the columns that changed least and the rarest classes
are left out.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from typing import Any

import psutil
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily, Metric

from toolkit.monitoring.profile import Profile
from toolkit.serving.ledger import Tally

MOST_SERIES = 1000
OTHER_SERIES = 250  # kept for what does not grow with the number of columns or classes
MOST_LABELS = 100  # the most frequent ones of the reference, so that they stay the same
MOST_SCORES = 10  # histograms of probabilities, of the same
FEEDBACK = ("matched", "corrected", "repeated")  # shown from the start, or the first would be no increase
COLUMN_SERIES = 5  # three of drift, missing values, unseen values


class Exposition:
    """A collector of prometheus_client over one moment's counts and status.

    Parameters
    ----------
    profile : Profile
        Names what was counted.
    tally : Tally
        Of all workers.
    status : Mapping
        What the leader last wrote.
    facts : Mapping
        ``version``, ``task``, ``built_s`` of the model, ``log_bytes``, ``log_free_bytes`` (None: no log).
    """

    def __init__(
        self, profile: Profile, tally: Tally, status: Mapping[str, Any], facts: Mapping[str, Any]
    ) -> None:
        self._profile, self._tally, self._status, self._facts = profile, tally, status, facts
        labels = choose_labels(profile, MOST_LABELS)
        scores = [cells for cells in profile.predictions if cells.ordered]
        if len(scores) > MOST_SCORES:
            kept = {f"p_{label}" for label in labels[:MOST_SCORES]}
            scores = [cells for cells in scores if cells.name in kept]
        used = len(labels) + sum(len(cells.edges) + 3 for cells in scores)  # and +Inf, count and sum
        self._labels, self._scores = frozenset(labels), frozenset(cells.name for cells in scores)
        self._most_columns = (MOST_SERIES - OTHER_SERIES - used) // COLUMN_SERIES

    def collect(self) -> Iterator[Metric]:
        """Give all metrics."""
        yield from self._collect_model()
        yield from self._collect_predictions()
        yield from self._collect_values()
        yield from self._collect_drift()
        yield from self._collect_performance()
        yield from self._collect_log()
        yield from self._collect_notifications()
        yield from collect_processes()

    def _collect_model(self) -> Iterator[Metric]:
        info = GaugeMetricFamily("toolkit_model_info", "The model that answers.", labels=("version", "task"))
        info.add_metric((self._facts["version"], self._facts["task"]), 1)
        yield info
        yield GaugeMetricFamily(
            "toolkit_model_built_timestamp_seconds", "When the model was packaged.", self._facts["built_s"]
        )
        yield GaugeMetricFamily("toolkit_workers", "Processes that answer.", self._status.get("workers", 0))

    def _collect_predictions(self) -> Iterator[Metric]:
        yield CounterMetricFamily("toolkit_rows", "Rows predicted.", self._tally.counts.rows)
        labels = CounterMetricFamily("toolkit_predictions", "Rows predicted, by label.", labels=("label",))
        scores = HistogramMetricFamily(
            "toolkit_score", "Rows predicted, by output and upper edge of its cell.", labels=("output",)
        )
        group = self._profile.prediction_group
        for index, cells in enumerate(self._profile.predictions):
            counts = self._tally.counts.predictions[group.slice(index)].tolist()
            if not cells.ordered:
                for label, count in zip(cells.categories, counts, strict=False):
                    if label in self._labels:
                        labels.add_metric((label,), count)
                continue
            if cells.name not in self._scores:
                continue
            edges = [*(f"{edge:.6g}" for edge in cells.edges), "+Inf"]
            upto, buckets = 0, []
            for edge, count in zip(edges, counts, strict=False):
                upto += count
                buckets.append((edge, upto))
            scores.add_metric((cells.name,), buckets, sum_value=None)
        yield labels
        yield scores

    def _collect_values(self) -> Iterator[Metric]:
        missing = CounterMetricFamily("toolkit_missing_values", "Values that were null.", labels=("feature",))
        unseen = CounterMetricFamily(
            "toolkit_unseen_values",
            "Categories that the reference profile does not list.",
            labels=("feature",),
        )
        group = self._profile.feature_group
        found = [
            (cells, self._tally.counts.features[group.slice(index)])
            for index, cells in enumerate(self._profile.features)
        ]
        if len(found) > self._most_columns:
            found = sorted(found, key=lambda each: -int(each[1][-2:].sum()))[: self._most_columns]
        for cells, counts in found:
            if counts[-1]:
                missing.add_metric((cells.name,), int(counts[-1]))
            if cells.kind == "category" and counts[-2]:
                unseen.add_metric((cells.name,), int(counts[-2]))
        yield missing
        yield unseen

    def _collect_drift(self) -> Iterator[Metric]:
        total = GaugeMetricFamily(
            "toolkit_drift_evidence", "Evidence of drift, over all columns; an alarm at 1.", labels=("watch",)
        )
        names = ("column", "group")
        evidence = GaugeMetricFamily(
            "toolkit_drift_log_evidence", "Evidence of drift of a column.", labels=names
        )
        change = GaugeMetricFamily(
            "toolkit_drift_change", "Change of the share that changed most.", labels=names
        )
        alarm = GaugeMetricFamily(
            "toolkit_drift_alarm", "1 while the column has a drift alarm.", labels=names
        )
        columns = []
        for watch, statistics in self._status.get("drift", {}).items():
            if statistics:
                total.add_metric((watch,), statistics["evidence"])
                columns += statistics["columns"]
        most = self._most_columns
        if len(columns) > most:
            columns = sorted(columns, key=lambda each: (not each["alarm"], -each["log_evidence"]))[:most]
        for column in columns:
            labels = (column["name"], column["group"])
            evidence.add_metric(labels, column["log_evidence"])
            change.add_metric(labels, column["change"])
            alarm.add_metric(labels, column["alarm"])
        yield from (total, evidence, change, alarm)

    def _collect_performance(self) -> Iterator[Metric]:
        names = ("metric", "bound")
        measured = GaugeMetricFamily(
            "toolkit_performance", "Measured on the labels that came back.", labels=names
        )
        estimated = GaugeMetricFamily(
            "toolkit_performance_estimated", "Estimated without labels.", labels=names
        )
        reference = GaugeMetricFamily(
            "toolkit_performance_reference", "Measured when the model was validated.", labels=("metric",)
        )
        for family, figures in (
            (measured, self._status.get("performance") or {}),
            (estimated, self._status.get("estimated") or {}),
        ):
            for bound in ("value", "low", "high"):
                if figures.get(bound) is not None:
                    family.add_metric((figures["metric"], bound), figures[bound])
        known = {
            figures["metric"]: figures["reference"]
            for name in ("estimated", "performance")
            if (figures := self._status.get(name)) and figures.get("reference") is not None
        }
        for metric, value in known.items():
            reference.add_metric((metric,), value)
        yield from (measured, estimated, reference)
        told = self._status.get("feedback") or {}
        feedback = CounterMetricFamily("toolkit_feedback", "True labels that came back.", labels=("result",))
        for result in FEEDBACK:
            feedback.add_metric((result,), told.get(result, 0))
        yield feedback

    def _collect_log(self) -> Iterator[Metric]:
        tally = self._tally
        yield CounterMetricFamily(
            "toolkit_log_records", "Records written to the prediction log.", tally.written
        )
        yield CounterMetricFamily(
            "toolkit_log_records_lost", "Predictions that could not be logged.", tally.lost
        )
        yield CounterMetricFamily(
            "toolkit_log_segments_removed", "Old segments removed to keep the log in bounds.", tally.removed
        )
        yield GaugeMetricFamily("toolkit_log_bytes", "Size of the prediction log.", self._facts["log_bytes"])
        free = self._facts.get("log_free_bytes")
        if free is not None:
            yield GaugeMetricFamily("toolkit_log_free_bytes", "What the disk of the log has left.", free)

    def _collect_notifications(self) -> Iterator[Metric]:
        told = CounterMetricFamily(
            "toolkit_notifications",
            "Messages sent, tries that failed, and alarms that were dropped untold.",
            labels=("result",),
        )
        for result in ("sent", "failed", "dropped"):
            told.add_metric((result,), self._status.get("notifications", {}).get(result, 0))
        yield told


def choose_labels(profile: Profile, most: int) -> list[str]:
    """Choose the labels that the reference has most of, the most frequent first; none for regression."""
    for cells in profile.predictions:
        if not cells.ordered:
            ranked = sorted(zip(cells.categories, cells.counts, strict=False), key=lambda each: -each[1])
            return [label for label, _ in ranked[:most]]
    return []


def collect_processes() -> Iterator[Metric]:
    """Give what the server's processes use: this worker's parent, and all below it."""
    cpu_s, memory = 0.0, 0
    try:
        server = psutil.Process(os.getppid())
        family = [server, *server.children(recursive=True)]
    except psutil.Error:
        family = [psutil.Process()]
    for process in family:
        try:
            times = process.cpu_times()
            cpu_s, memory = cpu_s + times.user + times.system, memory + process.memory_info().rss
        except psutil.Error:  # it ended just now
            continue
    yield CounterMetricFamily("toolkit_process_cpu_seconds", "CPU time of the server's processes.", cpu_s)
    yield GaugeMetricFamily(
        "toolkit_process_resident_memory_bytes", "Memory of the server's processes.", memory
    )
    yield from collect_gpus()


def collect_gpus() -> Iterator[Metric]:
    """Give what NVIDIA's GPUs do; nothing where there is none."""
    try:
        import pynvml

        pynvml.nvmlInit()
    except Exception:  # no driver, no library: no GPU
        return
    busy = GaugeMetricFamily(
        "toolkit_gpu_utilization_ratio", "Share of the last moments that a GPU worked.", labels=("gpu",)
    )
    used = GaugeMetricFamily("toolkit_gpu_memory_used_bytes", "Memory of a GPU in use.", labels=("gpu",))
    for index in range(pynvml.nvmlDeviceGetCount()):
        handle = pynvml.nvmlDeviceGetHandleByIndex(index)
        busy.add_metric((str(index),), pynvml.nvmlDeviceGetUtilizationRates(handle).gpu / 100)
        used.add_metric((str(index),), pynvml.nvmlDeviceGetMemoryInfo(handle).used)
    yield from (busy, used)
