"""How a contract must change to hold a table: what ``widen`` proposes and ``toolkit data accept`` writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from toolkit.data.contract.facts import Facts
from toolkit.data.contract.parse import compare_key
from toolkit.data.contract.rules import Contract, Rule


@dataclass(frozen=True)
class Change:
    """One change: ``key`` of a column's rule from ``old`` to ``new``; the whole rule if ``key`` is empty.

    None stands for what is not there.
    """

    column: str
    key: str
    old: Any
    new: Any

    def to_dict(self) -> dict[str, Any]:
        """Give it as plain values."""
        return asdict(self)


def loosen(contract: Contract, found: Sequence[Rule]) -> Contract:
    """Give a contract that lets pass what widening may accept.

    Parameters
    ----------
    contract : Contract
        As it is.
    found : sequence of Rule
        What was inferred of each of the table's columns. Columns that the contract has not are taken from here, and
        whole numbers that turned out to have fractions become numbers; no other type changes.
    """
    rules = []
    for seen in found:
        rule = contract.by_name.get(seen.name)
        if rule is None:
            rules.append(replace(seen, missing=True))
            continue
        kind = "number" if (rule.type, seen.type) == ("integer", "number") else rule.type
        missing = rule.name != contract.key
        rules.append(replace(rule, type=kind, missing=missing, minimum=None, maximum=None, unseen="allow"))
    return Contract(contract.key, tuple(rules), contract.file)


def widen(contract: Contract, facts: Mapping[str, Facts]) -> Contract:
    """Give the narrowest contract that holds the old one and the facts."""
    rules = []
    for name, fact in facts.items():
        old = contract.by_name.get(name)
        if old is None:
            rules.append(replace(complete(fact.rule, fact), missing=fact.missing > 0))
        else:
            rules.append(_widen_rule(old, fact))
    return Contract(contract.key, tuple(rules), contract.file)


def complete(rule: Rule, facts: Facts) -> Rule:
    """Add to an inferred rule the categories that the rows showed."""
    return replace(rule, categories=facts.categories)


def _widen_rule(rule: Rule, facts: Facts) -> Rule:
    low, high = facts.ends
    categories = rule.categories
    if rule.unseen == "refuse" and categories is not None:
        known = set(categories)
        categories = (*categories, *(name for name in facts.categories or () if name not in known))
    return replace(
        rule,
        type=facts.rule.type,
        missing=rule.missing or facts.missing > 0,
        minimum=_further(rule.minimum, low, rule.zone, -1),
        maximum=_further(rule.maximum, high, rule.zone, 1),
        categories=categories,
    )


def _further(end: Any, seen: Any, zone: str, sign: int) -> Any:
    if end is None or seen is None:
        return end
    limit, value = compare_key(end, zone), compare_key(seen, zone)
    beyond = value < limit if sign < 0 else value > limit
    return seen if beyond else end


def list_changes(old: Contract, new: Contract) -> list[Change]:
    """List what differs, in the order of the new columns, then those that are gone."""
    changes = []
    for rule in new.rules:
        before = old.by_name.get(rule.name)
        if before is None:
            changes.append(Change(rule.name, "", None, rule.to_dict()))
            continue
        one, other = before.to_dict(), rule.to_dict()
        keys = [*one, *(key for key in other if key not in one)]
        changes += [
            Change(rule.name, key, one.get(key), other.get(key))
            for key in keys
            if one.get(key) != other.get(key)
        ]
    gone = [rule for rule in old.rules if rule.name not in new.by_name]
    return changes + [Change(rule.name, "", rule.to_dict(), None) for rule in gone]


def tell_change(change: Change) -> str:
    """Say a change in a line.

    >>> tell_change(Change("age", "maximum", 99, 104))
    'age: maximum from 99 to 104'
    """
    if change.old is None:
        what = f"{change.key} {_show(change.new)} is new" if change.key else f"is new: {_show(change.new)}"
    elif change.new is None:
        what = f"{change.key} {_show(change.old)} is gone" if change.key else "is gone"
    elif isinstance(change.old, list) and isinstance(change.new, list):
        added = [item for item in change.new if item not in change.old]
        what = f"{change.key} with {', '.join(added)}"
    else:
        what = f"{change.key} from {_show(change.old)} to {_show(change.new)}"
    return f"{change.column}: {what}"


def _show(value: Any) -> str:
    if isinstance(value, dict):
        return ", ".join(f"{key} {_show(item)}" for key, item in value.items())
    if isinstance(value, bool):
        return str(value).lower()
    return f"{len(value)} names" if isinstance(value, list) else str(value)
