"""Drift of a window of rows against the reference profile: tested with a stated chance of a false alarm."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from toolkit.errors import DriftError, count_of
from toolkit.monitoring.cells import CellGroup, Cells, IntArray
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile
from toolkit.monitoring.share_test import FloatArray, measure_p_values
from toolkit.monitoring.shares import Shares, count_reference

# Part of a column's error rate that is kept for more missing values: one share, which must not drown in the many
# shares of a number.
MISSING_WEIGHT = 0.25


@dataclass(frozen=True)
class ColumnDrift:
    """How one column of the window differs from the reference.

    Attributes
    ----------
    group : str
        ``feature`` or ``prediction``.
    drifted : bool
        Whether a share has changed by more than the tolerance, with the report's error rate.
    p_value : float
        Corrected for all shares of the column and, by Holm (1979), for all columns of the report.
    where : str
        The share that speaks most for a change, as in "≤ 13.4" or "missing".
    share, reference_share, change : float
        That share in the window, in the reference, and their difference.
    psi : float
        Population stability index: sum of (p - q) ln(p / q) over the cells, half a row added to each. Rules of
        thumb (0.1, 0.25) ignore the number of rows; compare it with ``psi_by_chance``.
    psi_by_chance : float
        About what PSI is on average without drift: (cells - 1) (1 / rows + 1 / reference rows).
    distance : float
        Jensen-Shannon distance of the cells, base 2: 0 for the same shares, 1 for none in common.
    missing, unseen : float
        Shares of rows without a value, and with a category that is not among the reference's most common.
    """

    name: str
    group: str
    kind: str
    drifted: bool
    p_value: float
    where: str
    share: float
    reference_share: float
    change: float
    psi: float
    psi_by_chance: float
    distance: float
    missing: float
    reference_missing: float
    unseen: float
    message: str


@dataclass(frozen=True)
class DriftReport:
    """What :func:`measure_drift` found; ``columns`` are features, then predictions, in the profile's order.

    Fewer than ``fewest_rows`` rows show no drift whatever they hold (see :func:`find_fewest_rows`).
    """

    rows: int
    reference_rows: int
    alpha: float
    tolerance: float
    columns: tuple[ColumnDrift, ...]
    fewest_rows: int = 1

    @property
    def features(self) -> tuple[ColumnDrift, ...]:
        """The features alone."""
        return tuple(column for column in self.columns if column.group == "feature")

    @property
    def predictions(self) -> tuple[ColumnDrift, ...]:
        """The predictions alone."""
        return tuple(column for column in self.columns if column.group == "prediction")

    @property
    def drifted(self) -> tuple[str, ...]:
        """Names of the features that drifted."""
        return tuple(column.name for column in self.features if column.drifted)

    @property
    def predictions_drifted(self) -> bool:
        """Whether the predicted labels, probabilities or values drifted."""
        return any(column.drifted for column in self.predictions)

    def ranked(self) -> tuple[ColumnDrift, ...]:
        """All columns, the one that speaks most for drift first."""
        return tuple(
            sorted(self.columns, key=lambda column: (column.p_value, -abs(column.change), column.name))
        )

    def to_dict(self) -> dict[str, Any]:
        """Give the report as values that JSON can hold."""
        return {"schema": 1, **asdict(self), "columns": [asdict(column) for column in self.columns]}


def measure_drift(
    profile: Profile, counts: Counts, alpha: float = 0.01, tolerance: float = 0.0
) -> DriftReport:
    """Test whether a window of rows comes from what the reference came from, give or take a tolerance.

    For every share (see :class:`~toolkit.monitoring.shares.Shares`) and direction, the hypothesis is that it has
    changed by at most ``tolerance``; :func:`~toolkit.monitoring.share_test.measure_p_values` allows for both samples
    being finite. A column's p-value is the smallest of its shares', each divided by a weight (Bonferroni: a quarter
    for more missing values, the rest in equal parts); over columns they are corrected by Holm (1979). So the
    chance that any column of a window without drift is called drifted is
    at most ``alpha``, whatever the columns have to do with each other. Rows must be independent: a window of a few
    hours of a daily cycle does drift from a reference of months.

    Parameters
    ----------
    profile : Profile
        The reference.
    counts : Counts
        The window, counted by ``profile.count``.
    alpha : float
        Family-wise error rate.
    tolerance : float
        Change of a share that is too small to matter.

    Raises
    ------
    DriftError
        There are no rows, they were counted for another profile, or ``alpha`` or ``tolerance`` is out of range.
    """
    if not 0 < alpha < 1 or not 0 <= tolerance < 1:
        raise DriftError(
            f"alpha must be between 0 and 1 and tolerance from 0 and below 1. Got {alpha} and {tolerance}."
        )
    profile.check_counts(counts)
    if not counts.rows:
        raise DriftError(
            "Drift needs at least one row to be measured on. Got none: check the input's filter or time span."
        )
    findings = _measure_group("feature", profile.feature_group, counts.features, tolerance)
    if counts.predictions.any():
        findings += _measure_group("prediction", profile.prediction_group, counts.predictions, tolerance)
    corrected = _holm([finding["p_value"] for finding in findings])
    columns = [_conclude(finding, p, alpha) for finding, p in zip(findings, corrected, strict=True)]
    fewest = find_fewest_rows(profile, alpha, tolerance, len(findings))
    return DriftReport(counts.rows, profile.rows, alpha, tolerance, tuple(columns), fewest)


def find_fewest_rows(
    profile: Profile, alpha: float, tolerance: float, columns: int, most: int = 10_000
) -> int:
    """Find how few rows show drift where a feature is missing in all of them: the change that is seen first.

    A report of fewer rows, over so many ``columns``, says nothing of drift. Where even ``most`` rows are too few, the
    answer is ``most + 1``.
    """
    missing = np.array([cells.counts[-1] for cells in profile.features])
    reference = np.array([sum(cells.counts) for cells in profile.features])

    def shows(rows: int) -> bool:
        p_values = measure_p_values(missing, reference, rows, rows, tolerance) / MISSING_WEIGHT
        return bool(p_values.min() * columns <= alpha)  # Holm's first step

    return bisect_left(range(most + 1), True, lo=1, key=shows)


def check_no_drift(report: DriftReport) -> None:
    """Check that nothing drifted.

    Raises
    ------
    DriftError
        Something did; names it, with the share that changed.
    """
    drifted = [column for column in report.ranked() if column.drifted]
    if drifted:
        told = "".join(f"\n  {column.message}" for column in drifted)
        raise DriftError(
            f"Nothing may drift when monitor.fail_on_drift is true. {len(drifted)} of "
            f"{count_of(len(report.columns), 'column')} did:{told}"
        )


def _measure_group(group: str, cells: CellGroup, counted: IntArray, tolerance: float) -> list[dict[str, Any]]:
    shares = Shares(cells)
    k, m = shares.count(count_reference(cells.columns))
    x, n = shares.count(counted)
    more, fewer = measure_p_values(k, m, x, n, tolerance), measure_p_values(m - k, m, n - x, n, tolerance)
    p_values = _weigh(shares, more, fewer)
    reference, share = k / np.maximum(m, 1), x / np.maximum(n, 1)
    change = np.where((n > 0) & (m > 0), share - reference, 0.0)
    findings = []
    for index, column in enumerate(cells.columns):
        own = np.flatnonzero(shares.column == index)
        best = own[np.lexsort((-np.abs(change[own]), p_values[own]))[0]]
        findings.append(
            {
                "name": column.name,
                "group": group,
                "kind": column.kind,
                "p_value": float(p_values[best]),
                "where": shares.where[best],
                "share": float(share[best]),
                "reference_share": float(reference[best]),
                "change": float(change[best]),
                **_measure_sizes(column, counted[cells.slice(index)]),
            }
        )
    return findings


def _weigh(shares: Shares, more: FloatArray, fewer: FloatArray) -> FloatArray:
    """Divide p-values by weights that add up to 1 in each column, and take the smaller direction."""
    missing = np.array([where == "missing" for where in shares.where])
    others = 2 * np.bincount(shares.column)[shares.column] - 1
    weight = (1 - MISSING_WEIGHT) / others
    smaller = np.minimum(more / np.where(missing, MISSING_WEIGHT, weight), fewer / weight)
    return np.minimum(smaller, 1.0)


def _measure_sizes(column: Cells, counted: IntArray) -> dict[str, float]:
    reference = np.array(column.counts, dtype=np.float64)
    used = (reference + counted) > 0
    rows, reference_rows, size = counted.sum(), reference.sum(), np.count_nonzero(used)
    p = (counted[used] + 0.5) / (rows + 0.5 * size)
    q = (reference[used] + 0.5) / (reference_rows + 0.5 * size)
    missing = column.size - 1
    return {
        "psi": float(np.sum((p - q) * np.log(p / q))),
        "psi_by_chance": float((size - 1) * (1 / rows + 1 / reference_rows)),
        "distance": measure_jensen_shannon(counted / rows, reference / reference_rows),
        "missing": float(counted[missing] / rows),
        "reference_missing": float(reference[missing] / reference_rows),
        "unseen": 0.0 if column.ordered else float(counted[missing - 1] / rows),
    }


def measure_jensen_shannon(p: FloatArray, q: FloatArray) -> float:
    """Measure the Jensen-Shannon distance of two distributions over the same cells (base 2, from 0 to 1).

    >>> measure_jensen_shannon(np.array([1.0, 0.0]), np.array([0.0, 1.0]))
    1.0
    """
    middle = (p + q) / 2

    def divergence(one: FloatArray) -> float:
        held = one > 0
        return float(np.sum(one[held] * np.log2(one[held] / middle[held])))

    return float(np.sqrt(max((divergence(p) + divergence(q)) / 2, 0.0)))


def _holm(p_values: Sequence[float]) -> list[float]:
    """Holm's (1979) step-down correction, in the given order."""
    order = np.argsort(p_values, kind="stable")
    steps = np.asarray(p_values)[order] * np.arange(len(p_values), 0, -1)
    corrected = np.empty(len(p_values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return [float(value) for value in corrected]


def _conclude(finding: dict[str, Any], p_value: float, alpha: float) -> ColumnDrift:
    drifted = p_value <= alpha
    told = "p < 0.0001" if p_value < 0.0001 else f"p = {p_value:.2g}"
    share, reference = finding["share"], finding["reference_share"]
    fact = f"{share:.1%} of rows are {finding['where']}, {reference:.1%} in the reference ({told})"
    message = (
        f"{finding['name']} drifted: {fact}."
        if drifted
        else f"{finding['name']}: no drift beyond the tolerance; {fact}."
    )
    return ColumnDrift(**{**finding, "p_value": p_value, "drifted": drifted, "message": message})
