"""What a parser of JSON passes over in silence, or refuses without saying where: found by a second, slow look."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import islice
from typing import Any

from toolkit.errors import RequestError
from toolkit.serving.arrays import DATA, NAMES
from toolkit.serving.faults import MAX_FINDINGS, finding

WRAPPER = "rows"  # {"rows": [...]}: the form that BentoML's own client sends


@dataclass(frozen=True)
class _Special:
    """A number that JSON does not have, or that no float64 holds, as it was written."""

    text: str


def find_special_numbers(body: bytes) -> list[dict[str, Any]]:
    """Find NaN, Infinity and numbers like 1e999: what Python's own parser takes for JSON and is none."""
    try:
        content = json.loads(body, parse_constant=_Special, parse_float=_parse_float, parse_int=_parse_float)
    except (ValueError, RecursionError):
        return []
    rows = content.get(WRAPPER, [content]) if isinstance(content, dict) else content
    if isinstance(content, dict) and isinstance(content.get(DATA), list):
        names = content.get(NAMES)
        named = isinstance(names, list) and all(isinstance(name, str) for name in names)
        rows = [dict(zip(names or (), row)) for row in content[DATA] if named and isinstance(row, list)]  # noqa: B905
    if not isinstance(rows, list):
        return []
    found = (
        finding(
            f"must be a finite number. Got {value.text[:40]}, {_tell_why(value.text)}.", row, _clean(name)
        )
        for row, values in enumerate(rows)
        if isinstance(values, dict)
        for name, value in values.items()
        if isinstance(value, _Special)
    )
    return list(islice(found, MAX_FINDINGS + 1))


def _tell_why(text: str) -> str:
    return "which is beyond any 64-bit float" if text[-1].isdigit() else "which JSON does not have"


def find_broken_text(body: bytes) -> str:
    """Say where a body stops being UTF-8; nothing where it does not. orjson says line 1, column 1, wherever it is."""
    try:
        body.decode()
    except UnicodeDecodeError as error:
        before = body[: error.start].decode()
        line, column = before.count("\n") + 1, len(before) - before.rfind("\n")
        return f"the byte 0x{body[error.start]:02x} at line {line} column {column} is not UTF-8"
    return ""


def _clean(name: str) -> str:
    """Give a name that UTF-8 can hold: Python's parser lets halves of signs pass, which no answer may have."""
    return name.encode("utf-8", "backslashreplace").decode()


def _parse_float(text: str) -> float | _Special:
    value = float(text)
    return value if abs(value) <= 1.7976931348623157e308 else _Special(text)


def find_duplicates(body: bytes, rows: Sequence[dict[str, Any]], wrapped: bool) -> list[dict[str, Any]]:
    """Find features that a row names twice, which orjson (like most parsers) resolves silently to the last.

    A key in the text has one colon, so with as many colons as there are keys, plus those inside names and texts, none
    is repeated. Only otherwise, or with escapes in the text, is it parsed again, slowly, here.
    """
    if any(isinstance(value, list | dict) for row in rows for value in row.values()):
        return []  # refused as the wrong type in a moment, however deep it is
    try:
        content = json.loads(body, object_pairs_hook=_note_repeated)
    except RecursionError:  # of a value that another of the same name stands for
        raise RequestError("A feature must be given once, as a plain value. Got lists in lists.") from None
    if wrapped and content.repeated:
        return [finding(f"'{content.repeated[0]}' must be given once.", None, None)]
    objects = content[WRAPPER] if wrapped else content if isinstance(content, list) else [content]
    return [
        finding("is given more than once.", row, name)
        for row, values in enumerate(objects)
        for name in values.repeated
    ]


def find_repeated_parts(body: bytes) -> list[dict[str, Any]]:
    """Find parts of the compact form that are given twice, in a body that orjson took."""
    try:
        content = json.loads(body, object_pairs_hook=_note_repeated)
    except RecursionError:
        raise RequestError("A value must be plain. Got lists in lists.") from None
    return [finding(f"'{name}' must be given once.", None, None) for name in content.repeated]


class _Object(dict[str, Any]):
    """A JSON object that knows which of its names the text has more than once."""

    repeated: tuple[str, ...] = ()


def _note_repeated(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) < len(pairs):
        counts = Counter(name for name, _ in pairs)
        found.repeated = tuple(name for name, count in counts.items() if count > 1)
    return found
