"""Intervals from resampled test rows."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np

CELLS_AT_ONCE = 4_000_000  # of a block of resamples: 32 MB
FEWEST_DEFINED = 0.5  # share of resamples on which a statistic must be defined for an interval


@dataclass(frozen=True)
class Interval:
    """A statistic of the test rows and the ends of its interval; the ends are None where it is hardly ever defined."""

    value: float
    low: float | None
    high: float | None

    def to_dict(self) -> dict[str, float | None]:
        """Give it as values that JSON can hold."""
        return {"value": self.value, "low": self.low, "high": self.high}


def measure_interval(
    statistic: Callable[[np.ndarray], np.ndarray], rows: int, resamples: int, confidence: float, seed: int
) -> Interval:
    """Compute a statistic and its percentile interval (Efron and Tibshirani, "An introduction to the bootstrap", 1993).

    The percentile interval is kept to, rather than a corrected one: it never leaves the statistic's range, and it is
    defined for a model that makes no mistake on the test rows.

    Parameters
    ----------
    statistic : callable
        Takes counts of shape (samples, rows) and gives (samples,), NaN where it is not defined.
    rows : int
        Number of test rows.
    resamples, confidence, seed
        How many resamples, the interval's confidence, and the seed of the draws.
    """
    value = float(statistic(np.ones((1, rows)))[0])
    draws = np.concatenate([statistic(counts) for counts in iterate_resamples(rows, resamples, seed)])
    defined = draws[~np.isnan(draws)]
    if len(defined) < FEWEST_DEFINED * resamples:
        return Interval(value, None, None)
    low, high = np.quantile(defined, [(1 - confidence) / 2, (1 + confidence) / 2])
    return Interval(value, float(low), float(high))


def iterate_resamples(rows: int, resamples: int, seed: int) -> Iterator[np.ndarray]:
    """Draw resamples of ``rows`` rows with replacement, a block at a time, as counts (block, rows).

    The same seed gives the same draws, so two models that are measured with it are compared on the same resamples.
    """
    rng = np.random.default_rng(seed)
    block = max(1, CELLS_AT_ONCE // rows)
    for start in range(0, resamples, block):
        size = min(block, resamples - start)
        draws = rng.integers(0, rows, (size, rows))
        flat = (draws + np.arange(size)[:, np.newaxis] * rows).ravel()
        yield np.bincount(flat, minlength=size * rows).reshape(size, rows).astype(np.float64)
