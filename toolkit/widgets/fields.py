"""What the form needs to know of each parameter, read from the typed classes."""

from __future__ import annotations

import types
from dataclasses import dataclass
from typing import Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from toolkit.params import SECTIONS

Kind = Literal["bool", "int", "float", "text", "choice", "texts", "numbers", "table", "options", "yaml"]
_SCALARS: dict[Any, Kind] = {bool: "bool", int: "int", float: "float", str: "text"}
_TOLD = 2**31  # what only keeps a number within 32 bits needs no words
_BOUNDS = (("gt", "above"), ("ge", "at least"), ("lt", "below"), ("le", "at most"))


@dataclass(frozen=True)
class Field:
    """A parameter as the form shows it.

    ``kind`` decides the widget; ``columns`` are the fields of each row of a ``table`` (a mapping of typed entries,
    such as the sweep's space), and ``choices`` then the names that a row may have. ``options`` is a section of choices
    within the section (the checks of the splits): ``columns`` are these.
    """

    key: str
    kind: Kind
    description: str
    default: Any
    choices: tuple[str, ...] = ()
    bounds: str = ""
    columns: tuple[Field, ...] = ()

    @property
    def name(self) -> str:
        """The last part of the key."""
        return self.key.rpartition(".")[2]


def describe_fields(section: str) -> tuple[Field, ...]:
    """Describe the parameters of a section in their order.

    >>> [field.kind for field in describe_fields("validate")][:3]
    ['choice', 'float', 'float']
    >>> describe_fields("train")[1].bounds
    'above 0, at most 1'
    """
    return _describe(SECTIONS[section], f"{section}.")


def _describe(model: type[BaseModel], prefix: str) -> tuple[Field, ...]:
    return tuple(_describe_field(prefix + name, info) for name, info in model.model_fields.items())


def _describe_field(key: str, info: FieldInfo) -> Field:
    annotation = _without_none(info.annotation)
    default = info.get_default(call_default_factory=True) if not info.is_required() else None
    text = info.description or ""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return Field(key, "choice", text, default, choices=tuple(arguments))
    if origin is list:
        return Field(key, "texts" if _base(arguments[0]) is str else "numbers", text, default)
    if origin is dict and isinstance(arguments[1], type) and issubclass(arguments[1], BaseModel):
        rows = {name: _plain(entry) for name, entry in (default or {}).items()}
        names = get_args(arguments[0]) if get_origin(arguments[0]) is Literal else ()
        return Field(key, "table", text, rows, choices=names, columns=_describe(arguments[1], ""))
    if isinstance(annotation, type) and issubclass(annotation, BaseModel) and default is not None:
        return Field(key, "options", text, default.model_dump(), columns=_describe(annotation, ""))
    return Field(key, _SCALARS.get(annotation, "yaml"), text, default, bounds=_bounds(info))


def _without_none(annotation: Any) -> Any:
    if get_origin(annotation) in {Union, types.UnionType}:
        rest = [part for part in get_args(annotation) if part is not type(None)]
        return _base(rest[0]) if len(rest) == 1 else annotation
    return _base(annotation)


def _base(annotation: Any) -> Any:
    """Give the type inside ``Annotated[...]``."""
    return annotation.__origin__ if hasattr(annotation, "__metadata__") else annotation


def _plain(entry: Any) -> Any:
    return entry.model_dump(exclude_unset=True) if isinstance(entry, BaseModel) else entry


def _bounds(info: FieldInfo) -> str:
    found = []
    for name, words in _BOUNDS:
        limits = [getattr(rule, name) for rule in info.metadata if getattr(rule, name, None) is not None]
        limits = [limit for limit in limits if limit < _TOLD]
        found += [f"{words} {limit:,}" if isinstance(limit, int) else f"{words} {limit}" for limit in limits]
    return ", ".join(found)
