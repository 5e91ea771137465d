"""From a source to the raw table: read batch by batch, checked against its contract, written as it goes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import pyarrow as pa

from toolkit.artifacts import write_json, write_text
from toolkit.data.contract.advice import advise
from toolkit.data.contract.changes import Change, complete, list_changes, loosen, widen
from toolkit.data.contract.check import LACKS, NO_KEY, Checker, tell_other_table
from toolkit.data.contract.convert import Written
from toolkit.data.contract.facts import Facts
from toolkit.data.contract.faults import Locate
from toolkit.data.contract.infer import gather
from toolkit.data.contract.parse import load_contract
from toolkit.data.contract.rules import Contract, Rule
from toolkit.data.contract.text import write_contract_text
from toolkit.data.describe import build_schema, find_feature_faults, find_role_faults
from toolkit.data.part_columns import find_lacks, name_holders, tell_lacking
from toolkit.data.raw_writer import RawWriter
from toolkit.data.reserved_names import find_reserved
from toolkit.data.rounding import tell_rounding
from toolkit.data.schema import Schema
from toolkit.data.sources import AnySource
from toolkit.data.typed_parts import TypedParts
from toolkit.errors import DataError
from toolkit.params import Collect
from toolkit.params_file import load_params
from toolkit.paths import tell_path

PROGRESS_ROWS = 1_000_000
GENERATED = "generated"  # column that marks the rows of a generator
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
        The first rows that were put aside, with part, row number and reason.
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

    Memory is bounded: a batch, a row group, a sample, and 24 bytes a row to find repeated keys and rows.

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
    exclude = [name for name in params.exclude if name not in source.left_out]
    params = params.model_copy(update={"exclude": [*exclude, *source.excluded]})
    ours = [GENERATED] if params.generator and GENERATED in source.columns.names else []
    old = _load_contract(source, params, root)
    contract, notices = _find_contract(source, params, old, ours)
    checker, writer = _write_rows(source, params, contract, ours, (root, folder))
    _check_faults(checker, writer, params, old is None, source)
    facts = {name: fact for name, fact in checker.facts.items() if name not in ours}
    text = ""
    if old is None:
        contract = Contract(
            params.key, tuple(complete(fact.rule, fact) for fact in facts.values()), contract.file
        )
        text = write_contract_text(contract, facts, params.source)
    elif params.on_violation == "widen":
        contract = widen(old, facts)
    changes = [] if old is None else list_changes(old, contract)
    schema = build_schema(contract, params.exclude, checker.facts, ours)
    findings = find_feature_faults(schema)
    if findings:
        raise DataError("\n".join(findings))
    write_json(folder / "schema.json", schema.to_dict())
    write_json(folder / "source.json", {"schema": 1, **source.describe()})
    if changes:
        proposed = [change.to_dict() for change in changes]
        write_json(folder / CHANGES, {"schema": 1, "contract": params.contract, "changes": proposed})
    notices += [
        f"column '{name}' is in no later stage: collect.exclude leaves it out, since it holds {kind}, no plain values."
        for name, kind in source.left_out.items()
    ]
    notices += [
        tell_rounding(name, rounded, "query" if name in source.rounded else checker.facts[name].rule.type)
        for name, rounded in sorted(checker.rounded.items())
    ]
    notices += tell_lacking(source) + _notice(schema, facts)
    sample, metrics = writer.sample.table(), _measure(schema, writer, checker)
    return Collected(schema, contract, sample, writer.refused_rows(), metrics, notices, changes, text)


def write_new_contract(collected: Collected, path: Path) -> None:
    """Write the contract if there was none: last of all, so that a failed run writes none."""
    if collected.new_contract and not path.exists():
        write_text(path, collected.new_contract)


def _load_contract(source: AnySource, params: Collect, root: Path) -> Contract | None:
    """Read the contract if there is one, after a look that params.yaml fits the table and it."""
    names = source.columns.names
    findings = find_role_faults(names, params.key, params.exclude)
    if (
        root / "params.yaml"
    ).is_file():  # annotate checks it too: this is to tell it before all rows are read
        findings += find_reserved(names, params.key, params.exclude, load_params(root)["annotate"])
    if findings:
        raise DataError("\n".join(findings))
    path = root / params.contract
    if not path.is_file():
        return None
    contract = load_contract(path)
    if contract.key != params.key:
        raise DataError(
            f"{tell_path(path)} and collect.key in params.yaml must name the same key. They name '{contract.key}' and "
            f"'{params.key}': change one of them."
        )
    return contract


def _write_rows(
    source: AnySource, params: Collect, contract: Contract, ours: Sequence[str], folders: tuple[Path, Path]
) -> tuple[Checker, RawWriter]:
    """Read, check and write all rows; ``folders`` are the project and where to write."""
    root, folder = folders
    aside = params.on_violation == "quarantine"
    written = Written(params.decimal, params.thousands)
    checker = Checker(
        contract,
        source.columns,
        written,
        ours,
        aside=aside,
        locate=_locate_in(source),
        holders=name_holders(source),
    )
    options = [params.delimiter, params.encoding, params.format, params.key]
    rules = [rule for rule in checker.rules if rule.name not in ours]
    for column, rounded in source.rounded.items():
        if column in checker.facts:
            checker.note_rounding(column, rounded)
    parts = TypedParts(root / PART_CACHE, rules, written, options, checker.note_rounding)
    features = [rule.name for rule in rules if rule.name not in (params.key, *params.exclude)]
    folder.mkdir(parents=True, exist_ok=True)
    names = checker.schema.names  # another column ends the run, and a part's typed rows are without it
    with RawWriter(folder, checker, names, params.key, features, locate=source.locate) as writer, parts:
        # One part alone is never appended to, so nothing of it is kept.
        batches = source.batches(parts.read) if len(source.parts) > 1 else source.batches()
        for batch in _show_progress(batches, "read"):
            writer.take(batch)
    for lack in find_lacks(source, contract):
        checker.faults.replace(lack.column, lack.rows, (LACKS, NO_KEY), lack.sentence)
    return checker, writer


def _find_contract(
    source: AnySource, params: Collect, old: Contract | None, ours: Sequence[str]
) -> tuple[Contract, list[str]]:
    """Give the contract to check by: the one there is, or one that is inferred from all rows, or a looser one."""
    if old is not None and params.on_violation != "widen":
        return old, []
    _, evidence = gather(
        _show_progress(source.batches(), "looked at, to infer what columns hold"),
        source.columns,
        Written(params.decimal, params.thousands),
        source.text,
        _locate_in(source),
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
        other = tell_other_table(old, source.columns.names)
        return loosen(old, rules), [other, *notices] if other else notices
    return Contract(params.key, tuple(rules), params.contract), notices


def _locate_in(source: AnySource) -> Locate:
    """Locate rows for messages, which have named the source: a part is named if there are others."""
    alone = source.parts[0].name if len(source.parts) == 1 else ""

    def locate(row: int) -> tuple[str, int]:
        part, number = source.locate(row)
        return "" if part == alone else part, number

    return locate


def _check_faults(
    checker: Checker, writer: RawWriter, params: Collect, first: bool, source: AnySource
) -> None:
    faults = checker.faults
    aside = params.on_violation == "quarantine" and not faults.table
    if not len(faults) or (aside and checker.rows > writer.refused):
        return
    how = advise(faults, params.on_violation, checker.contract, first)
    if source.text and any(faults):
        how = f"Rows are counted from the first after the header. {how}"
    said = f"{params.contract} (inferred)" if first else params.contract
    raise DataError(faults.tell(checker.rows, params.source, said, how, _locate_in(source)))


def _show_progress(batches: Iterator[pa.RecordBatch], done: str) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        yield batch
        before, rows = rows, rows + batch.num_rows
        if before // PROGRESS_ROWS < rows // PROGRESS_ROWS:
            print(f"{rows // PROGRESS_ROWS * PROGRESS_ROWS:,} rows {done}", flush=True)


def _notice(schema: Schema, facts: Mapping[str, Facts]) -> list[str]:
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


def _measure(schema: Schema, writer: RawWriter, checker: Checker) -> dict[str, int | float]:
    """Count rows, columns by role, missing values among the features, rows that repeat another, changed values."""
    features = [column for column in schema.columns if column.role == "feature"]
    missing = sum(column.missing for column in features)
    return {
        "rows": writer.rows,
        "features": len(features),
        "excluded": sum(column.role == "excluded" for column in schema.columns),
        "missing_share": round(missing / (writer.rows * len(features)), 6),
        "repeated_rows": writer.repeated,
        "quarantined": writer.refused,
        "rounded_values": sum(rounded.values for rounded in checker.rounded.values()),
    }
