"""From a source to the raw table: read batch by batch, checked against its contract, written as it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.artifacts import write_json, write_text
from toolkit.data.contract.changes import Change, complete, list_changes, loosen, widen
from toolkit.data.contract.check import Checker
from toolkit.data.contract.convert import as_text
from toolkit.data.contract.hashes import Seen, hash_column, hash_rows
from toolkit.data.contract.infer import gather
from toolkit.data.contract.parse import load_contract
from toolkit.data.contract.rules import Contract, Rule
from toolkit.data.contract.text import write_contract_text
from toolkit.data.describe import build_schema, find_feature_faults, find_role_faults
from toolkit.data.schema import Schema
from toolkit.data.sources import AnySource
from toolkit.data.typed_parts import TypedParts
from toolkit.errors import DataError
from toolkit.params import Collect
from toolkit.paths import tell_path

GROUP_ROWS = 65_536  # rows of a row group of table.parquet
SAMPLE_ROWS = 50_000
PROGRESS_ROWS = 1_000_000
GENERATED = "generated"  # column that marks the rows of a generator
SHOWN_REFUSED = 20  # refused rows that the notebook shows
CHANGES = "contract_changes.json"
PART_CACHE = ".toolkit/cache/parts"


@dataclass(frozen=True)
class Collected:
    """What was written, and what a person should see of it.

    Attributes
    ----------
    sample : Table
        Up to 50,000 rows, those whose keys have the lowest hashes: the same ones every time.
    refused : Table
        The first rows that were put aside, with row number and reason.
    notices : list of str
        What is no violation and yet worth knowing.
    changes : list of Change
        What the contract lacks (``on_violation: widen``).
    new_contract : str
        Text of the contract if there was none; :func:`write_new_contract` writes it.
    """

    schema: Schema
    contract: Contract
    sample: pa.Table
    refused: pa.Table
    metrics: dict[str, int | float]
    notices: list[str]
    changes: list[Change] = field(default_factory=list)
    new_contract: str = ""


def collect_table(source: AnySource, params: Collect, root: Path, folder: Path) -> Collected:
    """Check a source against its contract and write it: the rows, those put aside, the schema, what was read.

    Memory is bounded: a batch, a row group, a sample, and 16 bytes a row to find repeated keys and rows.

    Parameters
    ----------
    source : Source
        Read once, or twice where there is no contract yet or it may be widened.
    params : Collect
        Key, excluded columns, contract, what happens to rows that break it.
    root : Path
        The project; its contract is read if it is there.
    folder : Path
        Where to write; made if missing.

    Raises
    ------
    DataError
        The contract's file is wrong, or the table breaks it: every violation, with column, count, rows and values.
    """
    params = params.model_copy(update={"exclude": [*params.exclude, *source.excluded]})
    names = source.columns.names
    ours = [GENERATED] if params.generator and GENERATED in names else []
    findings = find_role_faults(names, params.key, params.exclude)
    if findings:
        raise DataError("\n".join(findings))
    path = root / params.contract
    old = load_contract(path) if path.is_file() else None
    if old is not None and old.key != params.key:
        raise DataError(
            f"{tell_path(path)} and collect.key in params.yaml must name the same key. They name '{old.key}' and "
            f"'{params.key}': change one of them."
        )
    contract, notices = _find_contract(source, params, old, ours)
    checker = Checker(
        contract, source.columns, params.decimal, ours, aside=params.on_violation == "quarantine"
    )
    folder.mkdir(parents=True, exist_ok=True)
    options = [params.delimiter, params.encoding, params.format, params.key]
    parts = TypedParts(
        root / PART_CACHE, [rule for rule in checker.rules if rule.name not in ours], params.decimal, options
    )
    with _Writer(folder, checker, names, params) as writer, parts:
        # One part alone is never appended to, so nothing of it is kept.
        for batch in source.batches(parts.read) if len(source.parts) > 1 else source.batches():
            writer.take(batch)
    _check_faults(checker, writer, params, old is None)
    facts = {name: fact for name, fact in checker.facts.items() if name not in ours}
    changes, text = [], ""
    if old is None:
        rules = tuple(complete(fact.rule, fact) for fact in facts.values())
        contract = Contract(params.key, rules, contract.file)
        text = write_contract_text(contract, facts, params.source)
    elif params.on_violation == "widen":
        contract = widen(old, facts)
        changes = list_changes(old, contract)
    schema = build_schema(contract, params.exclude, checker.facts, ours)
    findings = find_feature_faults(schema)
    if findings:
        raise DataError("\n".join(findings))
    write_json(folder / "schema.json", schema.to_dict())
    write_json(folder / "source.json", {"schema": 1, **source.describe()})
    if changes:
        proposed = [change.to_dict() for change in changes]
        write_json(folder / CHANGES, {"schema": 1, "contract": params.contract, "changes": proposed})
    notices += _notice(schema, facts)
    return Collected(
        schema,
        contract,
        writer.sample.table(),
        writer.refused_rows(),
        _measure(schema, writer),
        notices,
        changes,
        text,
    )


def write_new_contract(collected: Collected, path: Path) -> None:
    """Write the contract if there was none: last of all, so that a failed run writes none."""
    if collected.new_contract and not path.exists():
        write_text(path, collected.new_contract)


def _find_contract(
    source: AnySource, params: Collect, old: Contract | None, ours: Sequence[str]
) -> tuple[Contract, list[str]]:
    """Give the contract to check by: the one there is, or one that is inferred from all rows, or a looser one."""
    if old is not None and params.on_violation != "widen":
        return old, []
    _, evidence = gather(
        _show_progress(source.batches(), "looked at"), source.columns, params.decimal, source.text
    )
    rules, findings, notices = [], [], []
    for found in evidence:
        if found.name in ours:
            continue
        is_key = found.name == params.key
        plain = is_key or found.name in params.exclude
        rule, wrong, worth = found.decide(feature=not plain, text=source.text)
        known = old is not None and found.name in old.by_name
        rules.append(Rule(found.name, "text") if is_key else rule)
        if not known:
            findings += wrong
            notices += [] if is_key else worth
    if findings:
        raise DataError("\n".join([f"{params.source} must have columns of one kind each.", *findings]))
    if old is not None:
        return loosen(old, rules), notices
    return Contract(params.key, tuple(rules), params.contract), notices


def _check_faults(checker: Checker, writer: _Writer, params: Collect, first: bool) -> None:
    faults = checker.faults
    aside = params.on_violation == "quarantine" and not faults.table
    if aside and checker.rows > writer.refused:
        return
    if not len(faults):
        return
    if first:
        how = (
            f"The contract {params.contract} was to be written from this table, and is not yet. Correct the rows; or "
            "put them aside (collect.on_violation: quarantine); or begin the contract by hand (schemas/README.md)."
        )
    elif aside:
        how = f"No row is left. Correct the table, or {params.contract}."
    else:
        how = (
            f"Correct the table, or {params.contract} if that is wrong; or set collect.on_violation in params.yaml to "
            "quarantine (such rows are put aside) or to widen (the contract's change is proposed)."
        )
    said = f"{params.contract} (inferred)" if first else params.contract
    raise DataError(faults.tell(checker.rows, params.source, said, how))


def _show_progress(batches: Iterator[pa.RecordBatch], done: str) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        yield batch
        before, rows = rows, rows + batch.num_rows
        if before // PROGRESS_ROWS < rows // PROGRESS_ROWS:
            print(f"{rows // PROGRESS_ROWS * PROGRESS_ROWS:,} rows {done}", flush=True)


class _Writer:
    """Writes the good rows in row groups and the refused ones aside, and counts."""

    def __init__(self, folder: Path, checker: Checker, names: Sequence[str], params: Collect) -> None:
        self._checker = checker
        self._table = pq.ParquetWriter(folder / "table.parquet", checker.schema, compression="zstd")
        self._aside_schema = pa.schema(
            [("row", pa.int64()), *((name, pa.string()) for name in _rename(names))]
        )
        self._aside = pq.ParquetWriter(folder / "quarantine.parquet", self._aside_schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._waiting_rows = 0
        self._features = [
            rule.name for rule in checker.rules if rule.name not in (params.key, GENERATED, *params.exclude)
        ]
        self._seen = Seen()
        self._key = params.key
        self._first_refused: list[pa.Table] = []
        self.sample = Sample(checker.schema)
        self.rows = self.refused = self.repeated = 0

    def __enter__(self) -> _Writer:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self._flush(1)
        self._table.close()
        self._aside.close()

    def take(self, batch: pa.RecordBatch) -> None:
        """Check, count and write a batch."""
        before = self._checker.rows
        checked = self._checker.take(batch)
        if before // PROGRESS_ROWS < self._checker.rows // PROGRESS_ROWS:
            print(f"{self._checker.rows // PROGRESS_ROWS * PROGRESS_ROWS:,} rows checked", flush=True)
        if checked.refused.num_rows:
            self._put_aside(checked.refused, checked.refused_places + before + 1, checked.reasons)
        rows = checked.rows
        if not rows.num_rows:
            return
        self.rows += rows.num_rows
        hashed = hash_rows([rows.column(name) for name in self._features], rows.num_rows)
        self.repeated += int(self._seen.add(hashed).sum())
        if self._key in rows.schema.names:
            self.sample.add(rows, hash_column(rows.column(self._key)))
        self._waiting.append(rows)
        self._waiting_rows += rows.num_rows
        self._flush(GROUP_ROWS)

    def _flush(self, least: int) -> None:
        """Write whole row groups; with ``least`` 1 the last, smaller one too."""
        if self._waiting_rows < least:
            return
        table = pa.Table.from_batches(self._waiting, schema=self._checker.schema)
        whole = table.num_rows if least == 1 else table.num_rows // GROUP_ROWS * GROUP_ROWS
        # Chunks as they came would show in the file: one chunk a row group does not.
        self._table.write_table(table.slice(0, whole).combine_chunks(), row_group_size=GROUP_ROWS)
        rest = table.slice(whole).combine_chunks()
        self._waiting, self._waiting_rows = rest.to_batches(), rest.num_rows

    def _put_aside(self, batch: pa.RecordBatch, rows: np.ndarray, reasons: Sequence[str]) -> None:
        texts = [as_text(column) for column in batch.columns]
        table = pa.Table.from_arrays(
            [pa.array(rows, pa.int64()), pa.array(reasons, pa.string()), *texts], schema=self._aside_schema
        )
        self._aside.write_table(table)
        if self.refused < SHOWN_REFUSED:
            self._first_refused.append(table.slice(0, SHOWN_REFUSED - self.refused))
        self.refused += batch.num_rows

    def refused_rows(self) -> pa.Table:
        """Give the first refused rows."""
        return (
            pa.concat_tables(self._first_refused) if self._first_refused else self._aside_schema.empty_table()
        )


def _rename(names: Sequence[str]) -> list[str]:
    """Name the columns of the quarantine: the reason first, then the table's, none of them twice."""
    return ["reason", *(f"{name} (table)" if name in ("row", "reason") else name for name in names)]


