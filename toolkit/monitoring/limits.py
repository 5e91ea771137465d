"""What the live share of a reference share may be before it is called drift, once it is known how rows hang together.

A share may be as far off as the reference's own sampling error, the tolerance, and what comes and goes with time
together. Where the reference could not tell the last, it is learnt from live rows, and until then much is tolerated.

A reference smaller than the rows that were learnt from is joined by them: where these did not alarm, what is tolerated
is the nearer of two limits, from the reference alone and from both, but no less than the tolerance around the
reference's own shares. So nothing that the reference alone would show goes unseen, and what had drifted less than that
by then is taken for normal.
"""

from __future__ import annotations

from statistics import NormalDist

import numpy as np

from toolkit.monitoring.cells import CellGroup, IntArray
from toolkit.monitoring.dependence import FloatArray
from toolkit.monitoring.learning import Learner
from toolkit.monitoring.shares import Shares, count_reference, measure_wilson_bound

# Wilson bounds of the reference share. The farther one holds for all shares of some thirty columns together, nineteen
# times in twenty and but for a trifle always: so the reference's own error does not alarm, whatever the tolerance. The
# tolerance comes on top of the nearer one, that of a single share.
REFERENCE_Z, TOLERANCE_Z = 3.75, 2.0
SWINGS = 2.0  # a sine swings 1.4 standard deviations to each side; a day with a peak more
# While it is learnt how rows hang together: 20 of them count as one (as with an autoregression of 0.9), and columns may
# shift by half a standard deviation.
LEARNING_EFFECT = 20.0
LEARNING_SHIFT = 0.5
ARRAYS = ("live_effect", "live_swing", "joined")


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
        self._counts = count_reference(group.columns)
        self._cells_of = np.repeat(np.arange(len(group.columns)), np.diff(group.offsets))
        self.joined: IntArray = np.zeros(group.size, dtype=np.int64)
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
        swing = np.where(np.isnan(self._known_swing), self.live_swing, self._known_swing)
        tells = 1 / np.where(np.isnan(of_column), 1.0, of_column)
        alone, joined = self._bound(self._counts, tells), self._bound(self._counts + self.joined, tells)
        hits, rows = self._shares.count(self._counts)
        own = np.stack([hits, rows - hits]) / np.maximum(rows, 1)
        self.reference = own[0]
        bound = np.minimum(alone, np.maximum(joined, own + self._tolerance))
        self.limit = np.where(np.isnan(swing), _shift(bound), bound + SWINGS * np.nan_to_num(swing))

    def _bound(self, counts: IntArray, tells: FloatArray) -> FloatArray:
        """Bound the true shares that such counts may come from, with the tolerance; ``tells``: what a row is worth."""
        hits, rows = self._shares.count(counts)
        share, told = np.stack([hits, rows - hits]) / np.maximum(rows, 1), np.maximum(rows * tells, 1.0)
        near = measure_wilson_bound(share, told, TOLERANCE_Z) + self._tolerance
        return np.where(rows > 0, np.maximum(measure_wilson_bound(share, told, REFERENCE_Z), near), 1.0)

    @property
    def learning(self) -> np.ndarray:
        """Columns of which it is not known yet how rows hang together."""
        found = np.zeros(len(self._known_effect), dtype=bool)
        swing = np.where(np.isnan(self._known_swing), self.live_swing, self._known_swing)
        found[self._shares.column[np.isnan(swing)]] = True
        return found | np.isnan(np.fmax(self._known_effect, self.live_effect))

    def learn(self, block: IntArray, elapsed: float, alarmed: np.ndarray) -> np.ndarray:
        """Learn from a live block; give the columns whose limits changed by it.

        Rows of a column do not join the reference until its alarm, if it has one, is over.
        """
        changed = np.zeros(len(self._known_effect), dtype=bool)
        lacks_effect = bool(np.isnan(self.live_effect).any())
        lacks_swing = bool((np.isnan(self.live_swing) & np.isnan(self._known_swing)).any())
        if not (lacks_effect or lacks_swing):
            return changed
        self.learner.add(block, elapsed)
        self.learner.seen[alarmed[self._cells_of]] = 0
        found_effect = lacks_effect and self.learner.knows_effect
        found_swing = lacks_swing and self.learner.knows_swing
        if found_effect:
            self.live_effect = self.learner.conclude_effects(self._known_effect)
        if found_swing:
            self.live_swing = self.learner.conclude_swings()
        if found_effect or found_swing:
            before = self.limit, self.effect
            self._join(~self.learning)
            self.measure()
            other = (before[0] != self.limit).any(axis=0) | (before[1] != self.effect)
            changed[self._shares.column[other]] = True
        return changed

    def _join(self, ready: np.ndarray) -> None:
        """Let the rows that were learnt from join the reference's, where these are fewer."""
        seen = self.learner.seen
        rows, reference = (np.bincount(self._cells_of, counts) for counts in (seen, self._counts))
        joins = ready & (rows > reference) & (np.bincount(self._cells_of, self.joined) == 0)
        self.joined = np.where(joins[self._cells_of], seen, self.joined)


def _shift(bound: FloatArray) -> FloatArray:
    """Shares after a shift of half a standard deviation, were they those of a normal distribution."""
    normal = NormalDist()
    inside = np.clip(bound, 1e-12, 1 - 1e-12)
    flat = [normal.cdf(normal.inv_cdf(float(share)) + LEARNING_SHIFT) for share in inside.ravel()]
    return np.maximum(np.array(flat).reshape(bound.shape), bound)
