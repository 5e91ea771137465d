"""Tables of the notebook collect: the contract, what breaks it, and what it would have to say."""

from __future__ import annotations

from typing import Any

import pandas as pd

from toolkit.data.collect import Collected
from toolkit.data.contract.changes import Change
from toolkit.data.schema import Column
from toolkit.views.data import shorten
from toolkit.views.sentences import Sentences

SHOWN = 60  # characters of a cell of a refused row


def table_contract(collected: Collected) -> pd.DataFrame:
    """List each column: what its contract says, and what its rows showed."""
    rows = {column.name: _describe(column) for column in collected.schema.columns}
    return _drop_empty(pd.DataFrame.from_dict(rows, orient="index").rename_axis("column"))


def list_notices(collected: Collected) -> Sentences:
    """Say what is no violation and yet worth knowing."""
    return Sentences(collected.notices, "Nothing.")


class WholeCells:
    """A table whose cells are shown whole, on the left, and empty where there is nothing."""

    def __init__(self, frame: pd.DataFrame) -> None:
        self.frame = frame

    def _repr_html_(self) -> str:
        with pd.option_context("display.max_colwidth", None):
            html = self.frame.to_html(na_rep="", justify="left")
        return html.replace("<td>", '<td style="text-align: left; vertical-align: top">')

    def __repr__(self) -> str:
        return self.frame.to_string(na_rep="")


def table_refused(collected: Collected) -> WholeCells | Sentences:
    """Show the first rows that were put aside, with their reasons."""
    if not collected.refused.num_rows:
        return Sentences([], "No row was put aside.")
    frame = collected.refused.to_pandas().set_index(["part", "row"])
    return WholeCells(frame.apply(lambda column: column if column.name == "reason" else column.map(_cut)))


def table_changes(collected: Collected) -> pd.DataFrame | Sentences:
    """Show how the contract would have to change, as what it says and what it would say."""
    if not collected.changes:
        return Sentences([], "No change is proposed.")
    rows = [
        {
            "column": change.column,
            "key": change.key or "(all)",
            "now": _show(change.old, change),
            "then": _show(change.new, change),
        }
        for change in collected.changes
    ]
    return pd.DataFrame(rows).set_index(["column", "key"])


def _cut(cell: Any) -> Any:
    return f"{cell[:SHOWN]}..." if isinstance(cell, str) and len(cell) > SHOWN else cell


def _describe(column: Column) -> dict[str, Any]:
    allowed = column.allowed and f"only {shorten(column.allowed)}"
    low, high = _number(column.minimum), _number(column.maximum)
    return {
        "role": column.role,
        "type": column.type,
        "unit": column.unit,
        "meaning": column.meaning,
        "personal": "yes" if column.personal else "",
        "missing": f"{column.missing:,}" if column.optional else "not allowed",
        "allowed": allowed or _tell_range(low, high),
        "found": _tell_found(column),
    }


def _tell_range(low: str, high: str) -> str:
    if low and high:
        return f"{low} to {high}"
    return f"at least {low}" if low else f"at most {high}" if high else ""


def _tell_found(column: Column) -> str:
    if column.min is not None:
        return f"{_number(column.min)} to {_number(column.max)}"
    return shorten(column.categories or ())


def _drop_empty(frame: pd.DataFrame) -> pd.DataFrame:
    """Leave out columns that say nothing of any row, so that a narrow page shows the rest."""
    return frame[[name for name in frame.columns if (frame[name] != "").any()]]


def _show(value: Any, change: Change) -> str:
    if value is None:
        return ""
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_show(item, change)}" for key, item in value.items())
    if isinstance(value, list):
        both = (
            [change.old, change.new] if all(isinstance(end, list) for end in (change.old, change.new)) else []
        )
        if both and value is change.new:
            added = [name for name in value if name not in change.old]
            return f"also {shorten(added)}"
        return shorten(value)
    return str(value).lower() if isinstance(value, bool) else _number(value)


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else str(value)
