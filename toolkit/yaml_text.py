"""Values as YAML text that every YAML reader takes for the same value (DVC's ruamel, PyYAML, ours)."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any

from toolkit.errors import ParamsError

# Text that needs no quotes anywhere, flow style included. Narrower than YAML allows, so never wrong.
_PLAIN = re.compile(r"[A-Za-z_][A-Za-z0-9_./-]*(?: [A-Za-z0-9_./-]+)*")
# What YAML 1.1 (PyYAML) or 1.2 (ruamel) takes for something else than text.
_NOT_TEXT = {"true", "false", "yes", "no", "on", "off", "y", "n", "null", "nan", "inf"}
_UNPRINTABLE = re.compile(r"[^\x20-\x7e\xa0-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
_ESCAPES = {"\\": "\\\\", '"': '\\"', "\n": "\\n", "\t": "\\t", "\r": "\\r"}


def flow_text(value: Any) -> str:
    """Write a value on one line: ``{low: 1, values: [a, b]}``."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{scalar_text(key)}: {flow_text(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(flow_text(item) for item in value) + "]"
    return scalar_text(value)


def scalar_text(value: Any, style: str | None = None) -> str:
    """Write a scalar; ``style`` is the quote that stood around the old value, kept for text if it can be.

    Raises
    ------
    ParamsError
        The value has no place in params.yaml: not finite, not a scalar, or text that is not valid Unicode.

    Examples
    --------
    >>> scalar_text(1e-5), scalar_text(True), scalar_text("on"), scalar_text("it's", "'")
    ('1.0e-05', 'true', '"on"', "'it''s'")
    """
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int):
        return str(value)
    if isinstance(value, float):
        return _float_text(value)
    if isinstance(value, str):
        return _string_text(value, style)
    raise ParamsError(
        f"a value in params.yaml must be text, a number, true, false, null, a list or a mapping. "
        f"Got {type(value).__name__} instead."
    )


def _float_text(value: float) -> str:
    if not math.isfinite(value):
        raise ParamsError(f"a number in params.yaml must be finite. Got {value} instead.")
    text = repr(value)
    if "e" in text and "." not in text:  # '1e-05' is text to PyYAML
        text = text.replace("e", ".0e")
    return text


def _string_text(value: str, style: str | None) -> str:
    if any("\ud800" <= character <= "\udfff" for character in value):
        raise ParamsError(f"text in params.yaml must be valid Unicode. Got {value!r} instead.")
    if style not in {"'", '"'} and _PLAIN.fullmatch(value) and value.lower() not in _NOT_TEXT:
        return value
    if style == "'" and not _UNPRINTABLE.search(value):
        return "'" + value.replace("'", "''") + "'"
    text = "".join(_ESCAPES.get(character, character) for character in value)
    return '"' + _UNPRINTABLE.sub(_escape, text) + '"'


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
