"""What breaks a contract, gathered over the whole table and told in one message."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.data.contract.convert import Reason, as_text

SHOWN_ROWS = 5  # rows that a finding names
SHOWN_VALUES = 3  # values that it quotes
SHOWN_CHARACTERS = 40


@dataclass
class Fault:
    """Rows of one column that are refused for one reason; rows are counted from 1 as the source has them."""

    column: str
    reason: Reason
    count: int = 0
    rows: list[int] = field(default_factory=list)
    values: list[str] = field(default_factory=list)

    def tell(self, total: int) -> str:
        """Say it in a sentence or two."""
        places = f"row{'s' if self.count > 1 else ''} {', '.join(map(str, self.rows))}"
        more = f" and {self.count - len(self.rows):,} more" if self.count > len(self.rows) else ""
        got = f" (got {', '.join(self.values)})" if self.values else ""
        broken = f"{self.count:,} of {total:,} rows break{'s' if self.count == 1 else ''} this"
        return (
            f"column '{self.column}' {self.reason.must}. {broken}: {places}{more}{got}. {self.reason.advice}"
        )


class Faults:
    """Gathers faults in the order in which they are first met."""

    def __init__(self) -> None:
        self._faults: dict[tuple[str, Reason], Fault] = {}
        self.table: list[str] = []  # what is wrong with the table as a whole, as sentences

    def __iter__(self) -> Iterable[Fault]:
        return iter(self._faults.values())

    def __len__(self) -> int:
        return len(self._faults) + len(self.table)

    def add(
        self, column: str, reason: Reason, mask: pa.BooleanArray, values: pa.Array | None, start: int
    ) -> None:
        """Count the rows of a batch that begins after ``start`` rows; ``values`` are quoted if given."""
        fault = self._faults.setdefault((column, reason), Fault(column, reason))
        count = pc.sum(mask).as_py() or 0
        fault.count += count
        wanted = SHOWN_ROWS - len(fault.rows)
        if count and (wanted > 0 or len(fault.values) < SHOWN_VALUES):
            places = np.flatnonzero(mask.to_numpy(zero_copy_only=False))
            fault.rows += [start + int(place) + 1 for place in places[: max(wanted, 0)]]
            if values is not None:
                quote(fault.values, as_text(values.take(pa.array(places[:1000]))))

    def tell(self, total: int, where: str, contract: str, advice: str) -> str:
        """Say everything at once.

        Parameters
        ----------
        total : int
            Rows of the table.
        where, contract : str
            How the table and the contract are called.
        advice : str
            What may be done about all of it.
        """
        findings = [*self.table, *(fault.tell(total) for fault in self._faults.values())]
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


def tell_rows(reasons: Sequence[tuple[str, Reason, pa.BooleanArray]], rows: int) -> list[str]:
    """Give, for each row of a batch, all that it is refused for; empty for a good row."""
    told: list[list[str]] = [[] for _ in range(rows)]
    for column, reason, mask in reasons:
        for place in np.flatnonzero(mask.to_numpy(zero_copy_only=False)).tolist():
            told[place].append(f"{column} {reason.must}" if column else reason.must)
    return ["; ".join(reasons) for reasons in told]
