"""The decorator ``@feature``: what a person says of a function that computes a feature."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from toolkit.errors import FeatureError

MARK = "__feature__"


@dataclass(frozen=True)
class Mark:
    """What ``@feature`` says of a function."""

    meaning: str
    unit: str = ""
    owner: str = ""
    replaces: tuple[str, ...] = ()
    columns: Mapping[str, str] = field(default_factory=dict)


def feature(
    *misused: object,
    meaning: str = "",
    unit: str = "",
    owner: str = "",
    replaces: Sequence[str] = (),
    columns: Mapping[str, str] | None = None,
) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Declare a function of one row's values as a feature; the function itself stays what it is.

    Parameters
    ----------
    meaning : str
        What the feature says, in words.
    unit, owner : str
        The unit of its value, and who answers for it; may be empty.
    replaces : sequence of str
        Raw columns that get no feature of their own because this one stands for them.
    columns : mapping, optional
        The raw column by argument, where the column's name cannot be that of an argument:
        ``{"price": "Unit price (EUR)"}``. Other arguments are called as their columns are.

    Raises
    ------
    FeatureError
        There is no meaning, or something is not of its type.
    """
    if misused or not isinstance(meaning, str) or not meaning.strip():
        raise FeatureError(
            'A feature must say what it means. Write @feature(meaning="...", unit="", owner="").'
        )
    check_texts({"unit": unit, "owner": owner}, replaces)
    named = {} if columns is None else columns
    if not isinstance(named, Mapping) or not all(
        isinstance(each, str) and each for pair in named.items() for each in pair
    ):
        raise FeatureError(
            f'columns must give the column\'s name by argument, such as {{"price": "Unit price (EUR)"}}. '
            f"Got {columns!r:.80} instead."
        )
    mark = Mark(meaning.strip(), unit, owner, tuple(replaces), dict(named))

    def declare(function: Callable[..., Any]) -> Callable[..., Any]:
        what = _tell_kind(function)
        if what:
            raise FeatureError(
                f"@feature must stand above a function that returns a row's value. It is {what}."
            )
        setattr(function, MARK, mark)
        return function

    return declare


def _tell_kind(function: Any) -> str:
    """Say what something is that no value of a row can be asked of; nothing for a function."""
    if isinstance(function, type):
        return f"the class '{function.__name__}'"
    if not callable(function):
        return f"{function!r:.40}"
    if inspect.iscoroutinefunction(function):
        return f"'{function.__name__}', which is async: leave that word out"
    return f"'{function.__name__}', which yields: use return" if inspect.isgeneratorfunction(function) else ""


def check_texts(texts: Mapping[str, object], replaces: object = ()) -> None:
    """Check that what is said for people is text, and that ``replaces`` is a list of columns.

    Raises
    ------
    FeatureError
        It is something else; a text alone would be taken for a list of its letters.
    """
    for name, text in texts.items():
        if not isinstance(text, str):
            raise FeatureError(f"{name} must be a text. Got {text!r:.60} instead.")
    if not isinstance(replaces, list | tuple) or not all(isinstance(each, str) for each in replaces):
        raise FeatureError(
            f'replaces must be a list of columns, such as ["rooms"]. Got {replaces!r:.60} instead.'
        )
