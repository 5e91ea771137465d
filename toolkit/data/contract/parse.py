"""Read a contract's file strictly: every mistake in it is told at once, with file, line and key."""

from __future__ import annotations

import datetime as dt
import sys
from collections.abc import Callable, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from toolkit.data.contract.rules import LARGEST, ORDERED, TYPES, Contract, Rule
from toolkit.data.contract.times import can_read
from toolkit.errors import DataError, ParamsError, suggest
from toolkit.params_file import Finding, compose, construct
from toolkit.paths import tell_path

KEYS = (
    "type",
    "unit",
    "meaning",
    "missing",
    "minimum",
    "maximum",
    "categories",
    "unseen",
    "zone",
    "format",
    "personal",
)
OTHER_WORDS = {  # what other programs call a type or a key
    "bool": "boolean",
    "date": "time",
    "datetime": "time",
    "description": "meaning",
    "double": "number",
    "enum": "categories",
    "float": "number",
    "int": "integer",
    "max": "maximum",
    "min": "minimum",
    "nullable": "missing",
    "optional": "missing",
    "str": "text",
    "string": "text",
    "timestamp": "time",
    "timezone": "zone",
    "tz": "zone",
    "units": "unit",
    "values": "categories",
}
FOR_TYPES = {  # keys that only some types have
    "unit": ("number", "integer"),
    "minimum": ORDERED,
    "maximum": ORDERED,
    "categories": ("category",),
    "unseen": ("category",),
    "zone": ("time",),
    "format": ("time",),
}


def load_contract(path: Path) -> Contract:
    """Read a contract's file.

    Raises
    ------
    DataError
        It cannot be read, or anything in it is wrong: all findings.
    """
    try:
        text = path.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{tell_path(path)} must be readable UTF-8 text. {error}.") from None
    return parse_contract(text, tell_path(path))


def parse_contract(text: str, name: str = "contract") -> Contract:
    """Turn the text of a contract into its rules; ``name`` is how messages call the file.

    Raises
    ------
    DataError
        Each finding on a line of its own: ``name:line: key: what must hold. What came.``
    """
    places: dict[tuple[str | int, ...], int] = {(): 1}
    findings: list[Finding] = []
    try:
        root = compose(text, name)
        values = construct(root, (), places, findings) if root is not None else {}
    except ParamsError as error:
        raise DataError(str(error)) from None
    except RecursionError:
        raise DataError(f"{name}: must be nested in itself nowhere. Look for an alias (*name).") from None
    reader = _Reader(places, findings)
    contract = reader.read(values, name)
    if findings:
        findings.sort()
        raise DataError("\n".join(f"{name}:{finding.line}: {finding.message}" for finding in findings))
    return contract


class _Reader:
    def __init__(self, places: dict[tuple[str | int, ...], int], findings: list[Finding]) -> None:
        self._places, self._findings = places, findings

    def _find(self, where: tuple[str | int, ...], message: str) -> None:
        line = next(self._places[where[:n]] for n in range(len(where), -1, -1) if where[:n] in self._places)
        shown = where[1:] if where[:1] == ("columns",) and len(where) > 1 else where
        dotted = ".".join(map(str, shown))
        self._findings.append(Finding(line, dotted, f"{dotted}: {message}" if dotted else message))

    def read(self, values: Any, name: str) -> Contract:
        if not isinstance(values, dict):
            self._find((), f"must be a mapping with 'key' and 'columns'. Got {_show(values)} instead.")
            return Contract("", ())
        for key in values:
            if key not in ("key", "columns"):
                self._find(
                    (key,), f"unknown key.{suggest(key, ('key', 'columns'))} Valid keys: key, columns."
                )
        key, columns = values.get("key"), values.get("columns")
        if not isinstance(key, str) or not key:
            self._find(("key",), f"must name the column that names a row. Got {_show(key)} instead.")
        if not isinstance(columns, dict) or not columns:
            self._find(
                ("columns",), f"must be a mapping from column to its rule. Got {_show(columns)} instead."
            )
            return Contract("", ())
        rules = [self._read_rule(column, rule) for column, rule in columns.items()]
        if isinstance(key, str) and key and key not in columns:
            self._find(("key",), f"must be one of the columns. Got '{key}'.{suggest(key, columns)}")
        for rule in rules:
            if rule.name == key and rule.type != "text":
                self._find(
                    ("columns", rule.name, "type"), f"must be text for the key. Got '{rule.type}' instead."
                )
            if rule.name == key and rule.missing:
                self._find(("columns", rule.name, "missing"), "must be false for the key, which names a row.")
        return Contract(str(key), tuple(rules), name)

    def _read_rule(self, column: str, values: Any) -> Rule:
        where = ("columns", column)
        if not isinstance(values, dict):
            self._find(where, f"must be a mapping with at least 'type'. Got {_show(values)} instead.")
            return Rule(column, "text")
        kind = values.get("type")
        if kind not in TYPES:
            near = _suggest(kind, TYPES) if isinstance(kind, str) else ""
            self._find(
                (*where, "type"), f"must be one of {', '.join(TYPES)}. Got {_show(kind)} instead.{near}"
            )
            kind = None
        taken: dict[str, Any] = {}
        for key, value in values.items():
            place = (*where, key)
            if key not in KEYS:
                self._find(place, f"unknown key.{_suggest(key, KEYS)} Valid keys: {', '.join(KEYS)}.")
            elif kind and kind not in FOR_TYPES.get(key, TYPES):
                self._find(
                    place,
                    f"must be there only for {' or '.join(FOR_TYPES[key])}. Column '{column}' is {kind}.",
                )
            elif key != "type":
                result, fault = (
                    _CHECKS[key](value) if key not in ("minimum", "maximum") else _end(value, kind)
                )
                if fault:
                    self._find(place, f"must be {fault}. Got {_show(value)} instead.")
                else:
                    taken[key] = result
        rule = Rule(column, kind or "text", **taken)
        self._check_together(rule, where)
        return rule

    def _check_together(self, rule: Rule, where: tuple[str, ...]) -> None:
        low, high = rule.minimum, rule.maximum
        if (
            low is not None
            and high is not None
            and compare_key(low, rule.zone) > compare_key(high, rule.zone)
        ):
            self._find((*where, "minimum"), f"must not be above the maximum, {high}. Got {low} instead.")
        for key, end in (("minimum", low), ("maximum", high)):
            if rule.type == "time" and not rule.zone and end and dt.datetime.fromisoformat(str(end)).tzinfo:
                self._find(
                    (*where, key),
                    f"must be without an offset, as the column has no zone. Got '{end}' instead.",
                )
        if rule.unseen == "refuse" and not rule.categories:
            self._find(
                (*where, "unseen"), "must be 'allow' where no categories are listed: list them, or allow all."
            )


