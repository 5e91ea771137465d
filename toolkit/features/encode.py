"""Turn one value, or a whole column of them, into what features are computed from, the same by both ways.

A number, integer or boolean becomes a float (NaN where it is missing); a category or text stays a str, or None; a time
becomes whole microseconds since 1970, or None. Nothing else is converted silently: text is no number, nor is true, 2.5
is no integer, infinity is refused, and a time has an offset if and only if the column was said to have one.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import numpy as np

from toolkit.features.definition import KINDS

__all__ = ["KINDS", "NotOfKindError", "encode_column", "make_encoder", "tell_wanted"]

NUMERIC = ("number", "integer", "boolean")
TEXTS = ("category", "text")
WANTED = {
    "number": "a finite number",
    "integer": "a whole number",
    "boolean": "true or false",
    "category": "text",
    "text": "text",
    "time": "a time without offset in ISO 8601, such as 2026-11-25T08:30:00",
}
WANTED_ZONED = "a time with its offset in ISO 8601, such as 2026-11-25T08:30:00Z"
NAN = math.nan
INFINITY = math.inf
NAT = np.iinfo(np.int64).min  # NumPy's own mark of a missing time
DAY = 86_400_000_000  # microseconds
FIRST_MOMENT, LAST_MOMENT = (
    -719_160 * DAY,
    2_932_894 * DAY,
)  # years 1 to 9999, less some days that zones may need
_EPOCH_DAY = datetime(1970, 1, 1).toordinal()


class NotOfKindError(ValueError):
    """A value is not of its column's kind; for columns, ``row`` is its index and ``value`` the value."""

    def __init__(self, value: object, row: int = 0) -> None:
        super().__init__(value, row)
        self.value, self.row = value, row


Encoder = Callable[[Any], Any]


def tell_wanted(kind: str, zoned: bool = False) -> str:
    """Say what a value of a kind must be."""
    return WANTED_ZONED if kind == "time" and zoned else WANTED[kind]


def encode_number(value: object) -> float:
    """Encode a number; integers beyond 2**53 are rounded to the nearest float64, as NumPy does."""
    if type(value) is float and -INFINITY < value < INFINITY:
        return value
    if value is None:
        return NAN
    if isinstance(value, (float, np.floating, int, np.integer)) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            raise NotOfKindError(value) from None
        if math.isnan(number):
            return NAN
        if -INFINITY < number < INFINITY:
            return number
    raise NotOfKindError(value)


def encode_integer(value: object) -> float:
    """Encode a whole number, also when it comes as 3.0."""
    number = encode_number(value)
    if not math.isnan(number) and not number.is_integer():
        raise NotOfKindError(value)
    return number


def encode_boolean(value: object) -> float:
    """Encode true as 1 and false as 0."""
    if value is True:
        return 1.0
    if value is False:
        return 0.0
    if _is_missing(value):
        return NAN
    if isinstance(value, np.bool_):
        return float(value)
    raise NotOfKindError(value)


def encode_text(value: object) -> str | None:
    """Pass a text on."""
    if type(value) is str:
        return value
    if isinstance(value, str):
        return str(value)
    if _is_missing(value):
        return None
    raise NotOfKindError(value)


def encode_wall_time(value: object) -> int | None:
    """Encode a time without offset as the microseconds since 1970 on a clock that knows no zones."""
    return _encode_time(value, False)


def encode_instant(value: object) -> int | None:
    """Encode a time with offset as the microseconds since 1970 in UTC."""
    return _encode_time(value, True)


def make_encoder(kind: str, zoned: bool = False) -> Encoder:
    """Choose the encoder of a kind."""
    if kind == "time":
        return encode_instant if zoned else encode_wall_time
    return {
        "number": encode_number,
        "integer": encode_integer,
        "boolean": encode_boolean,
        "category": encode_text,
        "text": encode_text,
    }[kind]


