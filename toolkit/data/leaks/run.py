"""Run the checks that params.yaml asks for, and stop where it says so."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from toolkit.data.leaks.duplicates import find_duplicates
from toolkit.data.leaks.finding import Finding, Splits
from toolkit.data.leaks.giveaway import find_giveaways
from toolkit.data.leaks.identifiers import find_identifiers
from toolkit.data.leaks.near import find_near_duplicates
from toolkit.data.leaks.order import find_groups, find_late_features, find_time_order
from toolkit.data.leaks.shift import find_shift
from toolkit.errors import DataError, count_of
from toolkit.params import Checks

SCHEMA = 1
CHECKS: Mapping[str, Callable[[Splits], Finding]] = {
    "duplicates": find_duplicates,
    "near_duplicates": find_near_duplicates,
    "groups": find_groups,
    "time": find_time_order,
    "giveaway": find_giveaways,
    "late": find_late_features,
    "identifiers": find_identifiers,
    "shift": find_shift,
}


def find_leaks(splits: Splits) -> list[Finding]:
    """Run each check that is not off, in the order of params.yaml."""
    wanted = splits.params.checks.model_dump()
    return [find(splits) for name, find in CHECKS.items() if wanted[name] != "off"]


def check_leaks(findings: Sequence[Finding], checks: Checks) -> None:
    """Check that no check that is set to fail has found anything.

    Raises
    ------
    DataError
        All of these findings, each with what to do.
    """
    wanted = checks.model_dump()
    failed = [finding for finding in findings if finding.found and wanted[finding.check] == "fail"]
    if failed:
        told = "\n".join(f"{finding.check}: {finding.message} {finding.advice}" for finding in failed)
        raise DataError(
            f"The splits must not leak, and {count_of(len(failed), 'check')} found that they do.\n{told}"
        )


def describe_leaks(findings: Sequence[Finding], checks: Checks) -> dict[str, Any]:
    """Give the content of reports/prepare/leaks.json."""
    wanted = checks.model_dump()
    return {
        "schema": SCHEMA,
        "checks": [{**finding.to_dict(), "reaction": wanted[finding.check]} for finding in findings],
    }
