"""Tables of the notebook prepare: the splits, and the checks of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
from pandas.io.formats.style import Styler

from toolkit.data.leaks.finding import Finding
from toolkit.params import Checks

MOST_CLASSES = 20  # of more, a table has the first


def table_splits(facts: Mapping[str, Mapping[str, Any]], classes: Sequence[str]) -> pd.DataFrame:
    """Show what each split holds: rows, rows by class or the label's mean and spread, groups, times."""
    hidden = set(classes[MOST_CLASSES:])
    entries = {
        split: {name: _show(value) for name, value in entry.items() if name not in hidden}
        for split, entry in facts.items()
    }
    return pd.DataFrame.from_dict(entries, orient="index", dtype=object).rename_axis("split").fillna("")


def table_leaks(findings: Sequence[Finding], checks: Checks) -> Styler:
    """Show what each check found, and how params.yaml wants it to react; checks that are off are told as such."""
    by_check = {finding.check: finding for finding in findings}
    rows = {}
    for name, reaction in checks.model_dump().items():
        finding = by_check.get(name)
        verdict = "not looked at" if finding is None else "FOUND" if finding.found else "nothing"
        rows[name] = {
            "reaction": reaction,
            "found": verdict,
            "statistic": "" if finding is None else _show(finding.statistic),
            "message": "" if finding is None else " ".join([finding.message, finding.advice]).strip(),
        }
    return _wrap(pd.DataFrame.from_dict(rows, orient="index").rename_axis("check"), "leaks")


def table_evidence(findings: Sequence[Finding]) -> Styler | str:
    """Show the rows, groups or columns that show what was found, of all checks in one table."""
    entries = [
        {
            "check": finding.check,
            "evidence": ", ".join(f"{key}: {_show(value)}" for key, value in entry.items()),
        }
        for finding in findings
        if finding.found
        for entry in finding.evidence
    ]
    if not entries:
        return "No check found anything."
    return _wrap(pd.DataFrame(entries).set_index("check"), "evidence")


def _wrap(frame: pd.DataFrame, name: str) -> Styler:
    """Let the last column's sentences wrap; the fixed name keeps the notebook the same every time."""
    props = "text-align: left; white-space: normal"
    return Styler(frame, uuid=name, cell_ids=False).set_table_styles(
        [{"selector": "td:last-child", "props": props}]
    )


def _show(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value
