"""Replays training rows through what was packaged: a feature that differs anywhere stops the build."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import numpy as np
import orjson

from toolkit.features import Features


def as_requests(columns: Mapping[str, np.ndarray], zoned: frozenset[str]) -> list[dict[str, Any]]:
    """Give rows of a table as a request would bring them: through JSON, times as ISO 8601, NaN as null."""
    lists = [
        [_as_json(value, name in zoned) for value in column.tolist()] for name, column in columns.items()
    ]
    rows = [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]
    return orjson.loads(orjson.dumps(rows))


def find_difference(features: Features, columns: Mapping[str, np.ndarray]) -> str:
    """Name the first model column that is another number for a request than for the table; empty if none is."""
    matrix = features.matrix(columns)
    rows: Sequence[np.ndarray] = [features.row(row) for row in as_requests(columns, features.zoned)]
    single = np.stack(rows) if rows else matrix
    differs = (matrix != single) & ~(np.isnan(matrix) & np.isnan(single))
    if not differs.any():
        return ""
    row, column = np.argwhere(differs)[0].tolist()
    return (
        f"feature '{features.names[column]}' is {matrix[row, column]!r} in the table and {single[row, column]!r} for "
        f"the same row in a request (row {row} of train.parquet)"
    )


def _as_json(value: Any, zoned: bool) -> Any:
    if isinstance(value, datetime):
        return value.isoformat() + ("Z" if zoned else "")
    return None if value is not None and value != value else value  # noqa: PLR0124  # NaN alone differs from itself
