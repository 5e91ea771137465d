"""Has a share of rows changed by more than a tolerance? A test with two finite samples, exact in small ones."""

from __future__ import annotations

import math

import numpy as np
from numpy.typing import ArrayLike, NDArray

_POINTS = 200  # per grid; five grids
_REACH = 12.0  # standard deviations that a grid spans on each side
_FOLDS = 40.0

FloatArray = NDArray[np.float64]


def measure_p_values(
    reference_hits: ArrayLike, reference_rows: ArrayLike, hits: ArrayLike, rows: ArrayLike, tolerance: float
) -> FloatArray:
    """Test "the share is at most the reference's plus ``tolerance``" against a higher one.

    Whatever share the reference rows were drawn with, Clopper and Pearson's (1934) upper Beta distribution stands
    for what its k of m rows leave open: Q ~ Beta(k + 1, m - k). The p-value is the chance that n rows, each a hit
    with chance Q + tolerance, give at least x hits, which is P(B <= Q + tolerance) with B ~ Beta(x, n - x + 1).
    With tolerance 0 it is the p-value of Fisher's exact test. With a bin's edge cut at an order statistic of the
    reference, Q is the distribution of the true share below it (but for one row, on the safe side), so the test
    holds its level at any m and n. For the other direction, give rows - hits.

    Parameters
    ----------
    reference_hits, reference_rows, hits, rows : array of int
        k, m, x and n.
    tolerance : float
        Share, from 0.

    Returns
    -------
    ndarray
        One p-value each, 1 where the share has not risen beyond the tolerance; integrated numerically with a
        relative error below 1 %.
    """
    k, m, x, n = (
        np.asarray(a, np.float64) for a in np.broadcast_arrays(reference_hits, reference_rows, hits, rows)
    )
    p_values = np.ones(k.shape)
    risen = (n > 0) & (m > k) & (x * m > n * (k + m * tolerance))
    if risen.any():
        p_values[risen] = _chance_below(k[risen], m[risen], x[risen], n[risen], tolerance)
    return np.clip(p_values, 0.0, 1.0)


def _chance_below(k: FloatArray, m: FloatArray, x: FloatArray, n: FloatArray, tolerance: float) -> FloatArray:
    """P(B <= Q + tolerance), as the integral of B's density times the chance that Q is above."""
    grid = np.concatenate(
        [
            _around(k + 1, m - k) + tolerance,
            _around(x, n - x + 1),
            np.linspace(k / m, x / n, _POINTS),
            # Tails of skewed Betas, long on the side that matters: so many e-foldings below Q and above B.
            np.linspace(np.maximum(1 - _FOLDS / x, 0), 1, _POINTS) * (k / m + tolerance),
            1 - np.linspace(np.maximum(1 - _FOLDS / (m - k), 0), 1, _POINTS) * (1 - x / n),
        ]
    )
    grid = np.sort(np.clip(grid, 0.0, 1.0 + tolerance), axis=0)
    steps = np.diff(grid, axis=0)
    reference = _density(grid - tolerance, k + 1, m - k)
    pieces = steps * (reference[1:] + reference[:-1]) / 2
    above = np.concatenate([np.cumsum(pieces[::-1], axis=0)[::-1], np.zeros((1, len(k)))])
    integrand = _density(grid, x, n - x + 1) * above
    return np.sum(steps * (integrand[1:] + integrand[:-1]) / 2, axis=0)


def _around(a: FloatArray, b: FloatArray) -> FloatArray:
    mean = a / (a + b)
    spread = np.sqrt(mean * (1 - mean) / (a + b + 1))
    return mean + np.linspace(-_REACH, _REACH, _POINTS)[:, None] * spread


def _density(at: FloatArray, a: FloatArray, b: FloatArray) -> FloatArray:
    norm = np.array([math.lgamma(s + t) - math.lgamma(s) - math.lgamma(t) for s, t in zip(a, b, strict=True)])
    inside = np.clip(at, 1e-300, 1 - 1e-16)
    density = np.exp(norm + (a - 1) * np.log(inside) + (b - 1) * np.log1p(-inside))
    return np.where((at >= 0) & (at <= 1), density, 0.0)
