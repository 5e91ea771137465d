"""Raw columns of a table or a row as the features need them, or what is wrong with them, in words."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.errors import FeatureError, suggest
from toolkit.features.definition import KINDS, Input
from toolkit.features.encode import Encoder, NotOfKindError, encode_column, make_encoder, tell_wanted

Column = np.ndarray | Sequence[Any]


def check_kinds(kinds: Mapping[str, str]) -> None:
    """Check that each column is of a kind that there is.

    Raises
    ------
    FeatureError
        Names the first that is not.
    """
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise FeatureError(
                f"The kind of feature '{name}' must be one of {', '.join(KINDS)}. Got '{kind}'."
            )


def check_present(
    names: Collection[str], present: Collection[str], where: str = "the table's columns"
) -> None:
    """Check that all columns are there.

    Raises
    ------
    FeatureError
        Names those that are not.
    """
    absent = [name for name in names if name not in present]
    if absent:
        raise FeatureError(tell_absent(absent, present, where))


def encode_input(
    each: Input, column: Column, findings: list[str], encoder: Encoder | None = None, first_row: int = 1
) -> Any:
    """Encode a column; what is wrong with it, with the row, is added to ``findings``."""
    try:
        return encode_column(each.kind, encoder or make_encoder(each.kind, each.zoned), column)
    except NotOfKindError as problem:
        findings.append(f"row {first_row + problem.row}: {tell_kind(each, problem.value)}")
        return None


def tell_kind(each: Input, value: object) -> str:
    """Say what a value must be and is not."""
    wanted = tell_wanted(each.kind, each.zoned)
    return f"feature '{each.name}' must be {wanted} or null (missing). Got {_show(value)} instead."


def tell_absent(absent: Sequence[str], present: Iterable[str], where: str) -> str:
    """Say which columns are not there."""
    names = ", ".join(f"'{name}'" for name in absent)
    hint = suggest(absent[0], [str(name) for name in present]) if len(absent) == 1 else ""
    if len(absent) == 1:
        return f"feature {names} must be among {where} and is not.{hint}"
    return f"{len(absent)} features must be among {where} and are not: {names}."


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
