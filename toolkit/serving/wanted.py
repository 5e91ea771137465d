"""What the rows of a request must be, and a quick look at whether a single row is."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cached_property
from operator import itemgetter
from typing import Any

from toolkit.features.encode import TEXTS, NotOfKindError, make_encoder
from toolkit.serving.faults import TYPES, find_rule_faults
from toolkit.serving.rules import NO_RULES, Rules

Take = Callable[[Mapping[str, Any]], tuple[Any, ...]]


@dataclass(frozen=True)
class Wanted:
    """What the rows of a request must be.

    Attributes
    ----------
    inputs : mapping
        Feature name to kind: number, integer, boolean, category, text or time.
    nullable : frozenset of str
        Features that may be null.
    rules : Rules
        Ranges and categories that the contract allows.
    zoned : frozenset of str
        Times that must have an offset; others must have none.
    """

    inputs: Mapping[str, str]
    nullable: frozenset[str] = frozenset()
    rules: Rules = NO_RULES
    zoned: frozenset[str] = frozenset()

    def admits(self, row: Mapping[str, Any], body: bytes) -> bool:
        """Tell whether all is well with the one row of a body: the usual case, in some microseconds.

        False means only that it must be looked at more closely: ``3.0`` for a whole number is right, and so is a
        backslash.
        """
        if row.keys() != self.inputs.keys() or b"\\" in body:
            return False
        for take, types in self._types:
            if not types.issuperset(map(type, take(row))):
                return False
        colons = self._colons + sum(text.count(":") for text in self._take_texts(row) if text is not None)
        if body.count(b":") != colons:  # a key is repeated
            return False
        for name, encode in self._times:
            try:
                encode(row[name])
            except NotOfKindError:
                return False
        checks = self.rules.checks
        return not checks or not find_rule_faults({name: [row[name]] for name, _ in checks}, self.rules)

    @cached_property
    def _types(self) -> list[tuple[Take, frozenset[type]]]:
        """Features whose values may be of the same types, together."""
        alike: dict[frozenset[type], list[str]] = {}
        for name, kind in self.inputs.items():
            types = frozenset((str,)) if kind == "time" else TYPES[kind][0]  # JSON has no datetimes
            alike.setdefault(types | {type(None)} if name in self.nullable else types, []).append(name)
        return [(make_take(names), types) for types, names in alike.items()]

    @cached_property
    def _take_texts(self) -> Take:
        return make_take([name for name, kind in self.inputs.items() if kind in (*TEXTS, "time")])

    @cached_property
    def _times(self) -> list[tuple[str, Callable[[Any], Any]]]:
        times = (name for name, kind in self.inputs.items() if kind == "time")
        return [(name, make_encoder("time", name in self.zoned)) for name in times]

    @cached_property
    def _colons(self) -> int:
        return len(self.inputs) + sum(name.count(":") for name in self.inputs)


def make_take(names: list[str]) -> Take:
    """Make what takes values out of a row, as a tuple however many there are."""
    if not names:
        return lambda row: ()
    if len(names) == 1:
        (name,) = names
        return lambda row: (row[name],)
    return itemgetter(*names)
