"""An answer in a notebook made of boxes, tables and plots, as one piece of HTML in our style."""

from __future__ import annotations

import html
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import pandas as pd

from toolkit.views.page import inline_svg
from toolkit.views.style import Plot

Tone = Literal["good", "bad", "note"]
Part = str | Plot | pd.DataFrame


@dataclass(frozen=True)
class Page:
    """HTML, plots and tables, one below the other; a notebook shows it as the last line of a cell."""

    parts: Sequence[Part]

    @property
    def markup(self) -> str:
        """All of it as HTML with its stylesheet."""
        from toolkit.widgets.style import STYLE

        return f'<style>{STYLE}</style><div class="tk">{"".join(map(_draw, self.parts))}</div>'

    def _repr_mimebundle_(self, **_: object) -> tuple[dict[str, object], dict[str, object]]:
        return {"text/html": self.markup, "text/plain": str(self)}, {}

    def __str__(self) -> str:
        return "\n".join(map(_write, self.parts))


def _draw(part: Part) -> str:
    if isinstance(part, Plot):
        return inline_svg(part, part.alt)
    return table(part) if isinstance(part, pd.DataFrame) else part


def _write(part: Part) -> str:
    if isinstance(part, Plot):
        return part.alt
    if isinstance(part, pd.DataFrame):
        return part.to_string()
    return html.unescape(re.sub(r"<[^>]+>", "\n", part)).strip("\n")


def box(message: str, tone: Tone) -> str:
    """Frame a message."""
    role = "alert" if tone == "bad" else "status"
    return f'<div class="tk-box tk-{tone}" role="{role}">{html.escape(message)}</div>'


def diff_box(message: str, diff: str) -> str:
    """Frame a warning with a diff below it."""
    return (
        f'<div class="tk-box tk-bad" role="alert">{html.escape(message)}<pre>{html.escape(diff)}</pre></div>'
    )


def table(frame: pd.DataFrame) -> str:
    """Draw a table."""
    markup = frame.to_html(classes="tk-table", border=0, escape=True, index_names=False)
    return f'<div class="tk-scroll">{markup}</div>'
