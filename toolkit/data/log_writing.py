"""Write segments of a prediction log as the rows of one Parquet file, a block at a time."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.data.log_days import TIME
from toolkit.data.log_files import MADE_OF
from toolkit.data.sources.json_lines import JsonLinesReader, widen_struct
from toolkit.errors import DataError, count_of

ROWS, BYTES = 16_384, 16 * 2**20  # most of a row group, about: what is in memory at a time
READER = JsonLinesReader(nested=True, torn=True, block_bytes=2**20)


@dataclass
class DayPlan:
    """Segments whose records have the same keys, with types that hold the values of all."""

    segments: list[Path]
    schema: pa.Schema
    bytes: int = 0


def plan_days(segments: Sequence[Path]) -> tuple[list[DayPlan], list[str], list[str]]:
    """Look through a day's segments, and put those together that fit into one file.

    Records of two models may differ in their keys: in one file, a feature that a record has not would read as a
    missing value.

    Returns
    -------
    tuple of (list of DayPlan, list of str, list of str)
        The files to write, what is wrong with segments that cannot be read, and which were removed.
    """
    plans: list[DayPlan] = []
    faults, removed = [], []
    for segment in segments:
        try:
            size, schema = segment.stat().st_size, _find_schema(segment)
        except (DataError, FileNotFoundError) as error:
            if segment.exists():  # else the service removed it
                faults.append(f"{segment.name} stays as it is. {error}")
            continue
        if not schema:  # its writer was killed before it had written a whole record
            segment.unlink(missing_ok=True)
            if size:
                removed.append(
                    f"{segment.name} was removed: it held no record, only {count_of(size, 'byte')} of a line that its "
                    "writer was killed in."
                )
            continue
        for plan in plans:
            together = _unite(plan.schema, schema)
            if together is not None:
                plan.segments.append(segment)
                plan.schema, plan.bytes = together, plan.bytes + size
                break
        else:
            plans.append(DayPlan([segment], schema, size))
    return plans, faults, removed


def _find_schema(segment: Path) -> pa.Schema:
    fields = []
    for column in READER.load_columns(segment, segment.name):
        kind = column.type
        if pa.types.is_struct(kind) and not kind.num_fields:  # Parquet has no columns without any
            continue
        fields.append(
            pa.field(column.name, TIME if column.name == "time" and pa.types.is_string(kind) else kind)
        )
    return pa.schema(fields)


def _unite(left: pa.Schema, right: pa.Schema) -> pa.Schema | None:
    """Give the columns that hold both; None if they have other keys, or values that do not go together."""
    if _list_keys(left) != _list_keys(right):
        return None
    types = {}
    for field in left:
        other = right.field(field.name).type
        wider = other if other == field.type else widen_struct(field.type, other)
        if wider is None:
            return None
        types[field.name] = wider
    return pa.schema(list(types.items()))


def _list_keys(schema: pa.Schema) -> set[tuple[str, ...]]:
    keys = set()
    for field in schema:
        inner = field.type if pa.types.is_struct(field.type) else ()
        keys |= {(field.name,), *((field.name, child.name) for child in inner)}
    return keys


def write_day(path: Path, plan: DayPlan, tell: Callable[[float], None]) -> int:
    """Write a day's file, zstd, its metadata naming the segments; give the number of records.

    Raises
    ------
    DataError, FileNotFoundError
        A segment is gone by now, or has a record whose time is none.
    """
    made_of = {segment.name: segment.stat().st_size for segment in plan.segments}
    schema = plan.schema.with_metadata({MADE_OF: json.dumps({"schema": 1, "segments": made_of}).encode()})
    ids = [field.name for field in schema if field.name == "id" and pa.types.is_string(field.type)]
    options = {
        "compression": "zstd",
        "use_dictionary": [name for name in _list_leaves(schema) if name not in ids],
        "column_encoding": dict.fromkeys(ids, "DELTA_BYTE_ARRAY"),  # they begin alike
    }
    records = 0
    with pq.ParquetWriter(path, schema, **options) as writer:
        for batches in _gather(_iterate(plan, schema, tell)):
            table = pa.Table.from_batches(batches, schema)
            records += table.num_rows
            writer.write_table(table, row_group_size=table.num_rows)
    return records


def _list_leaves(schema: pa.Schema) -> list[str]:
    names = []
    for field in schema:
        inner = (
            [f"{field.name}.{child.name}" for child in field.type] if pa.types.is_struct(field.type) else []
        )
        names += inner or [field.name]
    return names


def _iterate(plan: DayPlan, schema: pa.Schema, tell: Callable[[float], None]) -> Iterator[pa.RecordBatch]:
    done = 0
    for segment in plan.segments:
        size = segment.stat().st_size
        yield from READER.iterate(segment, segment.name, schema)
        done += size
        tell(done / max(plan.bytes, 1))


def _gather(batches: Iterator[pa.RecordBatch]) -> Iterator[list[pa.RecordBatch]]:
    """Gather what makes a row group."""
    held: list[pa.RecordBatch] = []
    for batch in batches:
        held.append(batch)
        if sum(one.num_rows for one in held) >= ROWS or sum(one.nbytes for one in held) >= BYTES:
            yield held
            held = []
    if held:
        yield held
