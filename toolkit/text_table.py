"""Tables of plain text for a terminal: aligned, and no wider than it."""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from typing import Any

GAP = "  "
LEAST = 12  # characters that a shortened column keeps


def show_table(rows: Sequence[Mapping[str, Any]], width: int = 0) -> str:
    """Give rows as lines of text: a header, numbers to the right; the last column takes what is left of the width.

    Parameters
    ----------
    rows : sequence of mapping
        Cells by column, the same columns in each.
    width : int
        Characters of a line; 0: those of the terminal (COLUMNS where there is none).

    >>> print(show_table([{"name": "size", "rows": 5}, {"name": "color", "rows": 12}], 40))
    name   rows
    size      5
    color    12
    """
    if not rows:
        return ""
    width = width or shutil.get_terminal_size((120, 24)).columns
    names = list(rows[0])
    cells = [[_show(row[name]) for name in names] for row in rows]
    right = [all(isinstance(row[name], int | float) or row[name] is None for row in rows) for name in names]
    widths = [max(len(line[index]) for line in [names, *cells]) for index in range(len(names))]
    excess = sum(widths) + len(GAP) * (len(names) - 1) - width
    for index in sorted(range(len(names)), key=lambda at: -widths[at]):  # the widest give way first
        cut = min(max(excess, 0), max(widths[index] - max(LEAST, len(names[index])), 0))
        widths[index], excess = widths[index] - cut, excess - cut
    return "\n".join(
        GAP.join(
            _fit(text, size, to_right) for text, size, to_right in zip(line, widths, right, strict=True)
        ).rstrip()
        for line in [names, *cells]
    )


def _fit(text: str, size: int, to_right: bool) -> str:
    if len(text) > size:
        text = text[: size - 1] + "…"
    return text.rjust(size) if to_right else text.ljust(size)


def _show(value: Any) -> str:
    if value is None:
        return ""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, int):
        return f"{value:,}"
    if isinstance(value, float):
        return f"{value:.4g}"
    return " ".join(str(value).split())
