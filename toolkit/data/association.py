"""How strongly two columns go together, whatever their kinds: measures on NumPy arrays, 0 for no relation."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

FloatArray = NDArray[np.float64]
IntArray = NDArray[Any]  # whole numbers

_BLOCK = 65_536  # rows that are worked on at a time


def rank(values: FloatArray) -> FloatArray:
    """Rank values from 1; equal ones share the mean of their ranks, NaN stays NaN."""
    ranks = np.full(len(values), np.nan)
    known = ~np.isnan(values)
    _, group, counts = np.unique(values[known], return_inverse=True, return_counts=True)
    ranks[known] = (np.cumsum(counts) - (counts - 1) / 2)[group]
    return ranks


def measure_pearson(matrix: FloatArray) -> FloatArray:
    """Measure Pearson's correlation of each pair of columns, each on the rows that have both.

    Parameters
    ----------
    matrix : ndarray, shape (rows, columns)
        NaN where a value is missing.

    Returns
    -------
    ndarray, shape (columns, columns)
        NaN where a column does not vary on the rows that a pair has.
    """
    from threadpoolctl import threadpool_limits

    columns = matrix.shape[1]
    middle, spread = np.zeros(columns), np.ones(columns)
    lacking = np.array([bool(np.isnan(column).any()) for column in matrix.T], bool)
    for index in range(columns):
        values = matrix[:, index]
        values = values[~np.isnan(values)] if lacking[index] else values
        if len(values):
            middle[index], spread[index] = values.mean(), values.std() or 1.0
    count, total, squares, products = (np.zeros((columns, columns)) for _ in range(4))
    # One thread: such narrow products gain nothing by two, and lose a hundredfold where other programs are at work.
    with threadpool_limits(1, "blas"):
        for first in range(0, len(matrix), _BLOCK):
            block = (matrix[first : first + _BLOCK].T - middle[:, None]) / spread[:, None]
            known = ~np.isnan(block[lacking])
            block[np.isnan(block)] = 0.0
            mask = np.ones_like(block)
            mask[lacking] = known
            count += mask @ mask.T
            total += block @ mask.T
            squares += (block**2) @ mask.T
            products += block @ block.T
    with np.errstate(invalid="ignore", divide="ignore"):
        shared = products - total * total.T / count
        varies = squares - total**2 / count
        varies[varies < 1e-9 * count] = np.nan  # what rounding leaves of a constant
        found = np.clip(shared / np.sqrt(varies * varies.T), -1, 1)
    found[np.diag_indices(columns)] = np.where(np.isnan(np.diag(found)), np.nan, 1.0)
    return found


def measure_spearman(matrix: FloatArray) -> FloatArray:
    """Measure Spearman's rank correlation of each pair of columns, ranked anew on the rows that have both."""
    ranks = np.stack([rank(column) for column in matrix.T]).T if matrix.shape[1] else matrix
    found = measure_pearson(ranks)
    known = ~np.isnan(matrix)
    lacking = [index for index in range(matrix.shape[1]) if not known[:, index].all()]
    groups = {index: _group(ranks[:, index]) for index in range(matrix.shape[1])} if lacking else {}
    for one in lacking:
        for other in range(matrix.shape[1]):
            if other == one or (other in lacking and other < one):
                continue
            both = known[:, one] & known[:, other]
            pair = [_rerank(groups[index][both]) for index in (one, other)]
            found[one, other] = found[other, one] = measure_pearson(np.column_stack(pair))[0, 1]
    return found


def _group(ranks: FloatArray) -> IntArray:
    """Give ranks as whole numbers, so that ranking a part of them anew needs no sort."""
    return np.nan_to_num(ranks * 2).astype(np.int64)


def _rerank(group: IntArray) -> FloatArray:
    counts = np.bincount(group, minlength=1)
    ranks: FloatArray = np.cumsum(counts) - (counts - 1) / 2
    return ranks[group]


