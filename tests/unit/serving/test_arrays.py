"""The compact form is read as strictly as the usual one, and gives the same columns."""

import json
import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import RequestError
from toolkit.serving.faults import MAX_FINDINGS
from toolkit.serving.request import parse_request
from toolkit.serving.rules import parse_rules
from toolkit.serving.wanted import Wanted

INPUTS = {"size": "number", "count": "integer", "open": "boolean", "city": "category", "at": "time"}
ROW = {"size": 1.5, "count": 3, "open": True, "city": "Oslo: old town", "at": "2026-01-31T12:00:00"}
NULLABLE = frozenset({"size", "open"})
RULES = parse_rules(
    {"schema": 1, "columns": [{"name": "count", "type": "integer", "minimum": 0, "maximum": 9}]}
)


def make(*rows, columns=tuple(ROW), **more):
    return {"columns": list(columns), "data": [list(row) for row in rows], **more}


def read(body, **options):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    return parse_request(body, Wanted(INPUTS, NULLABLE, RULES), **options)


def refuse(body, **options):
    with pytest.raises(RequestError) as caught:
        read(body, **options)
    return caught.value


def places(error):
    return [(finding["row"], finding["feature"]) for finding in error.findings]


def change(**changes):
    return {**ROW, **changes}.values()


def test_it_gives_what_the_usual_form_gives_in_any_order_of_columns():
    rows = [ROW, {**ROW, "size": None, "count": 4, "open": None}]
    names = list(reversed(ROW))
    compact = read(make(*([row[name] for name in names] for row in rows), columns=names))
    usual = read(rows)
    assert list(compact.sent) == rows and compact.count == 2 and not compact.single
    assert list(compact.columns) == list(usual.columns) == list(INPUTS)
    for name in INPUTS:
        np.testing.assert_array_equal(compact.columns[name], usual.columns[name])


def test_one_row_stays_a_list_of_one():
    rows = read(make(ROW.values()))
    assert (rows.count, rows.single, list(rows.sent)) == (1, False, [ROW])


@pytest.mark.parametrize(
    ("feature", "value", "words"),
    [
        ("size", "3", "a number. Got the text '3'. Send it without quotes"),
        ("size", True, "a number. Got true"),
        ("size", [1], "a number. Got a list"),
        ("size", {"a": 1}, "a number. Got an object"),
        ("count", None, "Got null. It had no missing values in training"),
        ("count", 3.5, "a whole number. Got 3.5"),
        ("count", 10, "at most 9. Got 10."),
        ("count", 2**53 + 1, "at most 9. Got 9007199254740993."),
        ("count", -1, "at least 0. Got -1."),
        ("open", 1, "true or false. Got 1"),
        ("city", 7, "a text. Got 7"),
        ("at", "2026-01-31T12:00:00Z", "a time without offset"),
        ("at", 5, "a time in ISO 8601. Got 5"),
    ],
)
def test_a_wrong_value_is_named_by_row_and_column(feature, value, words):
    error = refuse(make(ROW.values(), change(**{feature: value})))
    assert error.status == 400
    assert words in str(error)
    assert places(error) == [(1, feature)]


@pytest.mark.parametrize("keys", ["columns data", "data columns", "columns d\\u0061ta"])
@pytest.mark.parametrize("value", [True, False])
def test_a_boolean_among_numbers_is_found_wherever_the_names_stand(keys, value):
    body = make(ROW.values(), change(size=value))
    first, last = keys.split()
    text = f'{{"{first}": {json.dumps(body[first])}, "{last}": ' if first in body else ""
    text += json.dumps(body["data" if last != "columns" else "columns"]) + "}"
    assert places(refuse(text.encode())) == [(1, "size")]


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e400", "9" * 400])
def test_a_number_that_json_does_not_have_is_named(text):
    error = refuse(json.dumps(make(ROW.values(), change(size=0.125))).replace("0.125", text).encode())
    assert (error.status, error.kind, places(error)) == (400, "not_json", [(1, "size")])


