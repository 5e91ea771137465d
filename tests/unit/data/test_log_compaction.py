"""Compacting a prediction log loses no record and doubles none, whenever it is killed."""

import fcntl
import json
import os
import subprocess
import sys
from datetime import timedelta
from unittest import mock

import numpy as np
import orjson
import pyarrow.parquet as pq
import pytest
from log_days import TODAY, make_record, write_days, write_segment

from toolkit.data.log_compaction import compact_log
from toolkit.data.log_files import list_log
from toolkit.data.log_writing import write_day
from toolkit.data.predictions import iterate_log, load_window
from toolkit.errors import DataError
from toolkit.monitoring.profile import fit_profile, fit_scores
from toolkit.serving.log import Bounds, SegmentLog
from toolkit.slots import SlotFile


def compact(folder, days=0):
    return compact_log(folder, days, TODAY.date(), lambda text, done=False: None)


def read(folder):
    return sorted((record for _, record in iterate_log(folder)), key=lambda record: record["id"])


def by_id(records):
    return sorted(records, key=lambda record: record["id"])


def names(folder):
    return sorted(path.name for path in folder.iterdir() if path.name[0] != ".")


def test_days_become_typed_parquet_and_every_record_reads_as_before(tmp_path):
    written = write_days(tmp_path)
    before = read(tmp_path)
    done = compact(tmp_path)
    assert before == by_id(written) == read(tmp_path)
    assert [path.name for path in done.days] == ["20260308.parquet", "20260309.parquet"]
    assert (done.records, done.left, done.faults) == (160, [], [])
    assert len(names(tmp_path)) == 4 and done.after_bytes == sum(path.stat().st_size for path in done.days)
    table = pq.read_table(done.days[0])
    assert {field.name: str(field.type) for field in table.schema} == {
        "id": "string",
        "time": "timestamp[us, tz=UTC]",
        "version": "string",
        "latency_ms": "double",
        "features": "struct<size: double, age: int64, member: bool, city: string>",
        "label": "string",
        "probabilities": "struct<no: double, yes: double>",
    }
    assert pq.ParquetFile(done.days[0]).metadata.row_group(0).column(0).compression == "ZSTD"
    assert compact(tmp_path).days == []


@pytest.mark.parametrize(
    ("modes", "expected"), [((0o640, 0o640), 0o640), ((0o640, 0o604), 0o600), ((0o440,), 0o440)]
)
def test_a_day_may_be_read_by_those_who_may_read_its_segments(tmp_path, monkeypatch, modes, expected):
    write_days(tmp_path, days=2)
    segments = sorted(tmp_path.glob("*.jsonl"))
    for number, segment in enumerate(segments):
        segment.chmod(modes[number % len(modes)])
    seen = []

    def write(part, plan, tell):
        seen.append(part.stat().st_mode & 0o777)
        return write_day(part, plan, tell)

    monkeypatch.setattr("toolkit.data.log_compaction.write_day", write)
    (day,) = compact(tmp_path).days
    assert (seen, day.stat().st_mode & 0o777) == ([0o600], expected)


def test_who_cannot_give_a_day_to_its_segments_group_gives_it_to_none(tmp_path, monkeypatch):
    write_days(tmp_path, days=2)
    for segment in tmp_path.glob("*.jsonl"):
        segment.chmod(0o644)
    monkeypatch.setattr("os.chown", mock.Mock(side_effect=PermissionError))
    (day,) = compact(tmp_path).days
    assert day.stat().st_mode & 0o777 == 0o604


def test_only_days_that_are_old_enough_are_compacted(tmp_path):
    write_days(tmp_path, days=5)
    assert [path.name for path in compact(tmp_path, 2).days] == ["20260306.parquet", "20260307.parquet"]
    assert [path.name for path in compact(tmp_path, 1).days] == ["20260308.parquet"]


def test_a_segment_that_a_service_writes_stays_until_it_is_closed(tmp_path):
    written = write_days(tmp_path, days=2)
    open_ = next(path for path in tmp_path.glob("20260309*-b*.jsonl"))
    with open_.open("ab") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        done = compact(tmp_path)
        assert done.left == [f"{open_.name} is open: a service writes it."]
        assert read(tmp_path) == by_id(written)
    assert [path.name for path in compact(tmp_path).days] == ["20260309.2.parquet"]
    assert read(tmp_path) == by_id(written)


def test_the_service_locks_the_segment_that_it_writes(tmp_path):
    log = SegmentLog(tmp_path, "w")
    log.append(b'{"id": 1}\n')
    tomorrow = TODAY.date() + timedelta(days=36_500)
    assert "is open" in compact_log(tmp_path, 0, tomorrow, lambda text, done=False: None).left[0]
    log.close()
    assert compact_log(tmp_path, 0, tomorrow, lambda text, done=False: None).records == 1


