"""Arrow columns come as NumPy arrays in one form, from memory as from files, at once as in blocks."""

import datetime as dt

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.columns import ParquetColumns, as_array, get_columns, iterate_columns
from toolkit.errors import DataError

NOON = dt.datetime(2026, 3, 1, 12)
TABLE = pa.table(
    {
        "n": pa.array([1, None, 3, 4], pa.int64()),
        "whole": pa.array([1, 2, 3, 4], pa.int64()),
        "x": pa.array([0.5, None, float("nan"), 2.0]),
        "yes": pa.array([True, None, False, True]),
        "no": pa.array([True, True, False, True]),
        "text": pa.array(["a", None, "", "ü"]),
        "code": pa.array(["a", "b", "a", None]).dictionary_encode(),
        "at": pa.array([NOON, None, NOON, NOON], pa.timestamp("ms")),
        "utc": pa.array([NOON, None, NOON, NOON], pa.timestamp("ns", "Europe/Berlin")),
        "day": pa.array([NOON.date(), None, None, NOON.date()]),
        "price": pa.array([None, 1, 2, 3], pa.decimal128(9, 2)),
    }
)


def same(left: np.ndarray, right: np.ndarray) -> bool:
    if left.dtype == object or left.dtype.kind == "b":
        return left.dtype == right.dtype and left.tolist() == right.tolist()
    return left.dtype == right.dtype and np.array_equal(left, right, equal_nan=True)


def test_each_type_has_its_form() -> None:
    columns = get_columns(TABLE, TABLE.column_names)
    kinds = {name: str(values.dtype) for name, values in columns.items()}
    assert kinds == {
        "n": "float64",
        "whole": "int64",
        "x": "float64",
        "price": "float64",
        "yes": "object",
        "no": "bool",
        "text": "object",
        "code": "object",
        **dict.fromkeys(("at", "utc", "day"), "datetime64[us]"),
    }
    assert columns["text"].tolist() == ["a", None, "", "ü"] and columns["code"].tolist() == [
        "a",
        "b",
        "a",
        None,
    ]
    noon = np.datetime64("2026-03-01T12:00:00", "us")
    assert columns["at"][0] == noon and np.isnat(columns["at"][1])
    assert columns["utc"][0] == np.datetime64(NOON, "us")  # the instant, in UTC
    assert columns["day"][0] == np.datetime64("2026-03-01", "us")


def test_files_give_the_same_as_memory_at_once_and_in_blocks(tmp_path) -> None:
    paths = [tmp_path / "a.parquet", tmp_path / "b.parquet"]
    pq.write_table(TABLE, paths[0], row_group_size=2)
    pq.write_table(TABLE.slice(0, 3), paths[1])
    lazy = ParquetColumns(paths, ["n", "text", "at", "yes"])
    whole = pa.concat_tables([TABLE, TABLE.slice(0, 3)])
    for name in lazy:
        assert same(lazy[name], as_array(whole[name])), name
    blocks = list(iterate_columns(paths[0], ["n", "text"], rows=1))
    assert [len(block["n"]) for block in blocks] == [1, 1, 1, 1]
    for name in ("n", "text"):
        assert same(np.concatenate([block[name] for block in blocks]), as_array(TABLE[name]))
    assert len(lazy) == 4 and "x" not in lazy
    with pytest.raises(KeyError):
        lazy["x"]


def test_what_is_not_there_is_named(tmp_path) -> None:
    path = tmp_path / "a.parquet"
    pq.write_table(TABLE.select(["n", "x"]), path)
    with pytest.raises(
        DataError, match=r"a.parquet must have the columns text, at and has not. Its columns are n, x"
    ):
        ParquetColumns([path], ["n", "text", "at"])
    with pytest.raises(DataError, match="must exist"):
        ParquetColumns([tmp_path / "b.parquet"])
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(DataError, match="whole Parquet file"):
        list(iterate_columns(path, ["n"]))


@given(st.lists(st.lists(st.none() | st.text(max_size=3), max_size=8), max_size=4))
@pytest.mark.parametrize("kind", [pa.string(), pa.large_string(), pa.dictionary(pa.int32(), pa.string())])
def test_texts_come_as_they_are_and_equal_ones_of_a_chunk_are_one_object(
    kind: pa.DataType, chunks: list
) -> None:
    column = pa.chunked_array([pa.array(chunk, pa.string()).cast(kind) for chunk in chunks], kind)
    found = as_array(column)
    assert found.dtype == object and found.tolist() == column.to_pylist()


def test_a_category_of_many_rows_takes_no_text_a_row() -> None:
    found = as_array(pa.array(["a rather long name", "another", None] * 1000))
    assert len(set(map(id, found.tolist()))) == 3
