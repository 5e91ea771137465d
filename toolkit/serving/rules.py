"""What the contract of the training table says of each feature, as far as a request is concerned.

``contract.json`` of the package has it. A feature without a range or refused categories costs a request nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.errors import ModelError
from toolkit.serving.rows import Column, unpack_column

SCHEMA = 1
SHOWN = (
    "unit",
    "meaning",
    "minimum",
    "maximum",
    "allowed",
    "zone",
    "personal",
)  # what GET /schema has of a rule
MOST_NAMED = 10
LARGEST = 2**53 - 1  # whole number that a request may have, unless its contract says less
Faults = Iterable[tuple[int, str]]  # row, and what must hold and what came; found as they are asked for
Check = Callable[[Column], Faults]


@dataclass(frozen=True)
class Rules:
    """The rules of a model's features.

    Attributes
    ----------
    checks : tuple of (str, callable)
        A feature that has limits, and what finds the values (of its kind) that break them.
    described : mapping
        What ``GET /schema`` says of a feature besides its kind.
    personal : frozenset of str
        Features whose values are left out of the log.
    """

    checks: tuple[tuple[str, Check], ...] = ()
    described: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    personal: frozenset[str] = frozenset()


NO_RULES = Rules()


def load_rules(path: Path) -> Rules:
    """Read ``contract.json``.

    Raises
    ------
    ModelError
        It has another schema version or shape.
    """
    return parse_rules(load_json(path))


def parse_rules(value: Any) -> Rules:
    """Turn the content of ``contract.json`` into rules."""
    try:
        if value["schema"] != SCHEMA:
            raise KeyError("schema")
        columns = {column["name"]: column for column in value["columns"]}
        checks = [(name, check) for name, column in columns.items() for check in _make_checks(column)]
        described = {name: {key: rule[key] for key in SHOWN if key in rule} for name, rule in columns.items()}
        personal = frozenset(name for name, column in columns.items() if column.get("personal"))
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ModelError(
            f'contract.json must have "schema": {SCHEMA} and the rule of each feature ({error!r}). '
            "Package the model anew."
        ) from None
    return Rules(tuple(checks), described, personal)


def select_rules(schema: Mapping[str, Any], inputs: Mapping[str, str]) -> dict[str, Any]:
    """Give the content of ``contract.json``: what the raw table's schema says of the columns that the model needs."""
    wanted = ("name", "type", "format", *SHOWN)
    columns = [
        {key: column[key] for key in wanted if key in column}
        for column in schema["columns"]
        if column["name"] in inputs
    ]
    return {"schema": SCHEMA, "columns": columns}


def _make_checks(column: Mapping[str, Any]) -> list[Check]:
    low, high = column.get("minimum"), column.get("maximum")
    if column["type"] == "integer":  # as in a table: no float64, so no model, tells larger ones apart
        low, high = (-LARGEST if low is None else low), (LARGEST if high is None else high)
    if column["type"] == "time" and (low is not None or high is not None):
        return [_check_times(low, high)]
    if low is not None or high is not None:
        return [_check_numbers(low, high)]
    return [_check_names(tuple(column["allowed"]))] if column.get("allowed") else []


def _check_numbers(low: float | None, high: float | None) -> Check:
    least = -float("inf") if low is None else low
    most = float("inf") if high is None else high

    def check(values: Column) -> Faults:
        if isinstance(values, np.ndarray):
            if _lie_within(values, least, most):
                return []
            values = unpack_column(values)
        try:
            if min(values) >= least and max(values) <= most:
                return []
        except TypeError:  # some are null, or of another kind, which is told elsewhere
            pass
        return (
            (row, f"must be {_tell_range(value, least, low, high)}. Got {value}.")
            for row, value in enumerate(values)
            if type(value) in (int, float) and not least <= value <= most
        )

    return check


def _lie_within(values: np.ndarray, least: float, most: float) -> bool:
    """Tell whether the numbers of an array are in a range, NaN aside; of those that float64 rounds, nobody knows."""
    if values.dtype.kind not in "fiu" or not len(values):
        return False
    smallest, largest = float(np.fmin.reduce(values)), float(np.fmax.reduce(values))
    return max(least, -LARGEST) <= smallest and largest <= min(most, LARGEST)


def _check_times(low: str | None, high: str | None) -> Check:
    least = None if low is None else _read_time(low)
    most = None if high is None else _read_time(high)

    def check(values: Column) -> Faults:
        for row, value in enumerate(unpack_column(values)):
            moment = _read_time(value)
            if moment is not None and least is not None and moment < least:
                yield row, f"must be at least {low}. Got {value}."
            elif moment is not None and most is not None and moment > most:
                yield row, f"must be at most {high}. Got {value}."

    return check


def _check_names(allowed: tuple[str, ...]) -> Check:
    known = frozenset((*allowed, None))
    more = f" or {len(allowed) - MOST_NAMED} more" if len(allowed) > MOST_NAMED else ""
    names = ", ".join(allowed[:MOST_NAMED]) + more

    def check(values: Column) -> Faults:
        return (
            (row, f"must be one of {names}. Got '{value[:40]}'.")
            for row, value in enumerate(values)
            if isinstance(value, str) and value not in known
        )

    return check


def _tell_range(value: float, least: float, low: float | None, high: float | None) -> str:
    return f"at least {low}" if value < least else f"at most {high}"


def _read_time(value: Any) -> datetime | None:
    """Read a time as an instant, a wall time as if it were one in UTC; None for what is no time."""
    if isinstance(value, str):
        try:
            value = datetime.fromisoformat(value)
        except ValueError:
            return None
    if not isinstance(value, datetime):
        return None
    return value.replace(tzinfo=UTC) if value.tzinfo is None else value
