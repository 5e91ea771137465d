"""Turn a column as it was read into its contract's type, and say which rows it cannot be done for and why.

Good data never leaves Arrow: a column is cast as a whole, and only where that fails are its values looked at one by
one, by regular expressions over the column. Nothing is rounded or repaired silently: "007" is no number, and "1,234" is
one only where params.yaml says what stands between thousands.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

from toolkit.columns import to_floats
from toolkit.data.contract.rules import LARGEST, Rule
from toolkit.data.contract.times import convert_times
from toolkit.data.missing import MISSING


@dataclass(frozen=True)
class Reason:
    """Why values are refused: what must hold (after "column 'x' "), and what to do.

    ``widens`` if the contract would be widened for them (``on_violation: widen``).
    """

    must: str
    advice: str
    widens: bool = False


class Written(NamedTuple):
    """How numbers are written in text: what stands before the decimals, and between thousands ('': nothing may)."""

    decimal: str = "."
    thousands: str = ""


Broken = tuple[Reason, pa.BooleanArray]  # the rows that are refused for a reason
Converted = tuple[pa.Array, list[Broken]]

NUMBER = r"^[+-]?(?:(?:0|[1-9][0-9]*)(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?$"
WHOLE = r"^[+-]?(?:0|[1-9][0-9]*)$"
ODD_START = r"^[+-]?0[0-9xX]"  # 007 or 0x1F, which Arrow takes for numbers
ODD = r"^[+-]?0[0-9xX][0-9a-fA-F]*(?:[.,][0-9.,]*)?$"  # such a number as a whole
INFINITE = r"^(?i:[+-]?inf(?:inity)?)$"
BOOLEAN = r"^(?i:true|false|0|1)$"
GROUPED = r"^[+-]?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?$"  # 1,234,567.8
COMMA = r"^[+-]?[0-9]*,[0-9]+$"  # 1,5

WRITTEN = Written()

OR_EMPTY = "Correct them, or leave them empty."
FINITE = Reason("must have finite numbers", "Leave them empty where the value is not known.")
LEADING = Reason(
    "must have numbers without leading zeros",
    "Make the column text in the contract if its values are codes, such as postal codes.",
)
GROUPS = Reason(
    "must have numbers without thousands separators",
    "Set collect.thousands to ',' in params.yaml; or, if the comma stands before decimals, collect.decimal.",
)
POINT_GROUPS = Reason(
    "must have numbers without thousands separators",
    "Set collect.thousands to '.' in params.yaml; or, if the point stands before decimals, collect.decimal.",
)
DECIMAL_COMMA = Reason(
    "must have numbers with a decimal point",
    "Set collect.decimal to ',' in params.yaml if all its numbers are written with a comma.",
)
DECIMAL_POINT = Reason(
    "must have numbers with a decimal comma, as collect.decimal says",
    "Set collect.decimal to '.' in params.yaml if a point stands before decimals, not between thousands.",
)
TOO_LARGE = Reason(
    f"must have whole numbers within {LARGEST}, since no model tells larger ones apart",
    "Make the column text in the contract if its values are identifiers.",
)
EXACT = Reason(
    f"must have whole numbers within {LARGEST}, since larger ones would be rounded",
    "Make the column text in the contract if its values are identifiers; else round them in the source.",
)
NO_NUMBER = Reason("must be a number", OR_EMPTY)
NO_WHOLE = Reason("must be a whole number", OR_EMPTY)
NOT_WHOLE = Reason(
    "must be a whole number", "Correct them, or make the column number in the contract.", widens=True
)
NO_BOOLEAN = Reason("must be true or false", "Correct them, or make the column category in the contract.")


def convert(values: pa.Array, rule: Rule, written: Written = WRITTEN) -> Converted:
    """Convert a column.

    Parameters
    ----------
    values : pyarrow.Array
        As read; of text, a cell that is null is missing.
    rule : Rule
        Its contract.
    written : Written
        How numbers are written that come as text.

    Returns
    -------
    tuple
        The column with the type ``rule.arrow``, null where a value is missing or refused; and for each reason the
        rows that are refused for it.
    """
    if rule.type not in ("category", "text"):
        values = drop_marks(values)
    if rule.type == "time":
        converted, marked = convert_times(values, rule.zone, rule.format)
        return converted, [(Reason(must, advice), mask) for (must, advice), mask in marked]
    if kinds.is_null(values.type):
        return values.cast(rule.arrow), []
    if rule.type in ("category", "text"):
        return as_text(values), []
    if kinds.is_string(values.type) or kinds.is_large_string(values.type):
        return {"number": _parse_numbers, "integer": _parse_integers, "boolean": _parse_booleans}[rule.type](
            values, written
        )
    return {"number": _take_numbers, "integer": _take_integers, "boolean": _take_booleans}[rule.type](values)


def drop_marks(values: pa.Array) -> pa.Array:
    """Make null what stands for a missing value; among names and texts it is a word ("NA" is Namibia, too)."""
    if not (kinds.is_string(values.type) or kinds.is_large_string(values.type)):
        return values
    marked = pc.is_in(values, pa.array(MISSING, values.type))
    return pc.if_else(marked, None, values) if pc.any(marked).as_py() else values


def as_text(values: pa.Array) -> pa.Array:
    """Give any column as text: 7 and 7.0 both as "7", true as "true"."""
    if kinds.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    if kinds.is_floating(values.type):
        values = _nan_to_null(values)
        whole = pc.and_(pc.equal(pc.trunc(values), values), pc.less(pc.abs(values), float(LARGEST)))
        integers = pc.if_else(whole, values, None).cast(pa.int64()).cast(pa.string())
        return pc.coalesce(integers, values.cast(pa.string()))
    return values if kinds.is_string(values.type) else values.cast(pa.string())


def with_point(values: pa.Array, written: Written) -> pa.Array:
    """Give numbers in text with a decimal point, and without separators of thousands where these may stand.

    A separator is left out only where it stands between groups of three digits, so that 12.34 is not 1234. If a comma
    is the decimal and nothing separates thousands, "1.234,5" becomes "1,234.5", which is no number.
    """
    decimal, thousands = written
    if thousands:
        point, mark = re.escape(decimal), re.escape(thousands)
        grouped = matches(values, rf"^[+-]?[1-9][0-9]{{0,2}}(?:{mark}[0-9]{{3}})+(?:{point}[0-9]*)?$")
        if pc.any(grouped).as_py():
            values = pc.if_else(grouped, pc.replace_substring(values, thousands, ""), values)
    if decimal == ".":
        return values
    swapped = pc.replace_substring(values, ".", "\0")
    return pc.replace_substring(pc.replace_substring(swapped, ",", "."), "\0", ",")


def matches(values: pa.Array, pattern: str) -> pa.BooleanArray:
    """Tell which texts match; a missing one does not."""
    return pc.match_substring_regex(values, pattern).fill_null(False)


def _parse_numbers(values: pa.Array, written: Written) -> Converted:
    plain = with_point(values, written)
    try:
        numbers = plain.cast(pa.float64())
    except pa.ArrowInvalid:
        pass
    else:
        finite = pc.all(pc.is_finite(numbers)).as_py() is not False
        if finite and not pc.any(matches(plain, ODD_START)).as_py():
            return numbers, []
    good = matches(plain, NUMBER)
    numbers = pc.if_else(good, plain, None).cast(pa.float64())
    endless = pc.is_inf(numbers).fill_null(False)
    broken = [(FINITE, endless), *_explain_numbers(values, plain, good, written, NO_NUMBER)]
    return pc.if_else(endless, None, numbers), _merge(broken)


def _explain_numbers(
    values: pa.Array, plain: pa.Array, good: pa.BooleanArray, written: Written, other: Reason
) -> list[Broken]:
    """Sort the texts that are no numbers by why they are none."""
    rest = pc.and_(pc.is_valid(values), pc.invert(good))
    found = []
    grouped, swapped = (GROUPS, DECIMAL_COMMA) if written.decimal == "." else (POINT_GROUPS, DECIMAL_POINT)
    for reason, pattern in ((FINITE, INFINITE), (LEADING, ODD), (grouped, GROUPED), (swapped, COMMA)):
        mask = pc.and_(rest, matches(plain, pattern))
        found.append((reason, mask))
        rest = pc.and_not(rest, mask)
    return [*found, (other, rest)]


def _parse_integers(values: pa.Array, written: Written) -> Converted:
    try:
        integers = values.cast(pa.int64())
    except pa.ArrowInvalid:
        pass
    else:
        if not pc.any(matches(values, ODD_START)).as_py():
            return _within(integers)
    plain = with_point(values, written)
    good = matches(plain, NUMBER)
    numbers = pc.if_else(good, plain, None).cast(pa.float64())
    large = pc.greater(pc.abs(numbers), float(LARGEST)).fill_null(False)
    whole = pc.equal(pc.trunc(numbers), numbers)
    part = pc.and_not(pc.invert(whole).fill_null(False), large)
    broken = [
        (TOO_LARGE, large),
        (NOT_WHOLE, part),
        *_explain_numbers(values, plain, good, written, NO_WHOLE),
    ]
    refused = pc.or_(large, part)
    return pc.if_else(refused, None, numbers).cast(pa.int64()), _merge(broken)


def _within(integers: pa.Array) -> Converted:
    ends = pc.min_max(integers).as_py()
    if ends["min"] is None or (ends["min"] >= -LARGEST and ends["max"] <= LARGEST):
        return integers.cast(pa.int64()), []
    large = pc.greater(integers, pa.scalar(LARGEST, integers.type))
    if kinds.is_signed_integer(integers.type):
        large = pc.or_(large, pc.less(integers, -LARGEST))
    large = large.fill_null(False)
    return pc.if_else(large, None, integers).cast(pa.int64()), [(TOO_LARGE, large)]


def _parse_booleans(values: pa.Array, _: Written) -> Converted:
    try:
        return values.cast(pa.bool_()), []
    except pa.ArrowInvalid:
        good = matches(values, BOOLEAN)
        broken = _broken((NO_BOOLEAN, pc.and_(pc.is_valid(values), pc.invert(good))))
        return pc.if_else(good, values, None).cast(pa.bool_()), broken


def _take_booleans(values: pa.Array) -> Converted:
    if kinds.is_boolean(values.type):
        return values, []
    filled = pc.is_valid(values)
    if kinds.is_temporal(values.type):
        return pa.nulls(len(values), pa.bool_()), _broken((NO_BOOLEAN, filled))
    good = pc.or_(pc.equal(values, 0), pc.equal(values, 1)).fill_null(False)
    booleans = pc.if_else(good, values, None).cast(pa.bool_())
    return booleans, _broken((NO_BOOLEAN, pc.and_not(filled, good)))


def _take_numbers(values: pa.Array) -> Converted:
    if _is_no_number(values):
        return pa.nulls(len(values), pa.float64()), _broken((NO_NUMBER, pc.is_valid(values)))
    if kinds.is_integer(values.type):
        integers, broken = _within(values)
        return integers.cast(pa.float64()), [(EXACT, mask) for _, mask in broken]
    numbers = _nan_to_null(to_floats(values))
    endless = pc.is_inf(numbers).fill_null(False)
    broken = [(FINITE, endless)]
    if is_whole(values.type):
        broken.append((EXACT, pc.greater(pc.abs(numbers), float(LARGEST)).fill_null(False)))
    return pc.if_else(pc.or_(broken[0][1], broken[-1][1]), None, numbers), _broken(*broken)


def is_whole(kind: pa.DataType) -> bool:
    """Whether a column of this type has whole numbers alone."""
    return kinds.is_integer(kind) or (kinds.is_decimal(kind) and kind.scale <= 0)


def _is_no_number(values: pa.Array) -> bool:
    return kinds.is_boolean(values.type) or kinds.is_temporal(values.type)


def _take_integers(values: pa.Array) -> Converted:
    if _is_no_number(values):
        return pa.nulls(len(values), pa.int64()), _broken((NO_WHOLE, pc.is_valid(values)))
    if kinds.is_integer(values.type):
        return _within(values)
    numbers = _nan_to_null(to_floats(values))
    endless = pc.is_inf(numbers).fill_null(False)
    large = pc.and_not(pc.greater(pc.abs(numbers), float(LARGEST)).fill_null(False), endless)
    part = pc.not_equal(pc.trunc(numbers), numbers).fill_null(False)
    part = pc.and_not(part, pc.or_(endless, large))
    refused = pc.or_(pc.or_(endless, large), part)
    broken = _broken((FINITE, endless), (TOO_LARGE, large), (NOT_WHOLE, part))
    return pc.if_else(refused, None, numbers).cast(pa.int64()), broken


def _nan_to_null(values: pa.Array) -> pa.Array:
    return pc.if_else(pc.is_nan(values).fill_null(False), None, values)


def _broken(*found: Broken) -> list[Broken]:
    return [(reason, mask) for reason, mask in found if pc.any(mask).as_py()]


def _merge(found: Sequence[Broken]) -> list[Broken]:
    """Join the masks of the same reason."""
    merged: dict[Reason, pa.BooleanArray] = {}
    for reason, mask in found:
        merged[reason] = pc.or_(merged[reason], mask) if reason in merged else mask
    return _broken(*merged.items())
