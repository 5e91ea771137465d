"""Columns of Arrow tables and Parquet files as the NumPy arrays that features and profiles take.

Numbers are arrays of their type, or float64 with NaN where values are missing; booleans with missing values, categories
and texts are object arrays with None; times are datetime64[us] with NaT, in UTC if the column has a zone.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.errors import DataError

BLOCK_ROWS = 65_536  # rows in memory at a time, and in a row group of the Parquet files that stages write


def get_columns(table: pa.Table, names: Iterable[str]) -> dict[str, np.ndarray]:
    """Give columns of a table as NumPy arrays."""
    return {name: as_array(table[name]) for name in names}


def as_array(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Give one Arrow column as a NumPy array (n,)."""
    kind = column.type
    if pa.types.is_dictionary(kind):
        return as_array(column.cast(kind.value_type))
    if _is_text(kind):
        return _as_objects(column)
    if pa.types.is_boolean(kind) and column.null_count:
        return np.array(column.to_pylist(), dtype=object)
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        column = column.cast(pa.timestamp("us", tz=getattr(kind, "tz", None)), safe=False)
    elif pa.types.is_decimal(kind) or pa.types.is_null(kind):
        column = to_floats(column)
    return column.to_numpy() if isinstance(column, pa.ChunkedArray) else column.to_numpy(zero_copy_only=False)


def _as_objects(column: pa.ChunkedArray | pa.Array) -> np.ndarray:
    """Give texts as an array of str and None; equal texts of a chunk are one object, not 60 bytes each."""
    chunks = column.chunks if isinstance(column, pa.ChunkedArray) else [column]
    found = np.empty(len(column), dtype=object)
    start = 0
    for chunk in chunks:
        encoded = chunk.dictionary_encode()
        names = np.array([*encoded.dictionary.to_pylist(), None], dtype=object)
        places = encoded.indices.fill_null(len(names) - 1).to_numpy(zero_copy_only=False)
        found[start : start + len(chunk)] = names[places]
        start += len(chunk)
    return found


def to_floats(column: pa.ChunkedArray | pa.Array) -> pa.ChunkedArray | pa.Array:
    """Give numbers as float64: of a decimal the nearest one, as a request's number is read.

    Arrow's own cast of decimals is a bit off in every seventh value.

    >>> from decimal import Decimal
    >>> column = pa.array([Decimal("1E-7")], pa.decimal128(18, 9))
    >>> to_floats(column)[0].as_py(), column.cast(pa.float64())[0].as_py()
    (1e-07, 1.0000000000000001e-07)
    """
    return (column.cast(pa.string()) if pa.types.is_decimal(column.type) else column).cast(pa.float64())


def show_time(moment: np.datetime64) -> str:
    """Write a moment as ISO 8601, no more exactly than it is.

    >>> show_time(np.datetime64("2026-01-31T12:00:00.000000"))
    '2026-01-31T12:00'
    """
    return str(np.datetime_as_string(moment, unit="auto"))


class ParquetColumns(Mapping[str, np.ndarray]):
    """Columns by name of one or more Parquet files, read when they are asked for: the table need not fit into memory.

    Each look reads the column anew and keeps nothing.

    Parameters
    ----------
    paths : sequence of Path
        Files with the same columns; their rows follow each other.
    names : sequence of str, optional
        Columns to offer; all by default.

    Raises
    ------
    DataError
        A file cannot be read, or lacks one of ``names``.
    """

    def __init__(self, paths: Sequence[Path], names: Sequence[str] | None = None) -> None:
        self.paths = tuple(paths)
        found = [_read_names(path) for path in self.paths]
        self.names = tuple(found[0] if names is None else names)
        for path, present in zip(self.paths, found, strict=True):
            check_names(path, present, self.names)

    def __getitem__(self, name: str) -> np.ndarray:
        if name not in self.names:
            raise KeyError(name)
        parts = [pq.read_table(path, columns=[name], partitioning=None)[name] for path in self.paths]
        return as_array(pa.chunked_array([chunk for part in parts for chunk in part.chunks], parts[0].type))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


def iterate_columns(
    path: Path, names: Sequence[str], rows: int = BLOCK_ROWS
) -> Iterator[dict[str, np.ndarray]]:
    """Give columns of a Parquet file block by block, ``rows`` at most in each.

    Raises
    ------
    DataError
        The file cannot be read, or lacks one of ``names``.
    """
    check_names(path, _read_names(path), names)
    for batch in iterate_batches(path, names, rows):
        yield {name: as_array(batch.column(name)) for name in names}


def iterate_batches(path: Path, names: Sequence[str], rows: int = BLOCK_ROWS) -> Iterator[pa.RecordBatch]:
    """Give columns of a Parquet file as record batches of ``rows`` at most, a row group in memory at a time.

    ``ParquetFile.iter_batches`` keeps what it has read until its end: 2.2 GB for 10 million rows of 32 columns, where
    single row groups take 50 MB.
    """
    with pq.ParquetFile(path) as file:
        for group in range(file.num_row_groups):
            table = file.read_row_group(group, columns=list(names)).select(list(names)).combine_chunks()
            yield from table.to_batches(max_chunksize=rows)


def check_names(path: Path, present: Sequence[str], names: Sequence[str]) -> None:
    """Check that a file has columns; else DataError."""
    lacking = [name for name in names if name not in present]
    if lacking:
        raise DataError(
            f"{path.name} must have the column{'s' if len(lacking) > 1 else ''} {', '.join(lacking)} and has not. "
            f"Its columns are {', '.join(present)}."
        )


def _read_names(path: Path) -> list[str]:
    try:
        return pq.read_schema(path).names
    except FileNotFoundError:
        raise DataError(f"{path} must exist and does not.") from None
    except (OSError, pa.ArrowInvalid) as error:
        raise DataError(f"{path} must be a whole Parquet file. {error}") from None


def _is_text(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)
