"""The raw table's rows that have a label: a mask, the labels, and columns that are read one at a time."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.columns import iterate_batches
from toolkit.data.schema import Schema
from toolkit.errors import DataError, count_of, suggest

LABEL = "label"
GENERATED = "generated"  # column that marks the rows of a generator; it is there only if there is one


@dataclass(frozen=True, eq=False)
class LabelledRows:
    """Rows of a raw table that have a label, in its order; the table itself stays on disk.

    Attributes
    ----------
    path : Path
        The raw table, Parquet.
    schema : Schema
        Of the raw table.
    keep : ndarray of bool
        For each row of the raw table whether it has a label.
    classes : tuple of str
        Empty for a regression.
    labels : ndarray
        Of the rows that have one: index of the class (int32), or the value (float64).
    """

    path: Path
    schema: Schema
    keep: np.ndarray
    classes: tuple[str, ...]
    labels: np.ndarray

    def __len__(self) -> int:
        return len(self.labels)

    def column(self, name: str) -> pa.ChunkedArray:
        """Read one column of the labelled rows."""
        return pq.read_table(self.path, columns=[name], partitioning=None)[name].filter(pa.array(self.keep))

    def batches(self, names: Sequence[str]) -> Iterator[tuple[slice, pa.RecordBatch]]:
        """Give blocks of labelled rows of some columns, each with its place among the labelled rows."""
        start = place = 0
        for batch in iterate_batches(self.path, names):
            keep = self.keep[start : start + batch.num_rows]
            start += batch.num_rows
            kept = batch.filter(pa.array(keep))
            yield slice(place, place + kept.num_rows), kept
            place += kept.num_rows

    def take(self, places: np.ndarray | Sequence[int], names: Sequence[str]) -> pa.Table:
        """Read some columns of the labelled rows at ``places`` (sorted indexes), and their label."""
        places, parts, schema = np.asarray(places, dtype=np.int64), [], None
        for block, batch in self.batches(names):
            schema = batch.schema
            if not len(places) or block.start > places[-1]:
                break
            low, high = np.searchsorted(places, [block.start, block.stop])
            if high > low:
                parts.append(batch.take(pa.array(places[low:high] - block.start)))
        table = pa.Table.from_batches(parts, schema)
        return table.append_column(LABEL, self.show_labels(places))

    def show_labels(self, places: np.ndarray | slice) -> pa.Array:
        """Give labels as they are written: text, or numbers for a regression."""
        chosen = pa.array(self.labels[places])
        return pa.array(self.classes, pa.string()).take(chosen) if self.classes else chosen

    def row_numbers(self, places: np.ndarray) -> np.ndarray:
        """Give the rows' numbers in the raw table, counted from 1."""
        return np.flatnonzero(self.keep)[places] + 1

    def check_column(self, name: str, key: str) -> None:
        """Check that the raw table has a column that params.yaml names; ``key`` is where it does.

        Raises
        ------
        DataError
            It has not.
        """
        names = [column.name for column in self.schema.columns]
        if name not in names:
            raise DataError(
                f"{key}: '{name}' must be a column of the table and is not.{suggest(name, names)} Its columns are "
                f"{', '.join(names[:20])}{' ...' if len(names) > 20 else ''}."
            )

    def generated(self) -> np.ndarray:
        """Tell which of the rows come from a generator."""
        if GENERATED not in pq.read_schema(self.path).names:
            return np.zeros(len(self), dtype=bool)
        return self.column(GENERATED).fill_null(False).to_numpy().astype(bool)


def match_labels(
    path: Path, schema: Schema, labels: pa.Table, key: str, classes: Sequence[str]
) -> LabelledRows:
    """Find the raw table's rows that have a label.

    Where labels come in the order of the table, as those of a column do, they are matched block by block.

    Parameters
    ----------
    path : Path
        The raw table, Parquet.
    schema : Schema
        Of the raw table.
    labels : pyarrow.Table
        Key and ``label``.
    key : str
        What the labels call the key.
    classes : sequence of str
        In order; empty for a regression.

    Raises
    ------
    DataError
        Labels are for rows that the table has not.
    """
    keys = labels[key].combine_chunks()
    place = _match_in_order(path, schema.key, keys)
    if place is None:
        place = _match_any(path, schema.key, keys)
    keep = place >= 0
    chosen = labels[LABEL].combine_chunks().take(pa.array(place[keep]))
    values = (
        pc.index_in(chosen, pa.array(list(classes), pa.string())).fill_null(-1).to_numpy()
        if classes
        else chosen.cast(pa.float64()).to_numpy()
    )
    return LabelledRows(path, schema, keep, tuple(classes), values)


def _match_in_order(path: Path, key: str, keys: pa.Array) -> np.ndarray | None:
    """Give each raw row's place among the labels (-1: none), or None if these are not in the table's order."""
    parts, at = [], 0
    for batch in iterate_batches(path, [key]):
        column = batch.column(0)
        place = pc.index_in(column, keys.slice(at, batch.num_rows)).fill_null(-1).to_numpy()
        found = place[place >= 0]
        if not np.array_equal(found, np.arange(len(found))):
            return None
        parts.append(np.where(place >= 0, place + at, -1))
        at += len(found)
    return np.concatenate(parts) if at == len(keys) else None


def _match_any(path: Path, key: str, keys: pa.Array) -> np.ndarray:
    parts = [
        pc.index_in(batch.column(0), keys).fill_null(-1).to_numpy() for batch in iterate_batches(path, [key])
    ]
    place = np.concatenate(parts).astype(np.int64)
    known = np.zeros(len(keys), dtype=bool)
    known[place[place >= 0]] = True
    unknown = sorted(keys.filter(pa.array(~known)).to_pylist())
    if unknown:
        raise DataError(
            f"Every label must belong to a row of the table. {len(unknown)} of {count_of(len(keys), 'label')} "
            f"{'does' if len(unknown) == 1 else 'do'} not, first {', '.join(unknown[:5])}. Do "
            "collect.source and annotate.source belong together?"
        )
    return place
