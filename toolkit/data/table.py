"""Read a table file into Arrow, or say exactly why not; write it as Parquet, the same bytes every time."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.csv
import pyarrow.parquet

from toolkit.artifacts import atomic
from toolkit.data.missing import MISSING
from toolkit.data.sources.columns import check_columns, list_some
from toolkit.data.sources.csv_file import CsvReader
from toolkit.data.sources.opening import open_file
from toolkit.data.sources.raw_bytes import open_bytes
from toolkit.errors import DataError, count_of, suggest
from toolkit.paths import tell_path


def load_table(path: Path, key: str | None, text: Iterable[str] = ()) -> pa.Table:
    """Read a whole table file (CSV, JSON Lines, Parquet, Arrow) into memory.

    The key (None: it needs none) and the columns in ``text`` come as strings; a CSV's other types are inferred.

    Raises
    ------
    DataError
        The file is missing, empty, cut short or in another encoding; columns are unnamed, doubled or nested; the
        key column is missing, or its values are missing or doubled.
    """
    source = open_file(path)
    strings = {*text, *([] if key is None else [key])}
    if source.text and path.stat().st_size:
        table = _load_csv(path, strings)
    else:
        batches = list(source.parts[0].batches())
        table = pa.Table.from_batches(batches, schema=source.columns)
        if source.format == "jsonl":
            table = _read_times(table, strings)
    if table.num_rows == 0:
        raise DataError(
            f"{tell_path(path)} must have rows and has none, only the columns {list_some(table.column_names)}."
        )
    if key is not None and key not in table.column_names:
        raise DataError(
            f"{tell_path(path)} must have the key column '{key}' and has not.{suggest(key, table.column_names)} "
            f"Its columns are {list_some(table.column_names)}. Name the key in params.yaml."
        )
    for name in strings & set(table.column_names):
        table = table.set_column(table.column_names.index(name), name, as_strings(table[name]))
    if key is not None:
        check_key(table, key, tell_path(path))
    return table


def check_key(table: pa.Table, key: str, file: str) -> None:
    """Check that the key (strings) names each row: none missing, none doubled.

    Raises
    ------
    DataError
        With the first rows that are wrong, counted from 1.
    """
    column = table[key].combine_chunks()
    missing = np.flatnonzero(
        pc.or_kleene(pc.is_null(column), pc.equal(column, "")).fill_null(True).to_numpy(False)
    )
    if len(missing):
        raise DataError(
            f"{file}: every row must have a key in '{key}'. {len(missing)} of {len(column)} without one, "
            f"first row {missing[0] + 1}. Fill it, or name another key in params.yaml."
        )
    counts = column.value_counts()
    doubled = counts.filter(pc.greater(counts.field("counts"), 1)).field("values").to_pylist()
    if doubled:
        rows = [row + 1 for row, value in enumerate(column.to_pylist()) if value == doubled[0]]
        raise DataError(
            f"{file}: the key '{key}' must be unique. Got {count_of(len(doubled), 'value')} more than once, "
            f"first '{doubled[0]}' in rows {list_some(rows)}. Remove the repeated rows, or name another key in "
            "params.yaml."
        )


def as_strings(column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Give a column as strings: 7 and 7.0 both as "7"; "007" stays."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        column = column.cast(kind.value_type)
    elif pa.types.is_floating(kind):
        whole = pc.and_(pc.equal(pc.trunc(column), column), pc.is_finite(column))
        column = column.cast(pa.int64()) if pc.all(whole).as_py() is not False else column
    return column.cast(pa.string())


def tell_mixed(column: pa.ChunkedArray) -> str:
    """Name the first text in a column whose values are numbers otherwise, as a sentence with a leading blank."""
    filled = [(row, value) for row, value in enumerate(column.to_pylist(), 1) if value is not None]
    texts = [(row, value) for row, value in filled if not _is_number(value)]
    if not texts or len(texts) > len(filled) / 2:
        return ""
    row, value = texts[0]
    return (
        f" {len(filled) - len(texts)} of its {len(filled)} values are numbers; the first that is none is "
        f"{value[:40]!r} in row {row}: correct it, or leave it empty."
    )


def write_table(path: Path, table: pa.Table) -> None:
    """Write a Parquet file atomically, without metadata of other programs."""
    with atomic(path) as temporary:
        pyarrow.parquet.write_table(table.replace_schema_metadata(None), temporary, compression="zstd")


def load_parquet(path: Path) -> pa.Table:
    """Read a Parquet file that another stage wrote.

    Raises
    ------
    DataError
        The file cannot be read.
    """
    try:
        return pyarrow.parquet.read_table(path, partitioning=None)
    except FileNotFoundError:
        raise DataError(f"{tell_path(path)} must exist and does not.") from None
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{tell_path(path)} must be a whole Parquet file. {error}") from None


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _load_csv(path: Path, strings: set[str]) -> pa.Table:
    reader, name = CsvReader(), tell_path(path)
    schema = reader.load_columns(path, name)
    check_columns(schema, name)
    options = pyarrow.csv.ConvertOptions(
        column_types=dict.fromkeys(strings, pa.string()),
        null_values=["", *MISSING],
        strings_can_be_null=False,
    )
    with open_bytes(path) as file:
        content = file.read_buffer()
    # Types are inferred from the first block: one block sees the whole file.
    blocks = pyarrow.csv.ReadOptions(use_threads=False, block_size=min(content.size + 1, 2**31 - 1))
    newlines = pyarrow.csv.ParseOptions(newlines_in_values=True)
    try:
        table = pyarrow.csv.read_csv(
            pa.BufferReader(content), read_options=blocks, parse_options=newlines, convert_options=options
        )
    except pa.ArrowInvalid as error:
        reason = str(error)
    else:
        if not any(pa.types.is_binary(kind) for kind in table.schema.types):
            return _blank_to_null(table)
        reason = "It has other bytes than UTF-8"
    for _ in reader.iterate(path, name, schema):  # finds the rows or the line that is wrong
        pass
    raise DataError(f"{name} must be a CSV file with a header. {reason}.")


def _read_times(table: pa.Table, strings: set[str]) -> pa.Table:
    """Take JSON's texts for times where all of a column are, as a CSV's are: with an offset they are UTC."""
    for index, field in enumerate(table.schema):
        column = table.column(index)
        if field.name in strings or not pa.types.is_string(field.type) or column.null_count == len(column):
            continue
        for kind in (pa.timestamp("us"), pa.timestamp("us", "UTC")):
            with suppress(pa.ArrowInvalid):
                table = table.set_column(index, field.name, column.cast(kind))
                break
    return table


def _blank_to_null(table: pa.Table) -> pa.Table:
    """Make empty text a missing value."""
    columns = [
        pc.if_else(pc.equal(column, ""), pa.scalar(None, pa.string()), column)
        if pa.types.is_string(column.type)
        else column
        for column in table.columns
    ]
    return pa.Table.from_arrays(columns, names=table.column_names)
