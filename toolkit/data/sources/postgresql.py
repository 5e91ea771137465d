"""Ask a PostgreSQL database, with ADBC's driver (Apache 2.0).

It copies the rows in binary form into Arrow: 500,000 rows of 13 columns in 0.7 s, where psycopg (LGPL), which makes
Python objects of every value, took 2.0 s. The session is read-only, so a query that writes is refused by the server.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator
from typing import Any
from urllib.parse import urlencode, urlsplit

import pyarrow as pa

from toolkit.data.rounding import Rounded, add_rounding, measure_texts
from toolkit.errors import DataError

CONNECT_S = 10
READ_ONLY = {"options": "-c default_transaction_read_only=on", "application_name": "notebook-mlops-toolkit"}


def run(
    query: str, name: str, database: str, exclude: Collection[str], rounded: dict[str, Rounded]
) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    """Give the query's columns and its rows in batches; both raise DataError if the server refuses.

    Excluded columns that hold no plain values have none, and the type binary. ``rounded`` gets to know of values of
    NUMERIC with more digits than a float holds, as the rows come.
    """
    rows = _iterate(query, name, database, exclude, rounded)
    first = next(rows)
    return first.schema, rows


def make_uri(database: str) -> str:
    """Add to an address what makes the session read-only, and a limit to the time it takes to connect.

    >>> make_uri("postgresql://db:5432/shop?sslmode=require").partition("&")[0]
    'postgresql://db:5432/shop?sslmode=require'
    """
    added = urlencode({"connect_timeout": CONNECT_S, **READ_ONLY}).replace("+", "%20")
    return f"{database}{'&' if urlsplit(database).query else '?'}{added}"


def _iterate(
    query: str, name: str, database: str, exclude: Collection[str], rounded: dict[str, Rounded]
) -> Iterator[pa.RecordBatch]:
    """Yield an empty batch that has the schema, then the rows."""
    try:
        from adbc_driver_postgresql import dbapi
    except ImportError:
        raise DataError(
            f"{database} needs the package adbc-driver-postgresql. Install what the pipeline needs: './run true'."
        ) from None
    try:
        with dbapi.connect(make_uri(database)) as connection, connection.cursor() as cursor:
            cursor.execute(query)
            reader = cursor.fetch_record_batch()
            schema = pa.schema(
                [pa.field(field.name, _plain_type(field, name, exclude)) for field in reader.schema]
            )
            yield pa.RecordBatch.from_pylist([], schema=schema)
            for batch in reader:
                columns = [
                    _plain(column, kind) for column, kind in zip(batch.columns, schema.types, strict=True)
                ]
                for field, came, column in zip(schema, batch.columns, columns, strict=True):
                    if _is_numeric(came.type):
                        add_rounding(rounded, field.name, measure_texts(came.storage, column))
                yield pa.RecordBatch.from_arrays(columns, schema=schema)
    except dbapi.Error as error:
        raise _explain(error, name, database) from None
    except OSError as error:  # while rows come
        raise DataError(
            f"{database} must answer to the end. {_first_line(error)}. Run the stage again."
        ) from None


def _plain_type(field: pa.Field, name: str, exclude: Collection[str]) -> pa.DataType:
    """Give the type that a column is read as: NUMERIC as a number, UUID, JSON and enumerations as text."""
    kind = field.type
    if isinstance(kind, pa.UuidType):
        return pa.string()
    if _is_numeric(kind):
        return pa.float64()
    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_nested(kind) or pa.types.is_interval(kind) or pa.types.is_binary(kind):
        if field.name in exclude:
            return pa.binary()
        told = (field.metadata or {}).get(b"ADBC:postgresql:typname", str(field.type).encode()).decode()
        raise DataError(
            f"{name}: column '{field.name}' must hold plain values. Got {told} instead: cast it in the query, such as "
            f"{field.name}::text, or leave it out by collect.exclude."
        )
    return kind


def _is_numeric(kind: pa.DataType) -> bool:
    return isinstance(kind, pa.BaseExtensionType) and "numeric" in str(kind)


def _plain(column: pa.Array, kind: pa.DataType) -> pa.Array:
    if pa.types.is_binary(kind):
        return pa.nulls(len(column), kind)
    if isinstance(column.type, pa.UuidType):
        held = column.storage.to_pylist()
        return pa.array(
            [None if value is None else str(uuid.UUID(bytes=value)) for value in held], pa.string()
        )
    if isinstance(column, pa.ExtensionArray):
        column = column.storage
    return column.cast(kind)


def _explain(error: Any, name: str, database: str) -> DataError:
    reason = _first_line(error)
    if "Failed to connect" in str(error):
        reason = reason.removeprefix("Failed to connect: ")
        if "password" in reason or "authentication" in reason or "role" in reason:
            hint = "User and password come from PGUSER and PGPASSWORD, or ~/.pgpass: set them before the run"
        else:
            hint = "Is the server up, and collect.database right?"
        return DataError(
            f"{database} must let us in. {reason}. {hint.rstrip('.')}{'' if hint[-1] == '?' else '.'}"
        )
    if "read-only" in reason or "multiple commands" in reason:
        return DataError(f"{name} must hold one query that only reads. PostgreSQL says: {reason}.")
    return DataError(f"{name} must be a query that {database} can run. PostgreSQL says: {reason}.")


def _first_line(error: BaseException) -> str:
    """Give what the server said, without the query and the driver's own words."""
    text = str(error).partition("Query was:")[0].partition(". SQLSTATE")[0]
    text = (
        text.partition("ERROR: ")[2] or text.partition("FATAL: ")[2] or text.partition("[libpq] ")[2] or text
    )
    return " ".join(text.replace("^", " ").split()).rstrip(".")
