"""What a view of the exploration gives besides plots: a table that says what it is from, or a sentence."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from html import escape
from typing import Any

import numpy as np
import pandas as pd

from toolkit.errors import count_of

MOST_ROWS = 200  # rows of a table that are shown
_LONGEST = 110  # characters of a cell
_WIDE = 24
_NO_MATH = "tex2jax_ignore mathjax_ignore"  # $x$ in a value is no formula
# A row's name stays in sight where a wide table is scrolled: on the ground of its row, in whatever shows it (Jupyter
# tints every second row).
_GROUNDS = tuple(
    f"var(--page, var({tint}, var(--vscode-editor-background, Canvas)))"
    for tint in ("--jp-layout-color0", "--jp-rendermime-table-row-background")
)
_STAYS = "; position: sticky; left: 0; max-width: min(20rem, 38vw); overflow-wrap: anywhere; background: "
_FIGURE = re.compile(r"[<>]?[-−]?[0-9][0-9 .,:%e+−-]*")  # a number, a share, a time


@dataclass(frozen=True)
class Markup:
    """A cell that is HTML already."""

    html: str


@dataclass(frozen=True)
class Note:
    """A sentence in place of a table or plot that cannot be shown yet."""

    text: str

    def _repr_markdown_(self) -> str:
        return f"*{self.text}*"

    def to_html(self) -> str:
        """Give the sentence as HTML."""
        return f'<p class="tk-quiet">{escape(self.text)}</p>'


@dataclass(frozen=True)
class Sentences:
    """A list of sentences, with a line below it: which rows they are from."""

    texts: tuple[str, ...]
    note: str = ""

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return "\n".join([*self.texts, self.note])

    def __len__(self) -> int:
        return len(self.texts)

    def to_html(self) -> str:
        """Give the sentences as HTML."""
        items = "".join(f"<li>{escape(text)}</li>" for text in self.texts)
        note = f'<div class="tk-quiet {_NO_MATH}" style="opacity: .85">{escape(self.note)}</div>'
        return f'<ul class="{_NO_MATH}" style="overflow-wrap: anywhere">{items}</ul>{note}'


@dataclass(frozen=True)
class Table:
    """A table with a line below it: which rows it is from."""

    frame: pd.DataFrame
    note: str = ""

    def _repr_html_(self) -> str:
        return self.to_html()

    def __repr__(self) -> str:
        return f"{self.frame}\n{self.note}"

    def __len__(self) -> int:
        return len(self.frame)

    def to_html(self) -> str:
        """Give the table as HTML: names on the left, numbers on the right."""
        shown = self.frame.head(MOST_ROWS)
        more = (
            f"{count_of(len(self.frame) - len(shown), 'more row')} not shown; "
            if len(shown) < len(self.frame)
            else ""
        )
        numeric = [_is_numeric(shown.iloc[:, place]) for place in range(shown.shape[1])]
        head = "".join(
            _cell("th", str(name), number) for name, number in zip(shown.columns, numeric, strict=True)
        )
        body = "".join(
            f"<tr>{_cell('th', name, False, _STAYS + _GROUNDS[place % 2])}"
            + "".join(_cell("td", value, number) for value, number in zip(row, numeric, strict=True))
            + "</tr>"
            for place, (name, row) in enumerate(zip(shown.index, shown.itertuples(index=False), strict=True))
        )
        return (
            f'<div class="tk-scroll" style="overflow-x: auto"><table class="tk-table dataframe {_NO_MATH}">'
            f'<thead><tr><th style="{_STAYS[2:] + _GROUNDS[0]}"></th>{head}</tr></thead>'
            f"<tbody>{body}</tbody></table></div>"
            f'<div class="tk-quiet {_NO_MATH}" style="opacity: .85; white-space: normal">'
            f"{escape(more + self.note)}</div>"
        )


def _cell(tag: str, value: Any, number: bool, more: str = "") -> str:
    if isinstance(value, Markup):
        return f"<{tag}>{value.html}</{tag}>"
    whole = show(value)
    text, title = (
        escape(shorten(whole, _LONGEST)),
        f' title="{escape(whole)}"' if len(whole) > _LONGEST else "",
    )
    side = "right" if number else "left"
    klass = ' class="tk-number"' if number else ""
    style = f"text-align: {side}; vertical-align: middle"
    if (number and tag == "td") or (tag == "th" and not number and len(whole) <= _WIDE):
        style += "; white-space: nowrap"
    elif len(whole) > _WIDE:  # a long text wraps, though not to a word a line
        style += "; min-width: 12rem"
    return f'<{tag}{klass} style="{style}{more}"{title}>{text}</{tag}>'


def _is_numeric(column: pd.Series) -> bool:
    """Whether a column of cells reads as figures, which stand best on the right."""
    cells = [cell for cell in column if not isinstance(cell, Markup) and show(cell) not in ("", "–")]
    return bool(cells) and all(
        isinstance(cell, int | float | np.number) or _FIGURE.fullmatch(str(cell)) for cell in cells
    )


def show(value: Any) -> str:
    """Show a cell's value: nothing for None and NaN, four digits of a float, thousands apart."""
    if value is None or (isinstance(value, float | np.floating) and np.isnan(value)):
        return ""
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, int | np.integer):
        return f"{value:,}"
    if isinstance(value, float | np.floating):
        return show_number(float(value))
    return str(value)


def show_number(value: float) -> str:
    """Show a number in four digits."""
    if np.isnan(value):
        return ""
    return f"{value:,.0f}" if 1e4 <= abs(value) < 1e9 else f"{value:.4g}"


def show_share(part: float, whole: float = 1.0) -> str:
    """Show a share in per cent; a small one is not told as none, nor one of nearly all as all."""
    share = part / whole if whole else 0.0
    if 0 < share < 0.001:
        return "<0.1%"
    if 0.999 < share < 1:
        return ">99.9%"
    return f"{share:.1%}"


def show_time(microseconds: float) -> str:
    """Show a time given as microseconds since 1970: its date, and its time of day to the second if it has one."""
    if np.isnan(microseconds):
        return ""
    text = str(np.datetime64(int(microseconds), "us").astype("datetime64[s]")).replace("T", " ")
    return text.removesuffix(" 00:00:00")


def shorten(text: str, most: int = 32) -> str:
    """Shorten a long name in its middle: its ends tell names apart."""
    text = " ".join(text.split())
    if len(text) <= most:
        return text
    tail = most // 3
    return f"{text[: most - tail - 1]}…{text[-tail:]}"


def shorten_all(names: Sequence[str], most: int = 32) -> list[str]:
    """Shorten names, and number those that would then look alike."""
    short = [shorten(name, most) for name in names]
    seen: dict[str, int] = {}
    for place, name in enumerate(short):
        seen[name] = seen.get(name, 0) + 1
        if seen[name] > 1:
            short[place] = f"{name} ({seen[name]})"
    return short
