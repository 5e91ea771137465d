"""What breaks a contract, gathered over the whole table and told in one message."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import groupby

import numpy as np
import pyarrow as pa

from toolkit.data.contract.convert import Reason, as_text
from toolkit.errors import count_of

SHOWN_ROWS = 5  # rows that a finding names
SHOWN_VALUES = 3  # values that it quotes
SHOWN_CHARACTERS = 40

Locate = Callable[[int], tuple[str, int]]  # the part that a row of the source is in, and its number there


def locate_alone(row: int) -> tuple[str, int]:
    """Locate a row of a table that has no parts."""
    return "", row


def tell_row(row: int, locate: Locate) -> str:
    """Name a row.

    >>> tell_row(3, locate_alone), tell_row(3, lambda row: ("parts/b.csv", row - 2))
    ('row 3', 'parts/b.csv row 1')
    """
    part, number = locate(row)
    return f"{part} row {number}".lstrip()


@dataclass(frozen=True)
class Refusal:
    """Rows of a batch that are refused for one reason.

    Attributes
    ----------
    mask : ndarray
        Which (bool, one a row of the batch).
    earlier : ndarray, optional
        For a repeated key: the row of the source that has it already (int64, from 1), one a row of the batch.
    """

    column: str
    reason: Reason
    mask: np.ndarray
    earlier: np.ndarray | None = None


@dataclass
class Fault:
    """Rows of one column that are refused for one reason; rows are counted from 1 as the source has them.

    ``earlier`` has, for a repeated key, the row that each of them repeats.
    """

    column: str
    reason: Reason
    count: int = 0
    rows: list[int] = field(default_factory=list)
    earlier: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def tell(self, total: int, locate: Locate = locate_alone) -> str:
        """Say it in a sentence or two."""
        more = f" and {self.count - len(self.rows):,} more" if self.count > len(self.rows) else ""
        got = f" (got {', '.join(self.values)})" if self.values else ""
        broken = f"{self.count:,} of {count_of(total, 'row')} break{'s' if self.count == 1 else ''} this"
        return (
            f"column '{self.column}' {self.reason.must}. {broken}: {self._tell_places(locate)}{more}{got}. "
            f"{self.reason.advice}"
        )

    def _tell_places(self, locate: Locate) -> str:
        """Name the first rows, those of a part together."""
        notes = [f" like {tell_row(row, locate)}" for row in self.earlier] or [""] * len(self.rows)
        places = [(*locate(row), note) for row, note in zip(self.rows, notes, strict=True)]
        told = []
        for part, group in groupby(places, key=lambda place: place[0]):
            numbers = [f"{number}{note}" for _, number, note in group]
            rows = "rows" if len(numbers) > 1 else "row"
            told.append(f"{part} {rows} {', '.join(numbers)}".lstrip())
        return "; ".join(told)


class Faults:
    """Gathers faults in the order in which they are first met."""

    def __init__(self) -> None:
        self._faults: dict[tuple[str, Reason], Fault] = {}
        self.table: list[str] = []  # what is wrong with the table as a whole, as sentences

    def __iter__(self) -> Iterator[Fault]:
        return iter(self._faults.values())

    def __len__(self) -> int:
        return len(self._faults) + len(self.table)

    def add(self, refusal: Refusal, values: pa.Array | None, start: int) -> None:
        """Count the rows of a batch that begins after ``start`` rows; ``values`` are quoted if given."""
        column, reason = refusal.column, refusal.reason
        fault = self._faults.setdefault((column, reason), Fault(column, reason))
        places = np.flatnonzero(refusal.mask)
        fault.count += len(places)
        shown = places[: max(SHOWN_ROWS - len(fault.rows), 0)]
        fault.rows += [start + place + 1 for place in shown.tolist()]
        if refusal.earlier is not None:
            fault.earlier += refusal.earlier[shown].tolist()
        if values is not None and len(fault.values) < SHOWN_VALUES:
            quote(fault.values, as_text(values.take(pa.array(places[:1000]))))

    def replace(self, column: str, count: int, reasons: Sequence[Reason], sentence: str) -> None:
        """Tell of the table what was told of so many rows; what other rows of the column break stays."""
        self.table.append(sentence)
        for reason in reasons:
            fault = self._faults.get((column, reason))
            if fault is not None and fault.count == count:
                del self._faults[column, reason]

    def tell(self, total: int, where: str, contract: str, advice: str, locate: Locate = locate_alone) -> str:
        """Say everything at once.

        Parameters
        ----------
        total : int
            Rows of the table.
        where, contract : str
            How the table and the contract are called.
        advice : str
            What may be done about all of it.
        locate : callable
            Gives the part and number of a row.
        """
        findings = [*self.table, *(fault.tell(total, locate) for fault in self._faults.values())]
        count = "one violation" if len(findings) == 1 else f"{len(findings)} violations"
        return "\n".join(
            [f"{where} must hold what {contract} says. Got {count}:", *(f"  {f}" for f in findings), advice]
        )


def quote(quoted: list[str], texts: pa.Array) -> None:
    """Add the first distinct texts to those that are quoted, up to three."""
    for text in texts.to_pylist():
        shown = "nothing" if text is None else repr(text[:SHOWN_CHARACTERS])
        if len(quoted) >= SHOWN_VALUES:
            return
        if shown not in quoted:
            quoted.append(shown)


def tell_reasons(refusals: Sequence[Refusal], rows: int, locate: Locate = locate_alone) -> list[str]:
    """Give, for each row of a batch, all that it is refused for; empty for a good row."""
    told: list[list[str]] = [[] for _ in range(rows)]
    for refusal in refusals:
        must = f"{refusal.column} {refusal.reason.must}"
        for place in np.flatnonzero(refusal.mask).tolist():
            same = "" if refusal.earlier is None else f" ({tell_row(refusal.earlier[place].item(), locate)})"
            told[place].append(f"{must}{same}")
    return ["; ".join(reasons) for reasons in told]
