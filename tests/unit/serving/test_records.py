"""Lines of many rows are written column by column and say what those of single rows say."""

import json

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving.model import Predictions
from toolkit.serving.records import MANY_ROWS, Answered, RecordMaker
from toolkit.serving.request import parse_request
from toolkit.serving.rows import Ids
from toolkit.serving.tables import make_rows

INPUTS = {"size": "number", 'c"%b': "integer", "open": "boolean", "city": "category", "at": "time"}
NULLABLE = frozenset(INPUTS)
ROW = st.fixed_dictionaries(
    {
        "size": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-9, 9) | st.none(),
        'c"%b': st.integers(-(2**53), 2**53) | st.none(),
        "open": st.booleans() | st.none(),
        "city": st.text(max_size=4) | st.none(),
        "at": st.sampled_from(["2026-01-31T12:00:00", "2026-01-31 12:00:00.5", None]),
    }
)
CLASSES = ("a%", 'b"', "c")


@given(st.lists(ROW, min_size=MANY_ROWS, max_size=MANY_ROWS + 3), st.booleans(), st.data())
def test_the_lines_are_those_that_row_by_row_would_be(rows, regression, data):
    sample, personal = data.draw(st.sampled_from([(1.0, frozenset()), (0.5, frozenset({"city"}))]))
    shares = np.random.default_rng(1).dirichlet([1, 1, 1], len(rows))
    predictions = Predictions((), None, shares[:, 0]) if regression else Predictions(CLASSES, shares, None)
    checked = parse_request(json.dumps(rows).encode(), INPUTS, NULLABLE)
    ids = Ids("0123456789ab", 254, len(rows))
    maker = RecordMaker("v:1%", personal, sample=sample)
    common = (1.5, 0.0123, ids, predictions, checked.sent)
    lines = maker.make(Answered(*common, columns=checked.columns))
    assert all(line.endswith(b"\n") and line.count(b"\n") == 1 for line in lines)
    assert [json.loads(line) for line in lines] == [
        json.loads(line) for line in maker.make(Answered(*common))
    ]
    if all(type(row["size"]) is float and row["size"] % 1 for row in rows):
        assert lines == maker.make(Answered(*common))


def test_numbers_are_written_as_the_very_float64_of_the_column():
    values = np.array([0.1, 1e-300, -0.0, np.nan, 3.0] * 4, dtype=np.float64)
    for column in (values, values.astype(np.float32), np.arange(20), np.arange(20) % 2 == 0):
        predictions = Predictions((), None, np.zeros(20))
        lines = RecordMaker("v").make(Answered(0.0, 0.0, Ids("a", 0, 20), predictions, columns={"x": column}))
        got = [json.loads(line)["features"]["x"] for line in lines]
        assert repr(got) == repr([None if value != value else value for value in column.tolist()])


def test_times_of_tables_keep_their_offsets():
    moments = np.array(["2026-01-31T12:00:00", "NaT"] * 10, dtype="datetime64[us]")
    columns = {"at": moments, "seen": moments}
    rows = make_rows(columns, frozenset({"seen"}))
    answered = Answered(0.0, 0.0, Ids("a", 0, 20), Predictions((), None, np.zeros(20)), rows, columns)
    features = [json.loads(line)["features"] for line in RecordMaker("v").make(answered)]
    assert features[0] == {"at": "2026-01-31T12:00:00", "seen": "2026-01-31T12:00:00Z"}
    assert features[1] == {"at": None, "seen": None}
