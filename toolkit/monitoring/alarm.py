"""What an alarm of the drift detector says: which column, which way, how much, since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from statistics import NormalDist

import numpy as np

from toolkit.monitoring.cells import LENGTH, Cells
from toolkit.monitoring.shares import measure_wilson_bound

CONFIDENCE = 0.95  # of the interval of an alarm's share
_CALLED = {
    "feature": "Feature",
    "prediction": "Prediction",
    "label": "True label",
    "performance": "Performance",
}


@dataclass(frozen=True)
class Alarm:
    """Drift that was found in one column.

    Attributes
    ----------
    column, group : str
        The column, and what it is: ``feature``, ``prediction``, ``label`` or ``performance``.
    where, side : str
        The share that speaks most for a change, as in "≤ 13.4", and whether ``more`` or ``fewer`` rows are there.
    direction : str
        The same in words, as in "lower values".
    reference_share, share : float
        In the reference, and in the rows from ``since_row`` to ``raised_row``.
    share_low, share_high : float
        Interval of the live share, of 95 % confidence: Wilson's, with Bonferroni's correction for all shares that are
        watched, since the most changed one was picked. That also covers that its start and end were picked, as
        simulations show (``benchmarks/drift_detector.py``).
    since_row, raised_row, cleared_row : int
        Rows counted by the detector when it began (the best estimate), was found, and was over (None: it is not).
    since_s, raised_s, cleared_s : float or None
        The same as times, in seconds since 1970; None where the detector was given none.
    """

    column: str
    group: str
    where: str
    side: str
    direction: str
    reference_share: float
    share: float
    share_low: float
    share_high: float
    since_row: int
    raised_row: int
    cleared_row: int | None = None
    since_s: float | None = None
    raised_s: float | None = None
    cleared_s: float | None = None

    @property
    def active(self) -> bool:
        """Whether it is not over."""
        return self.cleared_row is None

    @property
    def message(self) -> str:
        """What a person needs to know: how it has drifted or, when that is over, that it did and until when."""
        began = _tell_time(self.since_s, self.since_row, "about ")
        called = f"{_CALLED.get(self.group, self.group)} '{self.column}'"
        if self.cleared_row is not None:
            return (
                f"{called} is as in the reference again, within what is tolerated. The drift ({self.direction}; "
                f"{self.share:.1%} of rows were {self.where}, {self.reference_share:.1%} in the reference) began "
                f"{began} and was found over {_tell_time(self.cleared_s, self.cleared_row, 'at ')}, "
                f"{self.cleared_row - self.raised_row:,} rows after its alarm."
            )
        return (
            f"{called} has drifted: {self.direction}. "
            f"{self.share:.1%} of rows are {self.where} ({CONFIDENCE:.0%} interval {self.share_low:.1%} to "
            f"{self.share_high:.1%}), {self.reference_share:.1%} in the reference. It began {began}, "
            f"{self.raised_row - self.since_row:,} rows before this alarm."
        )


def _tell_time(time_s: float | None, row: int, sign: str) -> str:
    if time_s is None:
        return f"at row {row:,}"
    return f"{sign}{datetime.fromtimestamp(time_s, UTC):%Y-%m-%d %H:%M} UTC"


def describe_direction(cells: Cells, where: str, side: str) -> str:
    """Say which way a column went, from the share that changed."""
    if where == "missing":
        return f"{side} missing values"
    if where == "unseen":
        return f"{side} categories that training did not have"
    if not cells.ordered:
        return f"{side} rows are {where.removeprefix('= ')}"
    lower = side == "more"  # rows at or below an edge
    if cells.kind == LENGTH:
        return "shorter texts" if lower else "longer texts"
    return "lower values" if lower else "higher values"


def measure_interval(hits: int, tried: int, design_effect: float, choices: int) -> tuple[float, float]:
    """Measure the interval of a share that was picked among several: Wilson's with Bonferroni's correction.

    Parameters
    ----------
    hits, tried : int
        Rows in the share, and rows it is a share of.
    design_effect : float
        How many dependent rows tell as much as an independent one.
    choices : int
        Shares that it was picked from.
    """
    z = NormalDist().inv_cdf(1 - (1 - CONFIDENCE) / (2 * max(choices, 1)))
    share, rows = np.float64(hits / max(tried, 1)), max(tried / design_effect, 1e-9)
    low = 1 - float(measure_wilson_bound(1 - share, rows, z))
    return max(low, 0.0), min(float(measure_wilson_bound(share, rows, z)), 1.0)
