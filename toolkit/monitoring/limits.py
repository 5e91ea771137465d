"""What the live share of a reference share may be before it is called drift, once it is known how rows hang together.

A share may be as far off as the reference's own sampling error, the tolerance, and what comes and goes with time
together. Where the reference could not tell the last, it is learnt from live rows, and until then much is tolerated.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from toolkit.monitoring.cells import CellGroup, IntArray
from toolkit.monitoring.dependence import FloatArray
from toolkit.monitoring.learning import Learner
from toolkit.monitoring.shares import Shares, count_reference, measure_wilson_bound

REFERENCE_Z = 3.0  # Wilson bound of the reference share: two-sided 99.7 %
SWINGS = 2.0  # a sine swings 1.4 standard deviations to each side; a day with a peak more
# While it is learnt how rows hang together: 20 of them count as one (as with an autoregression of 0.9), and columns may
# shift by half a standard deviation.
LEARNING_EFFECT = 20.0
LEARNING_SHIFT = 0.5
ARRAYS = ("live_effect", "live_swing")


class Limits:
    """What is tolerated of each share.

    Parameters
    ----------
    group : CellGroup
        The columns, with the reference's counts.
    shares : Shares
        Of the group.
    tolerance : float
        Change of a share that is too small to matter.
    cycle : float
        The longest regular cycle of live rows; 0: there is none.

    Attributes
    ----------
    reference : ndarray
        The reference's shares.
    limit : ndarray
        What a share, and its complement, may be: shape (2, shares).
    effect : ndarray
        Design effect of each share.
    """

    def __init__(self, group: CellGroup, shares: Shares, tolerance: float, cycle: float) -> None:
        self._shares, self._tolerance = shares, tolerance
        self.learner = Learner(shares, group.size, cycle)
        self._hits, self._rows = shares.count(count_reference(group.columns))
        self.reference = self._hits / np.maximum(self._rows, 1)
        effects = [np.nan if cells.design_effect is None else cells.design_effect for cells in group.columns]
        self._known_effect = np.array(effects)
        swings = [
            np.array(cells.swing)
            if cells.swing
            else np.full(np.count_nonzero(shares.column == index), np.nan)
            for index, cells in enumerate(group.columns)
        ]
        self._known_swing = np.concatenate(swings)
        self.live_effect: FloatArray = np.full(len(group.columns), np.nan)
        self.live_swing: FloatArray = np.full(len(shares), np.nan)
        self.measure()

    def measure(self) -> None:
        """Measure ``limit`` and ``effect`` from what is known."""
        of_column = np.fmax(self._known_effect, self.live_effect)[self._shares.column]
        self.effect = np.where(np.isnan(of_column), LEARNING_EFFECT, of_column)
        rows = np.maximum(self._rows / np.where(np.isnan(of_column), 1.0, of_column), 1.0)
        share = np.stack([self.reference, 1 - self.reference])
        bound = measure_wilson_bound(share, rows, REFERENCE_Z)
        swing = np.where(np.isnan(self._known_swing), self.live_swing, self._known_swing)
        moved = np.where(np.isnan(swing), _shift(bound), bound + SWINGS * np.nan_to_num(swing))
        self.limit = np.where(self._rows > 0, moved + self._tolerance, 1.0)

    @property
    def learning(self) -> np.ndarray:
        """Columns of which it is not known yet how rows hang together."""
        found = np.zeros(len(self._known_effect), dtype=bool)
        swing = np.where(np.isnan(self._known_swing), self.live_swing, self._known_swing)
        found[self._shares.column[np.isnan(swing)]] = True
        return found | np.isnan(np.fmax(self._known_effect, self.live_effect))

    def learn(self, block: IntArray, elapsed: float) -> np.ndarray:
        """Learn from a live block; give the columns whose limits changed by it."""
        changed = np.zeros(len(self._known_effect), dtype=bool)
        lacks_effect = bool(np.isnan(self.live_effect).any())
        lacks_swing = bool((np.isnan(self.live_swing) & np.isnan(self._known_swing)).any())
        if not (lacks_effect or lacks_swing):
            return changed
        self.learner.add(block, elapsed)
        found_effect = lacks_effect and self.learner.knows_effect
        found_swing = lacks_swing and self.learner.knows_swing
        if found_effect:
            self.live_effect = self.learner.conclude_effects(self._known_effect)
        if found_swing:
            self.live_swing = self.learner.conclude_swings()
        if found_effect or found_swing:
            before = self.limit, self.effect
            self.measure()
            other = (before[0] != self.limit).any(axis=0) | (before[1] != self.effect)
            changed[self._shares.column[other]] = True
        return changed


def _shift(bound: FloatArray) -> FloatArray:
    """Shares after a shift of half a standard deviation, were they those of a normal distribution."""
    normal = NormalDist()
    inside = np.clip(bound, 1e-12, 1 - 1e-12)
    flat = [normal.cdf(normal.inv_cdf(float(share)) + LEARNING_SHIFT) for share in inside.ravel()]
    return np.maximum(np.array(flat).reshape(bound.shape), bound)
