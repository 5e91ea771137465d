"""A feature that alone tells the label: it was probably written down after the label was known."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np

from toolkit.columns import as_array
from toolkit.data.leaks.finding import Finding, Splits

CHECK = "giveaway"
MEASURED = (
    "largest score of one feature in train and valid (AUC, or R² of the label's ranks for a regression)"
)
TOO_GOOD = 0.99  # a score from here on is too good to be true
SURE = 0.90  # and the lower end of its interval must be above this
CONFIDENCE_Z = 2.5758  # 99 %
MOST_ROWS = 200_000
MOST_BINS = 256
BIN_ROWS = 10  # rows a bin has on average, at least
FEW_ROWS = 40


def find_giveaways(splits: Splits) -> Finding:
    """Find features that predict the label by themselves, by their value or by being missing.

    The score is the area under the ROC curve, for more than two classes the mean over classes against the rest,
    weighted by rows; for a regression R² of the label's ranks. A feature is scored as it comes where it has an order
    (numbers, times, booleans, lengths of texts: by its ranks, up or down, as "What tells the label" of
    reports/prepare/report.html does), and by bins (quantiles; each category or text of its own; missing is a bin),
    where the label's mean in a bin, learned on one half of the rows, predicts the other half; the higher one counts.
    Found is a score of 0.99 or more whose 99 % interval (Hanley and McNeil 1982; for R² Fisher's z of the
    correlation) begins above 0.90.

    At most 200,000 rows, evenly spaced, are looked at. False alarms: in 0 of 1,000 clean tables
    (tests/unit/data/leaks). Missed are words within a text, and features that tell the label only together.
    """
    seen = np.flatnonzero(splits.codes < 2)
    seen = seen[:: -(-len(seen) // MOST_ROWS) or 1]
    if len(seen) < FEW_ROWS:
        return Finding(CHECK, False, None, MEASURED, f"Fewer than {FEW_ROWS} rows cannot tell.")
    half = np.random.default_rng(splits.params.seed).permutation(len(seen)) % 2
    labels = splits.rows.labels[seen]
    classes = len(splits.rows.classes)
    targets = (
        np.stack([labels == index for index in range(classes)]).astype(np.float64)
        if classes
        else _rank(labels)[None]
    )
    if classes == 2:
        targets = targets[1:]
    scored = []
    for name, how, values, bins in _cut_features(splits, seen):
        by_bins = (*score_bins(bins, targets, half, bool(classes)), "bins")
        by_order = (*score_order(values, targets, bool(classes)), "order") if values is not None else by_bins
        score, low, by = max(by_order, by_bins, key=lambda each: each[0])
        scored.append((score, low, name, how, by))
    best = max(scored, key=lambda entry: entry[0], default=(0.0, 0.0, "", "", ""))
    evidence: list[dict[str, Any]] = [
        {"feature": name, "by its": how, "score": round(score, 6), "at least": round(low, 6)}
        for score, low, name, how, _ in sorted(scored, key=lambda entry: (-entry[0], entry[2]))
        if score >= TOO_GOOD and low >= SURE
    ]
    measure = "AUC" if classes else "R²"
    if not evidence:
        told = f"No feature alone tells the label; {_tell_best(best, measure, splits.kinds)}."
        return Finding(CHECK, False, round(best[0], 6), MEASURED, told)
    names = ", ".join(dict.fromkeys(f"'{entry['feature']}'" for entry in evidence))
    message = f"{names} alone tells the label ({measure} {best[0]:.4f})."
    advice = (
        "Is it known before the label is? If not, exclude it (collect.exclude); the service will not have it."
    )
    return Finding(CHECK, True, round(best[0], 6), MEASURED, message, advice, evidence)


def _tell_best(best: tuple[float, float, str, str, str], measure: str, kinds: Mapping[str, str]) -> str:
    """Tell the best feature and what its score is of: of its values as they come nothing is said."""
    score, _, name, how, by = best
    ways = {
        ("value", "order"): "",
        ("value", "bins"): " in bins of its value",
        ("length", "order"): " by its length",
        ("length", "bins"): " in bins of its length",
        ("missing values", "bins"): " by its missing values",
    }
    whole = {"category": " by its categories", "text": " by its whole text"}.get(kinds[name], "")
    way = whole if whole and how == "value" else ways[how, by]
    aside = " (words within texts aside)" if "text" in kinds.values() else ""
    return f"the best{aside} is '{name}'{way} with {measure} {score:.3f} in train and valid"


def score_order(values: np.ndarray, targets: np.ndarray, classes: bool) -> tuple[float, float]:
    """Score how well values with an order tell the targets, up or down, on the rows that have one.

    As :func:`score_bins` gives it; 0 where fewer than 40 rows have a value.
    """
    known = ~np.isnan(values)
    if known.sum() < FEW_ROWS:
        return 0.0, 0.0
    ranks, targets = _rank(values[known]), targets[:, known]
    if not classes:
        return _square_correlation(targets[0], ranks)
    scores = [_turn(*_count_area(target > 0, ranks * max(len(ranks) - 1, 1) + 1)) for target in targets]
    found = np.average(np.array(scores), axis=0, weights=targets.sum(axis=1) + 1e-9)
    return float(found[0]), float(found[1])


def _square_correlation(target: np.ndarray, ranks: np.ndarray) -> tuple[float, float]:
    target = _rank(target)  # anew: of the rows that have a value
    if not (np.ptp(target) and np.ptp(ranks)):
        return 0.0, 0.0
    return measure_r2(target, np.polyval(np.polyfit(ranks, target, 1), ranks))


def score_bins(bins: np.ndarray, targets: np.ndarray, half: np.ndarray, classes: bool) -> tuple[float, float]:
    """Score how well bins tell the targets, each half predicted from the other; with the interval's lower end.

    Parameters
    ----------
    bins : ndarray of int (n,)
        From 0.
    targets : ndarray (c, n)
        0 and 1 for each class, or the values of a regression (1, n).
    half : ndarray of int (n,)
        0 or 1.
    classes : bool
        Whether targets are classes.
    """
    size = int(bins.max()) + 1
    scores, lows, weights = [], [], []
    for target in targets:
        predicted = np.empty(len(bins))
        for side in (0, 1):
            learn, judge = half != side, half == side
            rows = np.bincount(bins[learn], minlength=size)
            sums = np.bincount(bins[learn], target[learn], minlength=size)
            middle = target[learn].mean()
            means = np.where(rows > 0, sums / np.maximum(rows, 1), middle)  # an unseen bin says the mean
            predicted[judge] = means[bins[judge]]
        score, low = measure_auc(target, predicted) if classes else measure_r2(target, predicted)
        scores.append(score)
        lows.append(low)
        weights.append(target.sum() if classes else 1.0)
    parts = np.asarray(weights) + 1e-9
    return float(np.average(scores, weights=parts)), float(np.average(lows, weights=parts))


def measure_auc(target: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Measure the area under the ROC curve, and the lower end of its 99 % interval (Hanley and McNeil 1982)."""
    _, group, counts = np.unique(predicted, return_inverse=True, return_counts=True)
    area, hits, others = _count_area(target > 0, (np.cumsum(counts) - (counts - 1) / 2)[group])
    return area, _find_low(area, hits, others)