def encode_column(kind: str, encoder: Encoder, values: np.ndarray | Sequence[Any]) -> Any:
    """Encode a column, vectorised where its dtype allows, value by value where it does not.

    Returns
    -------
    ndarray or list
        float64 (n,) for numbers, integers and booleans; int64 (n,) with NaT's value where missing for times; a list of
        str and None for categories and texts.

    Raises
    ------
    NotOfKindError
        With the first row that is not of the kind.
    """
    if isinstance(values, np.ndarray):
        if kind in ("number", "integer") and values.dtype.kind in "fiu":
            return _encode_numeric(kind, values)
        if kind == "boolean" and values.dtype.kind == "b":
            return values.astype(np.float64)
        if kind == "time" and values.dtype.kind == "M":  # zone or not is the table's business
            return _encode_moments(values)
        values = values.tolist() if values.dtype.kind in "biufOU" else list(values)
    if kind in TEXTS and set(map(type, values)) <= {str, type(None)}:
        return list(values)
    encoded = []
    try:
        for value in values:
            encoded.append(encoder(value))
    except NotOfKindError as problem:
        raise NotOfKindError(problem.value, len(encoded)) from None
    if kind == "time":
        return np.array([NAT if moment is None else moment for moment in encoded], dtype=np.int64)
    return np.array(encoded, dtype=np.float64) if kind in NUMERIC else encoded


def is_missing(kind: str, encoded: Any) -> np.ndarray:
    """Tell which values of an encoded column are missing, as booleans (n,)."""
    if kind in NUMERIC:
        return np.isnan(encoded)
    if kind == "time":
        return encoded == NAT
    return np.array([value is None for value in encoded], dtype=bool)


def as_values(kind: str, encoded: Any) -> list[Any]:
    """Give an encoded column as the plain values that :func:`make_encoder` gives one by one."""
    if kind == "time":
        return [None if moment == NAT else moment for moment in encoded.tolist()]
    return encoded.tolist() if kind in NUMERIC else encoded


def _is_missing(value: object) -> bool:
    return value is None or (isinstance(value, (float, np.floating)) and math.isnan(value))


def _encode_numeric(kind: str, values: np.ndarray) -> np.ndarray:
    encoded = values.astype(np.float64)
    encoded[np.isnan(encoded)] = NAN  # one bit pattern for every NaN
    wrong = np.isinf(encoded)
    if kind == "integer":
        wrong |= encoded != np.trunc(encoded)
        wrong &= ~np.isnan(encoded)
    if wrong.any():
        row = int(wrong.argmax())
        raise NotOfKindError(values[row].item(), row)
    return encoded


def _encode_moments(values: np.ndarray) -> np.ndarray:
    moments = values.astype("datetime64[us]").astype(np.int64)
    wrong = (moments != NAT) & ((moments < FIRST_MOMENT) | (moments > LAST_MOMENT))
    if wrong.any():
        row = int(wrong.argmax())
        raise NotOfKindError(str(values[row]), row)
    return moments


def _encode_time(value: object, zoned: bool) -> int | None:
    if type(value) is str:
        if value[4:5] != "-" or len(value) < 10:  # the forms without hyphens, and weeks, are easily misread
            raise NotOfKindError(value)
        try:
            moment = datetime.fromisoformat(value)
        except ValueError:
            raise NotOfKindError(value) from None
    elif isinstance(value, datetime):
        moment = value
    elif isinstance(value, np.datetime64):
        whole = int(_encode_moments(np.array([value]))[0])
        return None if whole == NAT else whole
    elif _is_missing(value):
        return None
    else:
        raise NotOfKindError(value)
    offset = moment.utcoffset()
    if (offset is not None) is not zoned:
        raise NotOfKindError(value)
    seconds = (moment.hour * 60 + moment.minute) * 60 + moment.second
    whole = (moment.toordinal() - _EPOCH_DAY) * DAY + seconds * 1_000_000 + moment.microsecond
    if offset is not None:
        whole -= (offset.days * 86_400 + offset.seconds) * 1_000_000 + offset.microseconds
    if not FIRST_MOMENT <= whole <= LAST_MOMENT:
        raise NotOfKindError(value)
    return whole
