"""Check a table against its contract batch by batch: the typed rows, and everything that is wrong with the others."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.data.contract.convert import WRITTEN, Broken, Reason, Written, convert
from toolkit.data.contract.facts import Facts
from toolkit.data.contract.faults import Faults, Locate, Refusal, locate_alone, tell_reasons
from toolkit.data.contract.hashes import FirstRows, hash_column
from toolkit.data.contract.parse import compare_key
from toolkit.data.contract.rules import Contract, Rule
from toolkit.data.rounding import Rounded, add_rounding, measure_rounding
from toolkit.data.sources.columns import list_some
from toolkit.errors import suggest

LACKS = Reason(
    "must have a value in every row", "Fill it, or set missing: true in the contract.", widens=True
)
NO_KEY = Reason(
    "is the key and must have a value in every row", "Fill it, or name another key in params.yaml."
)
DOUBLED = Reason(
    "is the key and must have a value of its own in every row; an earlier row has the same",
    "Remove the repeated rows, or name another key in params.yaml.",
)


@dataclass(frozen=True)
class Checked:
    """A batch after its check.

    Attributes
    ----------
    rows : RecordBatch
        The good rows, with the contract's columns and types.
    places : ndarray
        Where each stands in the batch as read (int64, from 0).
    refused : RecordBatch
        The other rows as they were read.
    refused_places : ndarray
        Where each of them stands.
    reasons : list of str
        All that each of them is refused for.
    """

    rows: pa.RecordBatch
    places: np.ndarray
    refused: pa.RecordBatch
    refused_places: np.ndarray
    reasons: list[str]


class Checker:
    """Converts and checks the batches of one table in their order.

    Parameters
    ----------
    contract : Contract
        What they must hold.
    schema : pyarrow.Schema
        The columns as they will be read.
    written : Written
        How numbers are written in text.
    ours : sequence of str
        Columns that need no rule, since the toolkit adds them itself.
    aside : bool
        Refused rows are put aside: their keys do not count as taken.
    locate : callable
        Gives the part and number of a row that was read.
    holders : mapping
        The parts that have a column, by its name, if not all have it.
    """

    def __init__(
        self,
        contract: Contract,
        schema: pa.Schema,
        written: Written = WRITTEN,
        ours: Sequence[str] = (),
        *,
        aside: bool = False,
        locate: Locate = locate_alone,
        holders: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        self.contract, self.written, self._aside, self._locate = contract, written, aside, locate
        self.faults = Faults()
        self.rows = 0  # read so far
        self.rounded: dict[str, Rounded] = {}  # by column
        self.faults.table += find_column_faults(contract, schema.names, ours, holders)
        rules = {**contract.by_name, **{name: Rule(name, "boolean", missing=True) for name in ours}}
        self.rules = [rules[name] for name in schema.names if name in rules]
        self.facts = {rule.name: Facts(rule) for rule in self.rules}
        self.schema = pa.schema([(rule.name, rule.arrow) for rule in self.rules])
        self._keys = FirstRows()

    def take(self, batch: pa.RecordBatch) -> Checked:
        """Check the next batch."""
        columns: list[pa.Array] = []
        refusals: list[Refusal] = []
        for rule in self.rules:
            raw = batch.column(rule.name)
            values, found = convert(raw, rule, self.written)
            self.note_rounding(rule.name, measure_rounding(raw, values))
            found = [*found, *self._check_values(rule, raw, values)]
            columns.append(values)
            refusals += [Refusal(rule.name, reason, _as_mask(mask)) for reason, mask in found]
        typed = pa.RecordBatch.from_arrays(columns, schema=self.schema)
        if self.contract.key in self.facts:
            refusals += self._check_key(typed.column(self.contract.key), refusals)
        for refusal in refusals:
            raw = None if refusal.reason in (LACKS, NO_KEY) else batch.column(refusal.column)
            self.faults.add(refusal, raw, self.rows)
        self.rows += batch.num_rows
        checked = _divide(batch, typed, refusals, self._locate)
        for rule, values in zip(self.rules, checked.rows.columns, strict=True):
            self.facts[rule.name].add(values)
        return checked

    def note_rounding(self, column: str, rounded: Rounded | None) -> None:
        """Take note of values that their conversion changed; those of earlier rows come first."""
        add_rounding(self.rounded, column, rounded)

    def _check_values(self, rule: Rule, raw: pa.Array, values: pa.Array) -> list[Broken]:
        found: list[Broken] = []
        floating = pa.types.is_floating(raw.type)
        needed = not rule.missing and rule.name != self.contract.key
        if needed and (raw.null_count or floating):
            found.append((LACKS, pc.is_null(raw, nan_is_null=floating)))
        found += _check_range(rule, values)
        if rule.unseen == "refuse":
            unknown = pc.invert(pc.is_in(values, value_set=pa.array(rule.categories, pa.string())))
            found.append((_refused(rule), pc.and_(unknown, pc.is_valid(values))))
        return [(reason, mask) for reason, mask in found if pc.any(mask).as_py()]

    def _check_key(self, keys: pa.Array, refusals: Sequence[Refusal]) -> list[Refusal]:
        empty = _as_mask(pc.or_kleene(pc.is_null(keys), pc.equal(keys, "")).fill_null(True))
        counted = ~empty
        if self._aside:
            for refusal in refusals:
                counted &= ~refusal.mask
        earlier = np.zeros(len(keys), dtype=np.int64)
        rows = self.rows + 1 + np.flatnonzero(counted)
        earlier[counted] = self._keys.add(hash_column(keys)[counted], rows)
        found = [
            Refusal(self.contract.key, NO_KEY, empty),
            Refusal(self.contract.key, DOUBLED, earlier > 0, earlier),
        ]
        return [refusal for refusal in found if refusal.mask.any()]


def tell_other_table(contract: Contract, names: Sequence[str]) -> str:
    """Say so if a table lacks more than half of the contract's columns; empty if not."""
    lacking = [name for name in contract.by_name if name not in names]
    if len(lacking) <= len(contract.by_name) / 2:
        return ""
    return (
        f"the table must have the {len(contract.by_name)} columns of {contract.file} and lacks {len(lacking)}: "
        f"{list_some(lacking)}. If it is another table, give it a contract of its own: name a new file in "
        f"collect.contract, and the first run writes it. Its columns are {list_some(names)}."
    )


