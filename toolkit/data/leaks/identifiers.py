"""Features that name a row instead of describing it: the model can only learn them by heart."""

from __future__ import annotations

from typing import Any

import numpy as np
import pyarrow.compute as pc

from toolkit.data.leaks.finding import SHOWN, Finding, Splits, nothing_to_check

CHECK, MEASURED = "identifiers", "features with a value of its own in nearly every row"
UNIQUE = 0.98  # share of the filled rows with a value of its own
FEW_ROWS = 50
STEADY = 0.99  # share of rows that follow the one before by the same step, or upwards
DENSE = 2  # whole numbers that span at most so many times their count
SPARSE = 1000  # and at least so many times: drawn from a large range
UNIFORM = 0.01  # p-value above which sparse numbers count as drawn evenly


def find_identifiers(splits: Splits) -> Finding:
    """Find features that are nearly unique: identifiers and row counters.

    Of whole numbers (also kept as number) with a value of their own in 98 % of rows: those that fill their range at
    least half (a counter, in any order), that rise (or fall) from row to row in 99 %, or that lie evenly in a range of
    over 1,000 times their count (random identifiers; Kolmogorov and Smirnov, p above 0.01). Of other numbers: those
    that grow by the same step. Of categories: all that are nearly unique. Of texts: those whose values are one word
    each (no blank), as codes are.

    The column of groups is passed over, which is an identifier by intention, and so are times. Memory is that of one
    column. False alarms: in 0 of 1,000 clean tables (tests/unit/data/leaks).
    """
    evidence: list[dict[str, Any]] = []
    for name, kind in splits.kinds.items():
        if name in (splits.params.group, splits.params.time) or kind in ("boolean", "time"):
            continue
        why = (
            _judge_number(splits.array(name))
            if kind in ("number", "integer")
            else _judge_text(splits, name, kind)
        )
        if why:
            example = splits.rows.column(name).drop_null()[0].as_py()
            evidence.append({"feature": name, "kind": kind, "why": why, "example": example})
    if not splits.kinds:
        return nothing_to_check(CHECK, MEASURED, "There are no features.")
    if not evidence:
        return Finding(CHECK, False, 0, MEASURED, "No feature names single rows.")
    names = ", ".join(f"'{entry['feature']}'" for entry in evidence)
    message = f"{names} has a value of its own in nearly every row: it names rows and does not describe them."
    advice = "Exclude it (collect.exclude), or derive from it what it says about the row."
    return Finding(CHECK, True, len(evidence), MEASURED, message, advice, evidence[:SHOWN])


def _judge_number(values: np.ndarray) -> str:
    numbers = values.astype(np.float64)
    numbers = numbers[~np.isnan(numbers)]
    if len(numbers) < FEW_ROWS:
        return ""
    distinct = len(np.unique(numbers))
    if distinct < UNIQUE * len(numbers):
        return ""
    steps = np.diff(numbers)
    if np.mean(np.isclose(steps, np.median(steps), rtol=1e-6, atol=0)) >= STEADY:
        return "it grows by the same step from row to row"
    return _judge_whole(numbers, distinct, steps) if np.array_equal(numbers, np.trunc(numbers)) else ""


def _judge_whole(numbers: np.ndarray, distinct: int, steps: np.ndarray) -> str:
    span = float(numbers.max() - numbers.min()) + 1
    if span <= DENSE * distinct:
        return "whole numbers that fill their range"
    if max(np.mean(steps > 0), np.mean(steps < 0)) >= STEADY:
        return "whole numbers in order"
    return "random numbers from a large range" if span >= SPARSE * distinct and _is_even(numbers) else ""


def _is_even(numbers: np.ndarray) -> bool:
    from scipy.stats import kstest

    low, high = numbers.min(), numbers.max()
    return bool(kstest(numbers, "uniform", args=(low, high - low)).pvalue > UNIFORM)


def _judge_text(splits: Splits, name: str, kind: str) -> str:
    column = splits.rows.column(name).drop_null()
    if len(column) < FEW_ROWS or pc.count_distinct(column).as_py() < UNIQUE * len(column):
        return ""
    if kind == "category":
        return "a category of its own in nearly every row"
    words = pc.mean(pc.match_substring_regex(column, r"^\S+$")).as_py()
    return "texts of one word each, as codes are" if (words or 0) >= STEADY else ""
