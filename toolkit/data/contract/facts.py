"""What the rows of a table turned out to hold: gathered batch by batch, in bounded memory."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from toolkit.data.contract.rules import Rule

MOST_COUNTED = 10_000  # categories of a column that are counted


@dataclass
class Facts:
    """Missing values, ends and categories of one column's good rows."""

    rule: Rule
    rows: int = 0
    missing: int = 0
    low: Any = None
    high: Any = None
    counts: dict[str, int] | None = field(default_factory=dict)  # None: too many to count

    def add(self, values: pa.Array) -> None:
        """Take note of the values of a batch (of the contract's type)."""
        self.rows += len(values)
        self.missing += values.null_count
        if values.null_count == len(values):
            return
        ends = pc.min_max(values)
        low, high = ends["min"], ends["max"]
        if pa.types.is_timestamp(values.type):  # as a count of microseconds: any year, and quick to compare
            low, high = low.cast(pa.int64()), high.cast(pa.int64())
        low, high = low.as_py(), high.as_py()
        self.low = low if self.low is None else min(self.low, low)
        self.high = high if self.high is None else max(self.high, high)
        if self.rule.type == "category" and self.counts is not None:
            self._count(pc.value_counts(values.drop_null()))

    def _count(self, counted: pa.StructArray) -> None:
        counts = self.counts or {}
        if len(counted) <= MOST_COUNTED:
            pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
            for name, count in pairs:
                counts[name] = counts.get(name, 0) + count
        self.counts = counts if len(counted) <= MOST_COUNTED >= len(counts) else None

    @property
    def filled(self) -> int:
        """Rows that have a value."""
        return self.rows - self.missing

    @property
    def ends(self) -> tuple[Any, Any]:
        """The smallest and largest value of a number, integer or time (as ISO 8601 text); None of others."""
        if self.low is None or self.rule.type not in ("number", "integer", "time"):
            return None, None
        if self.rule.type == "time":
            return show_time(self.low, self.rule.zone), show_time(self.high, self.rule.zone)
        return self.low, self.high

    @property
    def categories(self) -> tuple[str, ...] | None:
        """The categories found, sorted; None for other types, or if there are too many."""
        if self.rule.type != "category" or self.counts is None:
            return None
        return tuple(sorted(self.counts))

    @property
    def constant(self) -> bool:
        """Whether all rows that have a value have the same."""
        return self.filled > 0 and self.low == self.high

    def count_unseen(self) -> dict[str, int]:
        """Count the rows of each category that the contract does not list."""
        if self.rule.categories is None or not self.counts:
            return {}
        known = set(self.rule.categories)
        return {name: count for name, count in sorted(self.counts.items()) if name not in known}


def show_time(microseconds: int, zone: str = "") -> str:
    """Give a time as ISO 8601 text: a date alone at midnight, an instant with its offset from UTC.

    >>> show_time(0), show_time(1), show_time(0, "UTC")
    ('1970-01-01', '1970-01-01T00:00:00.000001', '1970-01-01T00:00:00Z')
    """
    import numpy as np

    text = str(np.datetime64(microseconds, "us"))
    text = text.removesuffix(".000000")
    return f"{text}Z" if zone else text.removesuffix("T00:00:00")
