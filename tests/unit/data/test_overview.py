"""The rank of features, against scipy and scikit-learn's data."""

import numpy as np
import pyarrow as pa
import pytest
from scipy.stats import kruskal, spearmanr

from toolkit.data.overview import rank_features
from toolkit.features import Features


def test_rank_of_features_is_spearmans_for_a_regression() -> None:
    random = np.random.default_rng(5)
    x, y = random.integers(0, 9, 60), random.normal(size=60)
    y = y + x
    rows = pa.table({"x": x, "flat": [1] * 60, "label": y})
    features = Features.fit({"x": x, "flat": [1] * 60}, {"flat": "integer", "x": "integer"})
    ranking = rank_features(features, rows, [])
    assert list(ranking) == ["x", "flat"] and ranking["flat"] == 0
    assert ranking["x"] == pytest.approx(spearmanr(x, y).statistic ** 2)


def test_rank_of_features_is_kruskal_wallis_share_for_classes() -> None:
    random = np.random.default_rng(6)
    label = random.choice(["a", "b", "c"], 90)
    x = random.normal(size=90).round(1) + (label == "b")
    rows = pa.table({"x": x, "label": label.tolist()})
    ranking = rank_features(Features.fit({"x": x}, {"x": "number"}), rows, ["a", "b", "c"])
    statistic = kruskal(*(x[label == name] for name in "abc")).statistic
    assert ranking["x"] == pytest.approx(statistic / (len(x) - 1))


def test_rows_without_the_feature_do_not_count() -> None:
    rows = pa.table({"x": [0.0, None, 1.0, 1.0], "label": ["a", "b", "b", "b"]})
    features = Features.fit({"x": [0.0, None, 1.0, 1.0]}, {"x": "number"})
    assert rank_features(features, rows, ["a", "b"]) == {"x": pytest.approx(1.0)}
