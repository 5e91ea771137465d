"""The schema survives its file, and damage to it is told."""

import json
from typing import Any

import pytest

from toolkit.data.schema import Column, Schema, parse_schema
from toolkit.errors import DataError

SCHEMA = Schema(
    "id",
    3,
    ("label",),
    (
        Column("id", "text", "key"),
        Column("age", "integer", "feature", 0, 0, 99, unit="years", personal=True, minimum=0, optional=True),
        Column("city", "category", "feature", 1, categories=("Bonn", "Ulm"), allowed=("Bonn", "Ulm")),
        Column("seen", "time", "feature", 0, "2024-01-01T00:00:00Z", "2024-02-01T00:00:00Z", zone="UTC"),
        Column("label", "boolean", "excluded", meaning="what is to be told"),
    ),
)


def test_the_schema_survives_json() -> None:
    assert parse_schema(json.loads(json.dumps(SCHEMA.to_dict(), allow_nan=False))) == SCHEMA


def test_a_bound_of_zero_is_kept_and_what_a_column_has_not_is_left_out() -> None:
    columns = SCHEMA.to_dict()["columns"]
    assert columns[1] == {
        "name": "age",
        "type": "integer",
        "role": "feature",
        "missing": 0,
        "min": 0,
        "max": 99,
        "unit": "years",
        "personal": True,
        "optional": True,
        "minimum": 0,
    }
    assert columns[0] == {"name": "id", "type": "text", "role": "key", "missing": 0}


def test_features_alone_have_kinds() -> None:
    assert SCHEMA.kinds == {"age": "integer", "city": "category", "seen": "time"}


@pytest.mark.parametrize(
    "value", [None, [], {"schema": 2}, {"schema": 1}, {"schema": 1, "columns": [{"x": 1}]}]
)
def test_a_damaged_schema_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="dvc repro collect"):
        parse_schema(value)
