"""What the metric is likely to be on rows whose true labels are not known yet, from counts of the predictions alone.

Held-out rows say how often predictions in each cell of the scores are right (the calibration); live rows say how many
fall into each cell now. Together they give the metric, if a score still means what it meant: the assumption is that
P(true label | score) has not changed. A change of what the features say of the label (concept drift) breaks it, and
such a change the estimate cannot see: labels are the only witness of that.

The interval is for the metric that the labels of these very rows will show. It allows for the calibration's own
sampling error (held-out rows are few) and for the luck of the live rows, by the delta method; of metrics from 0 to 1 it
is Wilson's, and of losses and errors on a log scale, as in :mod:`toolkit.monitoring.intervals`.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

from toolkit.errors import DriftError
from toolkit.monitoring.calibration import ClassTable, Table, ValueTable
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.intervals import BOUNDED, bound_positive, bound_share
from toolkit.monitoring.performance import CONFIDENCE, FEWEST_ROWS, Performance
from toolkit.monitoring.profile import Profile

FloatArray = NDArray[np.float64]
PRIOR_ROWS = 1.0  # the model's own probability counts as so many held-out rows in each cell
ESTIMABLE = ("roc_auc", "accuracy", "f1", "log_loss", "rmse", "mae")


def estimate_performance(
    tables: Sequence[Table], profile: Profile, counts: Counts, metric: str, confidence: float = CONFIDENCE
) -> Performance:
    """Estimate a metric on live rows.

    Parameters
    ----------
    tables : sequence of ClassTable or ValueTable
        Of held-out rows, from :func:`toolkit.monitoring.calibration.fit_tables`.
    profile : Profile
        The reference profile that the tables and the counts were made with.
    counts : Counts
        Of the live rows.
    metric : str
        Of :func:`toolkit.metrics.list_metrics`; ``r2`` is not estimated.
    confidence : float
        Of the interval.

    Returns
    -------
    Performance
        Without times. Its ``reason`` says why there is no figure.

    Raises
    ------
    DriftError
        The counts or the tables are of another profile.
    """
    profile.check_counts(counts)
    shares, rows = _take_cells(tables, profile, counts)
    if rows < FEWEST_ROWS:
        reason = f"At least {FEWEST_ROWS} rows must be predicted. So far {rows} {'has' if rows == 1 else 'have'} been."
    elif metric not in ESTIMABLE:
        reason = f"{metric} cannot be estimated before labels come: predictions do not tell the spread of true values."
    else:
        value, variance = _estimate(tables, shares, rows, metric)
        if math.isfinite(value):
            z = NormalDist().inv_cdf((1 + confidence) / 2)
            return Performance(metric, *_bound(metric, value, variance, rows, z), confidence, rows)
        reason = f"{metric} is not defined for these rows: by the scores, some class does not occur."
    return Performance(metric, None, None, None, confidence, rows, reason=reason)


def _take_cells(tables: Sequence[Table], profile: Profile, counts: Counts) -> tuple[list[FloatArray], int]:
    """Give the live rows in each cell of each table's column, and their number."""
    places = {cells.name: index for index, cells in enumerate(profile.predictions)}
    found = []
    for table in tables:
        index = places.get(table.column)
        if index is None or profile.predictions[index].size != len(table.rows) + 1:
            raise DriftError(
                f"The calibration of '{table.column}' must be of this reference profile and is not: "
                "package the model anew."
            )
        found.append(counts.predictions[profile.prediction_group.slice(index)][:-1].astype(np.float64))
    return found, int(found[0].sum())


def _bound(metric: str, value: float, variance: float, rows: int, z: float) -> tuple[float, float, float]:
    if metric in BOUNDED:
        certain = value * (1 - value) / variance if variance > 0 and 0 < value < 1 else rows
        return (value, *bound_share(value, certain, z))
    low, high = bound_positive(value, variance, z)
    return (math.sqrt(value), math.sqrt(low), math.sqrt(high)) if metric == "rmse" else (value, low, high)


def _estimate(
    tables: Sequence[Table], live: Sequence[FloatArray], rows: int, metric: str
) -> tuple[float, float]:
    """Give the metric (of rmse the square) and its variance."""
    if isinstance(tables[0], ValueTable):
        return _estimate_error(tables[0], live[0], rows, metric)
    parts = [
        _MEASURES[metric](_Cells.of(table, cells), len(tables) == 1)
        for table, cells in zip(tables, live, strict=True)
        if isinstance(table, ClassTable)
    ]
    values, variances = np.array(parts).T
    if metric in ("accuracy", "log_loss"):  # a row counts in one class alone
        return float(values.sum()), float(variances.sum())
    if metric == "f1" and len(parts) > 1:
        defined = ~np.isnan(values)
        values, variances = values[defined], variances[defined]
    # A row has one label, so that what one class loses another gains. The variance of such a choice is at most twice
    # the sum of the classes' own: sum r_j r_k (g_j - g_k)^2 / 2 <= 2 sum r_j (1 - r_j) g_j^2.
    return float(values.mean()), float(variances.sum()) * min(len(values), 2) / len(values) ** 2