def find_column_faults(
    contract: Contract,
    names: Sequence[str],
    ours: Sequence[str] = (),
    holders: Mapping[str, str] = MappingProxyType({}),
) -> list[str]:
    """Compare a table's columns with the contract's, as sentences; ``holders`` tells which parts alone have some."""
    other = tell_other_table(contract, names)
    if other:
        return [other]
    lacking = [name for name in contract.by_name if name not in names]
    unknown = [name for name in names if name not in contract.by_name and name not in ours]
    findings = []
    for name in lacking:
        near = suggest(name, unknown).replace("Did you mean", "Was it renamed to")
        findings.append(
            f"column '{name}' must be there and is not.{near} Add it, or take it out of the contract."
        )
    for name in unknown:
        held = f"(it is in {holders[name]} alone) " if name in holders else ""
        findings.append(
            f"column '{name}' {held}must be in the contract and is not.{suggest(name, lacking)} Leave it out of the "
            "table, or set collect.on_violation: widen once to have its rule proposed."
        )
    return findings


def _check_range(rule: Rule, values: pa.Array) -> list[Broken]:
    found: list[Broken] = []
    for end, compare, word in ((rule.minimum, pc.less, "at least"), (rule.maximum, pc.greater, "at most")):
        if end is not None:
            limit = pa.scalar(_end(end, rule), values.type)
            advice = "Correct them, leave them empty, or widen the range in the contract if they are right."
            found.append(
                (
                    Reason(f"must be {word} {end}", advice, widens=True),
                    compare(values, limit).fill_null(False),
                )
            )
    return found


def _end(end: float | int | str, rule: Rule) -> object:
    moment = compare_key(end, rule.zone)
    return float(moment) if rule.type == "number" else moment


def _refused(rule: Rule) -> Reason:
    names = rule.categories or ()
    more = f" or {len(names) - 10} more" if len(names) > 10 else ""
    return Reason(
        f"must be one of {', '.join(names[:10])}{more}",
        "Correct the values, or add them to the categories in the contract.",
        widens=True,
    )


def _as_mask(found: pa.BooleanArray) -> np.ndarray:
    return found.to_numpy(zero_copy_only=False)


def _divide(
    batch: pa.RecordBatch, typed: pa.RecordBatch, refusals: Sequence[Refusal], locate: Locate
) -> Checked:
    places = np.arange(batch.num_rows)
    if not refusals:
        return Checked(typed, places, batch.slice(0, 0), places[:0], [])
    refused = np.zeros(batch.num_rows, dtype=bool)
    for refusal in refusals:
        refused |= refusal.mask
    bad = pa.array(refused)
    reasons = [reason for reason in tell_reasons(refusals, batch.num_rows, locate) if reason]
    return Checked(
        typed.filter(pc.invert(bad)), places[~refused], batch.filter(bad), places[refused], reasons
    )
