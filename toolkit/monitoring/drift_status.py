"""What a detector knows of each column now, as values for metrics and pages."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from toolkit.monitoring.evidence import FEWEST_ROWS, FloatArray
from toolkit.monitoring.shares import Shares

MOST_LOG_EVIDENCE = math.log(FEWEST_ROWS)


def measure_log_evidence(means: FloatArray, bound: float) -> FloatArray:
    """Measure each column's evidence on a log scale: 0 for a 20,000th of what alarms, or less; 9.9 alarms."""
    return np.log(np.clip(means / bound * FEWEST_ROWS, 1.0, FEWEST_ROWS))


def describe_columns(
    names: Sequence[tuple[str, str]],
    shares: Shares,
    *,
    change: FloatArray,
    log_evidence: FloatArray,
    alarmed: np.ndarray,
    learning: np.ndarray,
) -> list[dict[str, Any]]:
    """Describe columns by group and name; ``change`` is each share's, the others are each column's."""
    columns = []
    for index, (group, name) in enumerate(names):
        own = np.flatnonzero(shares.column == index)
        most = own[np.argmax(np.abs(change[own]))]
        columns.append(
            {
                "name": name,
                "group": group,
                "log_evidence": float(log_evidence[index]),
                "change": float(change[most]),
                "where": shares.where[most],
                "alarm": bool(alarmed[index]),
                "learning": bool(learning[index]),
            }
        )
    return columns