def test_a_name_that_utf_8_cannot_hold_is_told_in_words_that_it_can():
    error = refuse(b'{"\\ud800": NaN}')
    assert error.kind == "not_json"
    str(error).encode()


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (make(change(), columns=["size", "count", "open", "city", "att"]), "model. Did you mean 'at'"),
        (make(change(), columns=["size", "count", "open", "city", "city"]), "'city' is given more than once"),
        (make([1.5, 3, True, "x"], columns=["size", "count", "open", "city"]), "feature 'at' is missing"),
        (make([*ROW.values(), 1], columns=[*ROW, "more"]), "'more' is not a feature"),
        (make([1, 2], columns=[]), "feature 'size' is missing"),
        (make(index=[0]), "index=False"),
        (make(ROW.values(), more=1), "'more' besides"),
        ({"columns": list(ROW)}, "'columns' alone"),
        ({"data": [[1]]}, "'data' alone"),
        ({"columns": [1, 2], "data": []}, "a list of names. Got 1"),
        ({"columns": "size", "data": []}, "a list of names. Got the text 'size'"),
        ({"columns": list(ROW), "data": {}}, "a list of rows, each a list of values. Got an object"),
        ({"columns": list(ROW), "data": None}, "Got null"),
    ],
)  # fmt: skip
def test_wrong_columns_are_named(body, words):
    assert words in str(refuse(body))


def test_ragged_rows_are_named():
    error = refuse(make(ROW.values(), [1, 2], ROW.values(), [*ROW.values(), 1]) | {})
    assert places(error) == [(1, None), (3, None)]
    assert "row 1: must have a value for each of the 5 columns. Got 2." in str(error)
    error = refuse({"columns": list(ROW), "data": [list(ROW.values()), {}, 3]})
    assert places(error) == [(1, None), (2, None)]


def test_a_wrong_value_is_told_beside_ragged_rows_and_wrong_names():
    error = refuse(make(ROW.values(), *[[1, 2]] * 30, change(size="x")))
    assert places(error) == [*((row, None) for row in range(1, MAX_FINDINGS)), (31, "size")]
    error = refuse(make(change(size="x"), columns=["size", "count", "open", "city", "att"]))
    assert places(error) == [(None, "att"), (None, "at"), (0, "size")]


def test_no_rows_and_too_many_are_refused():
    assert refuse(make()).kind == "empty"
    error = refuse(make(*[ROW.values()] * 4), max_rows=3)
    assert (error.status, error.kind) == (413, "too_many_rows")


@pytest.mark.parametrize("twice", ["columns", "data"])
def test_a_part_given_twice_is_an_error(twice):
    body = make(ROW.values())
    text = json.dumps(body)[:-1] + f', "{twice}": {json.dumps(body[twice])}}}'
    assert f"'{twice}' must be given once" in str(refuse(text.encode()))


def test_colons_and_escapes_in_texts_are_no_repeated_parts():
    rows = [{**ROW, "city": text} for text in ("a:b:c", "\u00e9:", '"columns": [], "data"', "\\")]
    assert list(read(make(*(row.values() for row in rows))).sent) == rows


def test_findings_are_bounded_however_many_values_are_wrong():
    error = refuse(make(*[change(size="x", open=1)] * 1000))
    assert len(error.findings) == MAX_FINDINGS
    assert [finding["row"] for finding in error.findings] == [row for row in range(10) for _ in range(2)]


def test_features_that_are_called_columns_and_data_can_be_sent_as_rows():
    inputs = {"columns": "number", "data": "number"}
    row = {"columns": 1, "data": 2.5}
    assert parse_request(json.dumps(row).encode(), Wanted(inputs)).sent == [row]
    body = json.dumps({"columns": ["data", "columns"], "data": [[2.5, 1]]}).encode()
    assert list(parse_request(body, Wanted(inputs)).sent) == [row]


NUMBERS = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**63), 2**64 - 1) | st.none()


@given(st.lists(NUMBERS, min_size=1, max_size=6))
def test_any_numbers_arrive_as_the_nearest_float64(numbers):
    body = json.dumps({"columns": ["size"], "data": [[number] for number in numbers]}).encode()
    columns = parse_request(body, Wanted({"size": "number"}, frozenset({"size"}))).columns
    expected = [math.nan if number is None else float(number) for number in numbers]
    np.testing.assert_array_equal(np.array(columns["size"], dtype=np.float64), expected)


ANY = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=2),
    max_leaves=8,
)


@given(
    st.lists(st.sampled_from([*ROW, "x"]) | ANY, max_size=6) | ANY,
    st.lists(st.lists(ANY, max_size=6) | ANY, max_size=4) | ANY,
)
def test_any_columns_and_data_give_rows_or_a_refusal(columns, data):
    try:
        read({"columns": columns, "data": data})
    except RequestError as error:
        assert 400 <= error.status < 500
        json.dumps([str(error), error.findings], ensure_ascii=False).encode()
