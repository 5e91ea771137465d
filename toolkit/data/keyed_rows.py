"""Rows of two versions, matched by their key: Arrow's work, a column at a time, no Python object per row."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq


def read_column(path: Path, name: str) -> pa.ChunkedArray:
    """Read one column of a Parquet file."""
    return pq.read_table(path, columns=[name], partitioning=None)[name]


class Match:
    """Which rows of an old and a new table have the same key.

    Parameters
    ----------
    old, new : Arrow arrays
        The keys, each once.

    Attributes
    ----------
    added, removed, kept : int
        Rows with a key that only the new, only the old, or both have.
    """

    def __init__(self, old: pa.ChunkedArray, new: pa.ChunkedArray) -> None:
        before, after = (_whole(_as_text(keys)) for keys in (old, new))
        place = pc.index_in(after, value_set=before)
        self._in_new = pc.is_valid(place)
        self._in_old = place.filter(self._in_new)
        self.kept = len(self._in_old)
        self.added, self.removed = len(after) - self.kept, len(before) - self.kept

    def old(self, column: pa.ChunkedArray) -> pa.Array:
        """Take the kept rows of a column of the old table, in the new one's order."""
        return _whole(column).take(self._in_old)

    def new(self, column: pa.ChunkedArray) -> pa.Array:
        """Take the kept rows of a column of the new table."""
        return _whole(column).filter(self._in_new)

    def new_only(self, column: pa.ChunkedArray) -> pa.Array:
        """Take the added rows of a column of the new table."""
        return _whole(column).filter(pc.invert(self._in_new))


def find_differences(old: pa.Array, new: pa.Array) -> pa.Array:
    """Tell for each row whether two columns differ; missing equals missing, and NaN equals NaN."""
    if old.type != new.type:
        numbers = all(
            pa.types.is_integer(each.type) or pa.types.is_floating(each.type) for each in (old, new)
        )
        kind = pa.float64() if numbers else pa.large_string()
        old, new = (each.cast(kind, safe=False) for each in (old, new))
    same = pc.fill_null(pc.equal(old, new), False)
    same = pc.or_(same, pc.and_(pc.is_null(old), pc.is_null(new)))
    if pa.types.is_floating(old.type):
        nan = pc.and_(pc.fill_null(pc.is_nan(old), False), pc.fill_null(pc.is_nan(new), False))
        same = pc.or_(same, nan)
    return pc.invert(same)


def count_values(values: pa.ChunkedArray | pa.Array) -> dict[str, int]:
    """Count how often each value occurs."""
    counted = pc.value_counts(values)
    names, counts = counted.field("values").to_pylist(), counted.field("counts").to_pylist()
    return {str(name): count for name, count in zip(names, counts, strict=True)}


def count_pairs(old: pa.Array, new: pa.Array) -> list[dict[str, Any]]:
    """Count the pairs of values of two columns as before, after and rows, the most frequent first."""
    names = ["before", "after"]
    table = pa.table({"before": old, "after": new})
    counted = table.group_by(names).aggregate([([], "count_all")]).rename_columns([*names, "rows"])
    return counted.sort_by(
        [("rows", "descending"), ("before", "ascending"), ("after", "ascending")]
    ).to_pylist()


def _whole(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    if pa.types.is_string(column.type):
        column = column.cast(pa.large_string())  # one array of more than 2 GiB
    return column.combine_chunks() if isinstance(column, pa.ChunkedArray) else column


def _as_text(keys: pa.ChunkedArray) -> pa.ChunkedArray:
    return keys.cast(pa.large_string())
