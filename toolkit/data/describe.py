"""Describe a table by a schema: from its contract and what its rows showed, or from the rows alone."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import numpy as np
import pyarrow as pa

from toolkit.data.contract.check import Checker
from toolkit.data.contract.convert import WRITTEN
from toolkit.data.contract.facts import Facts, show_time
from toolkit.data.contract.infer import gather
from toolkit.data.contract.parse import compare_key
from toolkit.data.contract.rules import Contract, Rule
from toolkit.data.schema import Column, Schema
from toolkit.data.sources.columns import list_some
from toolkit.errors import DataError, suggest
from toolkit.features.encode import FIRST_MOMENT, LAST_MOMENT


def infer_schema(table: pa.Table, key: str, exclude: Sequence[str] = ()) -> Schema:
    """Infer the schema of a table in memory, without a contract.

    Raises
    ------
    DataError
        An excluded column does not exist or is the key, or a column can be no feature and is not excluded: all
        findings.
    """
    findings = find_role_faults(table.column_names, key, exclude)
    _, evidence = gather(table.to_batches(), table.schema, WRITTEN, text=False)
    rules = []
    for found in evidence:
        is_key = found.name == key
        rule, wrong, _ = found.decide(feature=not is_key and found.name not in exclude, text=False)
        rules.append(replace(rule, type="text", missing=False, zone="") if is_key else rule)
        findings += wrong
    contract = Contract(key, tuple(rules))
    checker = Checker(contract, table.schema)
    for batch in table.to_batches():
        checker.take(batch)
    schema = build_schema(contract, exclude, checker.facts)
    findings += find_feature_faults(schema)
    if len(checker.faults):
        findings.append(checker.faults.tell(table.num_rows, "The table", "its other rows say", "Correct it."))
    if findings:
        raise DataError("\n".join(findings))
    return schema


def build_schema(
    contract: Contract, exclude: Sequence[str], facts: Mapping[str, Facts], ours: Sequence[str] = ()
) -> Schema:
    """Put together what the contract says and what the rows showed.

    Parameters
    ----------
    contract : Contract
        Its rules go in; a column that is ours has its own.
    exclude, ours : sequence of str
        Columns that are no features: those that params.yaml names, and those that the toolkit adds.
    facts : mapping
        By column, in the table's order.
    """
    columns = []
    for name, fact in facts.items():
        rule, (low, high) = contract.by_name.get(name, fact.rule), fact.ends
        role = "key" if name == contract.key else "excluded" if name in exclude or name in ours else "feature"
        columns.append(
            Column(
                name,
                rule.type,
                role,
                fact.missing,
                low,
                high,
                fact.categories,
                unit=rule.unit,
                meaning=rule.meaning,
                personal=rule.personal,
                optional=rule.missing,
                minimum=_plain_end(rule.minimum, rule),
                maximum=_plain_end(rule.maximum, rule),
                allowed=rule.categories if rule.unseen == "refuse" else None,
                zone=rule.zone,
                format=rule.format,
            )
        )
    rows = next(iter(facts.values())).rows if facts else 0
    return Schema(contract.key, rows, tuple(exclude), tuple(columns))


def _plain_end(end: float | str | None, rule: Rule) -> float | str | None:
    """Give an end of a range so that it needs no time zones to be read: an instant in UTC if the column has a zone."""
    if not isinstance(end, str) or not rule.zone:
        return end
    return compare_key(end, rule.zone).isoformat().replace("+00:00", "Z")


def find_role_faults(names: Sequence[str], key: str, exclude: Sequence[str]) -> list[str]:
    """Compare the key and the excluded columns of params.yaml with the table's columns, as sentences."""
    findings = []
    if key not in names:
        findings.append(
            f"collect.key: '{key}' must be a column of the table and is not.{suggest(key, names)} Its columns are "
            f"{list_some(names)}."
        )
    findings += [
        f"collect.exclude: '{name}' must be a column of the table and is not.{suggest(name, names)}"
        for name in exclude
        if name not in names
    ]
    if key in exclude:
        findings.append(
            f"collect.exclude: '{key}' is the key, which is never a feature. Take it out of the list."
        )
    return findings


def find_feature_faults(schema: Schema) -> list[str]:
    """Say which features have no value at all or times that none can be made of, or that there are no features."""
    features = [column for column in schema.columns if column.role == "feature"]
    if not features:
        return [
            "The table must have at least one feature besides its key and excluded columns, and has none."
        ]
    findings = [
        f"column '{column.name}' must have a value in some row to be a feature. It has none. Add it to "
        "collect.exclude, or fill it."
        for column in features
        if column.missing == schema.rows
    ]
    first, last = (show_time(end) for end in (FIRST_MOMENT, LAST_MOMENT))
    findings += [
        f"column '{column.name}' must have times from {first} to {last} to be a feature. It has {column.min} to "
        f"{column.max}. Leave those empty that stand for no time, such as 9999-12-31; or add it to collect.exclude."
        for column in features
        if column.type == "time" and not _is_within(column)
    ]
    return findings


def _is_within(column: Column) -> bool:
    """Whether features can be made of all of a column's times."""
    ends = [
        np.datetime64(str(end).removesuffix("Z"), "us") for end in (column.min, column.max) if end is not None
    ]
    return all(FIRST_MOMENT <= end.astype(np.int64) <= LAST_MOMENT for end in ends)
