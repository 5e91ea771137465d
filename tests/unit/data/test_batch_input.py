"""A table to predict is read as the training table was, or it is said what differs."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.data.batch_input import load_batch_input
from toolkit.errors import DataError

COLUMNS = {
    "price": {"type": "number"},
    "rooms": {"type": "integer"},
    "open": {"type": "boolean"},
    "city": {"type": "category"},
    "at": {"type": "time", "zone": "Europe/Berlin"},
    "day": {"type": "time", "format": "%d.%m.%Y"},
    "label": {"type": "category"},
    "id": {"type": "text"},
}
GERMAN = {
    "delimiter": ";",
    "decimal": ",",
    "thousands": ".",
    "encoding": "latin-1",
    "format": "auto",
    "pattern": "*.csv",
}
HEAD = "id;price;rooms;open;city;at;day;label;notes"
ROWS = [
    "007;1.234,56;3;true;Köln;2026-03-28T12:00;31.12.2025;1;x",
    "8;0,5;;false;;2026-07-01T12:00:00+00:00;01.02.2025;0;y",
]


def load(path: Path, **options: Any) -> pa.Table:
    return load_batch_input(path, {"options": GERMAN | options, "columns": COLUMNS})


def write(path: Path, *rows: str) -> Path:
    path.write_text("\n".join([HEAD, *rows]) + "\n", encoding="latin-1")
    return path


def test_a_csv_is_read_as_the_training_table_was(tmp_path: Path) -> None:
    table = load(write(tmp_path / "t.csv", *ROWS))
    assert table.to_pylist() == [
        {
            "id": "007",
            "price": 1234.56,
            "rooms": 3,
            "open": True,
            "city": "Köln",
            "at": datetime(2026, 3, 28, 11, tzinfo=UTC),
            "day": datetime(2025, 12, 31),
            "label": "1",
        },
        {
            "id": "8",
            "price": 0.5,
            "rooms": None,
            "open": False,
            "city": None,
            "at": datetime(2026, 7, 1, 12, tzinfo=UTC),
            "day": datetime(2025, 2, 1),
            "label": "0",
        },
    ]


def test_parts_of_a_folder_are_one_table(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    for name, row in zip("ab", ROWS, strict=True):
        write(tmp_path / "parts" / f"{name}.csv", row)
    (tmp_path / "parts" / "read.me").write_text("no part")
    assert load(tmp_path / "parts").equals(load(write(tmp_path / "t.csv", *ROWS)))


def test_a_typed_file_is_brought_to_the_same_types_and_other_columns_may_hold_anything(
    tmp_path: Path,
) -> None:
    table = pa.table(
        {
            "price": pa.array([Decimal("1.5")]),
            "city": pa.array([7]),
            "at": pa.array([datetime(2026, 3, 28, 12)], pa.timestamp("ns")),
            "label": pa.array([1], pa.int8()),
            "tags": pa.array([["a", "b"]]),
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    assert load(tmp_path / "t.parquet").to_pylist() == [
        {"price": 1.5, "city": "7", "at": datetime(2026, 3, 28, 11, tzinfo=UTC), "label": "1"}
    ]


def test_all_values_that_are_not_of_their_column_are_told_with_part_and_row(tmp_path: Path) -> None:
    (tmp_path / "parts").mkdir()
    write(tmp_path / "parts" / "a.csv", *ROWS)
    write(tmp_path / "parts" / "b.csv", ROWS[0], "9;n/k;2,5;true;Bonn;2026-03-29T02:30;2025-01-31;1;z")
    with pytest.raises(DataError) as caught:
        load(tmp_path / "parts")
    told = str(caught.value)
    for part in (
        "'price' must be a number",
        "'rooms' must be a whole number",
        "'at' must",
        "'day' must be a time written as %d.%m.%Y",
    ):
        assert part in told
    assert "n/k" in told and "b.csv row 2" in told
    assert told.endswith("correct the table.")


def test_what_is_no_table_is_refused(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"must exist and does not\. Check predict\.input"):
        load(tmp_path / "no.csv")
    (tmp_path / "empty.csv").write_text("")
    with pytest.raises(DataError, match=r"empty \(0 bytes\)"):
        load(tmp_path / "empty.csv")
    with pytest.raises(DataError, match="must have rows and has none"):
        load(write(tmp_path / "head.csv"))
    (tmp_path / "q.sql").write_text("select 1")
    with pytest.raises(DataError, match="must be CSV, JSON Lines, Parquet or Arrow, and is sql"):
        load(tmp_path / "q.sql")
