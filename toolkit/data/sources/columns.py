"""Names and types of a table's columns: what is refused, and what the parts of a source have in common."""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import suppress

import pyarrow as pa
import pyarrow.types as kinds

from toolkit.errors import DataError, suggest

FIRST = 5  # how many findings of a kind a message shows


def check_columns(schema: pa.Schema, file: str, advice: str = "") -> None:
    """Check that columns have names of their own and plain values.

    Parameters
    ----------
    schema : Schema
        The columns.
    file : str
        What messages call the table.
    advice : str
        What may be done with a column of other values besides mending it, such as ", or leave it out".

    Raises
    ------
    DataError
        All findings.
    """
    names = schema.names
    findings = []
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        findings.append(
            f"{file}: column names must differ. Got {list_some(doubled)} more than once. Rename them in the file."
        )
    unnamed = [str(place) for place, name in enumerate(names, 1) if not name.strip()]
    if unnamed:
        findings.append(
            f"{file}: every column must have a name. Column {list_some(unnamed)} has none. Name it in the file."
        )
    for field in schema:
        if kinds.is_nested(field.type):
            findings.append(
                f"{file}: column '{field.name}' must hold plain values. Got {field.type} instead: flatten it{advice}."
            )
        elif kinds.is_duration(field.type) or kinds.is_interval(field.type):
            findings.append(
                f"{file}: column '{field.name}' must hold numbers, texts or times. Got {field.type} instead: write it "
                f"as a number of one unit{advice}."
            )
        elif not is_plain(field.type):
            findings.append(
                f"{file}: column '{field.name}' must be UTF-8 text. Got other bytes: convert the file to UTF-8{advice}."
            )
    if findings:
        raise DataError("\n".join(findings))


def is_plain(kind: pa.DataType) -> bool:
    """Whether a column of this type can be one of the raw table: neither nested, nor bytes, nor spans of time."""
    binary = kinds.is_binary(kind) or kinds.is_large_binary(kind) or _is_fixed(kind)
    return not (kinds.is_nested(kind) or binary or kinds.is_duration(kind) or kinds.is_interval(kind))


def simplify(schema: pa.Schema) -> pa.Schema:
    """Give the types that later stages meet: no dictionaries, one kind of text, no metadata of other programs."""
    return pa.schema([pa.field(field.name, _simplify_type(field.type)) for field in schema])


def unite(schemas: Iterable[tuple[str, pa.Schema]], shared: str = "same") -> pa.Schema:
    """Give the columns of all parts, in the first part's order, each with a type that holds every part's.

    Parameters
    ----------
    schemas : iterable of (str, Schema)
        The name of a part, and its columns.
    shared : str
        Which of the first part's columns another must have: the ``same`` and no other, half of them at least
        (``most``), or ``any``. Rows have no values in columns that their part lacks.

    Raises
    ------
    DataError
        A part lacks a column or has one more, or types that do not go together; names the parts and the difference.
    """
    first = ""
    columns: list[str] = []
    types: dict[str, pa.DataType] = {}
    origin: dict[str, str] = {}
    for name, schema in schemas:
        if not types:
            first = name
            columns = schema.names
            types = dict(zip(columns, schema.types, strict=True))
            origin = dict.fromkeys(types, name)
            continue
        if shared != "any":
            _check_names(first, columns, name, schema.names, shared == "same")
        for field in schema:
            wider = widen(types.setdefault(field.name, field.type), field.type)
            origin.setdefault(field.name, name)
            if wider is None:
                raise DataError(
                    f"{name}: column '{field.name}' must have the type it has in {origin[field.name]}, "
                    f"{types[field.name]}. Got {field.type} instead: write the parts with one type, or choose fewer by "
                    "collect.pattern."
                )
            if wider != types[field.name]:
                types[field.name], origin[field.name] = wider, name
    return pa.schema(list(types.items()))


def widen(left: pa.DataType, right: pa.DataType) -> pa.DataType | None:
    """Give the type that holds the values of both without loss, or None.

    >>> widen(pa.int64(), pa.float32()), widen(pa.timestamp("s"), pa.timestamp("us")), widen(pa.bool_(), pa.int8())
    (DataType(double), TimestampType(timestamp[us]), None)
    """
    if left == right or kinds.is_null(right):
        return left
    if kinds.is_null(left):
        return right
    if _is_number(left) and _is_number(right):
        return _widen_numbers(left, right)
    if kinds.is_temporal(left) and kinds.is_temporal(right):
        with suppress(pa.ArrowException):
            both = [pa.schema([("", left)]), pa.schema([("", right)])]
            return pa.unify_schemas(both, promote_options="permissive").field(0).type
    return None


def list_some(items: Iterable[object]) -> str:
    """Name the first few items, and how many there are besides."""
    shown = [str(item) for item in items]
    more = f" and {len(shown) - FIRST} more" if len(shown) > FIRST else ""
    return ", ".join(shown[:FIRST]) + more


def _check_names(first: str, expected: list[str], name: str, found: list[str], same: bool) -> None:
    lacking = [column for column in expected if column not in set(found)]
    more = [column for column in found if column not in set(expected)]
    if not (lacking or more) or (not same and len(lacking) <= len(expected) / 2):
        return
    said = [
        f"It lacks {list_some(lacking)}" if lacking else "",
        f"{'it' if lacking else 'It'} has {list_some(more)} besides" if more else "",
    ]
    near = suggest(lacking[0], more) if lacking and more else ""
    widen = ", or set collect.on_violation to widen: rows without a column are missing there" if same else ""
    raise DataError(
        f"{name} must have the columns of {first}, since both are parts of one table. "
        f"{' and '.join(filter(None, said))}.{near} Mend the part, choose fewer by collect.pattern{widen}."
    )


def _simplify_type(kind: pa.DataType) -> pa.DataType:
    if kinds.is_dictionary(kind):
        kind = kind.value_type
    if kinds.is_large_string(kind) or kinds.is_string_view(kind):
        return pa.string()
    return kind


def _is_number(kind: pa.DataType) -> bool:
    return kinds.is_integer(kind) or kinds.is_floating(kind)


def _widen_numbers(left: pa.DataType, right: pa.DataType) -> pa.DataType:
    if kinds.is_floating(left) or kinds.is_floating(right):
        return pa.float64()
    return left if _holds(left, right) else right if _holds(right, left) else pa.int64()


def _holds(wide: pa.DataType, narrow: pa.DataType) -> bool:
    signed = kinds.is_signed_integer(wide), kinds.is_signed_integer(narrow)
    return (wide.bit_width >= narrow.bit_width and signed[0] == signed[1]) or (
        wide.bit_width > narrow.bit_width and signed == (True, False)
    )


def _is_fixed(kind: pa.DataType) -> bool:
    return kinds.is_fixed_size_binary(kind) or kinds.is_binary_view(kind)