def _suggest(word: str, valid: Sequence[str]) -> str:
    known = OTHER_WORDS.get(word.lower())
    return f" Did you mean '{known}'?" if known in valid else suggest(word, valid)


def compare_key(end: float | int | str, zone: str) -> Any:
    """Give what an end of a range is compared by: a time as an instant, or as a wall time if there is no zone.

    >>> compare_key("2024-03-01", "") < compare_key("2024-03-01T00:00:01", "")
    True
    """
    if not isinstance(end, str):
        return end
    moment = dt.datetime.fromisoformat(end)
    if zone and moment.tzinfo is None:
        from zoneinfo import ZoneInfo

        moment = moment.replace(tzinfo=ZoneInfo(zone))
    return moment.astimezone(dt.UTC) if zone else moment.replace(tzinfo=None)


Checked = tuple[Any, str]  # the value, and what it must be if it is not


def _end(value: Any, kind: str | None) -> Checked:
    if kind == "time":
        if isinstance(value, dt.date):
            return value.isoformat(), ""
        try:
            return dt.datetime.fromisoformat(value) and value, ""
        except (TypeError, ValueError):
            return None, "a time in ISO 8601, such as 2024-03-12 or 2024-03-12T10:00:00"
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not abs(value) <= sys.float_info.max:
        return None, "a finite number"
    if kind == "integer" and (value != int(value) or abs(value) > LARGEST):
        return None, f"a whole number within {LARGEST}, since the column is integer"
    return (int(value) if kind == "integer" else value), ""


def _text(value: Any) -> Checked:
    return (value, "") if isinstance(value, str) else (None, "text; quote it")


def _flag(value: Any) -> Checked:
    return (value, "") if isinstance(value, bool) else (None, "true or false")


def _choose(value: Any) -> Checked:
    return (value, "") if value in ("allow", "refuse") else (None, "allow or refuse")


def _names(value: Any) -> Checked:
    if not isinstance(value, list) or not all(isinstance(item, str) for item in value):
        return None, "a list of texts; quote what looks like a number, true or false"
    if len(set(value)) < len(value):
        return None, "a list that names each category once"
    return tuple(value), ""


@lru_cache
def is_zone(name: str) -> bool:
    """Whether this machine knows the time zone."""
    from zoneinfo import ZoneInfo

    try:
        ZoneInfo(name)
    except (ValueError, OSError, LookupError):
        return False
    return True


def _zone(value: Any) -> Checked:
    if isinstance(value, str) and (not value or is_zone(value)):
        return value, ""
    return None, "the IANA name of a time zone, such as Europe/Berlin or UTC"


def _format(value: Any) -> Checked:
    if isinstance(value, str) and (not value or can_read(value)):
        return value, ""
    return None, "how the times are written, with the year and without %f and %z, such as '%d/%m/%Y %H:%M'"


_CHECKS: dict[str, Callable[[Any], Checked]] = {
    "unit": _text,
    "meaning": _text,
    "missing": _flag,
    "categories": _names,
    "unseen": _choose,
    "zone": _zone,
    "format": _format,
    "personal": _flag,
}


def _show(value: Any) -> str:
    text = "nothing" if value is None else repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
