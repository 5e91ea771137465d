"""A feature is the same number, to the last bit, for a row and for a table."""

import json
import math
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.artifacts import write_json
from toolkit.errors import FeatureError
from toolkit.features import Features, load_features

KINDS = {"size": "number", "count": "integer", "ok": "boolean", "color": "category"}
TRAIN = {
    "size": [1.5, None, 2.0],
    "count": [3, 4, 5],
    "ok": [True, False, None],
    "color": ["red", "blue", "red"],
}
numbers = st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(2**70), 2**70)
rows = st.fixed_dictionaries(
    {
        "size": st.none() | st.just(math.nan) | numbers,
        "count": st.none() | st.integers(-(2**63), 2**63 - 1) | st.integers(-1000, 1000).map(float),
        "ok": st.none() | st.booleans(),
        "color": st.none() | st.sampled_from(["red", "blue", "unseen", ""]) | st.text(max_size=5),
    }
)


@pytest.fixture(scope="module")
def features() -> Features:
    return Features.fit(TRAIN, KINDS)


def bits(values: np.ndarray) -> bytes:
    return np.ascontiguousarray(values, dtype=np.float64).tobytes()


@settings(max_examples=200, deadline=None)
@given(st.lists(rows, min_size=1, max_size=8))
def test_a_row_is_bit_equal_to_its_row_in_the_matrix(records: list[dict[str, Any]]) -> None:
    features = Features.fit(TRAIN, KINDS)
    columns = {name: [record[name] for record in records] for name in KINDS}
    matrix = features.matrix(columns)
    assert matrix.flags.c_contiguous and matrix.dtype == np.float64
    for index, record in enumerate(records):
        assert bits(features.row(record)) == bits(matrix[index])


@settings(max_examples=100, deadline=None)
@given(st.lists(st.floats(allow_infinity=False), min_size=1, max_size=20))
def test_arrays_and_lists_give_the_same_bits(values: list[float]) -> None:
    features = Features.fit({"a": values}, {"a": "number"})
    assert bits(features.matrix({"a": np.array(values)})) == bits(features.matrix({"a": values}))
    with np.errstate(over="ignore"):
        small = np.array(values, dtype=np.float32)
    if np.isfinite(small).all():
        assert bits(features.matrix({"a": small})) == bits(features.matrix({"a": small.tolist()}))


@pytest.mark.parametrize("dtype", ["int8", "int64", "uint16", "float32", "float64"])
def test_numeric_arrays_of_any_width_are_taken(dtype: str) -> None:
    features = Features.fit({"a": np.array([1, 2, 3], dtype=dtype)}, {"a": "integer"})
    assert features.matrix({"a": np.array([7], dtype=dtype)}).tolist() == [[7.0]]


def test_json_values_through_a_round_trip_give_the_same_row(features: Features) -> None:
    again = Features.from_dict(json.loads(json.dumps(features.to_dict())))
    row = {"size": 0.1, "count": 3, "ok": True, "color": "red"}
    assert bits(again.row(row)) == bits(features.row(row))
    assert again.to_dict() == features.to_dict()
    assert again.features == features.features


def test_the_file_is_read_back(tmp_path: Path, features: Features) -> None:
    write_json(tmp_path / "features.json", features.to_dict())
    assert load_features(tmp_path / "features.json").to_dict() == features.to_dict()


def test_categories_are_numbered_in_sorted_order_and_unseen_ones_are_missing(features: Features) -> None:
    assert features.features[3].state == {"categories": ["blue", "red"]}
    codes = features.matrix({**TRAIN, "color": ["blue", "red", "green"]})[:, 3]
    assert codes[:2].tolist() == [0.0, 1.0] and math.isnan(codes[2])
    assert features.categorical == (3,)


def test_it_is_remembered_which_features_training_rows_lacked(features: Features) -> None:
    assert features.nullable == {"size", "ok"}


