"""Which features tell most about the label."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pyarrow as pa

from toolkit.columns import get_columns
from toolkit.features import Features


def rank_features(
    features: Features, rows: pa.Table, classes: Sequence[str], matrix: np.ndarray | None = None
) -> dict[str, float]:
    """Rank features by the share of the label's variance that one alone explains, best first.

    ``matrix`` is that of the rows, if it is at hand.

    For a regression the squared rank correlation (Spearman), for classes the correlation ratio of the feature's ranks
    (0: no relation that is monotone; 1: it decides the label). Rows that lack the feature do not count.
    """
    if matrix is None:
        matrix = features.matrix(get_columns(rows, features.inputs))
    labels = np.array(rows["label"].to_pylist())
    scores = {}
    for index, name in enumerate(features.names):
        known = ~np.isnan(matrix[:, index])
        values, given = _ranks(matrix[known, index]), labels[known]
        groups = [values[given == label] for label in classes] if classes else None
        scores[name] = _correlation_ratio(groups) if groups else _squared_correlation(values, _ranks(given))
    return dict(sorted(scores.items(), key=lambda item: (-item[1], item[0])))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Rank values from 0; equal ones share the mean of their ranks."""
    _, group, counts = np.unique(values, return_inverse=True, return_counts=True)
    return (np.cumsum(counts) - (counts + 1) / 2)[group]


def _correlation_ratio(groups: Sequence[np.ndarray]) -> float:
    groups = [group for group in groups if len(group)]
    together = np.concatenate(groups) if groups else np.empty(0)
    total = float(((together - together.mean()) ** 2).sum()) if len(together) else 0.0
    between = sum(len(group) * (group.mean() - together.mean()) ** 2 for group in groups)
    return float(between) / total if total else 0.0


def _squared_correlation(left: np.ndarray, right: np.ndarray) -> float:
    if len(left) < 2 or not left.std() or not right.std():
        return 0.0
    return float(np.corrcoef(left, right)[0, 1] ** 2)
