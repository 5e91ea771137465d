"""How many rows that coincide does chance give? A table of few values has equal rows that are no leak."""

from __future__ import annotations

import math

import numpy as np

ALPHA = 0.001
MARGIN = 3.0  # coincidences cluster, and the estimate is rough: so many times more is still chance


def is_more_than_chance(found: int, expected: float) -> bool:
    """Tell whether so many coincidences are more than a Poisson count of ``MARGIN`` times the expected ones."""
    from scipy.stats import poisson

    return found > 0 and math.isfinite(expected) and float(poisson.sf(found - 1, MARGIN * expected)) < ALPHA


def count_cross_pairs(counts: np.ndarray) -> int:
    """Count pairs of rows that are in two splits; ``counts`` (3,) or (groups, 3) are rows by split."""
    train, valid, test = np.moveaxis(counts.astype(np.int64), -1, 0)
    return int((train * valid + train * test + valid * test).sum())


def measure_collision(values: np.ndarray) -> float:
    """Measure the chance that two rows have the same value (n >= 2 rows of any sortable values)."""
    counts = np.unique(values, return_counts=True)[1].astype(np.float64)
    rows = counts.sum()
    return float((counts * (counts - 1)).sum() / (rows * (rows - 1))) if rows > 1 else 1.0


def group_equal(values: np.ndarray, codes: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Group rows of equal value.

    Returns
    -------
    order : ndarray (n,)
        Rows sorted by value, those of one split in their order.
    group : ndarray (n,)
        Number of the group of each sorted row.
    counts : ndarray (groups, 3)
        Rows of each group by split.
    """
    order = np.argsort(values, kind="stable")
    ordered = values[order]
    group = np.concatenate([[0], np.cumsum(ordered[1:] != ordered[:-1])]) if len(values) else order
    groups = int(group[-1]) + 1 if len(group) else 0
    counts = np.bincount(group * 3 + codes[order], minlength=3 * groups).reshape(-1, 3)
    return order, group, counts
