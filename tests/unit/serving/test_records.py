"""Lines of many rows are written column by column and say what those of single rows say."""

import json
from datetime import UTC, datetime

import numpy as np
import orjson
from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving.model import Predictions
from toolkit.serving.records import (
    MANY_ROWS,
    Answered,
    AnsweredOne,
    RecordMaker,
    may_stand,
    split_rows,
    write_time,
)
from toolkit.serving.render import render_one
from toolkit.serving.request import parse_request
from toolkit.serving.rows import Ids
from toolkit.serving.tables import make_rows
from toolkit.serving.wanted import Wanted

INPUTS = {"size": "number", 'c"%b': "integer", "open": "boolean", "city": "category", "at": "time"}
NULLABLE = frozenset(INPUTS)
ROW = st.fixed_dictionaries(
    {
        "size": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9) | st.none(),
        'c"%b': st.integers(-(2**53), 2**53) | st.none(),
        "open": st.booleans() | st.none(),
        "city": st.text(max_size=4) | st.sampled_from(["{", "}", "{}", "a,b", None]),
        "at": st.sampled_from(["2026-01-31T12:00:00", "2026-01-31 12:00:00.5", None]),
    }
)


def make_lines(maker, *answered, **more):
    block = maker.make(Answered(*answered, **more))
    lines = block.data.splitlines(keepends=True)
    assert len(lines) == block.records
    return lines


CLASSES = ("a%", 'b"', "c")
SHARES = np.array([[0.25, 0.5, 0.25]])


def take(predictions, row):
    part = slice(row, row + 1)
    if predictions.probabilities is None:
        return Predictions((), None, predictions.values[part])
    return Predictions(predictions.classes, predictions.probabilities[part], None)


def texts(rows):
    return "".join(row["city"] or "" for row in rows)


@given(st.lists(ROW, min_size=MANY_ROWS, max_size=MANY_ROWS + 3), st.booleans(), st.data())
def test_the_lines_are_those_that_row_by_row_would_be(rows, regression, data):
    sample, personal = data.draw(st.sampled_from([(1.0, frozenset()), (0.5, frozenset({"city"}))]))
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], len(rows))
    predictions = Predictions((), None, shares[:, 0]) if regression else Predictions(CLASSES, shares, None)
    checked = parse_request(json.dumps(rows).encode(), Wanted(INPUTS, NULLABLE))
    ids = Ids("0123456789ab", 254, len(rows))
    maker = RecordMaker("v:1%", personal, sample=sample)
    common = (1.5, 0.0123, ids, predictions, checked.sent)
    lines = make_lines(maker, *common, columns=checked.columns)
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    plain = [
        line
        for row, id_, share in zip(rows, ids, range(len(rows)), strict=True)
        for line in make_lines(maker, 1.5, 0.0123, [id_], take(predictions, share), [row])
    ]
    assert list(map(orjson.loads, lines)) == list(map(orjson.loads, plain))
    sent = make_lines(maker, *common, columns=checked.columns, body=checked.body)
    assert list(map(orjson.loads, sent)) == list(map(orjson.loads, plain))
    assert bool(personal) or bool(split_rows(checked.body, len(rows))) == (not {"{", "}"} & set(texts(rows)))
    if all(type(row["size"]) is float and row["size"] % 1 for row in rows):
        assert lines == plain


def test_numbers_are_written_as_the_very_float64_of_the_column():
    values = np.array([0.1, 1e-300, -0.0, np.nan, 3.0] * 4, dtype=np.float64)
    for column in (values, values.astype(np.float32), np.arange(20), np.arange(20) % 2 == 0):
        predictions = Predictions((), None, np.zeros(20))
        lines = make_lines(RecordMaker("v"), 0.0, 0.0, Ids("a", 0, 20), predictions, columns={"x": column})
        got = [json.loads(line)["features"]["x"] for line in lines]
        assert repr(got) == repr([None if value != value else value for value in column.tolist()])


def test_times_of_tables_keep_their_offsets():
    moments = np.array(["2026-01-31T12:00:00", "NaT"] * 10, dtype="datetime64[us]")
    columns = {"at": moments, "seen": moments}
    rows = make_rows(columns, frozenset({"seen"}))
    said = 0.0, 0.0, Ids("a", 0, 20), Predictions((), None, np.zeros(20)), rows, columns
    features = [json.loads(line)["features"] for line in make_lines(RecordMaker("v"), *said)]
    assert features[0] == {"at": "2026-01-31T12:00:00", "seen": "2026-01-31T12:00:00Z"}
    assert features[1] == {"at": None, "seen": None}


@given(ROW, st.booleans(), st.sampled_from([1.0, 0.5]), st.sampled_from([None, 1]), st.floats(0, 4e9))
def test_a_line_made_of_what_was_sent_says_the_same(row, regression, sample, indent, time_s):
    predictions = Predictions((), None, np.array([0.5])) if regression else Predictions(CLASSES, SHARES, None)
    body = json.dumps(row, indent=indent).encode()
    rows = parse_request(body, Wanted(INPUTS, NULLABLE))
    ids, maker = Ids("0123456789ab", 254, 1), RecordMaker("v:1%", sample=sample)
    common = round(time_s, 6), 0.0123
    written = make_lines(maker, *common, ids, predictions, rows.sent)
    answer, stands = render_one("v:1%", ids[0], predictions), may_stand(body)
    assert bool(stands) == (indent is None)
    line = maker.make_one(AnsweredOne(ids[0], *common, predictions, rows.sent[0], answer, stands))
    assert ([orjson.loads(line)] if line else []) == list(map(orjson.loads, written))
    assert not line or (line.startswith(b'{"id":"') and line.find(b"\n") == len(line) - 1)


def test_a_line_made_of_what_was_sent_has_no_personal_values():
    predictions = Predictions((), None, np.array([0.5]))
    answer = render_one("v", "0123456789ab00000000", predictions)
    said = {"city": "Oslo", "size": 1}, answer, b'{"city": "Oslo", "size": 1}'
    one = AnsweredOne("0123456789ab00000000", 0.0, 0.0, predictions, *said)
    for key in (b"", b"k" * 16):
        record = orjson.loads(RecordMaker("v", frozenset({"city"}), key).make_one(one))
        assert record["features"] == {"size": 1} and ("personal" in record) == bool(key)


@given(st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1)))
def test_times_are_written_as_orjson_does(moment):
    moment = moment.replace(tzinfo=UTC)
    assert write_time(moment.timestamp()) == orjson.dumps(moment, option=orjson.OPT_UTC_Z)[1:-1]
