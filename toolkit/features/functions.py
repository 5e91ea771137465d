"""Features that a person wrote as a function of one row's values."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from toolkit.errors import FeatureError
from toolkit.features.definition import Definition, Input
from toolkit.features.encode import as_values
from toolkit.features.makers import NAN, Category, Maker, State

RETURNS: dict[str, tuple[type, ...]] = {
    "number": (float, int),
    "integer": (int,),
    "boolean": (bool,),
    "category": (str,),
}
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
        self._decoders = [_make_decoder(each) for each in inputs]
        self.categorical = definition.returns == "category"
        self._category = Category(definition, state, _GIVEN) if self.categorical else None
        self._allowed = RETURNS[definition.returns]

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Call it for each training row, and learn the categories if it gives any."""
        unfitted = cls(definition, {"categories": []}, inputs)
        lists = [as_values(each.kind, column) for each, column in zip(inputs, columns, strict=True)]
        given = [unfitted.ask(*values) for values in zip(*lists, strict=True)]
        return Category.fit(definition, [given], _GIVEN) if unfitted.categorical else {}

    def ask(self, *values: Any) -> Any:
        """Call the function with one row's encoded values; give what it gave, checked.

        Raises
        ------
        FeatureError
            It failed, or gave something else than it says.
        """
        plain = [decode(value) for decode, value in zip(self._decoders, values, strict=True)]
        given = self._call(*plain)
        if given is None:
            return None
        if type(given) not in self._allowed:
            given = self._plain(given)
        if type(given) is float and not math.isfinite(given):
            if math.isnan(given):
                return None
            raise self._tell_infinite(plain, given)
        return given

    def row(self, *values: Any) -> Sequence[float]:
        """Call the function once."""
        given = self.ask(*values)
        if self._category is not None:
            return self._category.row(given)
        return (NAN if given is None else float(given),)

    def _plain(self, given: Any) -> Any:
        """Take NumPy's scalars for what they are; refuse any other type."""
        item = getattr(given, "item", None)
        plain = item() if callable(item) and getattr(given, "ndim", None) == 0 else given
        if type(plain) in self._allowed:
            return plain
        raise FeatureError(
            f"feature '{self.definition.name}' says that it returns {self.definition.returns}. Got {given!r:.60} "
            f"({type(given).__name__}) instead. Mend the function, or what it says that it returns."
        )

    def _tell_infinite(self, plain: Sequence[Any], given: Any) -> FeatureError:
        row = ", ".join(f"{n}={v!r:.60}" for n, v in zip(self.definition.inputs, plain, strict=True))
        return FeatureError(
            f"feature '{self.definition.name}' must give a finite number, or None for missing. Got {given!r:.40} for "
            f"{row}."
        )


def _make_decoder(column: Input) -> Callable[[Any], Any]:
    """Choose what turns an encoded value into the one that a person expects."""
    return {
        "number": _decode_number,
        "integer": lambda value: None if value != value else int(value),  # noqa: PLR0124  # NaN
        "boolean": lambda value: None if value != value else value == 1.0,  # noqa: PLR0124  # NaN
        "category": lambda value: value,
        "text": lambda value: value,
        "time": _decode_instant if column.zoned else _decode_wall_time,
    }[column.kind]


def _decode_number(value: float) -> float | None:
    return None if value != value else value  # noqa: PLR0124  # NaN alone differs from itself


def _decode_wall_time(value: int | None) -> datetime | None:
    return None if value is None else _EPOCH + timedelta(microseconds=value)


def _decode_instant(value: int | None) -> datetime | None:
    return None if value is None else (_EPOCH + timedelta(microseconds=value)).replace(tzinfo=UTC)
