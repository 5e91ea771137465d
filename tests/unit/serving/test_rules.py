"""Requests are checked by the contract: its ranges and categories, and no more."""

import json
from datetime import UTC, datetime

import numpy as np
import pytest

from toolkit.errors import ModelError, RequestError
from toolkit.serving.model import Predictions
from toolkit.serving.records import Answered, RecordMaker
from toolkit.serving.request import parse_request
from toolkit.serving.rules import NO_RULES, parse_rules, select_rules
from toolkit.serving.wanted import Wanted

SCHEMA = {
    "columns": [
        {"name": "id", "type": "text", "role": "key", "missing": 0},
        {"name": "age", "type": "integer", "missing": 0, "unit": "years", "minimum": 0, "maximum": 120,
         "personal": True},
        {"name": "size", "type": "number", "missing": 3, "min": 1.0, "minimum": 0.5, "optional": True},
        {"name": "plan", "type": "category", "categories": ["a"], "allowed": ["basic", "plus"],
         "meaning": "what is paid"},
        {"name": "other", "type": "number", "maximum": 1},
    ]
}  # fmt: skip
INPUTS = {"age": "integer", "size": "number", "plan": "category"}
RULES = parse_rules(select_rules(SCHEMA, INPUTS))
ROW = {"age": 40, "size": 1.5, "plan": "basic"}


def refuse(rows):
    with pytest.raises(RequestError) as caught:
        parse_request(json.dumps(rows).encode(), Wanted(INPUTS, frozenset({"size"}), RULES))
    return caught.value


@pytest.mark.parametrize(
    ("feature", "value", "message"),
    [
        ("age", -3, "row 1: feature 'age' must be at least 0. Got -3."),
        ("age", 121, "row 1: feature 'age' must be at most 120. Got 121."),
        ("size", 0.25, "row 1: feature 'size' must be at least 0.5. Got 0.25."),
        (
            "plan",
            "plux",
            "row 1: feature 'plan' must be one of basic, plus. Got 'plux'. Did you mean 'plus'?",
        ),
        ("plan", "", "row 1: feature 'plan' must be one of basic, plus. Got ''."),
    ],
)
def test_a_value_that_breaks_the_contract_is_named(feature, value, message):
    error = refuse([ROW, {**ROW, feature: value}])
    assert str(error) == message
    assert [(finding["row"], finding["feature"]) for finding in error.findings] == [(1, feature)]


def test_ends_of_a_range_and_null_pass():
    rows = [{**ROW, "age": 0, "size": None}, {**ROW, "age": 120, "size": 0.5}]
    assert parse_request(json.dumps(rows).encode(), Wanted(INPUTS, frozenset({"size"}), RULES)).count == 2


def test_a_null_does_not_hide_a_value_out_of_range():
    assert len(refuse([{**ROW, "size": None}, {**ROW, "size": 0}, {**ROW, "size": -1}]).findings) == 2


def test_types_and_ranges_are_told_together():
    error = refuse([{**ROW, "age": "x", "size": 0}, {**ROW, "age": True, "plan": 5}])
    assert [(finding["row"], finding["feature"]) for finding in error.findings] == [
        (0, "age"),
        (0, "size"),
        (1, "age"),
        (1, "plan"),
    ]


@pytest.mark.parametrize(
    ("value", "fault"),
    [
        ("2014-12-31T22:59:59Z", "must be at least 2014-12-31T23:00:00Z. Got 2014-12-31T22:59:59Z."),
        ("2015-01-01T00:00:00+01:00", ""),
        ("2016-01-01T00:00:01+00:00", "must be at most 2016-01-01T00:00:00Z. Got 2016-01-01T00:00:01+00:00."),
        (datetime(2013, 1, 1, tzinfo=UTC), "must be at least 2014-12-31T23:00:00Z."),
        (None, ""),
        ("soon", ""),  # no time: told with the types
    ],
)
def test_a_time_is_compared_as_a_moment(value, fault):
    column = {
        "name": "t",
        "type": "time",
        "minimum": "2014-12-31T23:00:00Z",
        "maximum": "2016-01-01T00:00:00Z",
    }
    ((_, check),) = parse_rules({"schema": 1, "columns": [column]}).checks
    found = list(check([value]))
    assert [row for row, _ in found] == ([0] if fault else [])
    assert not fault or found[0][1].startswith(fault)


def test_a_feature_without_limits_has_no_check():
    rules = parse_rules({"schema": 1, "columns": [{"name": "x", "type": "number", "unit": "mm"}]})
    assert rules.checks == () and rules.described == {"x": {"unit": "mm"}} and rules.personal == frozenset()


def test_what_the_model_does_not_need_is_left_out_of_the_package():
    content = select_rules(SCHEMA, INPUTS)
    assert [column["name"] for column in content["columns"]] == ["age", "size", "plan"]
    assert content["columns"][1] == {"name": "size", "type": "number", "minimum": 0.5}
    assert RULES.described["plan"] == {"meaning": "what is paid", "allowed": ["basic", "plus"]}


@pytest.mark.parametrize(
    "value", [None, [], {"schema": 2}, {"schema": 1}, {"schema": 1, "columns": [{"type": "x"}]}]
)
def test_a_damaged_file_is_refused(value):
    with pytest.raises(ModelError, match="Package the model anew"):
        parse_rules(value)


def test_personal_values_are_left_out_of_the_log():
    answered = Answered(0.0, 0.0, ["x"], Predictions((), None, np.array([1.0])), [ROW])
    assert RULES.personal == {"age"}
    told = [
        json.loads(RecordMaker("v", rules.personal).make(answered).data)["features"]
        for rules in (RULES, NO_RULES)
    ]
    assert told == [{"size": 1.5, "plan": "basic"}, ROW]


def test_whole_numbers_that_no_model_tells_apart_are_refused_as_in_a_table():
    rules = parse_rules({"schema": 1, "columns": [{"name": "age", "type": "integer"}]})
    for value, passes in ((2**53 - 1, True), (-(2**53) + 1, True), (2**53, False), (-(10**30), False)):
        body = json.dumps([{"age": value}, {"age": None}]).encode()
        if passes:
            assert parse_request(body, Wanted({"age": "integer"}, frozenset({"age"}), rules)).count == 2
            continue
        with pytest.raises(
            RequestError, match=r"row 0: feature 'age' must be at (most|least) -?9007199254740991\. Got"
        ):
            parse_request(body, Wanted({"age": "integer"}, frozenset({"age"}), rules))
