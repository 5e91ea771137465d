"""What a contract says, as values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import cached_property
from typing import Any

import pyarrow as pa

TYPES = ("number", "integer", "boolean", "category", "text", "time")
ORDERED = ("number", "integer", "time")  # types that may have a range
LARGEST = (
    2**53 - 1
)  # whole numbers beyond are not all float64, so a model would see others than the table has


@dataclass(frozen=True)
class Rule:
    """What one column must hold.

    Attributes
    ----------
    type : str
        number, integer, boolean, category, text or time.
    unit, meaning : str
        For people; empty if not said.
    missing : bool
        Whether a value may be missing.
    minimum, maximum : float, int or str, optional
        Allowed range, ends included; ISO 8601 text for a time.
    categories : tuple of str, optional
        The known ones.
    unseen : str
        ``allow`` or ``refuse`` other categories.
    zone : str
        IANA name: times are instants, and one without an offset is the local time there. Empty: wall times.
    format : str
        How a time is written if not in ISO 8601, such as ``%d/%m/%Y``.
    personal : bool
        Whether it tells something of a person: kept out of the service's log.
    """

    name: str
    type: str
    unit: str = ""
    meaning: str = ""
    missing: bool = False
    minimum: float | int | str | None = None
    maximum: float | int | str | None = None
    categories: tuple[str, ...] | None = None
    unseen: str = "allow"
    zone: str = ""
    format: str = ""
    personal: bool = False

    def to_dict(self) -> dict[str, Any]:
        """Give what the file says of the column: no more than is not the default, ``missing`` always."""
        values = {
            key: list(value) if isinstance(value, tuple) else value
            for key, value in asdict(self).items()
            if key != "name" and value != getattr(_PLAIN, key)
        }
        return {"type": self.type, "missing": self.missing} | values

    @property
    def arrow(self) -> pa.DataType:
        """The type of the column in data/raw/table.parquet."""
        if self.type == "time":
            return pa.timestamp("us", tz="UTC" if self.zone else None)
        return _ARROW[self.type]


_PLAIN = Rule("", "")
_ARROW = {
    "number": pa.float64(),
    "integer": pa.int64(),
    "boolean": pa.bool_(),
    "category": pa.string(),
    "text": pa.string(),
}


@dataclass(frozen=True)
class Contract:
    """What a table must hold: its key, and a rule for each column in order.

    ``file`` is how messages call it.
    """

    key: str
    rules: tuple[Rule, ...]
    file: str = "the contract"

    @cached_property
    def by_name(self) -> Mapping[str, Rule]:
        """Each column's rule."""
        return {rule.name: rule for rule in self.rules}
