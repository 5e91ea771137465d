"""Batches of one size, whatever a reader gave, and with the columns of the whole table."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import pyarrow as pa

BATCH_ROWS = 65_536  # rows of a batch
BATCH_BYTES = 64 * 2**20  # about: a batch of long rows has fewer


def regroup(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Give batches of BATCH_ROWS rows, or fewer of about BATCH_BYTES."""
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows < BATCH_ROWS and size < BATCH_BYTES:
            continue
        together = waiting[0] if len(waiting) == 1 else pa.concat_batches(waiting)
        rest = rows % BATCH_ROWS if size < BATCH_BYTES else 0
        for start in range(0, rows - rest, BATCH_ROWS):
            yield together.slice(start, min(BATCH_ROWS, rows - rest - start))
        waiting = [together.slice(rows - rest)] if rest else []
        rows, size = rest, sum(one.nbytes for one in waiting)
    if rows:
        yield pa.concat_batches(waiting)


def fit(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Put the columns in order, give them their types, and add those that the part lacks."""
    if batch.schema.equals(schema):
        return batch
    held = set(batch.schema.names)
    columns = [
        batch.column(field.name).cast(field.type)
        if field.name in held
        else pa.nulls(batch.num_rows, field.type)
        for field in schema
    ]
    return pa.RecordBatch.from_arrays(columns, schema=schema)
