"""Counts on disk: what a crash leaves is what the log holds, and workers add up."""

import multiprocessing
import os

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.monitoring.profile import fit_profile
from toolkit.serving.ledger import (
    Ledger,
    Tally,
    find_dead,
    iterate_entries,
    load_retired,
    load_total,
    retire_dead,
)
from toolkit.serving.log import SegmentLog

PROFILE = fit_profile({"x": np.arange(100.0)}, {"x": "number"}, 4)
LINE = b'{"id": 1}\n'


@pytest.fixture
def folders(tmp_path):
    return tmp_path / "monitoring", tmp_path / "predictions"


def tally_of(rows):
    return Tally(PROFILE.count({"x": [float(row) for row in range(rows)]}), written=rows)


class Worker:
    def __init__(self, folders, name):
        self.ledger, self.log = Ledger(folders[0], name, PROFILE), SegmentLog(folders[1], name)

    def record(self, rows, crash=""):
        """Record so many rows, or stop before or within the write, as kill -9 would."""
        after = self.ledger.tally + tally_of(rows)
        data = LINE * rows
        self.ledger.announce(after, self.log.place(), len(data))
        if crash == "before":
            return
        self.log.append(data[: len(data) // 2 + 3] if crash == "within" else data)
        self.ledger.tally = after

    def die(self):
        """Give up the lock as a process that ends does."""
        self.ledger.close()


def count_lines(folder):
    return sum(path.read_bytes().count(b"\n") for path in folder.glob("*.jsonl"))


@pytest.mark.parametrize(("crash", "kept"), [("", 7), ("before", 4), ("within", 4)])
def test_after_a_crash_the_counts_are_those_of_the_blocks_that_the_log_has_whole(folders, crash, kept):
    worker = Worker(folders, "a")
    worker.record(4)
    worker.record(3, crash)
    worker.die()
    before, _ = load_total(*folders, PROFILE)
    retire_dead(*folders, PROFILE)
    total, pids = load_total(*folders, PROFILE)
    assert before == total == tally_of(4) + (tally_of(3) if kept == 7 else tally_of(0))
    assert (total.written, count_lines(folders[1]), pids) == (kept, kept, [])
    assert [path.name for path in folders[0].glob("worker-*")] == []


def test_a_worker_that_lives_is_not_retired_and_is_counted_once(folders):
    alive, dead = Worker(folders, "a"), Worker(folders, "b")
    alive.record(2)
    dead.record(5)
    assert find_dead(folders[0]) == []
    dead.die()
    assert find_dead(folders[0]) == ["b"]
    entry = (folders[0] / "worker-b.ledger").read_bytes()
    retire_dead(*folders, PROFILE)
    assert load_retired(folders[0], PROFILE).tally == tally_of(5)
    (folders[0] / "worker-b.ledger").write_bytes(entry)  # a crash between the sum and the removal of the file
    assert load_total(*folders, PROFILE) == (tally_of(2) + tally_of(5), [os.getpid()])
    retire_dead(*folders, PROFILE)
    assert load_total(*folders, PROFILE) == (tally_of(2) + tally_of(5), [os.getpid()])


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(1, 5)), max_size=20))
def test_workers_in_any_order_add_up_to_all_rows_at_once(tmp_path_factory, steps):
    base = tmp_path_factory.mktemp("ledger")
    folders = base / "monitoring", base / "predictions"
    workers = [Worker(folders, name) for name in "abc"]
    expected = tally_of(0)
    for index, rows in steps:
        workers[index].record(rows)
        expected += tally_of(rows)
    assert load_total(*folders, PROFILE)[0] == expected


def _work(folders, name, rounds):
    worker = Worker(folders, name)
    for _ in range(rounds):
        worker.record(3)
    os._exit(0)  # no goodbye


def test_totals_never_fall_while_processes_come_write_and_go(folders):
    context, last = multiprocessing.get_context("fork"), 0
    crowd = [context.Process(target=_work, args=(folders, f"w{number}", 40)) for number in range(4)]
    for process in crowd:
        process.start()
    while any(process.is_alive() for process in crowd):
        if folders[0].exists():
            retire_dead(*folders, PROFILE)
        total, _ = load_total(*folders, PROFILE)
        assert total.written >= last
        last = total.written
    retire_dead(*folders, PROFILE)
    total, _ = load_total(*folders, PROFILE)
    assert total.written == total.counts.rows == count_lines(folders[1]) == 4 * 40 * 3


def test_files_of_another_profile_are_passed_over(folders):
    other = fit_profile({"y": np.arange(9.0)}, {"y": "number"}, 3)
    ledger = Ledger(folders[0], "a", other)
    ledger.announce(Tally(other.no_rows()))
    assert list(iterate_entries(*folders, PROFILE)) == []
    assert load_total(*folders, PROFILE) == (tally_of(0), [])
