"""What is wrong with values of a known kind, the same for a request and for a table, and telling it all at once."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import numpy as np

from toolkit.errors import RequestError, suggest
from toolkit.features.encode import NotOfKindError, encode_column, is_missing, make_encoder, tell_wanted
from toolkit.serving.rows import Column, unpack_column
from toolkit.serving.rules import Rules

MAX_FINDINGS = 20
MAX_COMPARED = 2000  # names, to find those that may be meant by wrong ones
MEANT = "meant"  # in a finding that is not told yet
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
    columns: Mapping[str, Column],
    inputs: Mapping[str, str],
    nullable: frozenset[str],
    zoned: frozenset[str] = frozenset(),
    *,
    most: int | None = None,
    places: Mapping[str, Sequence[int]] | None = None,
) -> list[dict[str, Any]]:
    """Find the values that are of the wrong type for their feature; the same rules for a request and for a table.

    Whole numbers written as ``3.0`` pass for the kind integer. Null passes where training had missing values.
    Of each feature, ``most`` faults at most are looked for; ``places`` are the rows that have a value of it, where
    some have none.
    """
    findings: list[dict[str, Any]] = []
    for name, kind in inputs.items():
        values, looked_at = columns[name], False
        rows = range(len(values)) if places is None else places[name]
        if isinstance(values, np.ndarray):
            if _passes(kind, values, name in nullable):
                continue
            values, looked_at = unpack_column(values), True
        if kind == "time":
            findings += islice(_find_time_faults(name, values, name in zoned, rows), most)
        if looked_at or not set(map(type, values)) <= TYPES[kind][0]:
            findings += islice(_find_value_faults(name, kind, values, name in nullable, rows), most)
    return findings


def _passes(kind: str, values: np.ndarray, nullable: bool) -> bool:
    """Tell at the cost of microseconds whether all of an array is of its kind; else each value must be looked at."""
    if kind in ("number", "integer") and values.dtype.kind in "fiu":
        return _are_numbers(values, nullable, whole=kind == "integer")
    if kind == "time" and values.dtype.kind == "M":
        try:
            moments = encode_column(kind, make_encoder(kind), values)
        except NotOfKindError:
            return False
        return nullable or not is_missing(kind, moments).any()
    return kind == "boolean" and values.dtype.kind == "b"


def _are_numbers(values: np.ndarray, nullable: bool, whole: bool) -> bool:
    if values.dtype.kind != "f":
        return True
    known = np.isfinite(values)
    if not known.all() and (not nullable or np.isinf(values).any()):
        return False
    return not whole or bool((~known | (values == np.trunc(values))).all())


def _find_value_faults(
    name: str, kind: str, values: Sequence[Any], nullable: bool, rows: Sequence[int]
) -> Iterator[dict[str, Any]]:
    allowed, wanted = TYPES[kind]
    for row, value in zip(rows, values, strict=True):
        if type(value) in allowed:
            if type(value) is float and not math.isfinite(value):
                yield finding(f"must be a finite number. Got {value}.", row, name)
        elif (value is None and nullable) or (
            kind == "integer" and type(value) is float and value.is_integer()
        ):
            continue
        else:
            yield finding(f"must be {wanted}. Got {describe(value)}.{_hint(kind, value)}", row, name)


def _find_time_faults(
    name: str, values: Sequence[Any], zoned: bool, rows: Sequence[int]
) -> Iterator[dict[str, Any]]:
    encode = make_encoder("time", zoned)
    for row, value in zip(rows, values, strict=True):
        if type(value) is str:
            try:
                encode(value)
            except NotOfKindError:
                wanted = tell_wanted("time", zoned)
                yield finding(f"must be {wanted}. Got {describe(value)}.", row, name)


def find_rule_faults(
    columns: Mapping[str, Column],
    rules: Rules,
    *,
    most: int | None = None,
    places: Mapping[str, Sequence[int]] | None = None,
) -> list[dict[str, Any]]:
    """Find the values that are of the right type and break the contract's range or categories; as above."""
    findings = []
    for name, check in rules.checks:
        if name not in columns:
            continue
        values, allowed = columns[name], rules.described.get(name, {}).get("allowed", ())
        for row, fault in islice(check(values), most):
            meant = (str(values[row]), allowed) if allowed else None
            findings.append(finding(fault, row if places is None else places[name][row], name, meant))
    return findings


def check_findings(*groups: Sequence[dict[str, Any]], kind: str = "invalid") -> None:
    """Raise one error that holds all findings, if there are any.

    Parameters
    ----------
    groups : sequences of dict
        Those that must be told before others come first: of too many, the last ones are left out.
    kind : str
        A short word for the metrics.

    Raises
    ------
    RequestError
        Its message is the first row's first finding, with how many more there are.
    """
    findings = [each for group in groups for each in sorted(group, key=_get_place)]
    if not findings:
        return
    told, more = suggest_meant(sorted(findings[:MAX_FINDINGS], key=_get_place)), len(findings) - 1
    message = told[0]["message"] + (f" (and {more if more < MAX_FINDINGS else 'many'} more)" if more else "")
    features = frozenset(each["feature"] for each in findings if each["feature"] is not None)
    raise RequestError(message, kind=kind, findings=told, features=features)


def suggest_meant(findings: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    """Say in findings which name may be meant by a wrong one.

    Only in those that are told, and within bounds: a comparison costs some 20 microseconds, and others wait.
    """
    compared, told = 0, []
    for each in findings:
        wrong, names = each.get(MEANT) or ("", ())
        near = suggest(wrong[:80], names) if names and compared < MAX_COMPARED else ""
        compared += len(names)
        told.append(
            {**{key: value for key, value in each.items() if key != MEANT}, "message": each["message"] + near}
        )
    return told


def _get_place(found: Mapping[str, Any]) -> int:
    return -1 if found["row"] is None else int(found["row"])


def finding(
    fault: str, row: int | None, feature: str | None, meant: tuple[str, Collection[str]] | None = None
) -> dict[str, Any]:
    """Make a finding: a message that names row and feature, and these; ``meant``: a wrong name, and those there are."""
    place = "" if row is None else f"row {row}: "
    what = "" if feature is None else f"feature '{feature[:80]}' "
    return {
        "message": f"{place}{what}{fault}",
        "row": row,
        "feature": None if feature is None else feature[:80],
        **({} if meant is None else {MEANT: meant}),
    }


def find_unknown(name: str, expected: Collection[str], row: int | None = None) -> dict[str, Any]:
    """Make the finding that the model has no such feature."""
    if name.startswith("__index_level_"):
        return finding(
            "is pandas' index, and not a feature of the model. Leave it out: to_parquet(index=False), or "
            "pyarrow.Table.from_pandas(preserve_index=False).",
            row,
            name,
        )
    return finding("is not a feature of the model.", row, name, (name, expected))


def tell_absent(nullable: bool) -> str:
    """Say that a feature is missing; null is advised only where it would be taken."""
    return "is missing. Send null if it is unknown." if nullable else "is missing. The model needs its value."


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
