"""Each label is read once, over segments, restarts and torn lines."""

import orjson
import pytest

from toolkit.serving import label_reader
from toolkit.serving.label_reader import LabelReader
from toolkit.serving.log import SegmentLog


def line(number, label="yes"):
    predicted = {"time": f"2026-01-01T00:00:{number % 60:02}Z", "version": "v", "label": "no"}
    return orjson.dumps({"id": f"i{number}", "label": label, "predicted": predicted}) + b"\n"


def read(reader):
    return [(kind, record.id, record.truth) for kind, record in reader.read()]


@pytest.fixture
def log(tmp_path):
    return SegmentLog(tmp_path, "w")


def test_labels_are_read_once_and_told_apart(log, tmp_path):
    reader = LabelReader(tmp_path)
    assert read(reader) == []
    log.append(line(1) + line(2))
    assert read(reader) == [("matched", "i1", "yes"), ("matched", "i2", "yes")]
    SegmentLog(tmp_path, "other").append(line(1) + line(2, "no") + line(3))
    assert [kind for kind, _, _ in read(reader)] == ["repeated", "corrected", "matched"]
    assert reader.counts == {"matched": 3, "repeated": 1, "corrected": 1} and read(reader) == []


def test_a_line_that_is_being_written_waits_and_a_torn_one_is_passed_over(log, tmp_path):
    reader = LabelReader(tmp_path)
    text = line(2)
    log.append(line(1) + text[:20])
    assert [id_ for _, id_, _ in read(reader)] == ["i1"]
    log.append(text[20:] + b'{"id": 3}\n[]\n' + line(4))
    assert [id_ for _, id_, _ in read(reader)] == ["i2", "i4"]


def test_reading_goes_on_from_positions_and_knows_the_labels_of_before(log, tmp_path):
    log.append(b"".join(line(number) for number in range(50)))
    first = LabelReader(tmp_path)
    first.read()
    log.append(line(7) + line(50))
    second = LabelReader(tmp_path, first.positions)
    assert [record.id for record in second.replay(10)] == [f"i{number}" for number in range(50)]
    assert [(kind, id_) for kind, id_, _ in read(second)] == [("repeated", "i7"), ("matched", "i50")]


def test_a_backlog_is_read_in_parts(log, tmp_path, monkeypatch):
    monkeypatch.setattr(label_reader, "READ_BYTES", len(line(1)) + 5)
    log.append(line(1) + line(2))
    reader = LabelReader(tmp_path)
    assert [len(read(reader)) for _ in range(3)] == [1, 1, 0]


def test_segments_that_are_gone_are_forgotten(log, tmp_path):
    log.append(line(1))
    reader = LabelReader(tmp_path)
    reader.read()
    log.close()
    next(tmp_path.iterdir()).unlink()
    assert read(reader) == [] and reader.positions == {}
