"""From the bytes of a request to columns of checked values, or to everything that is wrong with it.

Strict on purpose: what is silently repaired here becomes a silently wrong prediction. ``"3"`` and ``true`` are no
numbers, NaN is not JSON, an unknown or repeated feature is an error, and so is one that is missing.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

import numpy as np
import orjson

from toolkit.errors import RequestError, suggest
from toolkit.serving.faults import (
    MAX_FINDINGS,
    check_findings,
    describe,
    find_rule_faults,
    find_type_faults,
    finding,
)
from toolkit.serving.rules import NO_RULES, Rules

NUMBERS = frozenset((float, int))
WRAPPER = "rows"  # {"rows": [...]}: the form that BentoML's own client sends


@dataclass(frozen=True)
class Rows:
    """Checked rows of a request, as sent and as columns of values; ``single``: it was one object, not a list."""

    sent: list[dict[str, Any]]
    columns: dict[str, list[Any]]
    count: int
    single: bool

    def as_arrays(self) -> dict[str, Any]:
        """Give columns of numbers as float64 arrays, which are transformed much quicker than lists; others as are."""
        return {name: _as_array(values) for name, values in self.columns.items()}


def parse_request(
    body: bytes,
    inputs: Mapping[str, str],
    nullable: frozenset[str] = frozenset(),
    max_rows: int = 1000,
    *,
    rules: Rules = NO_RULES,
    zoned: frozenset[str] = frozenset(),
) -> Rows:
    """Read the JSON of a request: one object by feature name, a list of them, or ``{"rows": [...]}``.

    Parameters
    ----------
    body : bytes
        The request's body.
    inputs : Mapping
        Feature name to kind: number, integer, boolean, category, text or time.
    nullable : frozenset of str
        Features that may be null.
    max_rows : int
        Most rows.
    rules : Rules
        Ranges and categories that the contract allows.
    zoned : frozenset of str
        Times that must have an offset; others must have none.

    Raises
    ------
    RequestError
        With all findings (the first 20 in full), each naming row and feature.
    """
    content = _parse_json(body)
    single = isinstance(content, dict) and not isinstance(content.get(WRAPPER), list)
    if isinstance(content, dict) and not single and len(content) > 1:
        extra = next(name for name in content if name != WRAPPER)
        raise RequestError(f"A body with '{WRAPPER}' must hold nothing else. Got '{extra}' beside it.")
    rows = [content] if single else content[WRAPPER] if isinstance(content, dict) else content
    if not isinstance(rows, list):
        raise RequestError(
            f'The body must be an object of features, a list of them, or {{"{WRAPPER}": [...]}}. Got {describe(rows)}.'
        )
    if not rows:
        raise RequestError("The request must have at least one row. Got an empty list.", kind="empty")
    if len(rows) > max_rows:
        raise RequestError(
            f"A request may have {max_rows} rows at most. Got {len(rows)}. Send them in several requests.",
            413,
            "too_many_rows",
        )
    findings = _find_structure_faults(rows, inputs, nullable)
    if findings:
        check_findings([*findings, *_find_value_faults(rows, inputs, nullable, rules, zoned)])
    check_findings(_find_duplicates(body, rows, wrapped=isinstance(content, dict) and not single))
    columns = {name: [row[name] for row in rows] for name in inputs}
    check_findings([*find_type_faults(columns, inputs, nullable, zoned), *find_rule_faults(columns, rules)])
    return Rows(rows, columns, len(rows), single)


def _as_array(values: list[Any]) -> Any:
    return np.array(values, dtype=np.float64) if set(map(type, values)) <= NUMBERS else values


def _parse_json(body: bytes) -> Any:
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        reason = str(error)
    if not body.strip():
        raise RequestError("The request must have a JSON body. Got an empty one.", kind="empty")
    check_findings(_find_special_numbers(body), "not_json")
    raise RequestError(f"The body must be JSON (UTF-8) and is not: {reason}.", kind="not_json")


@dataclass(frozen=True)
class _Special:
    """A number that JSON does not have, or that no float64 holds, as it was written."""

    text: str


def _find_special_numbers(body: bytes) -> list[dict[str, Any]]:
    """Find NaN, Infinity and numbers like 1e999: what Python's own parser takes for JSON and is none."""
    try:
        content = json.loads(body, parse_constant=_Special, parse_float=_parse_float, parse_int=_parse_float)
    except (ValueError, RecursionError):
        return []
    rows = content.get(WRAPPER, [content]) if isinstance(content, dict) else content
    if not isinstance(rows, list):
        return []
    return [
        finding(f"must be a finite number. Got {value.text[:40]}, which JSON does not have.", row, name)
        for row, values in enumerate(rows)
        if isinstance(values, dict)
        for name, value in values.items()
        if isinstance(value, _Special)
    ]