def _count_area(positive: np.ndarray, ranks: np.ndarray) -> tuple[float, int, int]:
    hits, others = int(positive.sum()), int((~positive).sum())
    if not hits or not others:
        return 0.5, hits, others
    return float((ranks[positive].sum() - hits * (hits + 1) / 2) / (hits * others)), hits, others


def _turn(area: float, hits: int, others: int) -> tuple[float, float]:
    area = max(area, 1 - area)
    return area, _find_low(area, hits, others)


def _find_low(area: float, hits: int, others: int) -> float:
    if not hits or not others:
        return 0.0
    shown = min(area, 1 - 0.5 / min(hits, others))  # at 1 the variance would be 0
    first, second = shown / (2 - shown), 2 * shown**2 / (1 + shown)
    variance = (
        shown * (1 - shown) + (hits - 1) * (first - shown**2) + (others - 1) * (second - shown**2)
    ) / (hits * others)
    return shown - CONFIDENCE_Z * float(np.sqrt(max(variance, 0.0)))


def measure_r2(target: np.ndarray, predicted: np.ndarray) -> tuple[float, float]:
    """Measure the coefficient of determination, and the lower end of its 99 % interval by Fisher's z."""
    total = float(((target - target.mean()) ** 2).sum())
    if not total:
        return 0.0, 0.0
    score = 1 - float(((target - predicted) ** 2).sum()) / total
    correlation = np.sqrt(min(max(score, 0.0), 1 - 1e-9))
    low = np.tanh(np.arctanh(correlation) - CONFIDENCE_Z / np.sqrt(max(len(target) - 3, 1)))
    return score, float(max(low, 0.0) ** 2)


def _cut_features(
    splits: Splits, seen: np.ndarray
) -> Iterator[tuple[str, str, np.ndarray | None, np.ndarray]]:
    """Give of each feature what it is scored by: its values where they have an order, and its bins."""
    import pyarrow as pa
    import pyarrow.compute as pc

    for name, kind in splits.kinds.items():
        column = splits.rows.column(name).take(pa.array(seen))
        missing = np.asarray(column.is_null())
        if missing.any() and not missing.all():
            yield name, "missing values", None, missing.astype(np.int64)
        if kind in ("number", "integer", "time", "boolean"):
            values = _as_float(as_array(column.cast(pa.int8()) if kind == "boolean" else column))
            yield name, "value", values, _cut(values)
            continue
        codes = np.asarray(column.combine_chunks().dictionary_encode().indices.fill_null(-1)) + 1
        yield name, "value", None, codes
        if kind == "text":
            lengths = as_array(pc.utf8_length(column).cast(pa.float64()))
            yield name, "length", lengths, _cut(lengths)


def _as_float(values: np.ndarray) -> np.ndarray:
    if values.dtype.kind == "M":
        return np.where(np.isnat(values), np.nan, values.astype("datetime64[us]").astype(np.int64))
    return values.astype(np.float64)


def _rank(values: np.ndarray) -> np.ndarray:
    """Rank values from 0 to 1: tails and outliers weigh no more than other rows. Equal ones share their mean rank."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return ((np.cumsum(counts) - (counts + 1) / 2) / max(len(values) - 1, 1))[group]


def _cut(values: np.ndarray) -> np.ndarray:
    """Cut numbers at quantiles; NaN has a bin of its own, 0."""
    known = values[~np.isnan(values)]
    if not len(known):
        return np.zeros(len(values), dtype=np.int64)
    bins = int(np.clip(len(known) // BIN_ROWS, 2, MOST_BINS))
    edges = np.unique(np.quantile(known, np.arange(1, bins) / bins, method="lower"))
    return np.where(np.isnan(values), 0, np.searchsorted(edges, values, side="left") + 1)
