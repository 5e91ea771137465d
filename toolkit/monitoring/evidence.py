"""Evidence for drift of each share of a profile's columns: Shiryaev-Roberts statistics, and where a change began.

For each share and direction the hypothesis is "the live share is at most c". Per block, the likelihood ratio L of a
share of c + delta against c updates R <- (R + w) L, w being the time that the block took. While no share is beyond its
c, the mean of R over a column's components minus the sum of w is a supermartingale. Were R set back to 0 whenever it
reaches B, then B times the number of times minus the time would be one too: so it reaches B once per B on average, at
most, whatever the blocks' sizes, and whatever the components have to do with each other. (Shin, Ramdas and Rinaldo,
"E-detectors", 2023.)

w must be known before the block's values are: what takes part in choosing it, such as "this row looks odd, count it as
a day", could buy evidence. Any smaller weight keeps the promise, too.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.monitoring.shares import Shares

FloatArray = NDArray[np.float64]
IntArray = NDArray[np.int64]

# Changes of a share, beyond what is tolerated, that the alternatives stand for.
DELTAS = (0.03, 0.08, 0.2, 0.4)
# No more than one false alarm in so many rows, either: R would reach its bound by the passing of time alone where
# that passes between few rows (a quiet service, a clock that jumps).
FEWEST_ROWS = 20_000
_MOST = 1e6  # times the bound: R needs not be known beyond, and cannot overflow
_MOST_LOG = 500.0
ARRAYS = ("r", "cusum", "since_row", "since_s", "hits", "tried")


class Evidence:
    """What blocks of counts say about the shares of several columns; all arrays are (deltas, sides, shares).

    Parameters
    ----------
    shares : Shares
        What is watched.
    every : float
        Mean time between false alarms over all columns, at least.

    Attributes
    ----------
    r, cusum : ndarray of float64
        R, and the log likelihood ratio since it was last above 0 (where the change began, if there was one).
    since_row, since_s, hits, tried : ndarray
        When that was, and the rows in the share, and that it is a share of, since then.
    bound : float
        The mean R of a column that alarms: every column has an equal part of the false alarms.
    """

    def __init__(self, shares: Shares, every: float) -> None:
        self._shares, self._every = shares, every
        self._first = np.flatnonzero(np.diff(shares.column, prepend=-1))  # first share of each column
        shape = (len(DELTAS), 2, len(shares))
        self._for_hit: FloatArray = np.zeros(shape)
        self._for_row: FloatArray = np.zeros(shape)
        self._testable: NDArray[np.bool_] = np.zeros(shape, dtype=bool)
        self._effect: FloatArray = np.ones(len(shares))
        self._parts: IntArray = np.zeros(len(self._first), dtype=np.int64)
        self.bound = every
        self.r: FloatArray = np.zeros(shape)
        self.cusum: FloatArray = np.zeros(shape)
        self.since_row: IntArray = np.zeros(shape, dtype=np.int64)
        self.since_s: FloatArray = np.full(shape, np.nan)
        self.hits: IntArray = np.zeros(shape, dtype=np.int64)
        self.tried: IntArray = np.zeros(shape, dtype=np.int64)

    def set_limits(self, limit: FloatArray, effect: FloatArray) -> None:
        """Set what is tolerated.

        Parameters
        ----------
        limit : ndarray
            c of each share, and of the rows not in it: shape (2, shares). 1 or more: it cannot be tested.
        effect : ndarray
            Design effect of each share: log L is divided by it.
        """
        limit = np.minimum(limit, 1.0)
        raised = limit + np.minimum(np.array(DELTAS)[:, None, None], (1 - limit) / 2)
        self._testable = np.broadcast_to((limit > 0) & (limit < 1), raised.shape)
        if_hit, if_miss = np.zeros(raised.shape), np.zeros(raised.shape)
        np.log(raised / limit, out=if_hit, where=self._testable)
        np.log((1 - raised) / np.where(limit < 1, 1 - limit, 1), out=if_miss, where=self._testable)
        self._for_hit, self._for_row = (if_hit - if_miss) / effect, if_miss / effect
        self._effect = effect
        self._parts = np.add.reduceat(self._testable.sum(axis=(0, 1)), self._first)
        self.bound = self._every * max(np.count_nonzero(self._parts), 1)

    @property
    def watched_shares(self) -> int:
        """How many shares can be tested."""
        return int(np.count_nonzero(self._testable.any(axis=(0, 1))))

    def set_starts(self, row: int, time_s: float) -> None:
        """Say when the row after ``row`` came: what has not begun by then begins with it, not with the quiet before."""
        np.copyto(self.since_s, time_s, where=self.since_row == row)

    def add(
        self,
        counted: tuple[IntArray, IntArray],
        elapsed: float,
        row: int,
        time_s: float,
        alarmed: NDArray[np.bool_],
    ) -> None:
        """Take in a block.

        Parameters
        ----------
        counted : tuple of ndarray
            Of each share, the rows in it and the rows it is a share of.
        elapsed : float
            Time that the block took.
        row, time_s : int, float
            Where the block ends.
        alarmed : ndarray of bool
            Columns with an alarm: these only wait for its end.
        """
        hits, tried = counted
        sides = np.stack([hits, tried - hits])
        log_ratio = sides * self._for_hit
        log_ratio += tried * self._for_row
        waits = alarmed[self._shares.column]
        weight = np.minimum(elapsed, tried * (self._every / FEWEST_ROWS) / self._effect)
        weight = np.where(waits, 0.0, weight) * self._testable
        # Of a column that waits no more than the bound, or a long drift could never end.
        most = np.where(waits, self.bound, self.bound * _MOST)
        self.r = np.minimum((self.r + weight) * np.exp(np.minimum(log_ratio, _MOST_LOG)), most)
        self._follow_starts(log_ratio, sides, tried, row, time_s)

    def _follow_starts(self, log_ratio: FloatArray, sides: Any, tried: Any, row: int, time_s: float) -> None:
        self.cusum += log_ratio
        at_rest = self.cusum <= 0
        self.hits += sides
        self.tried += tried
        for array, at_start in (
            (self.cusum, 0.0),
            (self.hits, 0),
            (self.tried, 0),
            (self.since_row, row),
            (self.since_s, time_s),
        ):
            np.copyto(array, at_start, where=at_rest)

    def measure_peaks(self) -> FloatArray:
        """Measure the largest R of each column."""
        return np.maximum.reduceat(self.r.max(axis=(0, 1)), self._first)

    def measure_means(self) -> FloatArray:
        """Measure the mean R of each column."""
        return np.add.reduceat(self.r.sum(axis=(0, 1)), self._first) / np.maximum(self._parts, 1)

    def find_strongest(self, column: int) -> tuple[int, int, int]:
        """Find the component of a column that speaks most for a change since some time: delta, side, share."""
        own = np.where(self._shares.column == column, self.cusum, -np.inf)
        delta, side, share = np.unravel_index(np.argmax(own), own.shape)
        return int(delta), int(side), int(share)

    def begin_anew(self, column: int, row: int, time_s: float) -> None:
        """Forget what was gathered about a column."""
        own = self._shares.column == column
        for array in (self.r, self.cusum, self.hits, self.tried):
            array[..., own] = 0
        self.since_row[..., own], self.since_s[..., own] = row, time_s


def give_time(time_s: Any) -> float | None:
    """Give a time as JSON can hold it: None for NaN, where none is known."""
    return None if math.isnan(time_s) else float(time_s)
