"""How rows depend on those before them: the design effect of a column, and how far its shares come and go.

Rows are cut into blocks. Two things are measured for each column:

- The **design effect** (Kish, 1965): how many rows tell as much as an independent one, from the squared differences of
  the shares of successive blocks (von Neumann, 1941), over what independent rows would give. A trend or a step hardly
  touches these differences, so drift is not taken for dependence.
- The **swing** of each share: the standard deviation of the blocks' shares beyond what their differences explain, so
  what comes and goes more slowly than blocks do: the hours of a day.

Where they are not significant they are 1 and 0, so independent rows are watched as sharply as if this were known.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.monitoring.cells import CellGroup, Cells, Column, IntArray, place_rows
from toolkit.monitoring.shares import Shares

FloatArray = NDArray[np.float64]

BLOCK_ROWS = 128  # dependence that reaches over more rows than about these is a swing
FEWEST_BLOCKS = 32  # fewer tell too little: the design effect's error would be above a third
LARGEST_JUMP = 1.2  # of 32 squared differences the largest is a sixth of the sum


def measure_dependence(cells: Cells, values: Column, order: IntArray) -> Cells:
    """Measure design effect and swing of a column of the reference.

    Parameters
    ----------
    cells : Cells
        Of the column.
    values : sequence
        Of the column, a row each.
    order : ndarray of int
        Positions of the rows, the earliest first.

    Returns
    -------
    Cells
        With both, or as they were where the rows are too few to tell (below 4,096).
    """
    blocks = len(order) // BLOCK_ROWS
    if blocks < FEWEST_BLOCKS:
        return cells
    size, rows = cells.size, blocks * BLOCK_ROWS
    places = place_rows(cells, values)[order][:rows] + np.arange(rows) // BLOCK_ROWS * size
    counted = np.bincount(places, minlength=blocks * size).reshape(blocks, size)
    shares = Shares(CellGroup([cells]))
    hits, tried = shares.count(counted)
    jumps, chance = measure_jumps(hits[1:], tried[1:], hits[:-1], tried[:-1])
    effect = conclude_effect(jumps.sum(), chance.sum(), blocks - 1)
    variance = (hits / np.maximum(tried, 1)).var(axis=0, ddof=1)
    swing = conclude_swing(variance, jumps.mean(axis=0) / 2, blocks, shares.column)
    rounded = tuple(float(f"{value:.4g}") for value in swing.tolist())
    return replace(cells, design_effect=float(f"{effect:.4g}"), swing=rounded)


def measure_jumps(
    hits: Any, tried: Any, hits_before: Any, tried_before: Any
) -> tuple[FloatArray, FloatArray]:
    """Measure the squared differences of shares between successive blocks, and what chance alone would give."""
    n, before = np.maximum(tried, 1), np.maximum(tried_before, 1)
    pooled = (hits + hits_before) / (n + before)
    both = (tried > 0) & (tried_before > 0)
    jumps = np.where(both, (hits / n - hits_before / before) ** 2, 0.0)
    return jumps, np.where(both, pooled * (1 - pooled) * (1 / n + 1 / before), 0.0)


def conclude_effect(jumps: float, chance: float, pairs: int, known: float = 1.0) -> float:
    """Conclude a design effect, on the safe side, from sums over a column's shares and so many pairs of blocks.

    What is known (1: independent rows), unless the ratio is above what that gives once in a thousand columns; else the
    ratio with a margin of two standard errors of a variance.
    """
    ratio = jumps / chance if chance > 0 else 1.0
    return ratio * (1 + 2 * np.sqrt(2 / pairs)) if ratio > known * (1 + 4 / np.sqrt(pairs)) else known


def conclude_swing(variance: FloatArray, explained: FloatArray, blocks: int, column: IntArray) -> FloatArray:
    """Conclude the swing of each share from the variance of the blocks' shares and what jumps explain of it.

    0 in columns where the ratio of their sums is what independent rows, or those with a short memory, give.
    """
    total, short = np.bincount(column, variance), np.bincount(column, explained)
    seen = total > short * (1.1 + 3 / np.sqrt(blocks))
    return np.where(seen[column], np.sqrt(np.maximum(variance - explained, 0.0)), 0.0)
