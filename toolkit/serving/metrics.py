"""Prometheus metrics of the service, summed over its workers, each of which is counted once.

prometheus_client keeps a file per worker in a folder that they share. BentoML's own is wiped when a second server
starts on the same BENTOML_HOME, so the folder here belongs to the process that started the workers, by its number and
start time, and is removed when that process is gone. It is in memory where the system offers that: the files are
mapped, and a mapped file on a disk that is full kills its process. The number of series is bounded by the model: no
label has a value that a request could choose.
"""

from __future__ import annotations

import fcntl
import os
import re
import shutil
import sys
import tempfile
import threading
from bisect import bisect_left
from contextlib import suppress
from pathlib import Path
from typing import Any

from toolkit.errors import ModelError

LATENCY_BUCKETS_S = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
MEMORY = Path("/dev/shm")  # noqa: S108  # what is made there is checked to be this user's
FOLDER = re.compile(r"toolkit-metrics-\d+-(\d+)-(\d+)")

_held: list[int] = []  # open as long as the process


class Metrics:
    """What is counted for each request, and the text that shows it together with what monitoring has counted.

    Parameters
    ----------
    folder : Path, optional
        Shared by the workers; default: :func:`open_folder`.
    """

    def __init__(self, folder: Path | None = None) -> None:
        self.folder = folder or open_folder()
        os.environ["PROMETHEUS_MULTIPROC_DIR"] = str(self.folder)  # read when the module is first imported
        import prometheus_client as client
        from prometheus_client import multiprocess

        _forget_the_dead(self.folder, multiprocess.mark_process_dead)
        own = client.CollectorRegistry()  # values are read back from the folder, not from here

        def counter(name: str, text: str, *labels: str) -> Any:
            return client.Counter(f"toolkit_{name}", text, labels, registry=own)

        def gauge(name: str, text: str) -> Any:
            return client.Gauge(f"toolkit_{name}", text, registry=own, multiprocess_mode="livesum")

        self.requests = counter("requests", "Requests answered.", "endpoint", "status")
        self.errors = counter("errors", "Requests refused or failed, by kind.", "kind")
        self.violations = counter(
            "schema_violations", "Values of refused requests that a feature may not have.", "feature"
        )
        self.in_flight = gauge("in_flight", "Most requests at once in the last second.")
        self.in_flight_limit = gauge("in_flight_limit", "Requests at once that are taken.")
        self.unknown = counter(
            "feedback_unknown", "True labels for ids that the prediction log does not have."
        )
        self.latency = client.Histogram(
            "toolkit_request_seconds",
            "Time to answer a prediction request, from its first byte read to its last byte sent.",
            registry=own,
            buckets=LATENCY_BUCKETS_S,
        )
        self._noting = threading.Lock()
        self._requests: dict[tuple[str, int], int] = {}
        self._latencies, self._seconds = [0] * (len(LATENCY_BUCKETS_S) + 1), 0.0

    def note(self, endpoint: str, status: int, seconds: float | None = None) -> None:
        """Note an answered request, and what it took: in a tenth of the time that the counters themselves take.

        :meth:`flush` counts what was noted.
        """
        key = endpoint, status
        with self._noting:
            self._requests[key] = self._requests.get(key, 0) + 1
            if seconds is not None:
                self._latencies[bisect_left(LATENCY_BUCKETS_S, seconds)] += 1
                self._seconds += seconds

    def flush(self) -> None:
        """Count the requests that were noted."""
        with self._noting:
            requests, latencies, seconds = self._requests, self._latencies, self._seconds
            self._requests, self._latencies, self._seconds = {}, [0] * len(latencies), 0.0
        for (endpoint, status), count in requests.items():
            self.requests.labels(endpoint, status).inc(count)
        for bucket, count in zip(
            self.latency._buckets, latencies, strict=True
        ):  # no other way to add many at once
            if count:
                bucket.inc(count)
        if seconds:
            self.latency._sum.inc(seconds)

    def render(self, *collectors: Any) -> bytes:
        """Give the sum over all workers, and what the collectors give, in Prometheus' text format.

        The last line of it says how many series there are.
        """
        import prometheus_client as client

        registry = self._gather()
        for collector in collectors:
            registry.register(collector)
        text = client.generate_latest(registry)
        series = sum(not line.startswith(b"#") for line in text.splitlines()) + 1
        return (
            text
            + (
                "# HELP toolkit_series Series that are shown here.\n# TYPE toolkit_series gauge\n"
                f"toolkit_series {series}.0\n"
            ).encode()
        )

    def measure_totals(self) -> dict[str, Any]:
        """Give sums over all workers: ``requests``, ``errors`` and, of these, ``failed``, ``unknown``, ``latency``."""
        registry = self._gather()
        totals: dict[str, Any] = {"requests": 0, "errors": 0, "failed": 0, "unknown": 0}
        upto: dict[float, float] = {}
        for sample in (sample for family in registry.collect() for sample in family.samples):
            if sample.name == "toolkit_requests_total" and sample.labels["endpoint"] == "predict":
                totals["requests"] += int(sample.value)
                totals["errors"] += int(sample.value) * (not sample.labels["status"].startswith("2"))
                totals["failed"] += int(sample.value) * sample.labels["status"].startswith("5")
            elif sample.name == "toolkit_feedback_unknown_total":
                totals["unknown"] = int(sample.value)
            elif sample.name == "toolkit_request_seconds_bucket":
                upto[float(sample.labels["le"])] = sample.value
        counts = [upto[edge] for edge in sorted(upto)]
        latency = [int(after - before) for before, after in zip([0.0, *counts], counts, strict=False)]
        return totals | ({"latency": latency} if latency else {})

    def _gather(self) -> Any:
        """Give a registry with the sums over all workers."""
        import prometheus_client as client
        from prometheus_client import multiprocess

        self.flush()
        registry = client.CollectorRegistry()
        multiprocess.MultiProcessCollector(registry, path=str(self.folder))
        return registry

    def close(self) -> None:
        """Take this worker's gauges out of the sum; its counts stay."""
        from prometheus_client import multiprocess

        self.flush()
        multiprocess.mark_process_dead(os.getpid(), path=str(self.folder))


