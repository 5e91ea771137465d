"""Run the query of a .sql file and keep its answer as an Arrow file, read once however often it is used."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.ipc

from toolkit.artifacts import atomic
from toolkit.data.rounding import Rounded
from toolkit.data.sources import postgresql, sqlite
from toolkit.data.sources.columns import check_columns, is_plain
from toolkit.errors import DataError

PROGRESS_ROWS = 1_000_000


def copy_query(
    name: str,
    query_file: Path,
    database: str,
    root: Path,
    place: Path,
    *,
    exclude: Sequence[str] = (),
    rounded: dict[str, Rounded] | None = None,
) -> Path:
    """Run a query and write its rows to an Arrow file, in batches, the whole of it or nothing.

    Parameters
    ----------
    name : str
        The .sql file, as messages name it.
    query_file : Path
        Holds one query; nothing that writes is run.
    database : str
        ``sqlite:///path`` in the project, or ``postgresql://host:port/name``. User and password come from the
        environment (PGUSER, PGPASSWORD, ~/.pgpass and what else libpq reads).
    root, place : Path
        The project, and where to write.
    exclude : sequence of str
        Columns whose values are not kept if no table can hold them.
    rounded : dict, optional
        Gets to know of numbers that have more digits than a float holds, by column.

    Raises
    ------
    DataError
        The query or the database is missing, cannot be run or reached, or gives columns that hold no plain values.
    """
    query = _load_query(name, query_file)
    if not database:
        raise DataError(
            f"collect.database must name the database that {name} asks, and is empty. Set it to sqlite:///path or "
            "postgresql://host:port/name."
        )
    schema, batches = (
        sqlite.run(query, name, database, root)
        if database.startswith("sqlite:")
        else postgresql.run(query, name, database, exclude, {} if rounded is None else rounded)
    )
    empty = {field.name for field in schema if field.name in exclude and not is_plain(field.type)}
    check_columns(
        pa.schema([field for field in schema if field.name not in empty]),
        name,
        ", or leave it out by collect.exclude",
    )
    options = pa.ipc.IpcWriteOptions(compression="lz4", use_threads=False)
    with (
        atomic(place) as temporary,
        pa.OSFile(str(temporary), "wb") as file,
        pa.ipc.new_file(file, schema, options=options) as writer,
    ):
        for batch in _show_progress(batches):
            writer.write_batch(_empty(batch, empty))
    return place


def _empty(batch: pa.RecordBatch, names: Collection[str]) -> pa.RecordBatch:
    """Take the values out of some columns."""
    for name in names:
        field = batch.schema.field(name)
        batch = batch.set_column(batch.schema.names.index(name), field, pa.nulls(batch.num_rows, field.type))
    return batch


def _load_query(name: str, path: Path) -> str:
    try:
        query = path.read_text(encoding="utf-8-sig").strip().rstrip(";").strip()
    except UnicodeDecodeError as error:
        raise DataError(f"{name} must be UTF-8 text. {error}. Save it as UTF-8.") from None
    if not query:
        raise DataError(
            f"{name} must hold a query and is empty. Write one that selects all columns in a fixed order of rows."
        )
    return query


def _show_progress(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        yield batch
        before, rows = rows, rows + batch.num_rows
        if before // PROGRESS_ROWS < rows // PROGRESS_ROWS:
            print(f"{rows // PROGRESS_ROWS * PROGRESS_ROWS:,} rows came from the database", flush=True)
