"""Records go to BentoML's real monitor, and its failures cost what they say and no more."""

import json
import logging
import threading
from collections import deque

import orjson
import pytest
from bentoml._internal.monitoring import api
from bentoml._internal.monitoring.base import MonitorBase
from log_days import make_record

from toolkit.serving.records import OPTIONS
from toolkit.serving.shipper import MOST_WAITING, Shipper

NUMBERS = ("size", "age")


def lines(count, start=0, **changes):
    return [orjson.dumps(make_record(start + number, **changes), option=OPTIONS) for number in range(count)]


class Kept(MonitorBase):
    """Keeps what it is given, and fails where it is told to."""

    PRESERVED_COLUMNS = ("timestamp",)

    def __init__(self, name, failing=()):
        super().__init__(name)
        self.failing, self.schemas, self.rows, self.calls = deque(failing), [], [], 0

    def export_schema(self, columns_schema):
        self.fail("schema")
        self.schemas.append(columns_schema)

    def export_data(self, datas):
        self.fail("data")
        columns = [list(values) for values in datas.values()]
        self.rows += [dict(zip(datas, row, strict=True)) for row in zip(*columns, strict=True)]

    def fail(self, where):
        if self.failing and self.failing[0] == where:
            self.failing.popleft()
            raise ConnectionError(f"no {where} today")


@pytest.fixture
def make_shipper(monkeypatch):
    def make(failing=()):
        monitor = Kept("kept", failing)
        monkeypatch.setitem(api._MONITOR_INSTANCES, "kept", monitor)
        return Shipper("kept", NUMBERS), monitor

    return make


def ship(shipper, records):
    """Ship in this thread, as the shipper's own does."""
    shipper.add(records)
    shipper._stop.set()
    shipper._run()


def test_every_record_is_shipped_in_order_with_roles_and_types_that_bentoml_knows(make_shipper, caplog):
    shipper, monitor = make_shipper()
    shipper.start()
    shipper.add(lines(1500))
    shipper.add(lines(30, 1500, personal={"mail": "ab"})[:0])
    shipper.close()
    assert [row["id"] for row in monitor.rows] == [f"aaaaaaaaaaaa{number:08x}" for number in range(1500)]
    row = monitor.rows[7]
    assert (row["features.size"], row["features.member"]) == (7 / 3 - 10, False)
    assert (row["label"], row["probabilities.no"]) == ("yes", 1 / 8)
    (schema,) = monitor.schemas
    assert schema["features.size"] == {"name": "features.size", "role": "feature", "type": "numerical"}
    assert schema["features.city"]["type"] == "categorical" and schema["label"]["role"] == "prediction"
    assert schema["probabilities.yes"]["type"] == schema["latency_ms"]["type"] == "numerical"
    assert shipper.take_lost() == 0
    assert not [record for record in caplog.records if record.levelno >= logging.WARNING]


def test_a_failure_costs_its_block_is_told_once_and_the_next_blocks_are_shipped(make_shipper, caplog):
    caplog.set_level(logging.INFO)
    shipper, monitor = make_shipper(["schema", "schema", "data"])
    ship(shipper, lines(2500))
    assert (shipper.take_lost(), len(monitor.rows), shipper.take_lost()) == (3, 2497, 0)
    assert monitor.schemas and all("features.size" in schema for schema in monitor.schemas)
    told = [record.message for record in caplog.records if record.name == "toolkit.serving"]
    assert told == [
        "Predictions are not shipped by bentoml.monitor: ConnectionError: no schema today. Serving goes on.",
        "Predictions are not shipped by bentoml.monitor: ConnectionError: no data today. Serving goes on.",
        "Predictions are shipped again",
    ]


def test_records_of_other_columns_are_lost_and_counted_not_cut(make_shipper):
    """BentoML would cut the columns to the shortest one, and put values beside those of other records."""
    shipper, monitor = make_shipper()
    ship(shipper, [*lines(3), *lines(1, 3, features={"size": 1.0})])
    assert (shipper.take_lost(), len(monitor.rows)) == (3, 1)


def test_a_monitor_that_hangs_holds_nobody_up_and_what_waits_is_bounded(make_shipper, monkeypatch):
    shipper, monitor = make_shipper()
    going, release = threading.Event(), threading.Event()
    monkeypatch.setattr(monitor, "export_data", lambda datas: (going.set(), release.wait(20)))
    monkeypatch.setattr("toolkit.serving.shipper.CLOSE_S", 0.05)
    shipper.start()
    shipper.add(lines(1))
    assert going.wait(10)
    shipper.add([b"{}"] * (MOST_WAITING + 5))
    assert shipper.take_lost() == 5
    shipper.close()
    assert shipper.take_lost() == MOST_WAITING
    release.set()


def test_bentomls_own_monitor_writes_its_files(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.delitem(api._MONITOR_INSTANCES, "shipped", raising=False)
    ship(Shipper("shipped", NUMBERS), lines(3))
    (data,) = (tmp_path / "monitoring/shipped/data").glob("*.log*")
    rows = [json.loads(line) for line in data.read_text().splitlines()]
    assert [row["id"][-1] for row in rows] == ["0", "1", "2"] and rows[1]["features.size"] == 1 / 3 - 10
    for name in ("bentoml_monitor_data", "bentoml_monitor_schema"):
        for handler in logging.getLogger(name).handlers[:]:
            handler.close()
            logging.getLogger(name).removeHandler(handler)
