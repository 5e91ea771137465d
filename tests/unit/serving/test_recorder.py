"""What was answered is logged and counted, whatever the disk does."""

import time

import orjson
import pytest

from toolkit.data.predictions import iterate_log
from toolkit.monitoring.profile import load_profile
from toolkit.serving.ledger import Ledger, load_total
from toolkit.serving.log import SegmentLog, list_segments
from toolkit.serving.model import load_unproved
from toolkit.serving.recorder import Recorder
from toolkit.serving.records import Answered, AnsweredOne, RecordMaker
from toolkit.serving.render import render_one


class Service:
    """A recorder over a real model."""

    def __init__(self, packaged, place, log_folder=None, **maker):
        self.model = load_unproved(packaged.folder)
        self.profile = load_profile(packaged.folder / "profile.json")
        self.folders = place / "monitoring", log_folder or place / "predictions"
        log = SegmentLog(self.folders[1], "w")
        ledger = Ledger(self.folders[0], "w", self.profile)
        self.recorder = Recorder(self.profile, ledger, RecordMaker(self.model.version, **maker), log)
        self.waiting = self.recorder.waiting

    def answer(self, rows, form="rows"):
        if form == "single":
            for row in rows:
                self.answer_one(row)
            return
        predictions = self.model.predict_rows(rows)
        ids = self.waiting.make_ids(len(rows))
        columns = {name: [row[name] for row in rows] for name in rows[0]} if form == "columns" else None
        self.waiting.add(Answered(0.5, 0.002, ids, predictions, None if columns else rows, columns))

    def answer_one(self, row):
        predictions, id_ = self.model.predict_rows([row]), self.waiting.make_id()
        said = render_one(self.model.version, id_, predictions), orjson.dumps(row)
        self.waiting.add_one(AnsweredOne(id_, 0.5, 0.002, predictions, row, *said))

    def read_log(self):
        folder = self.folders[1]
        return [record for _, record in iterate_log(folder)] if list_segments(folder) else []

    def total(self):
        return load_total(*self.folders, self.profile)[0]


@pytest.mark.parametrize("form", ["rows", "columns", "single"])
@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_what_was_answered_is_logged_and_counted(make_packaged, tmp_path, task, form):
    packaged = make_packaged(task)
    service, rows = Service(packaged, tmp_path), packaged.rows(20)
    service.answer(rows[:15], form)
    service.answer(rows[15:], form)
    service.recorder.close()
    records = service.read_log()
    assert [record["features"] for record in records] == rows
    assert records[0]["time"] == "1970-01-01T00:00:00.500000Z" and records[0]["latency_ms"] == 2.0
    assert service.model.predict_rows(rows[3:4]).rows()[0].items() <= records[3].items()
    assert [record["id"] for record in records] == [f"w{number:08x}" for number in range(20)]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    total = service.total()
    assert (total.written, total.lost, total.counts.rows) == (20, 0, 20)
    assert total.counts.features.tolist() == service.profile.count(columns).features.tolist()
    assert total.counts.predictions.sum() == 20 * len(service.profile.predictions)


def test_requests_of_one_row_and_of_many_are_logged_in_the_order_of_their_ids(make_packaged, tmp_path):
    packaged = make_packaged("regression")  # has every kind of column, and missing values
    service, rows = Service(packaged, tmp_path), packaged.rows(60)
    for start in range(0, 60, 6):
        service.answer(rows[start : start + 2], "single")
        service.answer(rows[start + 2 : start + 6], "columns")
    service.recorder.flush()
    records = service.read_log()
    assert [record["id"] for record in records] == [f"w{number:08x}" for number in range(60)]
    assert [record["features"] for record in records] == rows
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert service.total().counts.features.tolist() == service.profile.count(columns).features.tolist()


def test_a_log_that_fails_is_counted_and_the_rows_are_still_watched(make_packaged, tmp_path, caplog):
    packaged = make_packaged()
    (tmp_path / "file").touch()
    service = Service(packaged, tmp_path, tmp_path / "file" / "log")
    for _ in range(2):
        service.answer(packaged.rows(5))
        service.recorder.flush()
    total = service.total()
    assert (total.written, total.lost, total.counts.rows) == (0, 10, 10)
    assert "Not a directory" in service.recorder.failure
    assert len(caplog.records) == 1  # told once


def test_a_state_that_cannot_be_written_loses_no_count(make_packaged, tmp_path):
    packaged = make_packaged()
    service = Service(packaged, tmp_path)
    (tmp_path / "monitoring").touch()
    service.answer(packaged.rows(5))
    service.recorder.flush()
    assert service.recorder.failure and service.read_log() == []
    own, _ = load_total(*service.folders, service.profile, service.recorder.entry)
    assert (own.written, own.lost, own.counts.rows) == (0, 5, 5)  # what this worker shows all the same
    (tmp_path / "monitoring").unlink()
    service.answer(packaged.rows(4))
    service.recorder.flush()
    total = service.total()
    assert (total.written, total.lost, total.counts.rows) == (4, 5, 9)
    assert not service.recorder.failure and len(service.read_log()) == 4


