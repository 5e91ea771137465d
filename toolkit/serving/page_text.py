"""How the status page writes names, numbers and times. Whatever a model or a client calls things is shown, not run."""

from __future__ import annotations

import math
from datetime import UTC, datetime
from html import escape
from typing import Any

MOST_CHARACTERS = 60
JOINERS = "\u200c\u200d"  # have no glyph, and belong to how Persian and some emoji are written


def clean(text: Any, most: int = MOST_CHARACTERS) -> str:
    r"""Give a text of at most ``most`` characters, those that nobody can see written out, not yet escaped.

    >>> clean("a\u202eb"), clean("x" * 99, 5), clean(None)
    ('a\\u202eb', 'xxxx…', '')
    """
    text = "" if text is None else str(text)
    if len(text) > most:
        text = text[: most - 1] + "…"
    if text.isprintable():
        return text
    return "".join(
        char if char.isprintable() or char in JOINERS else char.encode("unicode_escape").decode()
        for char in text
    )


def attribute(text: Any, most: int = 200) -> str:
    """Give a text for the inside of a quoted attribute."""
    return escape(clean(text, most))


def name(text: Any, most: int = MOST_CHARACTERS) -> str:
    """Give a name as HTML whose direction of writing touches nothing around it."""
    return f"<bdi>{escape(clean(text, most))}</bdi>"


def count(value: Any) -> str:
    """Give a whole number with commas; one beyond a million by three digits.

    >>> count(1234), count(12_345_678), count(None)
    ('1,234', '12.3 M', '–')
    """
    number = _finite(value)
    if number is None:
        return "–"
    for limit, unit in ((1e12, "T"), (1e9, "G"), (1e6, "M")):
        if abs(number) >= limit:
            return f"{_three(number / limit)} {unit}"
    return f"{number:,.0f}"


def rate(per_second: Any) -> str:
    """Give a rate in the unit that reads best.

    >>> rate(12.34), rate(0.05), rate(0)
    ('12.3/s', '3.00/min', '0/s')
    """
    number = _finite(per_second)
    if number is None:
        return "–"
    if number == 0:
        return "0/s"
    return f"{_three(number)}/s" if number >= 0.1 else f"{_three(number * 60)}/min"


def seconds(value: Any) -> str:
    """Give a short time.

    >>> seconds(0.00042), seconds(0.0123), seconds(2.5), seconds(None)
    ('0.42 ms', '12.3 ms', '2.50 s', '–')
    """
    number = _finite(value)
    if number is None:
        return "–"
    return f"{_three(number)} s" if number >= 1 else f"{_three(number * 1000)} ms"


def share(value: Any) -> str:
    """Give a share in percent."""
    number = _finite(value)
    return "–" if number is None else f"{number:.1%}"


def points(value: Any) -> str:
    """Give a change of a share in percentage points.

    >>> points(0.1234), points(-0.02)
    ('+12.3', '−2.0')
    """
    number = _finite(value)
    return "–" if number is None else f"{number * 100:+.1f}".replace("-", "−")


def number(value: Any) -> str:
    """Give a measured value with four digits."""
    found = _finite(value)
    return "–" if found is None else f"{found:.4g}".replace("-", "−")


def size(value: Any) -> str:
    """Give a number of bytes.

    >>> size(0), size(123_456), size(5_000_000_000)
    ('0 B', '123 kB', '5.00 GB')
    """
    found = _finite(value)
    if found is None:
        return "–"
    for limit, unit in ((1e12, "TB"), (1e9, "GB"), (1e6, "MB"), (1e3, "kB")):
        if found >= limit:
            return f"{_three(found / limit)} {unit}"
    return f"{found:.0f} B"


def span(value_s: Any) -> str:
    """Give a duration in its two largest units.

    >>> span(59), span(3 * 3600 + 125), span(4 * 86400 + 7300)
    ('59 s', '3 h 2 min', '4 d 2 h')
    """
    found = _finite(value_s)
    if found is None:
        return "–"
    left = max(int(found), 0)
    for unit, below, length, part in (("d", "h", 86400, 3600), ("h", "min", 3600, 60), ("min", "s", 60, 1)):
        if left >= length:
            rest = left % length // part
            return f"{left // length} {unit}" + (f" {rest} {below}" if rest and unit != "min" else "")
    return f"{left} s"


def moment(time_s: Any, *, day: bool = True) -> str:
    """Give a time of day in UTC, as HTML; ``–`` for none."""
    found = _finite(time_s)
    if found is None or not 0 <= found < 2.5e11:
        return "–"
    told = datetime.fromtimestamp(found, UTC)
    return f'<time datetime="{told:%Y-%m-%dT%H:%M:%SZ}">{told:{"%Y-%m-%d %H:%M" if day else "%H:%M"}}</time>'


def clock(time_s: float, *, day: bool = False) -> str:
    """Give a time of day in UTC as plain text, for an axis."""
    told = datetime.fromtimestamp(min(max(time_s, 0), 2.5e11), UTC)
    return f"{told:%b} {told.day}" if day else f"{told:%H:%M}"


def _three(value: float) -> str:
    """Give three digits, without an exponent."""
    size = abs(value)
    return (
        f"{value:,.0f}" if size >= 99.95 else f"{value:.1f}" if size >= 9.995 or size == 0 else f"{value:.2f}"
    )


def _finite(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool) and math.isfinite(value):
        return float(value)
    return None
