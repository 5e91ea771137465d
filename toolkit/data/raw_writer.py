"""Write the raw table as its rows come: in row groups, refused rows apart, with a sample and counts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.data.contract.check import Checker
from toolkit.data.contract.convert import as_text
from toolkit.data.contract.faults import Locate, locate_alone
from toolkit.data.contract.hashes import Seen, hash_column, hash_rows

GROUP_ROWS = 65_536  # rows of a row group
SAMPLE_ROWS = 50_000
SHOWN_REFUSED = 20  # refused rows that the notebook shows


class RowGroups:
    """Writes a Parquet file in row groups of one size, whatever batches the rows come in."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.schema = schema
        self._file = pq.ParquetWriter(path, schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        """Add rows; whole row groups are written."""
        self._waiting.append(batch)
        self._rows += batch.num_rows
        if self._rows >= GROUP_ROWS:
            self._write(self._rows // GROUP_ROWS * GROUP_ROWS)

    def close(self, whole: bool) -> None:
        """Close the file; with the last rows if it is to be whole."""
        if whole and self._rows:
            self._write(self._rows)
        self._file.close()

    def _write(self, rows: int) -> None:
        table = pa.Table.from_batches(self._waiting, schema=self.schema)
        # Chunks as they came would show in the file: one chunk a row group does not.
        self._file.write_table(table.slice(0, rows).combine_chunks(), row_group_size=GROUP_ROWS)
        rest = table.slice(rows).combine_chunks()
        self._waiting, self._rows = rest.to_batches(), rest.num_rows


class RawWriter:
    """Checks batches, writes the good rows and the refused ones apart, and counts.

    Used as a context: only if that ends well are the last rows written.

    Parameters
    ----------
    folder : Path
        Gets table.parquet and quarantine.parquet.
    checker : Checker
        Checks and converts.
    names : sequence of str
        Columns that refused rows are written with.
    key : str
        The column that names a row.
    features : sequence of str
        Columns that make a row a repeated one.
    locate : callable
        Gives the part and number of a row that was read; the rows of a batch are of one part.
    """

    def __init__(
        self,
        folder: Path,
        checker: Checker,
        names: Sequence[str],
        key: str,
        features: Sequence[str],
        *,
        locate: Locate = locate_alone,
    ) -> None:
        self._checker, self._key, self._features, self._locate = checker, key, features, locate
        self._names = names
        self._good = RowGroups(folder / "table.parquet", checker.schema)
        texts = [(name, pa.string()) for name in ("reason", *_rename(names))]
        place = [("part", pa.string()), ("row", pa.int64())]
        self._aside = RowGroups(folder / "quarantine.parquet", pa.schema([*place, *texts]))
        self._seen = Seen()
        self._first_refused: list[pa.RecordBatch] = []
        self.sample = Sample(checker.schema)
        self.rows = self.refused = self.repeated = 0

    def __enter__(self) -> RawWriter:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        self._good.close(kind is None)
        self._aside.close(kind is None)

    def take(self, batch: pa.RecordBatch) -> None:
        """Check, count and write a batch."""
        before = self._checker.rows
        checked = self._checker.take(batch)
        if checked.refused.num_rows:
            self._put_aside(checked.refused, checked.refused_places, before, checked.reasons)
        rows = checked.rows
        if not rows.num_rows:
            return
        self.rows += rows.num_rows
        hashed = hash_rows([rows.column(name) for name in self._features], rows.num_rows)
        self.repeated += int(self._seen.add(hashed).sum())
        if self._key in rows.schema.names:
            self.sample.add(rows, hash_column(rows.column(self._key)))
        self._good.add(rows)

    def _put_aside(
        self, batch: pa.RecordBatch, places: np.ndarray, before: int, reasons: Sequence[str]
    ) -> None:
        part, first = self._locate(before + 1)
        texts = [as_text(batch.column(name)) for name in self._names]
        columns = [
            pa.array([part], pa.string()).take(pa.array(np.zeros(len(places), dtype=np.int64))),
            pa.array(places + first, pa.int64()),
            pa.array(reasons, pa.string()),
            *texts,
        ]
        aside = pa.RecordBatch.from_arrays(columns, schema=self._aside.schema)
        self._aside.add(aside)
        if self.refused < SHOWN_REFUSED:
            self._first_refused.append(aside.slice(0, SHOWN_REFUSED - self.refused))
        self.refused += batch.num_rows

    def refused_rows(self) -> pa.Table:
        """Give the first refused rows."""
        return pa.Table.from_batches(self._first_refused, schema=self._aside.schema)


def _rename(names: Sequence[str]) -> list[str]:
    """Name the table's columns in the quarantine, none as one of its own."""
    return [f"{name} (table)" if name in ("part", "row", "reason") else name for name in names]


class Sample:
    """The rows whose keys have the lowest hashes: a random sample that is the same every time."""

    def __init__(self, schema: pa.Schema, most: int = SAMPLE_ROWS) -> None:
        self._rows = schema.empty_table()
        self._hashes = np.empty(0, dtype=np.uint64)
        self._most = most

    def add(self, rows: pa.RecordBatch, hashes: np.ndarray) -> None:
        """Take a batch into account."""
        limit = self._hashes.max() if len(self._hashes) >= self._most else None
        low = np.arange(len(hashes)) if limit is None else np.flatnonzero(hashes < limit)
        if not len(low):
            return
        table = pa.concat_tables([self._rows, pa.Table.from_batches([rows.take(pa.array(low))])])
        together = np.concatenate([self._hashes, hashes[low]])
        if len(together) > self._most:
            kept = np.sort(np.argsort(together, kind="stable")[: self._most])
            table, together = table.take(pa.array(kept)).combine_chunks(), together[kept]
        self._rows, self._hashes = table, together

    def table(self) -> pa.Table:
        """Give the rows, in the order in which they were read."""
        return self._rows
