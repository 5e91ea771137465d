"""The schema of the raw table: what each column holds and what it is there for."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from toolkit.artifacts import load_json
from toolkit.data.table import tell_mixed
from toolkit.errors import DataError, suggest
from toolkit.features.encode import KINDS

SCHEMA = 1
MOST_CATEGORIES = 1000  # a text column with more distinct values, or with nearly one a row, is free text
FEW_CATEGORIES = 20  # with no more than these it is a category however few rows there are


@dataclass(frozen=True)
class Column:
    """A column: type number, integer, boolean, category, text or time; role key, feature or excluded."""

    name: str
    type: str
    role: str
    missing: int = 0
    min: float | str | None = None
    max: float | str | None = None
    categories: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Schema:
    """The columns of the raw table in their order, its key and its number of rows."""

    key: str
    rows: int
    exclude: tuple[str, ...]
    columns: tuple[Column, ...]

    @property
    def kinds(self) -> dict[str, str]:
        """Type by name of the columns that are features."""
        return {column.name: column.type for column in self.columns if column.role == "feature"}

    def to_dict(self) -> dict[str, Any]:
        """Give the schema as plain values for JSON; what a column has not is left out."""
        columns = [
            {name: value for name, value in asdict(c).items() if value is not None} for c in self.columns
        ]
        return {
            "schema": SCHEMA,
            "key": self.key,
            "rows": self.rows,
            "exclude": list(self.exclude),
            "columns": columns,
        }


def infer_schema(table: pa.Table, key: str, exclude: Sequence[str] = ()) -> Schema:
    """Infer types and ranges from the rows.

    Raises
    ------
    DataError
        An excluded column does not exist or is the key, or a column can be no feature and is not excluded: all
        findings.
    """
    findings = [
        f"collect.exclude: '{name}' must be a column of the table and is not.{suggest(name, table.column_names)}"
        for name in exclude
        if name not in table.column_names
    ]
    if key in exclude:
        findings.append(
            f"collect.exclude: '{key}' is the key, which is never a feature. Take it out of the list."
        )
    columns = []
    for name in table.column_names:
        role = "key" if name == key else "excluded" if name in exclude else "feature"
        column = _infer_column(name, table[name], role)
        columns.append(column)
        if role == "feature":
            findings += _feature_findings(column, table[name])
    if not findings and not any(column.role == "feature" for column in columns):
        findings.append(
            "The table must have at least one feature besides its key and excluded columns, and has none."
        )
    if findings:
        raise DataError("\n".join(findings))
    return Schema(key, table.num_rows, tuple(exclude), tuple(columns))


def load_schema(path: Path) -> Schema:
    """Read schema.json."""
    return parse_schema(load_json(path))


def parse_schema(value: Mapping[str, Any]) -> Schema:
    """Turn the content of schema.json into a schema.

    Raises
    ------
    DataError
        It has another schema version or shape.
    """
    if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
        raise DataError(
            f"data/raw/schema.json must have \"schema\": {SCHEMA}. Run './run dvc repro collect' to make it."
        )
    try:
        columns = []
        for entry in value["columns"]:
            categories = tuple(entry["categories"]) if "categories" in entry else None
            columns.append(Column(**{**entry, "categories": categories}))
        return Schema(value["key"], value["rows"], tuple(value["exclude"]), tuple(columns))
    except (KeyError, TypeError) as error:
        raise DataError(
            f"data/raw/schema.json is not a schema ({error}). Run './run dvc repro collect' to make it."
        ) from None


def _infer_column(name: str, values: pa.ChunkedArray, role: str) -> Column:
    if pa.types.is_dictionary(values.type):
        values = values.cast(values.type.value_type)
    missing, kind = values.null_count, _infer_type(values)
    if kind == "category":
        return Column(
            name, kind, role, missing, categories=tuple(sorted(set(pc.unique(values).to_pylist()) - {None}))
        )
    if kind in ("number", "integer", "time") and missing < len(values):
        if kind == "number":
            values = values.cast(pa.float64())
            nan = pc.is_nan(values).fill_null(False)
            missing += pc.sum(nan).as_py()
            values = values.filter(pc.invert(nan))
        ends = pc.min_max(values).as_py() if len(values) else {"min": None, "max": None}
        show = str if kind == "time" else lambda end: end
        return Column(name, kind, role, missing, show(ends["min"]), show(ends["max"]))
    return Column(name, kind, role, missing)


def _infer_type(values: pa.ChunkedArray) -> str:
    kind = values.type
    if pa.types.is_boolean(kind):
        return "boolean"
    if pa.types.is_integer(kind):
        return "integer"
    if pa.types.is_floating(kind) or pa.types.is_decimal(kind) or pa.types.is_null(kind):
        return "number"
    if pa.types.is_temporal(kind):
        return "time"
    distinct, filled = pc.count_distinct(values).as_py(), len(values) - values.null_count
    few = distinct <= FEW_CATEGORIES and distinct < max(filled, 2)
    return "category" if few or (distinct <= MOST_CATEGORIES and distinct <= filled / 2) else "text"


def _feature_findings(column: Column, values: pa.ChunkedArray) -> list[str]:
    advice = "Add it to collect.exclude, or derive a number or category from it."
    if column.type not in KINDS:
        mixed = tell_mixed(values) if column.type == "text" else ""
        return [
            f"column '{column.name}' must be one of {', '.join(KINDS)} to be a feature. It is {column.type}."
            f"{mixed or ' ' + advice}"
        ]
    if column.missing == len(values):
        return [
            f"column '{column.name}' must have a value in some row to be a feature. It has none. {advice}"
        ]
    if column.type == "number" and any(
        end in (float("inf"), float("-inf")) for end in (column.min, column.max)
    ):
        return [
            f"column '{column.name}' must have finite numbers to be a feature. It has infinite ones: make them null."
        ]
    return []