@pytest.mark.parametrize(
    ("name", "value", "wanted"),
    [
        ("size", "1.5", "a finite number"),
        ("size", True, "a finite number"),
        ("size", math.inf, "a finite number"),
        ("size", 10**400, "a finite number"),
        ("size", [1], "a finite number"),
        ("count", 2.5, "a whole number"),
        ("count", False, "a whole number"),
        ("ok", 1, "true or false"),
        ("ok", "true", "true or false"),
        ("color", 3, "text"),
        ("color", {"a": 1}, "text"),
    ],
)
def test_a_value_of_another_kind_is_refused_by_name(
    features: Features, name: str, value: object, wanted: str
) -> None:
    row = {"size": 1.0, "count": 1, "ok": True, "color": "red"} | {name: value}
    message = rf"feature '{name}' must be {wanted} or null \(missing\). Got "
    with pytest.raises(FeatureError, match=message):
        features.row(row)
    columns = {
        key: [good, row[key]] for key, good in {"size": 1.0, "count": 1, "ok": True, "color": "red"}.items()
    }
    with pytest.raises(FeatureError, match=f"row 2: {message}"):
        features.matrix(columns)


@pytest.mark.parametrize("value", [np.inf, -np.inf])
def test_infinity_in_an_array_is_refused_with_its_row(value: float) -> None:
    features = Features.fit({"a": [1.0]}, {"a": "number"})
    with pytest.raises(FeatureError, match="row 3: feature 'a' must be a finite number"):
        features.matrix({"a": np.array([0.0, np.nan, value])})


def test_a_fraction_in_an_integer_array_is_refused_with_its_row() -> None:
    features = Features.fit({"a": [1.0]}, {"a": "integer"})
    with pytest.raises(
        FeatureError, match=r"row 2: feature 'a' must be a whole number or null \(missing\). Got 0.5"
    ):
        features.matrix({"a": np.array([np.nan, 0.5])})


def test_all_findings_of_a_row_come_at_once(features: Features) -> None:
    with pytest.raises(FeatureError) as caught:
        features.row({"size": "big", "count": 0.5, "colour": "red", "ok": True})
    assert str(caught.value).splitlines() == [
        "feature 'color' must be among the row's keys and is not. Did you mean 'colour'?",
        "feature 'size' must be a finite number or null (missing). Got 'big' instead.",
        "feature 'count' must be a whole number or null (missing). Got 0.5 instead.",
    ]


def test_a_missing_column_is_named(features: Features) -> None:
    with pytest.raises(
        FeatureError, match=r"2 features must be among the table's columns and are not: 'ok', 'color'"
    ):
        features.matrix({"size": [1.0], "count": [1]})


def test_columns_of_different_length_are_refused(features: Features) -> None:
    with pytest.raises(FeatureError, match="same number of rows"):
        features.matrix({**TRAIN, "size": [1.0]})


def test_an_empty_table_gives_an_empty_matrix(features: Features) -> None:
    assert features.matrix({name: [] for name in KINDS}).shape == (0, 4)


INPUT = {"name": "a", "kind": "number", "missing": False}
FITTED = {"name": "a", "maker": "number", "inputs": ["a"], "params": {}, "state": {}}


def damaged(**parts: Any) -> dict[str, Any]:
    return {"schema": 2, "code": "", "inputs": [INPUT], "features": [FITTED]} | parts


@pytest.mark.parametrize(
    "value",
    [
        None,
        [],
        {},
        {"schema": 1, "features": []},
        {"schema": 2},
        {"schema": 2, "inputs": [], "features": []},
        damaged(features=[{"name": "a"}]),
        damaged(features=["a"]),
        damaged(features=[FITTED | {"maker": "magic"}]),
        damaged(features=[FITTED | {"inputs": ["b"]}]),
        damaged(features=[FITTED] * 2),
        damaged(inputs=[INPUT | {"kind": "colour"}]),
        damaged(inputs=[INPUT] * 2),
        damaged(features=[FITTED | {"maker": "function"}]),
        damaged(features=[FITTED | {"maker": "category", "state": {"categories": ["x", "x"]}}]),
    ],
)
def test_a_damaged_description_is_refused(value: Any) -> None:
    with pytest.raises(FeatureError):
        Features.from_dict(value)


def test_an_unknown_kind_names_the_valid_ones() -> None:
    with pytest.raises(FeatureError, match="number, integer, boolean, category, text, time"):
        Features.fit({"a": [1]}, {"a": "image"})


def test_a_row_of_thirty_numbers_takes_tens_of_microseconds() -> None:
    """A bound with room for a busy machine: the best of many rounds took 3 microseconds when this was written."""
    names = [f"f{index}" for index in range(30)]
    features = Features.fit({name: [0.5] for name in names}, dict.fromkeys(names, "number"))
    row = dict.fromkeys(names, 0.25)
    best = math.inf
    for _ in range(200):
        start = time.perf_counter()
        features.row(row)
        best = min(best, time.perf_counter() - start)
    assert best < 50e-6
