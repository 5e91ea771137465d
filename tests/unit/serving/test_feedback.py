"""True labels are found their predictions, checked, and stored before they are answered."""

import json

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.predictions import iterate_log
from toolkit.errors import RequestError
from toolkit.serving.feedback import Feedback, parse_feedback
from toolkit.serving.log import Bounds, SegmentLog, list_segments
from toolkit.serving.lookup import find_records

WORKER = "0123456789ab"
CLASSES = ("no", "yes")


def make_id(number, worker=WORKER):
    return f"{worker}{number:08x}"


def write_predictions(folder, numbers, worker=WORKER, segment_bytes=10**9):
    log = SegmentLog(folder, worker, Bounds(segment_bytes))
    for number in numbers:
        record = {
            "id": make_id(number, worker),
            "time": "2026-01-01T00:00:00Z",
            "version": "v",
            "latency_ms": 1.0,
            "features": {"text": "x" * (number % 50) + "\n"},
            "label": CLASSES[number % 2],
            "probabilities": {"no": 0.5, "yes": 0.5},
        }
        log.append(orjson.dumps(record) + b"\n")
    log.close()


@pytest.fixture
def feedback(tmp_path):
    write_predictions(tmp_path / "predictions", range(10))
    log = SegmentLog(tmp_path / "feedback", "w")
    return Feedback(log, tmp_path / "predictions", CLASSES, most=100, flush=lambda: None)


def stored(tmp_path):
    return [record for _, record in iterate_log(tmp_path / "feedback")]


def body(*pairs):
    return json.dumps([{"id": id_, "label": label} for id_, label in pairs]).encode()


@settings(max_examples=50, deadline=None)
@given(
    st.lists(st.integers(0, 3000), unique=True, min_size=1, max_size=200),
    st.integers(200, 20_000),
    st.booleans(),
)
def test_any_record_is_found_and_no_other(tmp_path_factory, numbers, segment_bytes, torn):
    folder, numbers = tmp_path_factory.mktemp("log"), sorted(numbers)
    write_predictions(folder, numbers, segment_bytes=segment_bytes)
    write_predictions(folder, [1, 5], worker="ba9876543210")
    if torn:
        last = list_segments(folder, WORKER)[-1]
        last.write_bytes(last.read_bytes() + b'{"id":"0123456789abffff')
    for number in (*numbers, -1 + numbers[0] if numbers[0] else 4000, numbers[-1] + 1, 70_000):
        found = find_records(folder, [make_id(number)])
        assert (make_id(number) in found) == (number in numbers)
        assert all(record["id"] == make_id(number) for record in found.values())


def test_a_label_is_stored_with_its_prediction_and_without_features(feedback, tmp_path):
    assert feedback.take(body((make_id(3), "no"))) == {"stored": 1, "unknown": []}
    feedback.take(json.dumps({"feedback": [{"id": make_id(4), "label": "yes"}]}).encode())
    feedback.take(json.dumps({"id": make_id(3), "label": "yes"}).encode())  # corrected
    first, second, third = stored(tmp_path)
    assert (first["id"], first["label"], first["predicted"]["label"]) == (make_id(3), "no", "yes")
    assert set(first["predicted"]) == {"time", "version", "label", "probabilities"}
    assert [second["label"], third["label"], third["id"]] == ["yes", "yes", make_id(3)]


def test_unknown_ids_are_named_and_the_others_are_stored(feedback, tmp_path):
    taken = feedback.take(body((make_id(77), "no"), (make_id(1), "no")))
    assert taken == {"stored": 1, "unknown": [make_id(77)]}
    with pytest.raises(RequestError, match=rf"Not found: {make_id(78)}.*older than the log keeps") as caught:
        feedback.take(body((make_id(78), "no")))
    assert (caught.value.status, caught.value.kind) == (404, "unknown_id")
    assert len(stored(tmp_path)) == 1


def test_a_prediction_that_is_on_its_way_to_the_log_is_waited_for(tmp_path):
    log = SegmentLog(tmp_path / "feedback", "w")
    write = lambda: write_predictions(tmp_path / "predictions", range(3))  # noqa: E731
    feedback = Feedback(log, tmp_path / "predictions", CLASSES, most=100, flush=write)
    assert feedback.take(body((make_id(2), "no")))["stored"] == 1


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "must have a JSON body"),
        ("{", "must be JSON"),
        ('{"id": NaN}', "must be JSON"),
        ("3", "must be {"),
        ("[]", "at least one label"),
        ("[3]", "row 0: must be an object with the keys id and label. Got 3"),
        ('{"id": "a"}', "Got the keys id"),
        ('{"id": "a", "label": "no", "x": 1}', "Got the keys id, label, x"),
        ('{"id": "../../etc/passwd", "label": "no"}', "id must be one that the service answered"),
        ('{"id": "0123456789ab00000001", "label": "yess"}', "one of no, yes.*Did you mean 'yes'"),
        ('{"id": "0123456789ab00000001", "label": 1}', "one of no, yes. Got 1"),
        ('{"id": "0123456789ab00000001", "label": "no", "label": "yes"}', "'label' is given more than once"),
        ("[" * 100_000, "must be JSON|lists in lists"),
        (json.dumps([{"id": make_id(1), "label": "no"}] * 2), "row 0: id .* is given more than once"),
        (json.dumps([{"id": make_id(n), "label": "no"} for n in range(101)]), "100 labels at most"),
    ],
)
def test_what_is_wrong_is_said_and_nothing_is_stored(feedback, tmp_path, text, words):
    with pytest.raises(RequestError, match=words):
        feedback.take(text.encode())
    assert not (tmp_path / "feedback").exists()


@pytest.mark.parametrize(
    ("label", "right"),
    [(1, True), (-2.5, True), ("1", False), (True, False), (None, False), (10**400, False), (1e301, False)],
)
def test_labels_of_a_regression_are_finite_numbers(label, right):
    text = json.dumps({"id": make_id(1), "label": label}).encode()
    if right:
        assert parse_feedback(text, (), 10) == [(make_id(1), label)]
    else:
        with pytest.raises(RequestError):
            parse_feedback(text, (), 10)


def test_a_disk_that_refuses_is_told_so_that_the_label_is_sent_again(feedback, tmp_path):
    (tmp_path / "feedback").touch()
    with pytest.raises(RequestError, match=r"could not be stored .*Send them again later") as caught:
        feedback.take(body((make_id(1), "no")))
    assert caught.value.status == 503
