"""Ask an SQLite database, with Python's own sqlite3.

ADBC's driver is five times as quick, but takes a column's type from its first rows: a number among later texts, or a
column that begins with NULLs, ends the run. SQLite gives each value a type of its own, so here the query runs twice in
one transaction: first the database says which types each column holds, then the rows are read with types that fit.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pyarrow as pa

from toolkit.errors import DataError

BATCH_ROWS = 65_536
STORED = ("integer", "real", "text", "blob")  # SQLite's storage classes, besides null
_COLUMNS_AT_ONCE = 100  # types are asked for; SQLite allows 2,000 results


def run(query: str, name: str, database: str, root: Path) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Give the query's columns and its rows in batches; both raise DataError if the database refuses."""
    path = root / database.removeprefix("sqlite:///")
    if not path.is_file():
        raise DataError(
            f"{database} must be a database in the project, and there is no such file. Set collect.database."
        )
    rows = _iterate(query, name, path, database)
    first = next(rows)
    return first.schema, rows


def _iterate(query: str, name: str, path: Path, database: str) -> Iterator[pa.RecordBatch]:
    """Yield an empty batch that has the schema, then the rows."""
    try:
        with closing(
            sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True, timeout=10)
        ) as connection:
            connection.isolation_level = None
            connection.execute("BEGIN")  # both passes see the same rows
            schema, mixed = _find_schema(connection, query, name)
            yield pa.RecordBatch.from_pylist([], schema=schema)
            cursor = connection.execute(query)
            while rows := cursor.fetchmany(BATCH_ROWS):
                yield _make_batch(rows, schema, mixed)
    except sqlite3.Error as error:
        raise _explain(error, name, database) from None


def _find_schema(connection: sqlite3.Connection, query: str, name: str) -> tuple[pa.Schema, set[str]]:
    """Find each column's type; in ``mixed`` columns, numbers stand among texts and become text."""
    described = connection.execute(query).description
    if described is None:
        raise DataError(f"{name} must be a query that gives rows: one that selects columns.")
    names = [column[0] for column in described]
    if len(set(names)) < len(names):  # told by check_columns
        return pa.schema([(column, pa.null()) for column in names]), set()
    fields, mixed = [], set()
    for column, held in zip(names, _ask_stored(connection, query, names), strict=True):
        if "blob" in held:
            fields.append(pa.field(column, pa.binary()))  # refused by check_columns
        elif "text" in held:
            fields.append(pa.field(column, pa.string()))
            mixed |= {column} if len(held) > 1 else set()
        elif held:
            fields.append(pa.field(column, pa.float64() if "real" in held else pa.int64()))
        else:
            fields.append(pa.field(column, pa.null()))
    return pa.schema(fields), mixed


def _ask_stored(connection: sqlite3.Connection, query: str, names: Sequence[str]) -> list[set[str]]:
    found = []
    for start in range(0, len(names), _COLUMNS_AT_ONCE):
        quoted = [name.replace('"', '""') for name in names[start : start + _COLUMNS_AT_ONCE]]
        asked = ", ".join(f"max(typeof(\"{name}\") = '{kind}')" for name in quoted for kind in STORED)
        answer = connection.execute(f"SELECT {asked} FROM (\n{query}\n)").fetchone()  # noqa: S608  # the user's own query
        for place in range(0, len(answer), len(STORED)):
            held = answer[place : place + len(STORED)]
            found.append({kind for kind, is_held in zip(STORED, held, strict=True) if is_held})
    return found


def _make_batch(rows: Sequence[tuple[object, ...]], schema: pa.Schema, mixed: set[str]) -> pa.RecordBatch:
    columns = []
    for field, values in zip(schema, zip(*rows, strict=True), strict=True):
        told = [None if value is None else str(value) for value in values] if field.name in mixed else values
        columns.append(pa.array(told, field.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def _explain(error: sqlite3.Error, name: str, database: str) -> DataError:
    reason = str(error)
    if "not a database" in reason or "malformed" in reason:
        return DataError(f"{database} must be an SQLite database and is none, or is damaged ({reason}).")
    if "locked" in reason:
        return DataError(
            f"{database} must be free to read, and another program has locked it. Run the stage again."
        )
    if "readonly" in reason or "one statement" in reason:
        return DataError(f"{name} must hold one query that only reads. SQLite says: {reason}.")
    return DataError(f"{name} must be a query that {database} can run. SQLite says: {reason}.")
