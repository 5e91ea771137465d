"""Learn from the first live blocks how rows depend on those before them, where the reference could not tell.

Drift must not be learnt as dependence. So the design effect comes from differences between successive blocks alone,
without the largest one: a step makes one of these, a trend none. And only what comes and goes in each half of the time
that is learnt from is a swing: a step is in one half at most. The reference's shares stay what they are.
"""

from __future__ import annotations

import numpy as np

from toolkit.monitoring.cells import IntArray
from toolkit.monitoring.dependence import (
    BLOCK_ROWS,
    FEWEST_BLOCKS,
    LARGEST_JUMP,
    FloatArray,
    conclude_effect,
    conclude_swing,
    measure_jumps,
)
from toolkit.monitoring.shares import Shares

ARRAYS = (
    "seen",
    "block",
    "hits",
    "tried",
    "largest",
    "chance",
    "halves",
    "total",
    "squares",
    "jumps",
    "passed",
)


class Learner:
    """Gathers what live blocks tell about the dependence of rows.

    The design effect is known after 32 pairs of blocks of 128 rows or more: its error is then a third, which the
    margin of :func:`~toolkit.monitoring.dependence.conclude_effect` covers. The swing is known after two cycles, and 32
    blocks in each.

    Parameters
    ----------
    shares : Shares
        Of the columns; a share's index is the last one of all arrays.
    cells : int
        Length of the array of counts.
    cycle : float
        The longest regular cycle, in the unit of ``elapsed``; 0: none, and there is no swing.
    """

    def __init__(self, shares: Shares, cells: int, cycle: float) -> None:
        self._shares, self._cycle = shares, cycle
        self.seen: IntArray = np.zeros(cells, dtype=np.int64)  # all rows
        self.block: IntArray = np.zeros(cells, dtype=np.int64)  # rows that do not make a block yet
        self.hits: IntArray = np.zeros(len(shares), dtype=np.int64)  # of the last block
        self.tried: IntArray = np.zeros(len(shares), dtype=np.int64)
        self.largest: FloatArray = np.zeros(len(shares))
        self.chance: FloatArray = np.zeros(len(shares))
        self.halves: IntArray = np.zeros(2, dtype=np.int64)  # blocks in each half
        self.total: FloatArray = np.zeros((2, len(shares)))
        self.squares: FloatArray = np.zeros((2, len(shares)))
        self.jumps: FloatArray = np.zeros((2, len(shares)))
        self.passed: FloatArray = np.zeros(1)

    @property
    def knows_effect(self) -> bool:
        """Whether there were blocks enough for the design effect."""
        return bool(self.halves.sum() > FEWEST_BLOCKS)

    @property
    def knows_swing(self) -> bool:
        """Whether two cycles have passed, or there are none."""
        return self._cycle == 0 or bool(self.passed[0] >= 2 * self._cycle and self.halves[1] >= FEWEST_BLOCKS)

    def add(self, block: IntArray, elapsed: float) -> None:
        """Take in a block of counts."""
        self.passed += elapsed
        self.seen = self.seen + block
        self.block = self.block + block
        hits, tried = self._shares.count(self.block)
        if tried.max(initial=0) < BLOCK_ROWS:
            return
        half = int(self.passed[0] > self._cycle and self.halves[0] >= FEWEST_BLOCKS)
        share = hits / np.maximum(tried, 1)
        if self.halves.sum():
            jumps, chance = measure_jumps(hits, tried, self.hits, self.tried)
            self.jumps[half] += jumps
            self.chance += chance
            self.largest = np.maximum(self.largest, jumps)
        self.total[half] += share
        self.squares[half] += share**2
        self.halves[half] += 1
        self.hits, self.tried, self.block = hits, tried, np.zeros_like(self.block)

    def conclude_effects(self, known: FloatArray) -> FloatArray:
        """Conclude the design effect of each column; NaN in ``known`` is not known."""
        column = self._shares.column
        jumps = np.bincount(column, self.jumps.sum(axis=0) - self.largest) * LARGEST_JUMP
        chance, pairs = np.bincount(column, self.chance), int(self.halves.sum()) - 1
        sums = zip(jumps, chance, np.where(np.isnan(known), 1.0, known), strict=True)
        return np.array([conclude_effect(jump, by_chance, pairs, each) for jump, by_chance, each in sums])

    def conclude_swings(self) -> FloatArray:
        """Conclude the swing of each share: what both halves show."""
        if self._cycle == 0:
            return np.zeros(len(self._shares))
        blocks = np.maximum(self.halves[:, None], 2)
        variance = (self.squares - self.total**2 / blocks) / (blocks - 1)
        explained = self.jumps / (2 * (blocks - 1))
        found = [
            conclude_swing(variance[half], explained[half], int(blocks[half, 0]), self._shares.column)
            for half in (0, 1)
        ]
        return np.minimum(*found)