def _parse_float(text: str) -> float | _Special:
    value = float(text)
    return value if abs(value) <= 1.7976931348623157e308 else _Special(text)


def _find_structure_faults(
    rows: Sequence[Any], inputs: Mapping[str, str], nullable: frozenset[str]
) -> list[dict[str, Any]]:
    expected = inputs.keys()
    findings: list[dict[str, Any]] = []
    for index, row in enumerate(rows):
        if not isinstance(row, dict):
            findings.append(finding(f"must be an object of features. Got {describe(row)}.", index, None))
        elif row.keys() != expected:
            unknown = islice((name for name in row if name not in expected), MAX_FINDINGS)
            findings += [
                finding(f"is not a feature of the model.{suggest(name[:80], expected)}", index, name)
                for name in unknown
            ]
            missing = (name for name in inputs if name not in row)
            findings += [finding(_absent(name in nullable), index, name) for name in missing]
        if len(findings) > MAX_FINDINGS:  # enough to show; a hostile body must not cost more
            break
    return findings


def _find_value_faults(
    rows: Sequence[Any],
    inputs: Mapping[str, str],
    nullable: frozenset[str],
    rules: Rules,
    zoned: frozenset[str],
) -> list[dict[str, Any]]:
    """Find the wrong values of rows that may lack features, row by row; of so many as can be shown."""
    findings: list[dict[str, Any]] = []
    for index, row in enumerate(rows[:MAX_FINDINGS]):
        if isinstance(row, dict):
            present = {name: kind for name, kind in inputs.items() if name in row}
            columns = {name: [row[name]] for name in present}
            findings += find_type_faults(columns, present, nullable, zoned, index)
            findings += find_rule_faults(columns, rules, index)
    return findings


def _absent(nullable: bool) -> str:
    """Say that a feature is missing; null is advised only where it would be taken."""
    return "is missing. Send null if it is unknown." if nullable else "is missing. The model needs its value."


def _find_duplicates(body: bytes, rows: Sequence[dict[str, Any]], wrapped: bool) -> list[dict[str, Any]]:
    """Find features that a row names twice, which orjson (like most parsers) resolves silently to the last.

    A key in the text has one colon, so with as many colons as there are keys, plus those inside names and texts, none
    is repeated. Only otherwise, or with escapes in the text, is it parsed again, slowly.
    """
    colons = sum(len(row) for row in rows) + wrapped
    colons += len(rows) * sum(name.count(":") for name in rows[0])
    colons += sum(value.count(":") for row in rows for value in row.values() if type(value) is str)
    if body.count(b":") == colons and b"\\" not in body:
        return []
    if any(isinstance(value, list | dict) for row in rows for value in row.values()):
        return []  # refused as the wrong type in a moment, however deep it is
    try:
        content = json.loads(body, object_pairs_hook=_note_repeated)
    except RecursionError:  # of a value that another of the same name stands for
        raise RequestError("A feature must be given once, as a plain value. Got lists in lists.") from None
    if wrapped and content.repeated:
        return [finding(f"'{WRAPPER}' must be given once.", None, None)]
    objects = content[WRAPPER] if wrapped else content if isinstance(content, list) else [content]
    return [
        finding("is given more than once.", row, name)
        for row, values in enumerate(objects)
        for name in values.repeated
    ]


class _Object(dict[str, Any]):
    """A JSON object that knows which of its names the text has more than once."""

    repeated: tuple[str, ...] = ()


def _note_repeated(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        found.repeated = tuple(name for name, count in counts.items() if count > 1)
    return found