@dataclass(frozen=True)
class _Cells:
    """Cells of one class's probability: live share, and the shares of the four outcomes of a row.

    ``outcomes`` (4, cells): true and told, true and not told, told and not true, neither; and ``careful``, the same
    for variances: with a row of half the log odds besides, so that what was not seen is not taken for impossible.
    ``weight`` is what a row's variance is multiplied by: from held-out and from live rows.
    """

    table: ClassTable
    share: FloatArray
    outcomes: FloatArray
    careful: FloatArray
    weight: FloatArray

    @classmethod
    def of(cls, table: ClassTable, live: FloatArray) -> _Cells:
        told = np.where(table.rows > 0, table.told / np.maximum(table.rows, 1), table.mean > 0.5)
        seen = np.stack(
            [
                table.both,
                table.true - table.both,
                table.told - table.both,
                table.rows - table.true - table.told + table.both,
            ]
        )
        stated = np.stack([table.mean, table.mean, 1 - table.mean, 1 - table.mean])
        answered = np.stack([told, 1 - told, told, 1 - told])
        share = live / live.sum()
        prior = PRIOR_ROWS * stated * answered
        less_sure = np.sqrt(stated) / (np.sqrt(stated) + np.sqrt(1 - stated))  # half the log odds
        weight = share**2 / (table.rows + PRIOR_ROWS) + share / live.sum()
        return cls(
            table,
            share,
            (seen + prior) / (table.rows + PRIOR_ROWS),
            (seen + prior + less_sure * answered) / (table.rows + PRIOR_ROWS + 1),
            weight,
        )

    def measure_variance(self, gains: FloatArray, squares: FloatArray | None = None) -> float:
        """Give the variance of a sum of gains per outcome (4, cells); ``squares`` are their mean squares, if more."""
        squares = gains**2 if squares is None else squares
        mean = (self.careful * gains).sum(axis=0)
        return float((self.weight * ((self.careful * squares).sum(axis=0) - mean**2)).sum())


def _accuracy(cells: _Cells, alone: bool) -> tuple[float, float]:
    gains = np.array([1.0, 0, 0, float(alone)])[:, None] + np.zeros(len(cells.share))
    return float((cells.share * cells.outcomes * gains).sum()), cells.measure_variance(gains)


def _log_loss(cells: _Cells, alone: bool) -> tuple[float, float]:
    table, nothing = cells.table, np.zeros(len(cells.share))
    other, other_sq = (table.other_loss, table.other_loss_sq) if alone else (nothing, nothing)
    gains = np.stack([table.loss, table.loss, other, other])
    squares = np.stack([table.loss_sq, table.loss_sq, other_sq, other_sq])
    return float((cells.share * cells.outcomes * gains).sum()), cells.measure_variance(gains, squares)


def _f1(cells: _Cells, alone: bool) -> tuple[float, float]:
    both, missed, wrong, _ = (cells.share * cells.outcomes).sum(axis=1)
    total = 2 * both + missed + wrong
    if total <= 0:
        return (0.0, 0.0) if alone else (math.nan, math.nan)
    score = 2 * both / total
    gains = np.array([2 - 2 * score, -score, -score, 0.0])[:, None] / total + np.zeros(len(cells.share))
    return float(score), cells.measure_variance(gains)


def _roc_auc(cells: _Cells, alone: bool) -> tuple[float, float]:
    order = cells.table.order
    ups = cells.share * cells.outcomes[:2].sum(axis=0)
    downs = cells.share - ups
    total_up, total_down = float(ups.sum()), float(downs.sum())
    pairs = total_up * total_down
    if pairs <= 0:
        return math.nan, math.nan
    below = np.cumsum(downs) - downs + order * downs
    above = total_up - np.cumsum(ups) + order * ups
    area = float((ups * below).sum() / pairs)
    up = (below - area * total_down) / pairs
    down = (above - area * total_up) / pairs
    gains = np.stack([up, up, down, down])
    # Where in its cell a row lies is not known: as much as of a beta distribution of that mean, a third of the most.
    spread = order * (1 - order) / 3
    up_sq, down_sq = up**2 + spread * (downs / pairs) ** 2, down**2 + spread * (ups / pairs) ** 2
    return area, cells.measure_variance(gains, np.stack([up_sq, up_sq, down_sq, down_sq]))


def _estimate_error(table: ValueTable, live: FloatArray, rows: int, metric: str) -> tuple[float, float]:
    squared = metric == "rmse"
    mean, square = (table.square, table.fourth) if squared else (table.size, table.square)
    worst = table.largest ** (2 if squared else 1)
    worst = np.where(table.rows > 0, worst, worst.max())
    weight = table.rows + PRIOR_ROWS
    everywhere = float((table.rows * mean).sum() / table.rows.sum())
    here = (table.rows * mean + PRIOR_ROWS * everywhere) / weight
    # One more row as bad as the worst is in the variance, as in intervals.py.
    spread = (table.rows * (square - mean**2) + (worst - here) ** 2) / weight
    share = live / rows
    moved = float((share * _move_means(table, live, here)).sum())
    variance = share**2 * np.maximum(spread, 0) * (1 / weight + 1 / np.maximum(live, 1))
    # What a shift does within the cells is known roughly: the correction is as uncertain as it is large.
    return max(float((share * here).sum()) + moved, 0.0), float(variance.sum()) + moved**2


def _move_means(table: ValueTable, live: FloatArray, mean: FloatArray) -> FloatArray:
    """Correct the cells' means for where live rows lie within them, by at most a standard deviation.

    The cells at the ends are wide. How the ratio of live to held-out rows grows from cell to cell tells how it grows
    within one (exponential tilting, to the first order): the mean predicted value moves by that slope times the
    variance.
    """
    moved = np.zeros(len(mean))
    known = np.flatnonzero(table.rows > 1)
    if len(known) > 2:
        center, spread = table.center[known], table.spread[known]
        log_ratio = np.log((live[known] + 0.5) / (table.rows[known] + 0.5))
        most = np.sqrt(spread)
        shift = np.clip(np.gradient(log_ratio, center) * spread, -most, most)
        moved[known] = shift * np.gradient(mean[known], center)
    return moved


_MEASURES = {"roc_auc": _roc_auc, "accuracy": _accuracy, "f1": _f1, "log_loss": _log_loss}
