"""Prediction log, JSON lines against Parquet: size, rows per second that monitor reads, cost of the compaction.

    ./run python benchmarks/prediction_log.py [MB]

The log is of 30 features as the service writes it, in segments of 64 MB of one day; the size by default is 2,000 MB.
Times are of the processor, so that other work on the machine counts little.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import orjson

FEATURES, SEGMENT_BYTES = 30, 64 * 10**6
COMPACT = """
import sys, time
from datetime import date
from pathlib import Path
import pyarrow.parquet
import toolkit.data.log_compaction as compaction
def measure_peak():  # not ru_maxrss, which begins with that of the process which started this one
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmHWM"))
start, began = measure_peak(), time.process_time()
done = compaction.compact_log(Path(sys.argv[1]), 0, date(2026, 2, 1), lambda text, done=False: None)
spent_ms = round((time.process_time() - began) * 1000)
print(start, measure_peak(), spent_ms, done.records, done.before_bytes, done.after_bytes)
"""


def write_log(folder: Path, megabytes: int) -> int:
    """Write segments until the log has the size; give the number of records."""
    rng, records, written = np.random.default_rng(1), 0, 0
    names = [f"mean_feature_{number}" for number in range(FEATURES)]
    while written < megabytes * 10**6:
        path = folder / f"20260101T{written // 10**6:06}000000-{'ab' * 6}.jsonl"
        with path.open("wb") as file:
            while file.tell() < SEGMENT_BYTES and written + file.tell() < megabytes * 10**6:
                rows = np.round(rng.lognormal(2, 1, (1000, FEATURES)), 4).tolist()
                for row, p in zip(rows, rng.random(1000).tolist(), strict=True):
                    record = {
                        "id": f"abababababab{records:08x}",
                        "time": f"2026-01-01T{records // 3600 % 24:02}:{records // 60 % 60:02}:{records % 60:02}.25Z",
                        "version": "breast_cancer:abcdef123456",
                        "latency_ms": round(0.2 + p / 10, 3),
                        "features": dict(zip(names, row, strict=True)),
                        "label": "malignant" if p > 0.5 else "benign",
                        "probabilities": {"benign": 1 - p, "malignant": p},
                    }
                    file.write(orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE))
                    records += 1
            written += file.tell()
    return records


def measure_read(folder: Path, most_files: int) -> tuple[float, int]:
    """Time (of the processor) what monitor does with a log (or its first segments); give seconds and rows."""
    from toolkit.data.predictions import load_window
    from toolkit.monitoring.profile import fit_profile, fit_scores

    rng = np.random.default_rng(2)
    columns = {f"mean_feature_{number}": rng.lognormal(2, 1, 5000) for number in range(FEATURES)}
    profile = fit_profile(columns, dict.fromkeys(columns, "number"), 20)
    profile = profile.with_scores(fit_scores(rng.random(500), ("benign", "malignant")))
    start, rows = time.process_time(), 0
    for path in sorted(folder.glob("2*"))[:most_files]:
        rows += load_window(path, profile).counts.rows
    return time.process_time() - start, rows


def main() -> None:
    """Measure and print."""
    megabytes = int(sys.argv[1]) if len(sys.argv) > 1 else 2000
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        records = write_log(folder, megabytes)
        seconds, rows = measure_read(folder, 4)
        lines_rate = rows / seconds
        ran = subprocess.run(
            [sys.executable, "-c", COMPACT, name],
            capture_output=True,
            text=True,
            check=True,
            env=dict(os.environ),
        )
        before_kb, after_kb, spent_ms, done, size, small = map(int, ran.stdout.split())
        assert done == records
        print(f"log: {records:,} records of {FEATURES} features, {size / 1e6:,.0f} MB of JSON lines")
        print(f"Parquet: {small / 1e6:,.0f} MB, {size / small:.1f} times smaller")
        print(f"compaction: {spent_ms / 1e3:.0f} s, {size / 1e3 / spent_ms:.0f} MB/s")
        print(
            f"memory at its peak: {after_kb / 1e3:.0f} MB, {(after_kb - before_kb) / 1e3:.0f} MB more than at its start"
        )
        seconds, rows = measure_read(folder, 1)
        print(f"monitor reads JSON lines: {lines_rate:,.0f} rows/s")
        print(
            f"monitor reads Parquet:    {rows / seconds:,.0f} rows/s, {rows / seconds / lines_rate:.1f} times as many"
        )


if __name__ == "__main__":
    main()