def count_pairs(left: IntArray, right: IntArray) -> FloatArray:
    """Count the rows of each pair of codes; rows with a negative code in either are left out."""
    known = (left >= 0) & (right >= 0)
    left, right = left[known].astype(np.int64), right[known].astype(np.int64)
    if not len(left):
        return np.zeros((0, 0))
    size = int(right.max()) + 1
    counts = np.bincount(left * size + right, minlength=(int(left.max()) + 1) * size)
    table: FloatArray = counts.reshape(-1, size).astype(float)
    return table[np.ix_(table.any(axis=1), table.any(axis=0))]


def measure_cramers_v(table: FloatArray, *, correct: bool = True) -> float:
    """Measure Cramér's V of a table of counts: 0 for no relation, 1 if one column decides the other.

    Corrected for what chance alone gives (Bergsma, 2013), which is much where there are many categories. NaN where
    a column has one category.
    """
    rows, columns = table.shape
    if min(rows, columns) < 2:
        return float("nan")
    n = table.sum()
    expected = table.sum(axis=1, keepdims=True) * table.sum(axis=0, keepdims=True) / n
    phi = float((((table - expected) ** 2) / expected).sum() / n)
    if not correct:
        return float(np.sqrt(phi / (min(rows, columns) - 1)))
    phi = max(0.0, phi - (rows - 1) * (columns - 1) / (n - 1))
    left, right = rows - (rows - 1) ** 2 / (n - 1), columns - (columns - 1) ** 2 / (n - 1)
    least = min(left, right) - 1
    return float(min(1.0, np.sqrt(phi / least))) if least > 0 else 0.0


def measure_correlation_ratio(values: FloatArray, codes: IntArray, *, correct: bool = True) -> float:
    """Measure how much of the values' variance lies between groups, as the root of a share (η).

    Corrected for what chance alone gives (Kelley's ε, 1935). Of ranks, it is the effect size of Kruskal and Wallis.
    Rows without a value or with a negative code are left out; NaN where there is one group or no variance.
    """
    known = ~np.isnan(values) & (codes >= 0)
    values, codes = values[known], codes[known].astype(np.int64)
    counts = np.bincount(codes, minlength=1)
    groups, n = int((counts > 0).sum()), len(values)
    if groups < 2:
        return float("nan")
    values = values - values.mean()
    total = float((values**2).sum())
    if total <= 0:
        return float("nan")
    sums = np.bincount(codes, weights=values)[counts > 0]
    share = float((sums**2 / counts[counts > 0]).sum()) / total
    if correct:
        share = 1 - (1 - share) * (n - 1) / (n - groups) if n > groups else 0.0
    return float(np.sqrt(np.clip(share, 0.0, 1.0)))


def measure_information(table: FloatArray) -> float:
    """Measure the mutual information of a table of counts in bits, less what chance gives (Miller, 1955)."""
    n = table.sum()
    if not n:
        return 0.0
    bias = (table.shape[0] - 1) * (table.shape[1] - 1) / (2 * n * np.log(2))
    found = measure_entropy(table.sum(axis=0)) + measure_entropy(table.sum(axis=1)) - measure_entropy(table)
    return max(0.0, found - float(bias))


def measure_entropy(counts: FloatArray) -> float:
    """Measure the entropy of counts in bits."""
    shares = counts[counts > 0] / counts.sum()
    return float(-(shares * np.log2(shares)).sum())


def cut(values: FloatArray, bins: int = 20) -> IntArray:
    """Give each value the number of its bin among bins of about equally many rows; what is missing has one more."""
    known = ~np.isnan(values)
    if not known.any():
        return np.zeros(len(values), np.int64)
    edges = np.unique(np.quantile(values[known], np.linspace(0, 1, bins + 1)[1:-1]))
    return np.where(known, np.searchsorted(edges, values, side="right"), len(edges) + 1)


def measure_auc(ranks: FloatArray, positive: NDArray[np.bool_]) -> float:
    """Measure the area under the ROC curve of ranks as a score (Mann and Whitney's U); NaN without both classes."""
    ours, others = int(positive.sum()), int((~positive).sum())
    if not ours or not others:
        return float("nan")
    return float((ranks[positive].sum() - ours * (ours + 1) / 2) / (ours * others))
