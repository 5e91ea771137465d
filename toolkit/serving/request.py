"""From the bytes of a request to columns of checked values, or to everything that is wrong with it.

Strict on purpose: what is silently repaired here becomes a silently wrong prediction. ``"3"`` and ``true`` are no
numbers, NaN is not JSON, an unknown or repeated feature is an error, and so is one that is missing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from itertools import islice
from operator import itemgetter
from typing import Any

import numpy as np
import orjson

from toolkit.errors import RequestError
from toolkit.serving.arrays import (
    FORM,
    Arrays,
    find_name_faults,
    find_shape_faults,
    is_array_form,
    may_hold_booleans,
    parse_arrays,
)
from toolkit.serving.faults import (
    MAX_FINDINGS,
    check_findings,
    describe,
    find_rule_faults,
    find_type_faults,
    find_unknown,
    finding,
    tell_absent,
)
from toolkit.serving.json_faults import (
    WRAPPER,
    find_broken_text,
    find_duplicates,
    find_repeated_parts,
    find_special_numbers,
)
from toolkit.serving.rows import Column, Lazy, OneRow, Rows, pack_column
from toolkit.serving.wanted import Wanted

TOP = "top"  # option of POST /explain


def parse_request(body: bytes, wanted: Wanted, max_rows: int = 1000, takes_top: bool = False) -> Rows:
    """Read the JSON of a request.

    It is one object by feature name, a list of them, ``{"rows": [...]}``, or the compact form of
    :mod:`toolkit.serving.arrays`.

    Parameters
    ----------
    body : bytes
        The request's body.
    wanted : Wanted
        What the rows must be.
    max_rows : int
        Most rows.
    takes_top : bool
        ``{"rows": [...], "top": 5}`` is right, too: BentoML's client sends options so.

    Raises
    ------
    RequestError
        With all findings (the first 20 in full), each naming row and feature.
    """
    content = _parse_json(body)
    if type(content) is dict:
        if wanted.admits(content, body):
            return Rows([content], OneRow(content, wanted.inputs), 1, single=True)
        if is_array_form(content, wanted.inputs):
            return _read_arrays(parse_arrays(content), body, wanted, max_rows)
    single = isinstance(content, dict) and not isinstance(content.get(WRAPPER), list)
    top = content.pop(TOP, None) if takes_top and not single and isinstance(content, dict) else None
    if isinstance(content, dict) and not single and len(content) > 1:
        extra = next(name for name in content if name != WRAPPER)
        raise RequestError(f"A body with '{WRAPPER}' must hold nothing else. Got '{extra[:80]}' beside it.")
    rows = [content] if single else content[WRAPPER] if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise RequestError(
            f'The body must be an object of features, a list of them, {{"{WRAPPER}": [...]}} or {FORM}. '
            f"Got {describe(rows)}."
        )
    check_count(len(rows), max_rows)
    found = _read_rows(rows, body, wanted, isinstance(content, dict) and not single, single)
    return found if top is None else replace(found, top=top)


def check_count(count: int, max_rows: int) -> None:
    """Refuse a request without rows, or with too many."""
    if not count:
        raise RequestError("The request must have at least one row. Got none.", kind="empty")
    if count > max_rows:
        raise RequestError(
            f"A request may have {max_rows} rows at most. Got {count}. Send them in several requests.",
            413,
            "too_many_rows",
        )


def _read_rows(rows: list[Any], body: bytes, wanted: Wanted, wrapped: bool, single: bool) -> Rows:
    columns = _turn(rows, wanted.inputs)
    if columns is None:
        check_findings(_find_value_faults(rows, wanted), *_find_structure_faults(rows, wanted))
        raise RequestError("The rows must be objects of features, and some are not.")  # can't be
    packed, findings = _pack(columns, wanted)
    keys = len(rows) * len(wanted.inputs) + wrapped
    colons = keys + len(rows) * sum(name.count(":") for name in wanted.inputs) + _count_colons(packed)
    if body.count(b":") != colons or b"\\" in body:
        check_findings(find_duplicates(body, rows, wrapped))
    check_findings(findings)
    return Rows(rows, packed, len(rows), single, body)


def _turn(rows: list[Any], inputs: Mapping[str, str]) -> dict[str, Sequence[Any]] | None:
    """Turn rows into columns; None if a row is no object, or has other features."""
    if set(map(type, rows)) != {dict} or set(map(len, rows)) != {len(inputs)}:
        return None
    try:
        if len(rows) == 1:
            return {name: [rows[0][name]] for name in inputs}
        if len(inputs) == 1:
            return {name: [row[name] for row in rows] for name in inputs}
        return dict(zip(inputs, zip(*map(itemgetter(*inputs), rows), strict=True), strict=True))
    except KeyError:
        return None


def _read_arrays(arrays: Arrays, body: bytes, wanted: Wanted, max_rows: int) -> Rows:
    names, data = arrays.names, arrays.data
    check_count(len(data), max_rows)
    shape, faults = find_shape_faults(arrays), find_name_faults(names, wanted.inputs, wanted.nullable)
    if faults or shape:
        rows = (
            dict(zip(names, row, strict=True)) if isinstance(row, list) and len(row) == len(names) else None
            for row in data
        )
        check_findings(_find_value_faults(rows, wanted), faults, shape)
    columns: dict[str, Sequence[Any]] = dict(zip(names, zip(*data, strict=True), strict=True))
    packed, findings = _pack({name: columns[name] for name in wanted.inputs}, wanted, may_hold_booleans(body))
    colons = 2 + sum(name.count(":") for name in names) + _count_colons(packed)
    if body.count(b":") != colons or b"\\" in body:
        check_findings(find_repeated_parts(body))
    check_findings(findings)
    return Rows(
        Lazy(lambda: [dict(zip(names, row, strict=True)) for row in data], len(data)), packed, len(data)
    )


def _pack(
    columns: dict[str, Sequence[Any]], wanted: Wanted, booleans: bool = True
) -> tuple[Mapping[str, Column], list[dict[str, Any]]]:
    """Give the columns packed (a single row as it is), and all that is wrong with them."""
    packed: Mapping[str, Column] = columns
    if len(next(iter(columns.values()))) > 1:
        packed = {name: pack_column(kind, columns[name], booleans) for name, kind in wanted.inputs.items()}
        if not find_column_faults(packed, wanted, most=1):
            return packed, []
    return columns, find_column_faults(columns, wanted)


def find_column_faults(
    columns: Mapping[str, Column],
    wanted: Wanted,
    most: int = MAX_FINDINGS + 1,
    places: Mapping[str, Sequence[int]] | None = None,
) -> list[dict[str, Any]]:
    """Find the values of columns that are of the wrong type or break a rule; of each feature's the first.

    ``places``: the rows that have a value of each feature, where some lack it.
    """
    inputs = {name: kind for name, kind in wanted.inputs.items() if name in columns}
    types = find_type_faults(columns, inputs, wanted.nullable, wanted.zoned, most=most, places=places)
    return [*types, *find_rule_faults(columns, wanted.rules, most=most, places=places)]


def _count_colons(columns: Mapping[str, Column]) -> int:
    """Count the colons in the texts of columns."""
    return sum(
        value.count(":")
        for values in columns.values()
        if not isinstance(values, np.ndarray)
        for value in values
        if type(value) is str
    )


def _parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = str(error)
    if not body.strip():
        raise RequestError("The request must have a JSON body. Got an empty one.", kind="empty")
    check_findings(find_special_numbers(body), kind="not_json")
    reason = find_broken_text(body) or reason
    raise RequestError(f"The body must be JSON (UTF-8) and is not: {reason}.", kind="not_json")


def _find_structure_faults(
    rows: Sequence[Any], wanted: Wanted
) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """Find what is sent and is no feature, and what is missing; each until there are enough to show.

    More is not looked for: a hostile body must not cost more.
    """
    inputs, nullable = wanted.inputs, wanted.nullable
    odd: list[dict[str, Any]] = []
    missing: list[dict[str, Any]] = []
    for index, row in enumerate(rows):
        more_odd, more_missing = len(odd) <= MAX_FINDINGS, len(missing) <= MAX_FINDINGS
        if not (more_odd or more_missing):
            break
        if not isinstance(row, dict):
            odd.append(finding(f"must be an object of features. Got {describe(row)}.", index, None))
        elif row.keys() != inputs.keys():
            unknown = islice((name for name in row if name not in inputs), MAX_FINDINGS * more_odd)
            odd += [find_unknown(name, inputs, index) for name in unknown]
            absent = (name for name in (inputs if more_missing else ()) if name not in row)
            missing += [finding(tell_absent(name in nullable), index, name) for name in absent]
    return odd, missing


def _find_value_faults(rows: Iterable[Any], wanted: Wanted) -> list[dict[str, Any]]:
    """Find the wrong values of rows that may lack features, or be no rows at all."""
    columns: dict[str, list[Any]] = {}
    places: dict[str, list[int]] = {}
    for index, row in enumerate(rows):
        for name, value in row.items() if isinstance(row, dict) else ():
            if name in wanted.inputs:
                columns.setdefault(name, []).append(value)
                places.setdefault(name, []).append(index)
    return find_column_faults(columns, wanted, places=places)