@pytest.mark.parametrize(("missing", "stays"), [(7, True), (0, False)])
def test_a_segment_whose_last_block_is_unfinished_stays_as_counts_hang_on_it(tmp_path, missing, stays):
    folder = tmp_path / "predictions"
    segment = write_segment(folder, 1, "a" * 12, [make_record(1)])
    announced = {"segment": segment.name, "to": segment.stat().st_size + missing}
    SlotFile(tmp_path / "monitoring/v1/worker-aaaaaaaaaaaa.ledger", 1000).write(
        json.dumps(announced).encode()
    )
    done = compact(folder)
    assert (len(done.left), segment.exists(), len(done.days)) == ((1, True, 0) if stays else (0, False, 1))
    assert len(read(folder)) == 1


def test_a_torn_last_line_is_no_record_and_a_segment_of_nothing_else_goes(tmp_path):
    write_segment(tmp_path, 1, "a" * 12, [make_record(1), make_record(2)], torn='{"id": "aaa')
    write_segment(tmp_path, 1, "b" * 12, [], torn='{"id')
    write_segment(tmp_path, 1, "c" * 12, [])
    assert compact(tmp_path).records == 2
    assert names(tmp_path) == ["20260309.parquet"]


def test_records_of_models_with_other_features_are_not_put_together(tmp_path):
    """A feature that a record has not must not read as a missing value."""
    write_segment(tmp_path, 1, "a" * 12, [make_record(1)])
    write_segment(tmp_path, 1, "b" * 12, [make_record(2, features={"weight": 1}), make_record(3)][:1])
    write_segment(tmp_path, 1, "c" * 12, [make_record(4, version="v2"), make_record(5)])
    before = read(tmp_path)
    assert len(compact(tmp_path).days) == 2 and names(tmp_path) == ["20260309.2.parquet", "20260309.parquet"]
    assert read(tmp_path) == before


def test_records_without_features_and_with_hashed_values(tmp_path):
    record = make_record(1, features={}, personal={"mail": "0f" * 16, "phone": None})
    write_segment(tmp_path, 1, "a" * 12, [record, {**record, "personal": {"mail": None, "phone": None}}])
    before = read(tmp_path)
    compact(tmp_path)
    assert [{"features": {}, **after} for after in read(tmp_path)] == before


def test_what_cannot_be_read_stays_and_is_named(tmp_path):
    bad = write_segment(tmp_path, 1, "a" * 12, [make_record(1)], torn="{broken}\n")
    write_segment(tmp_path, 1, "b" * 12, [make_record(2)])
    odd = write_segment(tmp_path, 2, "c" * 12, [make_record(3, time="yesterday")])
    (tmp_path / "copied.jsonl").write_text("{}\n")
    done = compact(tmp_path)
    assert done.faults[1].startswith(
        f"{bad.name} stays as it is. {bad.name} must hold one JSON object a line. Line 2"
    )
    assert done.faults[0].startswith(f"2026-03-08 stays as it is. {odd.name} must")
    assert names(tmp_path) == sorted([odd.name, "20260309.parquet", bad.name, "copied.jsonl"])


def test_two_at_once_and_what_is_no_log_are_refused(tmp_path):
    with pytest.raises(DataError, match="must be the folder of a prediction log"):
        compact(tmp_path / "none")
    with (tmp_path / ".compact.lock").open("w") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(DataError, match="another one is at it"):
            compact(tmp_path)
    (tmp_path / "other.parquet").write_bytes(b"PAR1")
    with pytest.raises(DataError, match=r"other\.parquet must be a day of a prediction log"):
        compact(tmp_path)


def test_segments_beside_the_day_that_holds_them_are_not_read_twice_and_go(tmp_path):
    written = write_days(tmp_path, days=2)
    kept = {path: path.read_bytes() for path in tmp_path.glob("20260309*")}
    compact(tmp_path)
    for path, data in kept.items():
        path.write_bytes(data)
    assert read(tmp_path) == by_id(written)
    compact(tmp_path)
    assert not any(path.exists() for path in kept)


def test_a_reader_whose_segment_is_compacted_meanwhile_says_so(tmp_path):
    write_days(tmp_path, days=3)
    reader = iterate_log(tmp_path)
    next(reader)
    compact(tmp_path)
    with pytest.raises(DataError, match=r"was compacted into 20260308\.parquet meanwhile\. Read it again"):
        list(reader)


def test_monitor_counts_the_same_from_segments_days_and_both(tmp_path):
    write_days(tmp_path, days=4)
    rng = np.random.default_rng(1)
    reference = {"size": rng.normal(0, 30, 500), "age": rng.integers(0, 90, 500), "city": ["été", "b"] * 250}
    reference["member"] = [True, False] * 250
    kinds = {"size": "number", "age": "integer", "city": "category", "member": "boolean"}
    profile = fit_profile(reference, kinds, 8).with_scores(fit_scores(rng.random(200), ("no", "yes")))
    first = load_window(tmp_path, profile)
    compact(tmp_path, 1)
    both = load_window(tmp_path, profile)
    compact(tmp_path)
    write_segment(tmp_path, 0, "d" * 12, [])
    for window in (both, load_window(tmp_path, profile)):
        assert (window.counts, window.versions) == (first.counts, first.versions)
    day = load_window(tmp_path / "20260309.parquet", profile)
    assert day.counts.rows == 80
    other = fit_profile({**reference, "weight": reference["size"]}, {**kinds, "weight": "number"}, 8)
    with pytest.raises(DataError, match=r"20260307\.parquet must hold predictions .* no features\.weight\."):
        load_window(tmp_path, other)


