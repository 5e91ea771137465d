"""What a column is, and what can be a feature."""

import datetime

import pyarrow as pa
import pytest

from toolkit.data.describe import infer_schema
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
    schema = infer_schema(pa.table(COLUMNS), "id", ["text"])
    columns = {column.name: column for column in schema.columns}
    assert {name: column.type for name, column in columns.items() if name != "id"} == {
        name: name for name in COLUMNS if name != "id"
    }
    assert columns["id"].role == "key" and columns["text"].role == "excluded"
    assert (columns["number"].min, columns["number"].max) == (0.0, 49.5)
    assert columns["category"].categories == ("blue", "red") and columns["category"].missing == 33
    assert columns["time"].min == "2026-01-01"
    assert list(schema.kinds) == ["number", "integer", "boolean", "category", "time"]


def test_nan_counts_as_missing() -> None:
    column = infer_schema(pa.table({"id": ["a", "b"], "n": [float("nan"), 2.0]}), "id").columns[1]
    assert (column.missing, column.min, column.max, column.optional) == (1, 2.0, 2.0, True)


def test_all_columns_that_can_be_no_feature_are_named_at_once() -> None:
    table = pa.table({**COLUMNS, "empty": [None] * ROWS, "endless": [float("inf")] * ROWS})
    text = "\n".join(refuse(table, ["tex"]))
    assert "collect.exclude: 'tex' must be a column of the table and is not. Did you mean 'text'?" in text
    assert "column 'empty' must have a value in some row to be a feature" in text
    assert "column 'endless' must have finite numbers. 100 of 100 rows break this: rows 1, 2, 3, 4, 5" in text


def test_the_key_cannot_be_excluded() -> None:
    assert "is the key" in refuse(pa.table({"id": ["a"], "n": [1]}), ["id"])[0]


def test_a_table_without_features_is_refused() -> None:
    assert "at least one feature" in refuse(pa.table({"id": ["a"], "n": [1]}), ["n"])[0]


@pytest.mark.parametrize("zone", [None, "UTC"])
def test_times_that_no_feature_can_be_made_of_are_told_unless_excluded(zone: str | None) -> None:
    ends = pa.array([datetime.datetime(2024, 1, 1), datetime.datetime(9999, 12, 31)]).cast(
        pa.timestamp("us", zone)
    )
    table = pa.table({"id": ["a", "b"], "n": [1, 2], "until": ends})
    (line,) = refuse(table, [])
    assert (
        "column 'until' must have times from 0001-01-03 to 9999-12-29 to be a feature. It has 2024-01-01"
        in line
    )
    assert infer_schema(table, "id", ["until"]).kinds == {"n": "integer"}
