"""A person's function is called alike for a row and a table; what it must not give is refused by name."""

import math
from datetime import datetime
from typing import Any

import numpy as np
import pytest

from toolkit.errors import FeatureError
from toolkit.features import Definition, Features

TRAIN = {
    "a": [1.0, 2.0, 4.0],
    "n": [3, 4, 5],
    "at": np.array(["2026-06-30T22:30", "2026-07-01T09:00", "2026-12-31T23:30"], "datetime64[us]"),
}
KINDS = {"a": "number", "n": "integer", "at": "time"}


def fit(function: Any, *inputs: str, returns: str = "number", train: Any = TRAIN) -> Features:
    definition = Definition("made", "function", inputs, function=function, returns=returns)
    return Features.fit(train, KINDS, [definition], {"at": "Europe/Berlin"})


def test_values_come_as_a_person_expects_them() -> None:
    seen: list[tuple[Any, ...]] = []
    features = fit(lambda *values: seen.append(values) or 1.0, "a", "n", "at")
    (number, whole, moment) = seen[0]
    assert (type(number), type(whole), type(moment)) == (float, int, datetime)
    assert (moment.day, moment.hour, str(moment.tzinfo)) == (1, 0, "Europe/Berlin")
    seen.clear()
    features.row({"a": 1, "n": 3.0, "at": "2026-06-30T18:30:00-04:00"})
    assert [repr(values) for values in seen] == [repr((1.0, 3, moment))]


@pytest.mark.parametrize(
    ("given", "returns", "message"),
    [
        (
            math.inf,
            "number",
            "must give a finite number that 64 bits can hold, or None for missing. Got inf for a=1.0",
        ),
        (10**400, "number", "must give a finite number that 64 bits can hold, or None for missing. Got 1000"),
        (
            -(10**400),
            "integer",
            "must give a finite number that 64 bits can hold, or None for missing. Got -1000",
        ),
        ("x", "number", "says that it returns number. Got 'x' .str. for a=1.0 instead"),
        ([1], "number", r"says that it returns number. Got \[1\] .list. for a=1.0 instead"),
        ({}, "category", r"says that it returns category. Got \{\} .dict. for a=1.0 instead"),
        (1.5, "integer", "says that it returns integer. Got 1.5 .float. for a=1.0 instead"),
        (1, "boolean", "says that it returns boolean. Got 1 .int. for a=1.0 instead"),
        (2, "category", "says that it returns category. Got 2 .int. for a=1.0 instead"),
    ],
)
def test_what_a_model_cannot_take_is_refused_with_its_row(given: Any, returns: str, message: str) -> None:
    with pytest.raises(FeatureError, match=f"row 1: feature 'made' {message}"):
        fit(lambda a: given, "a", returns=returns)


def test_missing_where_no_training_row_was_is_refused_as_a_model_takes_it_for_zero() -> None:
    features = fit(lambda a: None if a > 10 else a, "a")
    row = {"a": 11.0, "n": 1, "at": "2026-01-01T00:00:00Z"}
    with pytest.raises(FeatureError, match=r"feature 'made' must give a number.*Got None for a=11.0"):
        features.row(row)
    with pytest.raises(FeatureError, match="row 2: feature 'made' must give a number"):
        features.matrix({name: [5.0 if name == "a" else value, value] for name, value in row.items()})
    with pytest.raises(FeatureError, match="row 1: feature 'made' must give a number"):
        features.matrix(
            {name: [5.0 if name == "a" else value, value] for name, value in row.items()}, first_row=0
        )
    learnt = fit(lambda a: None if a > 3 else a, "a")
    assert math.isnan(learnt.row(row)[-1])


def test_a_function_s_texts_are_categories_of_training_rows() -> None:
    features = fit(lambda n: "odd" if n % 2 else "even", "n", returns="category")
    assert features.categorical == (len(features.names) - 1,)
    assert features.matrix(TRAIN)[:, -1].tolist() == [1.0, 0.0, 1.0]
    other = fit(lambda n: "big" if n > 9 else "small", "n", returns="category")
    assert math.isnan(other.row({"a": 1, "n": 10, "at": "2026-01-01T00:00:00Z"})[-1])


def test_text_that_no_file_can_hold_is_refused() -> None:
    with pytest.raises(FeatureError, match=r"'made' must give text that UTF-8 can hold. Got '.ud800b'"):
        fit(lambda a: "\ud800b", "a", returns="category")


def test_leaving_the_program_is_told_as_any_failure() -> None:
    def leave(a: float) -> float:
        raise SystemExit

    with pytest.raises(
        FeatureError, match=r"row 1: feature 'made' must give a value.* it raised SystemExit: no reason"
    ):
        fit(leave, "a")


@pytest.mark.parametrize("given", [np.float64(2.5), np.float32(2.5), np.array(2.5)])
def test_numpy_s_scalars_are_numbers(given: Any) -> None:
    assert fit(lambda a: given, "a").matrix(TRAIN)[:, -1].tolist() == [2.5] * 3


def test_features_of_functions_need_the_functions() -> None:
    value = fit(lambda a: a, "a").to_dict()
    with pytest.raises(
        FeatureError, match=r"feature 'made' was made by a function of definitions.py, which has none"
    ):
        Features.from_dict(value)


def test_what_is_wrong_with_several_definitions_is_told_at_once() -> None:
    definitions = [
        Definition("one", "function", ("a",), function=lambda a: "x"),
        Definition("two", "function", ("b",), function=lambda b: b),
    ]
    with pytest.raises(FeatureError) as caught:
        Features.fit(TRAIN, KINDS, definitions)
    assert [line.split(" ")[:4][-2:] for line in str(caught.value).splitlines()] == [
        ["feature", "'one'"],
        ["takes", "'b',"],
    ]


def test_a_row_of_a_later_block_is_named_by_its_place_in_the_table() -> None:
    values = np.arange(70_000.0)
    definition = Definition(
        "made", "function", ("a",), function=lambda a: 1 / (a - 66_000) if a != 66_000 else "?"
    )
    with pytest.raises(FeatureError, match="row 66001: feature 'made' says that it returns number"):
        Features.fit({"a": values}, {"a": "number"}, [definition])
