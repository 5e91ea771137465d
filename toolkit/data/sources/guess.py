"""Give a sample of a text table the types that its values look like, for people's functions and no more."""

from __future__ import annotations

import pyarrow as pa
import pyarrow.compute as pc

KINDS = (pa.int64(), pa.float64(), pa.timestamp("us"))


def guess_types(table: pa.Table, decimal: str = ".") -> pa.Table:
    """Convert each column whose values are all whole numbers, numbers, times, or true and false; leave the others.

    >>> guess_types(pa.table({"a": ["1", None], "b": ["1,5", "2"], "c": ["01x", "2"]}), ",").schema.types
    [DataType(int64), DataType(double), DataType(string)]
    """
    columns = [_guess(table[name].combine_chunks(), decimal) for name in table.column_names]
    return pa.table(dict(zip(table.column_names, columns, strict=True)))


def _guess(values: pa.Array, decimal: str) -> pa.Array:
    if not pa.types.is_string(values.type) or values.null_count == len(values):
        return values
    if pc.any(pc.match_substring_regex(values, "^0[0-9]")).as_py():  # codes, not numbers
        return values
    if pc.all(pc.is_in(values.drop_null(), pa.array(["true", "false", "True", "False"]))).as_py():
        return pc.equal(pc.utf8_lower(values), "true")
    plain = pc.replace_substring(values, decimal, ".") if decimal != "." else values
    for kind in KINDS:
        try:
            return plain.cast(kind)
        except pa.ArrowInvalid:
            continue
    return values
