"""The types of a function of one row's values, read from its annotations, and what calls it."""

from __future__ import annotations

import inspect
import keyword
import types
import typing
import unicodedata
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import datetime
from typing import Any

from toolkit.errors import FeatureError, suggest

TAKEN: Mapping[type, tuple[str, ...]] = {
    float: ("number", "integer"),
    int: ("integer",),
    bool: ("boolean",),
    str: ("category", "text"),
    datetime: ("time",),
}  # kinds of raw columns that an argument of a type takes
GIVEN: Mapping[type, str] = {float: "number", int: "integer", bool: "boolean", str: "category"}


def read_types(label: str, function: Callable[..., Any]) -> tuple[dict[str, tuple[type, bool]], type]:
    """Give the type of each argument, with whether it may be None, and the type that is returned."""
    try:
        signature = inspect.signature(function, eval_str=True)
    except (NameError, SyntaxError, TypeError) as error:
        raise FeatureError(f"feature '{label}' has an annotation that is no type: {error}.") from None
    findings, taken = [], {}
    plain = inspect.Parameter.POSITIONAL_OR_KEYWORD
    for argument in signature.parameters.values():
        if argument.kind is not plain or argument.default is not inspect.Parameter.empty:
            what = "has a default" if argument.kind is plain else "is no plain one"
            findings.append(
                f"feature '{label}' must have plain arguments, each a column of the table, and '{argument.name}' "
                f"{what}. Use a constant of the file for what is no column."
            )
        elif (read := _parse_type(argument.annotation, TAKEN)) is None:
            findings.append(
                f"argument '{argument.name}' of feature '{label}' must be annotated with float, int, bool, str or "
                f"datetime, with '| None' if it takes missing values. {_tell_annotation(argument.annotation)}"
            )
        else:
            taken[argument.name] = read
    if not signature.parameters:
        findings.append(f"feature '{label}' must take at least one column of the table as an argument.")
    given = _parse_type(signature.return_annotation, GIVEN)
    if given is None:
        findings.append(
            f"feature '{label}' must say what it returns: -> float, int, bool or str, with '| None' if that may be "
            f"missing. {_tell_annotation(signature.return_annotation)}"
        )
    if findings or given is None:
        raise FeatureError("\n".join(findings))
    return taken, given[0]


def _parse_type(annotation: Any, known: Mapping[type, Any]) -> tuple[type, bool] | None:
    options = typing.get_args(annotation) or (annotation,)
    if typing.get_origin(annotation) not in (None, typing.Union, types.UnionType):
        return None
    kinds = [option for option in options if option is not type(None)]
    if len(kinds) != 1 or not isinstance(kinds[0], type) or kinds[0] not in known:
        return None
    return kinds[0], len(options) > 1


def _tell_annotation(annotation: Any) -> str:
    if annotation is inspect.Parameter.empty:
        return "It has no annotation."
    return f"Got {annotation.__name__ if isinstance(annotation, type) else annotation} instead."


def show_type(kind: type, optional: bool) -> str:
    """Write a type as its annotation does."""
    return f"{kind.__name__} | None" if optional else kind.__name__


def name_columns(label: str, taken: Iterable[str], columns: Mapping[str, str]) -> tuple[str, ...]:
    """Give the raw column that each argument stands for: of its own name, unless ``columns`` has another.

    Raises
    ------
    FeatureError
        ``columns`` names something that is no argument, or two arguments stand for one column.
    """
    arguments = list(taken)
    findings = [
        f"feature '{label}' has no argument '{name}', which columns gives a column to.{suggest(name, arguments)}"
        for name in columns
        if name not in arguments
    ]
    inputs = tuple(columns.get(name, name) for name in arguments)
    for place, column in enumerate(inputs):
        if column in inputs[:place]:
            first = arguments[inputs.index(column)]
            findings.append(
                f"arguments '{first}' and '{arguments[place]}' of feature '{label}' must stand for two columns. Both "
                f"are '{column}'. Take it once."
            )
    if findings:
        raise FeatureError("\n".join(findings))
    return inputs


def is_argument(name: str) -> bool:
    """Tell whether a column's name can be that of an argument; Python composes the letters of its names (NFKC)."""
    return name.isidentifier() and not keyword.iskeyword(name) and unicodedata.normalize("NFKC", name) == name


def make_call(function: Callable[..., Any], taken: Sequence[tuple[type, bool]]) -> Callable[..., Any]:
    """Make what computes the feature: missing, without a call, where a value is that the function cannot do without."""
    needed = tuple(index for index, (_, optional) in enumerate(taken) if not optional)

    def call_whole(*values: Any) -> Any:
        return None if None in values else function(*values)

    def call(*values: Any) -> Any:
        for index in needed:
            if values[index] is None:
                return None
        return function(*values)

    return call_whole if len(needed) == len(taken) else call if needed else function
