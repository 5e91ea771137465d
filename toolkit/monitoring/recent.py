"""The shares of the last few thousand rows, from counts alone."""

from __future__ import annotations

import numpy as np

from toolkit.monitoring.cells import CellGroup, IntArray
from toolkit.monitoring.evidence import FloatArray
from toolkit.monitoring.shares import Shares

WINDOW_ROWS = 4096  # at least so many, once there are, and less than twice, and a block
ARRAYS = ("recent", "before")


class RecentRows:
    """Two windows of counts: the one that is filled, and the one before."""

    def __init__(self, group: CellGroup, shares: Shares) -> None:
        self._shares, self._of_one_column = shares, group.slice(0)
        self.recent: IntArray = np.zeros(group.size, dtype=np.int64)
        self.before: IntArray = np.zeros(group.size, dtype=np.int64)

    @property
    def rows(self) -> int:
        """How many rows they hold."""
        return int((self.recent + self.before)[self._of_one_column].sum())

    def add(self, block: IntArray) -> None:
        """Take in a block."""
        if self.recent[self._of_one_column].sum() >= WINDOW_ROWS:
            self.before, self.recent = self.recent, np.zeros_like(self.recent)
        self.recent = self.recent + block

    def measure_change(self, reference: FloatArray) -> FloatArray:
        """Measure how far each share is from the reference's; 0 where there are no rows."""
        hits, tried = self._shares.count(self.recent + self.before)
        return np.where(tried > 0, hits / np.maximum(tried, 1) - reference, 0.0)