def test_the_service_counts_days_and_removes_the_oldest_first(tmp_path):
    write_days(tmp_path, days=4)
    compact(tmp_path)
    log = SegmentLog(tmp_path, "w", Bounds(segment_bytes=10, folder_bytes=0))
    assert log.measure_bytes() == sum(path.stat().st_size for path in tmp_path.glob("2*"))
    size = (tmp_path / "20260307.parquet").stat().st_size
    log.bounds = Bounds(segment_bytes=0, folder_bytes=log.measure_bytes() - size)
    log.remove_old()
    assert "20260307.parquet" not in names(tmp_path) and "20260308.parquet" in names(tmp_path)
    assert log.removed == 1


def test_a_day_is_as_old_as_its_last_record(tmp_path):
    for day, age in ((1, 100.0), (2, 10**6)):
        os.utime(write_segment(tmp_path, day, "a" * 12, [make_record(day)]), (0, TODAY.timestamp() - age))
    compact(tmp_path)
    ages = [TODAY.timestamp() - path.stat().st_mtime for path in sorted(tmp_path.glob("*.parquet"))]
    assert ages == [10**6, 100.0]


KILLED = """
import os, signal, sys
from datetime import date
from pathlib import Path
import pyarrow.parquet as pq
from toolkit.data.log_compaction import compact_log

def kill_at(step):
    left = [step]
    def wrap(holder, name):
        real = getattr(holder, name)
        def counted(*args, **options):
            for _ in range(2):  # before, and after
                left[0] -= 1
                if left[0] == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
                if _ == 0:
                    result = real(*args, **options)
            return result
        setattr(holder, name, counted)
    for holder, name in ((os, "fsync"), (os, "utime"), (Path, "replace"), (Path, "unlink")):
        wrap(holder, name)
    wrap(pq.ParquetWriter, "write_table")
    wrap(pq.ParquetWriter, "close")

for step, folder in enumerate(sys.argv[1:], 1):
    child = os.fork()
    if child == 0:
        kill_at(step)
        compact_log(Path(folder), 0, date(2026, 3, 10), lambda text, done=False: None)
        os._exit(0)
    _, status = os.waitpid(child, 0)
    print(step, status, flush=True)
"""
STEPS = 40


def test_killed_at_any_step_every_record_is_there_once_and_the_next_run_ends_it(tmp_path):
    folders = [tmp_path / str(step) for step in range(STEPS)]
    for folder in folders:
        written = write_days(folder, days=3, rows=5)
    command = [sys.executable, "-c", KILLED, *map(str, folders)]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    states = [int(line.split()[1]) for line in ran.stdout.splitlines()]
    assert not ran.stderr
    ended = states.index(0)
    assert ended > 20 and states == [9] * ended + [0] * (
        STEPS - ended
    )  # it was killed at every step that it has
    mixed = 0
    for folder in folders:
        assert read(folder) == by_id(written)
        days = list(folder.glob("[!.]*.parquet"))
        mixed += len(days) > 0 and len(list_log(folder)) < len(names(folder))
        compact(folder)
        assert read(folder) == by_id(written)
        assert names(folder) == ["20260308.parquet", "20260309.parquet", *names(folder)[2:]]
        assert not list(folder.glob(".*.part")) and len(names(folder)) == 4
    assert mixed > 3  # a day and segments that it holds side by side


def test_killed_at_any_time(tmp_path):
    written = write_days(tmp_path / "log", days=3, rows=2000)
    script = (
        "import os, signal, sys, time\nfrom datetime import date\nfrom pathlib import Path\n"
        "from toolkit.data.log_compaction import compact_log\n"
        "for number in range(25):\n"
        "    child = os.fork()\n"
        "    if child == 0:\n"
        "        signal.setitimer(signal.ITIMER_REAL, 0.002 + number * 0.01)\n"
        "        compact_log(Path(sys.argv[1]), 0, date(2026, 3, 10), lambda text, done=False: None)\n"
        "        os._exit(0)\n"
        "    print(os.waitpid(child, 0)[1])\n"
    )
    command = [sys.executable, "-c", script, str(tmp_path / "log")]
    ran = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert "14" in ran.stdout.split()  # SIGALRM, which ends a process as SIGKILL does
    expected = sorted(map(orjson.dumps, written))
    assert sorted(map(orjson.dumps, read(tmp_path / "log"))) == expected
    compact(tmp_path / "log")
    assert sorted(map(orjson.dumps, read(tmp_path / "log"))) == expected
    assert names(tmp_path / "log")[:2] == ["20260308.parquet", "20260309.parquet"]
