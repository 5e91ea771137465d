"""What a column is, and what can be a feature."""

import datetime
import json
from typing import Any

import pyarrow as pa
import pytest

from toolkit.data.schema import infer_schema, parse_schema
from toolkit.errors import DataError

ROWS = 100
COLUMNS = {
    "id": [f"r{n}" for n in range(ROWS)],
    "number": [n / 2 for n in range(ROWS)],
    "integer": list(range(ROWS)),
    "boolean": [n % 2 == 0 for n in range(ROWS)],
    "category": [("red", "blue", None)[n % 3] for n in range(ROWS)],
    "text": [f"words {n}" for n in range(ROWS)],
    "time": [datetime.date(2026, 1, 1 + n % 28) for n in range(ROWS)],
}


def refuse(table: pa.Table, exclude: list[str]) -> list[str]:
    with pytest.raises(DataError) as caught:
        infer_schema(table, "id", exclude)
    return str(caught.value).splitlines()


def test_types_roles_and_ranges_are_found() -> None:
    schema = infer_schema(pa.table(COLUMNS), "id", ["text", "time"])
    columns = {column.name: column for column in schema.columns}
    assert {name: column.type for name, column in columns.items() if name != "id"} == {
        n: n for n in COLUMNS if n != "id"
    }
    assert columns["id"].role == "key" and columns["text"].role == "excluded"
    assert (columns["number"].min, columns["number"].max) == (0.0, 49.5)
    assert columns["category"].categories == ("blue", "red") and columns["category"].missing == 33
    assert columns["time"].min == "2026-01-01"
    assert schema.kinds == {
        "number": "number",
        "integer": "integer",
        "boolean": "boolean",
        "category": "category",
    }


def test_the_schema_survives_json() -> None:
    schema = infer_schema(pa.table(COLUMNS), "id", ["text", "time"])
    assert parse_schema(json.loads(json.dumps(schema.to_dict(), allow_nan=False))) == schema


def test_nan_counts_as_missing() -> None:
    table = pa.table({"id": ["a", "b"], "n": [float("nan"), 2.0]})
    column = infer_schema(table, "id").columns[1]
    assert (column.missing, column.min, column.max) == (1, 2.0, 2.0)


def test_all_columns_that_can_be_no_feature_are_named_at_once() -> None:
    table = pa.table({**COLUMNS, "empty": [None] * ROWS, "endless": [float("inf")] * ROWS})
    lines = refuse(table, ["tex"])
    assert [line.split(" must")[0] for line in lines] == [
        "collect.exclude: 'tex'",
        "column 'text'",
        "column 'time'",
        "column 'empty'",
        "column 'endless'",
    ]
    assert lines[0].endswith("Did you mean 'text'?")
    assert "Add it to collect.exclude" in lines[1]


def test_the_key_cannot_be_excluded() -> None:
    assert "is the key" in refuse(pa.table({"id": ["a"], "n": [1]}), ["id"])[0]


def test_a_table_without_features_is_refused() -> None:
    assert "at least one feature" in refuse(pa.table({"id": ["a"], "n": [1]}), ["n"])[0]


@pytest.mark.parametrize(
    "value", [None, [], {"schema": 2}, {"schema": 1}, {"schema": 1, "columns": [{"x": 1}]}]
)
def test_a_damaged_schema_is_refused(value: Any) -> None:
    with pytest.raises(DataError, match="dvc repro collect"):
        parse_schema(value)


def test_a_text_among_numbers_is_named() -> None:
    values = [*map(str, range(60)), "n/k", "?", None]
    table = pa.table({"id": [f"r{n}" for n in range(63)], "n": values})
    (finding,) = refuse(table, [])
    assert "It is text. 60 of its 62 values are numbers; the first that is none is 'n/k' in row 61" in finding
