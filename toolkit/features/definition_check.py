"""Checks definitions against the columns that every request has."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches

from toolkit.errors import FeatureError, suggest
from toolkit.features.definition import FUNCTION, Definition
from toolkit.features.typed_function import TAKEN, is_argument


def check_definitions(
    definitions: Sequence[Definition],
    kinds: Mapping[str, str],
    others: Mapping[str, str] | None = None,
) -> None:
    """Check that each definition is made of columns that every request has, of the types that it takes.

    Parameters
    ----------
    definitions : sequence of Definition
    kinds : mapping
        Kind of each raw column that is a feature: number, integer, boolean, category, text or time.
    others : mapping, optional
        Why other columns of the table are none, by name: ``{"row_id": "the key", "label": "the label"}``.

    Raises
    ------
    FeatureError
        All findings, each with the file's name and the line.
    """
    faults: list[FeatureError] = []
    for each in definitions:
        texts = [
            _tell_unknown(each, column, kinds, others or {}) for column in each.inputs if column not in kinds
        ]
        texts += [
            f"feature '{each.name}' cannot stand for '{column}', which is no feature.{suggest(column, kinds)}"
            for column in each.claims
            if column not in kinds and column not in each.inputs
        ]
        if each.name in kinds and (each.maker == FUNCTION or each.name not in each.inputs):
            texts.append(f"feature '{each.name}' has the name of a column of the table. Rename it.")
        if each.maker == FUNCTION:
            texts += _find_wrong_kinds(each, kinds)
        faults += [each.tell(text) for text in texts]
    if faults:
        raise FeatureError("\n".join(map(str, faults)))


def _tell_unknown(each: Definition, column: str, kinds: Mapping[str, str], others: Mapping[str, str]) -> str:
    if column in others:
        return (
            f"feature '{each.name}' takes '{column}', which is {others[column]}: no request to the service has it. "
            "Make the feature of columns that are known when a prediction is asked for."
        )
    return (
        f"feature '{each.name}' takes '{column}', which must be a column of the table and is not."
        f"{_hint(each, column, kinds)}"
    )


def _hint(each: Definition, column: str, kinds: Mapping[str, str]) -> str:
    """Tell the column that is meant; one whose name is no argument's, as it is said to a function."""
    if each.maker == FUNCTION and column.isidentifier():
        bare = {
            re.sub(r"\W+", "_", name).strip("_").casefold(): name for name in kinds if not is_argument(name)
        }
        near = get_close_matches(column.strip("_").casefold(), list(bare), n=1, cutoff=0.7)
        if near:
            return (
                f' Is it \'{bare[near[0]]}\'? Write @feature(..., columns={{"{column}": "{bare[near[0]]}"}}), as '
                "that is no name of an argument."
            )
    return suggest(column, kinds) or f" The columns are {', '.join(list(kinds)[:30])}."


def _find_wrong_kinds(each: Definition, kinds: Mapping[str, str]) -> list[str]:
    texts = []
    for column, shown in zip(each.inputs, each.params.get("takes", ()), strict=False):
        taken = next(kind for kind in TAKEN if kind.__name__ == shown.removesuffix(" | None"))
        if column in kinds and kinds[column] not in TAKEN[taken]:
            wanted = [kind.__name__ for kind, fits in TAKEN.items() if kinds[column] in fits]
            texts.append(
                f"feature '{each.name}' takes '{column}' as {shown}, and the column is {kinds[column]}. "
                f"Annotate it with {' or '.join(wanted)}."
            )
    return texts
