"""Arrow columns as the arrays that views compute on."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from toolkit.data.association import FloatArray

IntArray = NDArray[np.int32]


def take_quantiles(values: FloatArray, shares: Sequence[float]) -> FloatArray:
    """Take quantiles of sorted values, as np.quantile interpolates them."""
    places = np.asarray(shares) * (len(values) - 1)
    low = np.floor(places).astype(np.int64)
    high = np.minimum(low + 1, len(values) - 1)
    return values[low] + (values[high] - values[low]) * (places - low)


def as_one(column: pa.ChunkedArray | pa.Array) -> pa.Array:
    """Give a column as one Arrow array, of plain values."""
    if isinstance(column, pa.ChunkedArray):
        column = column.combine_chunks() if column.num_chunks != 1 else column.chunk(0)
    return column.dictionary_decode() if pa.types.is_dictionary(column.type) else column


def is_number(kind: pa.DataType) -> bool:
    """Say whether a type is of numbers."""
    return pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)


def as_float(column: pa.Array) -> FloatArray:
    """Give a column with an order as floats, NaN where missing or infinite; a time as microseconds since 1970."""
    if pa.types.is_date(column.type) or pa.types.is_timestamp(column.type):
        zone = getattr(column.type, "tz", None)
        column = column.cast(pa.timestamp("us", tz=zone), safe=False).cast(pa.int64())
    values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
    if not np.isinf(values).any():
        return values
    return np.where(np.isinf(values), np.nan, values)


def sort_known(values: FloatArray) -> FloatArray:
    """Sort values, and leave out NaN."""
    ordered = np.sort(values)  # NaN comes last
    return ordered[: len(ordered) - int(np.isnan(values).sum())]


def as_text(column: pa.Array) -> pa.Array:
    """Give a column as text."""
    return column if pa.types.is_string(column.type) else column.cast(pa.string())


def encode(texts: pa.Array) -> tuple[IntArray, list[str]]:
    """Give texts as numbers of the distinct ones (-1: missing), the most frequent first, and those."""
    encoded = texts.dictionary_encode()
    codes = encoded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int64)
    names = encoded.dictionary.to_pylist()
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    order = sorted(range(len(names)), key=lambda place: (-counts[place], names[place]))
    new = np.full(len(names) + 1, -1, np.int32)
    new[order] = np.arange(len(names), dtype=np.int32)
    return new[codes], [names[place] for place in order]


def find_missing(column: pa.Array) -> NDArray[np.bool_]:
    """Find the rows without a value."""
    if not column.null_count and not pa.types.is_floating(column.type):
        return np.zeros(len(column), bool)
    return column.is_null(nan_is_null=pa.types.is_floating(column.type)).to_numpy(zero_copy_only=False)