class Sample:
    """The rows whose keys have the lowest hashes: a random sample that is the same every time."""

    def __init__(self, schema: pa.Schema, most: int = SAMPLE_ROWS) -> None:
        self._rows = schema.empty_table()
        self._hashes = np.empty(0, dtype=np.uint64)
        self._most = most

    def add(self, rows: pa.RecordBatch, hashes: np.ndarray) -> None:
        """Take a batch into account."""
        limit = self._hashes.max() if len(self._hashes) >= self._most else None
        low = np.arange(len(hashes)) if limit is None else np.flatnonzero(hashes < limit)
        if not len(low):
            return
        table = pa.concat_tables([self._rows, pa.Table.from_batches([rows.take(pa.array(low))])])
        together = np.concatenate([self._hashes, hashes[low]])
        if len(together) > self._most:
            kept = np.sort(np.argsort(together, kind="stable")[: self._most])
            table, together = table.take(pa.array(kept)).combine_chunks(), together[kept]
        self._rows, self._hashes = table, together

    def table(self) -> pa.Table:
        """Give the rows, in the order in which they were read."""
        return self._rows


def _notice(schema: Schema, facts: Mapping[str, Any]) -> list[str]:
    notices = []
    for column in schema.columns:
        fact = facts.get(column.name)
        if fact is None or column.role != "feature":
            continue
        if fact.constant and schema.rows > 1:
            notices.append(
                f"column '{column.name}' has the same value in every row: it tells a model nothing."
            )
        unseen = fact.count_unseen()
        if unseen:
            shown = ", ".join(f"'{name}' ({count:,})" for name, count in list(unseen.items())[:5])
            more = f" and {len(unseen) - 5} more" if len(unseen) > 5 else ""
            notices.append(
                f"column '{column.name}' has categories that its contract does not list (rows): {shown}{more}."
            )
        if column.type == "category" and fact.counts is None:
            notices.append(f"column '{column.name}' has too many categories to count: text suits it better.")
    return notices


def _measure(schema: Schema, writer: _Writer) -> dict[str, int | float]:
    """Count rows, columns by role, missing values among the features, rows whose features repeat another's."""
    features = [column for column in schema.columns if column.role == "feature"]
    missing = sum(column.missing for column in features)
    return {
        "rows": writer.rows,
        "features": len(features),
        "excluded": sum(column.role == "excluded" for column in schema.columns),
        "missing_share": round(missing / (writer.rows * len(features)), 6),
        "repeated_rows": writer.repeated,
        "quarantined": writer.refused,
    }
