"""Do the splits have the same labels? Shown by a test, not claimed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

MOST_ROWS = 1_000_000  # rows whose values a regression's test looks at


@dataclass(frozen=True)
class Balance:
    """How much the labels of the splits differ.

    Attributes
    ----------
    test : str
        What was tested with: Pearson's chi-squared test of independence, or Kruskal and Wallis's on ranks.
    statistic, p_value : float
        A p-value below 0.01 says that the difference is more than chance.
    largest : float
        For classes, the largest difference of a class's share in a split from that in all rows; else 0.
    message : str
        All of it as a sentence.
    """

    test: str
    statistic: float
    p_value: float
    largest: float
    message: str


def measure_balance(codes: np.ndarray, labels: np.ndarray, counts: np.ndarray) -> Balance:
    """Test whether labels depend on the split.

    Parameters
    ----------
    codes : ndarray of int (n,)
        Split of each row.
    labels : ndarray (n,)
        Values of a regression; for classes they are not looked at.
    counts : ndarray of int (3, classes)
        Rows by split and class; of one column for a regression.

    References
    ----------
    K. Pearson, "On the criterion that a given system of deviations ...", 1900; W. Kruskal and W. Wallis, "Use of
    ranks in one-criterion variance analysis", 1952.
    """
    from scipy import stats

    if counts.shape[1] > 1:
        found = counts[:, counts.sum(axis=0) > 0]
        result = stats.chi2_contingency(found[found.sum(axis=1) > 0], correction=False)
        shares = found / np.maximum(found.sum(axis=1, keepdims=True), 1)
        largest = float(np.abs(shares - found.sum(axis=0) / found.sum()).max())
        points = f"{100 * largest:.1f} percentage points"
        told = f"no class's share in a split is more than {points} from its share in all rows"
        return _conclude("chi-squared", float(result.statistic), float(result.pvalue), largest, told)
    step = -(-len(codes) // MOST_ROWS)
    some, values = codes[::step], labels[::step]
    groups = [values[some == code] for code in range(3) if (some == code).any()]
    same = len(groups) < 2 or len(np.unique(values)) == 1  # nothing to compare
    statistic, p_value = (0.0, 1.0) if same else stats.kruskal(*groups)
    return _conclude("Kruskal-Wallis", float(statistic), float(p_value), 0.0, "labels were compared by rank")


def _conclude(test: str, statistic: float, p_value: float, largest: float, told: str) -> Balance:
    verdict = (
        "more than chance would give" if p_value < 0.01 else "no more than chance gives: the splits are alike"
    )
    shown = "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"
    message = f"{told[0].upper()}{told[1:]}. The difference is {verdict} ({test} {statistic:.3g}, {shown})."
    return Balance(test, statistic, p_value, largest, message)
