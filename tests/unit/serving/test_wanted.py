"""A row that passes at first sight is one that passes when it is looked at closely."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import RequestError
from toolkit.serving.request import parse_request
from toolkit.serving.rules import parse_rules
from toolkit.serving.wanted import Wanted, make_take

RULES = parse_rules(
    {"schema": 1, "columns": [{"name": "count", "type": "integer", "minimum": 0, "maximum": 9}]}
)
INPUTS = {
    "size": "number",
    "a:b": "number",
    "count": "integer",
    "open": "boolean",
    "city": "category",
    "note": "text",
    "seen": "time",
    "left": "time",
}
WANTED = Wanted(INPUTS, frozenset({"a:b", "note", "left"}), RULES, frozenset({"seen"}))
RIGHT = {
    "size": 1.5,
    "a:b": 2,
    "count": 3,
    "open": True,
    "city": "Oslo: old town",
    "note": "12:30",
    "seen": "2024-01-01T12:00:00Z",
    "left": "2024-01-01T12:00:00",
}
VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-1, 12),
    st.sampled_from(
        [0.5, 3.0, 1e300, "3", "a:b", "back\\slash", "2024-01-01T12:00:00Z", "2024-01-01", [], {}]
    ),
)


def read(text):
    """Give what was read, or what was found wrong without the row that it names."""
    try:
        rows = parse_request(text.encode(), WANTED)
    except RequestError as error:
        return error.status, error.kind, [finding["feature"] for finding in error.findings]
    return list(rows.sent), {name: list(rows.columns[name]) for name in INPUTS}


@given(
    st.dictionaries(st.sampled_from([*INPUTS, "other"]), VALUES, max_size=4),
    st.sets(st.sampled_from([*INPUTS])),
)
def test_one_row_is_judged_as_a_list_of_one(changes, absent):
    row = {name: value for name, value in {**RIGHT, **changes}.items() if name not in absent}
    text = json.dumps(row, ensure_ascii=False)
    assert read(text) == read(f"[{text}]")


@given(st.sampled_from([*INPUTS]), st.sampled_from([*INPUTS]))
def test_a_repeated_key_is_found(name, other):
    text = json.dumps(RIGHT)
    twice = f"{text[:-1]}, {json.dumps(name)}: {json.dumps(RIGHT[name])}}}"
    assert read(twice) == read(f"[{twice}]") == (400, "invalid", [name])
    assert WANTED.admits(RIGHT, text.encode())
    assert not WANTED.admits({**RIGHT, other: []}, text.encode())


@pytest.mark.parametrize(("names", "taken"), [([], ()), (["a"], (1,)), (["b", "a"], (2, 1))])
def test_values_are_taken_as_a_tuple(names, taken):
    assert make_take(names)({"a": 1, "b": 2}) == taken