def test_records_of_what_comes_too_fast_are_lost_and_its_rows_are_counted(
    make_packaged, tmp_path, monkeypatch
):
    monkeypatch.setattr("toolkit.serving.waiting.MOST_ROWS", 100)
    monkeypatch.setattr("toolkit.serving.waiting.SINGLES_AT_ONCE", 3)
    packaged = make_packaged()
    service, rows = Service(packaged, tmp_path), packaged.rows(20)
    for _ in range(7):
        service.answer(rows, "columns")
    service.answer(rows[:8], "single")
    service.recorder.flush()
    total = service.total()
    assert (total.written, total.lost, total.counts.rows) == (100, 48, 148)
    assert [record["id"] for record in service.read_log()] == [f"w{number:08x}" for number in range(100)]
    columns = {name: [row[name] for row in rows * 7 + rows[:8]] for name in rows[0]}
    assert total.counts.features.tolist() == service.profile.count(columns).features.tolist()
    service.answer(rows, "columns")  # there is room again
    service.answer(rows[:1], "single")
    service.recorder.flush()
    assert service.total().written == 121


def test_who_can_wait_for_room_loses_nothing(make_packaged, tmp_path, monkeypatch):
    monkeypatch.setattr("toolkit.serving.waiting.MOST_ROWS", 100)
    packaged = make_packaged()
    service, rows = Service(packaged, tmp_path), packaged.rows(20)
    service.recorder.start()
    for _ in range(12):
        service.waiting.wait_for_room(20)
        service.answer(rows)
    service.recorder.close()
    total = service.total()
    assert (total.written, total.lost, total.counts.rows) == (240, 0, 240)


@pytest.mark.parametrize("form", ["rows", "columns"])
def test_a_large_request_is_recorded_in_parts(make_packaged, tmp_path, monkeypatch, form):
    monkeypatch.setattr("toolkit.serving.waiting.PART_ROWS", 30)
    monkeypatch.setattr("toolkit.serving.recorder.GROUP_ROWS", 30)
    packaged = make_packaged("regression")
    service, rows = Service(packaged, tmp_path), packaged.rows(80)
    service.answer(rows[:3], "single")
    service.answer(rows[3:70], form)
    service.answer(rows[70:], "single")
    after = []
    monkeypatch.setattr(
        service.recorder._ledger, "announce", keep_calls(service.recorder._ledger.announce, after)
    )
    service.recorder.flush()
    assert [record["features"] for record in service.read_log()] == rows
    assert [tally.counts.rows for tally in after] == [tally.written for tally in after] == [33, 63, 80]
    columns = {name: [row[name] for row in rows] for name in rows[0]}
    assert service.total().counts.features.tolist() == service.profile.count(columns).features.tolist()


def keep_calls(function, calls):
    def wrapped(first, *more):
        calls.append(first)
        return function(first, *more)

    return wrapped


def test_the_thread_records_by_itself_and_ends(make_packaged, tmp_path):
    packaged = make_packaged()
    service = Service(packaged, tmp_path)
    assert not service.recorder.alive
    service.recorder.start()
    service.answer(packaged.rows(3))
    deadline = time.monotonic() + 5
    while len(service.read_log()) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    assert len(service.read_log()) == 3 and service.recorder.alive
    service.recorder.close()
    assert not service.recorder.alive


def test_personal_values_are_left_out_or_hashed_with_the_key(make_packaged, tmp_path):
    packaged = make_packaged()
    rows = [{**row, "radius": 3.5} for row in packaged.rows(2)]
    told = []
    for number, key in enumerate([b"", b"k" * 16, b"l" * 16]):
        service = Service(packaged, tmp_path / str(number), personal=frozenset({"radius"}), key=key)
        service.answer(rows[:1])
        service.answer(rows[1:], "single")
        service.recorder.close()
        records = service.read_log()
        assert all("radius" not in record["features"] for record in records)
        assert service.total().counts.features.sum() == 2 * len(service.profile.features)
        told.append([record.get("personal", {}).get("radius") for record in records])
    assert told[0] == [None, None]
    assert told[1][0] == told[1][1] != told[2][0]
    assert "3.5" not in orjson.dumps(told[1]).decode()


def test_a_sample_is_logged_and_all_is_counted(make_packaged, tmp_path):
    packaged = make_packaged()
    service, rows = Service(packaged, tmp_path, sample=0.25), packaged.rows(20)
    for _ in range(50):
        service.answer(rows[:10])
        service.answer(rows[10:], "single")
    service.recorder.close()
    total = service.total()
    assert total.counts.rows == 1000 and total.lost == 0
    assert total.written == len(service.read_log()) and 200 < total.written < 300


class Shipper:
    """Takes lines, and loses one of three."""

    def __init__(self):
        self.lines, self.lost, self.steps = [], 0, []

    def start(self):
        self.steps.append("start")

    def add(self, lines):
        self.lines += lines
        self.lost += len(lines) // 3

    def take_lost(self):
        lost, self.lost = self.lost, 0
        return lost

    def close(self):
        self.steps.append("close")


@pytest.mark.parametrize("logs", [True, False])
def test_lines_are_shipped_too_or_instead_and_what_is_lost_on_the_way_is_counted(
    make_packaged, tmp_path, logs
):
    packaged = make_packaged("binary")
    service, shipper = Service(packaged, tmp_path), Shipper()
    service.recorder._shipper = shipper
    if not logs:
        service.recorder._log = None
    service.recorder.start()
    service.answer(packaged.rows(9))
    service.recorder.close()
    assert [orjson.loads(line)["features"] for line in shipper.lines] == packaged.rows(9)
    assert (service.total().lost, service.total().written) == (3, 9 if logs else 0)
    assert shipper.steps == ["start", "close"]
    assert len(service.read_log()) == (9 if logs else 0)
