"""Checks definitions against the columns that every request has."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from toolkit.errors import FeatureError, suggest
from toolkit.features.definition import FUNCTION, Definition
from toolkit.features.typed_function import TAKEN


def check_definitions(
    definitions: Sequence[Definition],
    kinds: Mapping[str, str],
    others: Mapping[str, str] | None = None,
    name: str = "",
) -> None:
    """Check that each definition is made of columns that every request has, of the types that it takes.

    Parameters
    ----------
    definitions : sequence of Definition
    kinds : mapping
        Kind of each raw column that is a feature: number, integer, boolean, category, text or time.
    others : mapping, optional
        Why other columns of the table are none, by name: ``{"row_id": "the key", "label": "the label"}``.
    name : str
        What messages call the file.

    Raises
    ------
    FeatureError
        All findings, each with the file's name and the line.
    """
    faults: list[tuple[int, str]] = []
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
        faults += [(each.line, text) for text in texts]
    if faults:
        raise FeatureError("\n".join(f"{name}:{line}: {text}" if name else text for line, text in faults))


def _tell_unknown(each: Definition, column: str, kinds: Mapping[str, str], others: Mapping[str, str]) -> str:
    if column in others:
        return (
            f"feature '{each.name}' takes '{column}', which is {others[column]}: no request to the service has it. "
            "Make the feature of columns that are known when a prediction is asked for."
        )
    return (
        f"feature '{each.name}' takes '{column}', which must be a column of the table and is not."
        f"{suggest(column, kinds) or ' The columns are ' + ', '.join(list(kinds)[:30]) + '.'}"
    )


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
