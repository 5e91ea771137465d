"""The schema of the raw table: what each column holds and what it is there for."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json
from toolkit.errors import DataError

SCHEMA = 1


@dataclass(frozen=True)
class Column:
    """A column of the raw table: what its contract says of it, and what its rows showed.

    Attributes
    ----------
    type, role : str
        number, integer, boolean, category, text or time; key, feature or excluded.
    missing : int
        Rows that lack a value.
    min, max : float, int or str, optional
        Smallest and largest value found; of a time as ISO 8601 text.
    categories : tuple of str, optional
        Those found.
    unit, meaning, personal, zone, format
        As the contract says.
    optional : bool
        Whether a value may be missing.
    minimum, maximum : float, int or str, optional
        The allowed range.
    allowed : tuple of str, optional
        The only categories that are allowed.
    """

    name: str
    type: str
    role: str
    missing: int = 0
    min: float | str | None = None
    max: float | str | None = None
    categories: tuple[str, ...] | None = None
    unit: str = ""
    meaning: str = ""
    personal: bool = False
    optional: bool = False
    minimum: float | str | None = None
    maximum: float | str | None = None
    allowed: tuple[str, ...] | None = None
    zone: str = ""
    format: str = ""


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

    @property
    def zoned(self) -> dict[str, str]:
        """Zone by name of the times that are instants, because their contract has one; others are wall times."""
        return {column.name: column.zone for column in self.columns if column.type == "time" and column.zone}

    def to_dict(self) -> dict[str, Any]:
        """Give the schema as plain values for JSON; what a column has not is left out."""
        columns = [
            {
                name: value
                for name, value in asdict(column).items()
                if value is not None and value is not False and value != ""
            }
            for column in self.columns
        ]
        return {
            "schema": SCHEMA,
            "key": self.key,
            "rows": self.rows,
            "exclude": list(self.exclude),
            "columns": columns,
        }


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
            lists = {name: tuple(entry[name]) for name in ("categories", "allowed") if name in entry}
            columns.append(Column(**{**entry, **lists}))
        return Schema(value["key"], value["rows"], tuple(value["exclude"]), tuple(columns))
    except (KeyError, TypeError) as error:
        raise DataError(
            f"data/raw/schema.json is not a schema ({error}). Run './run dvc repro collect' to make it."
        ) from None
