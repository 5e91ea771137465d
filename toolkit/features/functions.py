"""Features that a person wrote as a function of one row's values."""

from __future__ import annotations

import math
import sys
import traceback
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np

from toolkit.errors import FeatureError
from toolkit.features.clocks import load_zone
from toolkit.features.definition import Definition, Input
from toolkit.features.encode import INFINITY, as_values
from toolkit.features.makers import NAN, Category, Maker, State

RETURNS: dict[str, tuple[type, ...]] = {
    "number": (float, int),
    "integer": (int,),
    "boolean": (bool,),
    "category": (str,),
}
BLOCK_ROWS = 65_536
LARGEST = int(sys.float_info.max)
_EPOCH = datetime(1970, 1, 1)
_GIVEN = (Input("given", "category"),)


class Function(Maker):
    """Calls the function for each row, of a table as of a request."""

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        if definition.function is None:
            raise FeatureError(
                f"feature '{definition.name}' was made by a function of definitions.py, which has none of that name. "
                "Run './run dvc repro prepare' to fit the features anew."
            )
        self._call = definition.function
        takes = definition.params.get("takes", [""] * len(inputs))
        self._decoders = [_make_decoder(each, taken) for each, taken in zip(inputs, takes, strict=True)]
        self.categorical = definition.returns == "category"
        self._category = Category(definition, state, _GIVEN) if self.categorical else None
        self._allowed = RETURNS[definition.returns]
        self._is_number = definition.returns == "number"
        self._may_lack = self.categorical or bool(state.get("missing", True))

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Call it for each training row, and learn the categories if it gives any."""
        unfitted = cls(definition, {"categories": [], "missing": True}, inputs)
        counts: Counter[Any] = Counter()
        for start in range(0, len(columns[0]), BLOCK_ROWS):  # what is in memory as Python's values
            try:
                given = unfitted.ask_all([column[start : start + BLOCK_ROWS] for column in columns])
            except RowFault as fault:
                raise fault.at(start + 1) from None
            counts.update(given if unfitted.categorical else {None: given.count(None)})
        return unfitted.learn(counts) if unfitted.categorical else {"missing": counts[None] > 0}

    def learn(self, counts: Counter[Any]) -> dict[str, Any]:
        """Learn the categories, which are written as text."""
        for text in counts:
            if text is not None and any("\ud800" <= sign <= "\udfff" for sign in text):
                raise self.definition.tell(
                    f"feature '{self.definition.name}' must give text that UTF-8 can hold. Got {text!r:.60}, which has "
                    "half of a sign. Leave it out, or decode the bytes that it came from."
                )
        return Category.learn(counts)

    def columns(self, columns: Sequence[Any]) -> np.ndarray:
        """Call the function for each row."""
        given = self.ask_all(columns)
        if self._category is not None:
            return self._category.columns([given])
        return np.array([NAN if value is None else value for value in given], dtype=np.float64)[:, np.newaxis]

    def ask_all(self, columns: Sequence[Any]) -> list[Any]:
        """Call the function for each row of encoded columns."""
        lists = [as_values(each.kind, column) for each, column in zip(self.inputs, columns, strict=True)]
        given: list[Any] = []
        try:
            for values in zip(*lists, strict=True):
                given.append(self.ask(*values))
        except RowFault as fault:
            fault.row = len(given)
            raise
        return given

    def ask(self, *values: Any) -> Any:
        """Call the function with one row's encoded values; give what it gave, checked.

        Raises
        ------
        RowFault
            It failed, or gave something else than it says.
        """
        plain = [
            decode(value) if decode else value for decode, value in zip(self._decoders, values, strict=True)
        ]
        try:
            given = self._call(*plain)
        except (Exception, SystemExit) as error:
            raise self._tell_failure(plain, error) from None
        return self._check(given, plain)

    def _check(self, given: Any, plain: Sequence[Any]) -> Any:
        """Give what the function gave for a row, or say what is wrong with it."""
        if given is None:
            return None if self._may_lack else self._refuse_none(plain)
        if type(given) not in self._allowed:
            given = self._plain(given, plain)
        if type(given) is int and not -LARGEST <= given <= LARGEST:
            raise self._tell_infinite(plain, given)
        if type(given) is float and not math.isfinite(given):
            if math.isnan(given):
                return None if self._may_lack else self._refuse_none(plain)
            raise self._tell_infinite(plain, given)
        return given

    def row(self, *values: Any) -> Sequence[float]:
        """Call the function once."""
        plain = [
            decode(value) if decode else value for decode, value in zip(self._decoders, values, strict=True)
        ]
        try:
            given = self._call(*plain)
        except (Exception, SystemExit) as error:
            raise self._tell_failure(plain, error) from None
        if type(given) is float and self._is_number and -INFINITY < given < INFINITY:
            return (given,)
        given = self._check(given, plain)
        if self._category is not None:
            return self._category.row(given)
        return (NAN if given is None else float(given),)

    def _plain(self, given: Any, row: Sequence[Any]) -> Any:
        """Take NumPy's scalars for what they are; refuse any other type."""
        item = getattr(given, "item", None)
        plain = item() if callable(item) and getattr(given, "ndim", None) == 0 else given
        if type(plain) in self._allowed:
            return plain
        raise self._fault(
            f"says that it returns {self.definition.returns}. Got {_show(given)} ({type(given).__name__}) for "
            f"{self._show(row)} instead. Mend the function, or what it says that it returns."
        )

    def _refuse_none(self, plain: Sequence[Any]) -> None:
        """Refuse a missing value where no training row had one: LightGBM would take it for 0."""
        raise self._fault(
            f"must give a number, as it did for each training row: what a missing one "
            f"means, the model has not learnt. Got None for {self._show(plain)}. Give a number for such rows."
        )

    def _show(self, plain: Sequence[Any]) -> str:
        return show_row(zip(self.definition.inputs, plain, strict=True))

    def _tell_infinite(self, plain: Sequence[Any], given: Any) -> FeatureError:
        return self._fault(
            f"must give a finite number that 64 bits can hold, or None for missing. Got {_show(given)} for "
            f"{self._show(plain)}."
        )

    def _tell_failure(self, plain: Sequence[Any], error: BaseException) -> FeatureError:
        """Say for which values the function failed, how, and at which line of the file if it is another."""
        each = self.definition
        frames = traceback.extract_tb(error.__traceback__)
        line = next((frame.lineno for frame in reversed(frames) if frame.filename == each.file), None)
        where = "" if line in (None, each.line) else f" in line {line}"
        return self._fault(
            f"must give a value, or None for missing, for every row. For {self._show(plain)} it raised "
            f"{type(error).__name__}{where}: {str(error) or 'no reason was given':.300}. Handle this case in the "
            "function."
        )

    def _fault(self, text: str) -> RowFault:
        return RowFault(self.definition, f"feature '{self.definition.name}' {text}")


