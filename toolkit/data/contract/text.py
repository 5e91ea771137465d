"""Write a contract as a file for people, and change it without touching what a person wrote around the change."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.data.contract.changes import Change, tell_change
from toolkit.data.contract.facts import Facts
from toolkit.data.contract.parse import parse_contract
from toolkit.data.contract.rules import Contract, Rule
from toolkit.errors import DataError, count_of
from toolkit.params_edit import find_end, replace_values, same_value
from toolkit.params_file import compose, construct
from toolkit.yaml_text import flow_text, scalar_text

ON_A_LINE = 88  # characters of categories that stand on one line


def write_contract_text(contract: Contract, facts: Mapping[str, Facts], table: str) -> str:
    """Give the text of a new contract.

    Parameters
    ----------
    contract : Contract
        What it says.
    facts : mapping
        What the rows showed, for the comments.
    table : str
        How the source is called.
    """
    rows = max((fact.rows for fact in facts.values()), default=0)
    lines = [
        f"# What {table} must hold, written from its {count_of(rows, 'row')}. Edit it and commit it: later runs and",
        "# the service check against it. schemas/README.md says what each key means.",
        f"key: {scalar_text(contract.key)}",
        "columns:",
    ]
    for rule in contract.rules:
        lines += write_rule(rule, facts.get(rule.name))
    return "\n".join(lines) + "\n"


def write_rule(rule: Rule, facts: Facts | None = None) -> list[str]:
    """Give the lines of one column's rule; unit, meaning and personal stand there to be filled in."""
    lines = [f"  {scalar_text(rule.name)}:", f"    type: {rule.type}{_tell_seen(facts)}"]
    if rule.type in ("number", "integer"):
        lines.append(f"    unit: {scalar_text(rule.unit)}")
    lines += [
        f"    meaning: {scalar_text(rule.meaning)}",
        f"    personal: {scalar_text(rule.personal)}",
        f"    missing: {scalar_text(rule.missing)}{_tell_missing(facts)}",
    ]
    for key in ("minimum", "maximum", "zone", "format"):
        value = getattr(rule, key)
        if value not in (None, ""):
            lines.append(f"    {key}: {scalar_text(value)}")
    if rule.categories is not None:
        lines += _write_categories(rule.categories)
    if rule.type == "category":
        lines.append(f"    unseen: {rule.unseen}")
    return lines


def _write_categories(names: Sequence[str]) -> list[str]:
    line = f"    categories: {flow_text(list(names))}"
    if len(line) <= ON_A_LINE:
        return [line]
    return ["    categories:", *(f"      - {scalar_text(name)}" for name in names)]


def _tell_seen(facts: Facts | None) -> str:
    if facts is None or not facts.filled:
        return ""
    low, high = facts.ends
    if low is not None:
        return f" # seen {_number(low)} to {_number(high)}"
    return f" # {len(facts.categories)} seen" if facts.categories is not None else ""


def _tell_missing(facts: Facts | None) -> str:
    return f" # in {facts.missing:,} of {facts.rows:,} rows" if facts and facts.missing else ""


def _number(end: Any) -> str:
    return f"{end:.6g}" if isinstance(end, float) else str(end)


def edit_contract(text: str, changes: Sequence[Change], name: str) -> str:
    """Give the text of a contract with the changes made, and no other character touched.

    What the contract says already is passed over: the same text comes back if that is all.

    Raises
    ------
    DataError
        The contract has other values than those that the changes were made for, or it cannot be edited so.
    """
    rules = parse_contract(text, name).by_name
    values = construct(compose(text, name), (), {}, [])
    columns = values["columns"]
    changes = [change for change in changes if not _is_made(rules.get(change.column), change)]
    if not changes:
        return text
    for change in changes:
        if not _is_as_expected(rules.get(change.column), change):
            raise DataError(
                f"{name} must be as it was when the change was proposed, and is not: {tell_change(change)}. Run "
                "'./run dvc repro collect' to have it proposed anew."
            )
    added = [change for change in changes if not change.key and change.old is None]
    for change in changes:
        if change.key and change.new is not None:
            columns[change.column][change.key] = change.new
        elif change.key:
            columns[change.column].pop(change.key, None)
        elif change.new is None:
            del columns[change.column]
    new = replace_values(text, values)
    if not same_value(construct(compose(new, name), (), {}, []), values):
        raise DataError(
            f"{name} cannot be changed without touching other values (an anchor, an alias or a tag is in the way). "
            f"Change it by hand: {'; '.join(map(tell_change, changes))}."
        )
    new = _append(new, added, name)
    parse_contract(new, name)
    return new


def _is_as_expected(rule: Rule | None, change: Change) -> bool:
    """Whether a column's rule in the file is still what the change begins from."""
    if rule is None or not change.key:
        return (rule is None) == (change.old is None)
    return rule.to_dict().get(change.key) == change.old


def _is_made(rule: Rule | None, change: Change) -> bool:
    """Whether a change was made already; a new column may have got another rule since."""
    if not change.key:
        return (rule is None) == (change.new is None)
    return rule is not None and rule.to_dict().get(change.key) == change.new


def _make_rule(change: Change) -> Rule:
    values: dict[str, Any] = {
        key: tuple(value) if isinstance(value, list) else value for key, value in change.new.items()
    }
    return Rule(change.column, **values)


def _append(text: str, added: Sequence[Change], name: str) -> str:
    """Put new columns behind the last one, which need not be where the file ends."""
    if not added:
        return text
    lines = [line for change in added for line in write_rule(_make_rule(change))]
    end = "\r\n" if "\r\n" in text else "\n"
    body = compose(text)
    columns = next(value for key, value in body.value if key.value == "columns")
    if columns.flow_style:
        raise DataError(
            f"{name}: columns must stand in lines of their own for others to be added, and are in braces. Change it by "
            f"hand: {'; '.join(map(tell_change, added))}."
        )
    indent = " " * columns.start_mark.column
    moved = [indent + line[2:] for line in lines]
    at = text.find("\n", find_end(columns, text))
    if at < 0:
        return text + end + end.join(moved) + end
    return text[: at + 1] + end.join(moved) + end + text[at + 1 :]
