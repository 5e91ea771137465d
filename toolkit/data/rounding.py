"""Say which values a conversion has changed: times finer than a microsecond, numbers of more digits than a float."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

DIGITS = 15  # of a decimal that a float64 always holds
_FINE = r"\.[0-9]{6}[0-9]*[1-9]"  # of a time: digits of less than a microsecond that are not zeros
_MICROSECONDS = 26  # characters of 2024-03-12T10:00:00.123456


@dataclass(frozen=True)
class Rounded:
    """Values of a column that were changed.

    Attributes
    ----------
    values : int
        How many.
    before, after : str
        The first of them.
    """

    values: int
    before: str
    after: str

    def plus(self, later: Rounded) -> Rounded:
        """Add those of later rows."""
        return Rounded(self.values + later.values, self.before, self.after)


def add_rounding(found: dict[str, Rounded], column: str, later: Rounded | None) -> None:
    """Add those of later rows to what was found of a column."""
    earlier = found.get(column)
    if later:
        found[column] = earlier.plus(later) if earlier else later


def tell_rounding(column: str, rounded: Rounded, kind: str) -> str:
    """Say what was changed in a column, as a sentence; ``kind`` is its type in the contract, or ``query``."""
    one = rounded.values == 1
    if kind == "time":
        what = f"{'time was' if one else 'times were'} cut to microseconds"
        advice = "Keep what is finer in a column of its own if it matters."
    else:
        what = f"{'number was' if one else 'numbers were'} rounded, having more digits than a float holds"
        place = "by a cast in the query" if kind == "query" else "in the contract"
        advice = f"Make the column text {place} if its values are identifiers."
    return (
        f"column '{column}': {rounded.values:,} {what}, such as {rounded.before} to {rounded.after}. {advice}"
    )


def measure_rounding(raw: pa.Array, converted: pa.Array) -> Rounded | None:
    """Count the values that a conversion changed.

    Parameters
    ----------
    raw : pyarrow.Array
        As read.
    converted : pyarrow.Array
        What :func:`convert` made of it; null where a value is missing or refused.

    Returns
    -------
    Rounded or None
        None if every value is what it was.
    """
    if kinds.is_timestamp(converted.type):
        changed = _find_fine_times(raw)
    elif kinds.is_floating(converted.type) and kinds.is_decimal(raw.type):
        changed = _find_long_decimals(raw, converted)
    else:
        return None
    if changed is None:
        return None
    places = np.flatnonzero(changed & np.asarray(pc.is_valid(converted)))
    if not len(places):
        return None
    first = int(places[0])
    before = str(pc.cast(raw.slice(first, 1), pa.string())[0])
    if kinds.is_timestamp(converted.type):
        return Rounded(len(places), before, re.sub(r"(\.[0-9]{6})[0-9]+", r"\1", before))
    return Rounded(len(places), before, repr(converted[first].as_py()))


def measure_texts(texts: pa.Array, floats: pa.Array) -> Rounded | None:
    """Count the numbers that came as text and are no more what they were as floats."""
    long = np.flatnonzero(np.asarray(pc.fill_null(pc.greater(pc.binary_length(texts), DIGITS + 1), False)))
    old, new = (values.take(pa.array(long)).to_pylist() for values in (texts, floats))
    changed = [
        place
        for place, text in enumerate(old)
        if Decimal(text) not in (Decimal(repr(new[place])), Decimal(new[place]))
    ]
    return Rounded(len(changed), old[changed[0]], repr(new[changed[0]])) if changed else None


def _find_fine_times(raw: pa.Array) -> np.ndarray | None:
    if kinds.is_timestamp(raw.type) and raw.type.unit == "ns":
        return np.asarray(pc.fill_null(raw.cast(pa.int64()), 0)) % 1000 != 0
    if kinds.is_string(raw.type) or kinds.is_large_string(raw.type):
        longest = pc.max(pc.binary_length(raw)).as_py() or 0
        if longest > _MICROSECONDS:
            return np.asarray(pc.fill_null(pc.match_substring_regex(raw, _FINE), False))
    return None


def _find_long_decimals(raw: pa.Array, floats: pa.Array) -> np.ndarray | None:
    """Tell which decimals cannot be had from their floats again, neither as written nor as they are to the last bit."""
    if raw.type.precision <= DIGITS:
        return None
    changed = np.asarray(pc.is_valid(raw))
    for told in (floats.cast(pa.string()), floats):
        try:
            changed &= np.asarray(pc.fill_null(pc.not_equal(told.cast(raw.type), raw), False))
        except pa.ArrowInvalid:  # one is larger than the type: look at each
            pairs = zip(raw.to_pylist(), told.to_pylist(), strict=True)
            changed &= np.array([None not in (old, new) and Decimal(new) != old for old, new in pairs])
    return changed
