"""Columns that only some parts of a table have: which rows have no values there, and whether they may."""

from __future__ import annotations

from typing import NamedTuple

from toolkit.data.contract.rules import Contract
from toolkit.data.sources import AnySource
from toolkit.data.sources.columns import list_some
from toolkit.errors import count_of, suggest


class Lack(NamedTuple):
    """A column that must be there and is not in ``rows`` rows, as a whole ``sentence``."""

    column: str
    rows: int
    sentence: str


def name_holders(source: AnySource) -> dict[str, str]:
    """Name the parts that have a column, for columns that not all have."""
    return {
        name: list_some(part.name for part in source.parts if part not in parts)
        for name, parts in source.lacking.items()
    }


def find_lacks(source: AnySource, contract: Contract) -> list[Lack]:
    """Find columns that a part lacks though its rows must have values there.

    Parameters
    ----------
    source : Source
        Read to its end, so that the rows of its parts are known. Where rows may leave columns out (JSON Lines), each
        row is judged for itself, and nothing is found here.
    contract : Contract
        Says which columns may be missing.
    """
    found = []
    for name, parts in {} if source.sparse else source.lacking.items():
        rule = contract.by_name.get(name)
        rows = sum(part.rows or 0 for part in parts)
        if rule is None or not rows or (rule.missing and name != contract.key):
            continue
        why, add = (
            ("is the key and must be in every part", "")
            if name == contract.key
            else (
                "must be in every part, as none of its values may be missing",
                ", or set missing: true in the contract",
            )
        )
        more = [other for other in parts[0].columns.names if other not in contract.by_name]
        near = suggest(name, more).replace("Did you mean", "Was it renamed to")
        told = list_some(f"{part.name} ({count_of(part.rows or 0, 'row')})" for part in parts)
        lack = "lacks" if len(parts) == 1 else "lack"
        found.append(Lack(name, rows, f"column '{name}' {why}. {told} {lack} it.{near} Add it{add}."))
    return found


def tell_lacking(source: AnySource) -> list[str]:
    """Say which parts lack a column that others have, as notices."""
    told = []
    for name, parts in {} if source.sparse else source.lacking.items():
        many = "which lacks it" if len(parts) == 1 else "which lack it"
        told.append(
            f"column '{name}' is missing in the rows of {list_some(part.name for part in parts)}, {many}."
        )
    return told