class RowFault(FeatureError):
    """What is wrong with a function for a row; ``row`` is its place among those of the call, from 0."""

    def __init__(self, definition: Definition, text: str) -> None:
        super().__init__(str(definition.tell(text)))
        self.definition, self.text, self.row = definition, text, 0

    def at(self, first: int) -> RowFault:
        """Make the error that names the row, if that of place 0 is called ``first``."""
        named = RowFault(self.definition, f"row {first + self.row}: {self.text}")
        named.row = first + self.row
        return named


def show_row(values: Iterable[tuple[str, Any]]) -> str:
    """Write a row's values by column for a message.

    >>> show_row([("price", 3.0), ("Area (m2)", None)])
    "price=3.0, 'Area (m2)'=None"
    """
    return ", ".join(
        f"{name if name.isidentifier() else repr(name)}={_show(value)}" for name, value in values
    )


def _show(value: Any) -> str:
    try:
        return f"{value!r:.60}"
    except Exception:  # a person's own class whose repr fails
        return f"a {type(value).__name__}"


def _make_decoder(column: Input, taken: str) -> Callable[[Any], Any] | None:
    """Choose what turns an encoded value into the type that the function takes; None if it is that already."""
    if taken.startswith("float"):  # a column of integers too
        return _decode_number
    return {
        "number": _decode_number,
        "integer": lambda value: None if value != value else int(value),  # noqa: PLR0124  # NaN
        "boolean": lambda value: None if value != value else value == 1.0,  # noqa: PLR0124  # NaN
        "category": None,
        "text": None,
        "time": _make_instant_decoder(column.zone) if column.zoned else _decode_wall_time,
    }[column.kind]


def _decode_number(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124  # NaN alone differs from itself


def _decode_wall_time(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def _make_instant_decoder(zone: str) -> Callable[[int | None], datetime | None]:
    there = load_zone(zone) if zone else UTC

    def decode_instant(value: int | None) -> datetime | None:
        if value is None:
            return None
        moment = (_EPOCH + timedelta(microseconds=value)).replace(tzinfo=UTC)
        return moment if there is UTC else moment.astimezone(there)

    return decode_instant