def open_folder() -> Path:
    """Make or find the folder that the workers of this server share; remove those of servers that are gone."""
    base = MEMORY if os.access(MEMORY, os.W_OK) else Path(tempfile.gettempdir())
    for old in base.glob(f"toolkit-metrics-{os.getuid()}-*"):
        match = FOLDER.fullmatch(old.name)
        if match and _start_time(int(match[1])) != int(match[2]):
            _remove_unless_held(old)
    parent = os.getppid()
    folder = base / f"toolkit-metrics-{os.getuid()}-{parent}-{_start_time(parent)}"
    folder.mkdir(mode=0o700, exist_ok=True)
    if folder.is_symlink() or folder.stat().st_uid != os.getuid():
        raise ModelError(f"{folder} must belong to this user and does not. Remove it.")
    _held.append(os.open(folder, os.O_RDONLY))
    fcntl.flock(_held[-1], fcntl.LOCK_SH)
    return folder


def allow_temporary() -> None:
    """Let temporary files be in memory where no disk has room for any: BentoML makes a folder at each start."""
    try:
        tempfile.gettempdir()
    except FileNotFoundError:
        tempfile.tempdir = str(MEMORY)


def _remove_unless_held(folder: Path) -> None:
    """Remove a folder, if it is not of a server in another container, whose processes cannot be seen here."""
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            shutil.rmtree(folder, ignore_errors=True)
        finally:
            os.close(file)


def _start_time(pid: int) -> int:
    """Give the time at which a process began, in hundredths of seconds; 0 if there is none.

    On Linux it counts from the machine's start, as the kernel keeps it: a time of day would be another one after each
    setting of the clock, and a live server's folder would be taken for a dead one's.
    """
    if sys.platform == "linux":
        try:
            return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])
        except OSError:
            return 0
    import psutil

    try:
        return int(psutil.Process(pid).create_time() * 100)
    except psutil.Error:
        return 0


def _forget_the_dead(folder: Path, mark_process_dead: Any) -> None:
    """Drop the gauges of workers that were killed; a new worker takes their place."""
    import psutil

    pids = {
        int(match[1])
        for file in folder.glob("gauge_live*.db")
        if (match := re.search(r"_(\d+)\.db$", file.name))
    }
    for pid in pids:
        if not psutil.pid_exists(pid):
            mark_process_dead(pid, path=str(folder))
