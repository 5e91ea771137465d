"""A day of a prediction log as Parquet: how its records are columns, and reading some of them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.errors import DataError

TIME = pa.timestamp("us", "UTC")
Place = tuple[str, ...]  # of a value in a record: ("label",) or ("features", "size")
Columns = dict[Place, pa.Array]


def iterate_day(
    day: Path, places: Sequence[Place] | None, most_rows: int = 65_536
) -> Iterator[tuple[Columns, list[Place]]]:
    """Read some values of a day's records, and no other columns of the file.

    Parameters
    ----------
    day : Path
        Written by ``toolkit log compact``.
    places : sequence of tuple, optional
        Where they are in a record. Default: every key of the record whole, the time as the text that it was.
    most_rows : int
        Rows at a time.

    Yields
    ------
    tuple of (dict, list of tuple)
        Columns by place; and the places that the day has not.

    Raises
    ------
    DataError
        It is damaged.
    """
    try:
        with pq.ParquetFile(day) as file:
            schema = file.schema_arrow
            held = [place for place in places or () if _holds(schema, place)]
            missing = [place for place in places or () if place not in held]
            names = None if places is None else [".".join(place) for place in held]
            for batch in file.iter_batches(most_rows, columns=names, use_threads=False):
                if places is None:
                    whole = zip(batch.schema.names, batch.columns, strict=True)
                    yield {(name,): _tell_time(column) for name, column in whole}, []
                else:
                    yield {place: take_column(batch, place) for place in held}, missing
    except FileNotFoundError:
        return  # the service keeps the log within its size
    except (OSError, pa.ArrowException) as error:
        reason = str(error).splitlines()[0].rstrip(".")
        raise DataError(f"{day} must be a whole Parquet file. {reason}. Restore it, or remove it.") from None


def _holds(schema: pa.Schema, place: Place) -> bool:
    if place[0] not in schema.names:
        return False
    kind = schema.field(place[0]).type
    return len(place) == 1 or (pa.types.is_struct(kind) and kind.get_field_index(place[1]) >= 0)


def take_column(batch: pa.RecordBatch, place: Place) -> pa.Array:
    """Take the values at a place of the records; times as text."""
    column = batch.column(place[0])
    return _tell_time(column) if len(place) == 1 else column.flatten()[column.type.get_field_index(place[1])]


def _tell_time(column: pa.Array) -> pa.Array:
    """Write times as the service does in JSON: without a fraction of 0."""
    if column.type != TIME:
        return column
    return pc.replace_substring(pc.strftime(column, "%Y-%m-%dT%H:%M:%SZ"), ".000000Z", "Z")
