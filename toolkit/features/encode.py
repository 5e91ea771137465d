"""Turn one value, or a whole column of them, into the float64 that the model sees, the same by both ways.

A missing value (None, or NaN) becomes NaN, and so does a category that the features were not fitted on.
Nothing else is converted silently: text is no number, nor is true, 2.5 is no integer, infinity is refused.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence

import numpy as np

KINDS = ("number", "integer", "boolean", "category")
WANTED = {
    "number": "a finite number",
    "integer": "a whole number",
    "boolean": "true or false",
    "category": "text",
}
NAN = math.nan
INFINITY = math.inf


class NotOfKindError(ValueError):
    """A value is not of its feature's kind; for columns, ``row`` is its index and ``value`` the value."""

    def __init__(self, value: object, row: int = 0) -> None:
        super().__init__(value, row)
        self.value, self.row = value, row


Encoder = Callable[[object], float]


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
    if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
        return NAN
    if isinstance(value, np.bool_):
        return float(value)
    raise NotOfKindError(value)


def category_encoder(codes: Mapping[str, float]) -> Encoder:
    """Make the encoder of a category: its code, or NaN for one that is not in ``codes``."""
    get = codes.get

    def encode_category(value: object) -> float:
        if isinstance(value, str):
            return get(value, NAN)
        if value is None or (isinstance(value, (float, np.floating)) and math.isnan(value)):
            return NAN
        raise NotOfKindError(value)

    return encode_category


def make_encoder(kind: str, categories: Sequence[str] = ()) -> Encoder:
    """Choose the encoder of a kind; ``categories`` in the order of their codes."""
    if kind == "category":
        return category_encoder({name: float(code) for code, name in enumerate(categories)})
    return {"number": encode_number, "integer": encode_integer, "boolean": encode_boolean}[kind]


def encode_column(kind: str, encoder: Encoder, values: np.ndarray | Sequence[object]) -> np.ndarray:
    """Encode a column, vectorised where its dtype allows, value by value where it does not.

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
        values = values.tolist() if values.dtype.kind in "biufU" else values
    encoded = np.empty(len(values), dtype=np.float64)
    for row, value in enumerate(values):
        try:
            encoded[row] = encoder(value)
        except NotOfKindError:
            raise NotOfKindError(value, row) from None
    return encoded


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
