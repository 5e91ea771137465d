"""What is wrong with values of a known kind, the same for a request and for a table, and telling it all at once."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from toolkit.errors import RequestError
from toolkit.features.encode import NotOfKindError, make_encoder, tell_wanted
from toolkit.serving.rules import Rules

MAX_FINDINGS = 20
TYPES: dict[
    str, tuple[frozenset[type], str]
] = {  # kind -> types that JSON gives for it, and its name for a person
    "number": (frozenset((float, int)), "a number"),
    "integer": (frozenset((int,)), "a whole number"),
    "boolean": (frozenset((bool,)), "true or false"),
    "category": (frozenset((str,)), "a text"),
    "text": (frozenset((str,)), "a text"),
    "time": (frozenset((str, datetime)), "a time in ISO 8601"),  # a table has datetimes
}


def find_type_faults(
    columns: Mapping[str, Sequence[Any]],
    inputs: Mapping[str, str],
    nullable: frozenset[str],
    zoned: frozenset[str] = frozenset(),
    first: int = 0,
) -> list[dict[str, Any]]:
    """Find the values that are of the wrong type for their feature; the same rules for a request and for a table.

    Whole numbers written as ``3.0`` pass for the kind integer. Null passes where training had missing values.
    ``first`` is the number of the first row.
    """
    findings = []
    for name, kind in inputs.items():
        allowed, wanted = TYPES[kind]
        if kind == "time":
            findings += _find_time_faults(name, columns[name], name in zoned, first)
        found = set(map(type, columns[name]))
        if found <= allowed:
            continue
        for row, value in enumerate(columns[name], first):
            if type(value) in allowed or (value is None and name in nullable):
                continue
            if kind == "integer" and type(value) is float and value.is_integer():
                continue
            findings.append(
                finding(f"must be {wanted}. Got {describe(value)}.{_hint(kind, value)}", row, name)
            )
    return findings


def _find_time_faults(name: str, values: Sequence[Any], zoned: bool, first: int) -> list[dict[str, Any]]:
    encode, findings = make_encoder("time", zoned), []
    for row, value in enumerate(values, first):
        if type(value) is str:
            try:
                encode(value)
            except NotOfKindError:
                wanted = tell_wanted("time", zoned)
                findings.append(finding(f"must be {wanted}. Got {describe(value)}.", row, name))
    return findings


def find_rule_faults(
    columns: Mapping[str, Sequence[Any]], rules: Rules, first: int = 0
) -> list[dict[str, Any]]:
    """Find the values that are of the right type and break the contract's range or categories."""
    return [
        finding(fault, first + row, name)
        for name, check in rules.checks
        if name in columns
        for row, fault in check(columns[name])
    ]


def check_findings(findings: Sequence[dict[str, Any]], kind: str = "invalid") -> None:
    """Raise one error that holds all findings, if there are any.

    Raises
    ------
    RequestError
        Its message is the first finding's, with how many more there are.
    """
    if not findings:
        return
    ordered = sorted(findings, key=lambda each: -1 if each["row"] is None else each["row"])
    more = len(ordered) - 1
    message = ordered[0]["message"] + (
        f" (and {more if more < MAX_FINDINGS else 'many'} more)" if more else ""
    )
    raise RequestError(message, kind=kind, findings=ordered[:MAX_FINDINGS])


def finding(fault: str, row: int | None, feature: str | None) -> dict[str, Any]:
    """Make a finding: a message that names row and feature, and these."""
    place = "" if row is None else f"row {row}: "
    what = "" if feature is None else f"feature '{feature[:80]}' "
    return {
        "message": f"{place}{what}{fault}",
        "row": row,
        "feature": None if feature is None else feature[:80],
    }


def describe(value: Any) -> str:
    """Name a value of JSON for a person, in a few words."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return f"the text '{value[:40]}'"
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "an object"
    return f"{value}"[:40]


def _hint(kind: str, value: Any) -> str:
    if value is None:
        return " It had no missing values in training, so the model has not learnt what null means."
    if isinstance(value, str) and kind in ("number", "integer"):
        try:
            float(value)
        except ValueError:
            return ""
        return " Send it without quotes."
    return ""
