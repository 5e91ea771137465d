"""Predict each row with models that have not seen it: what a label is compared with to find it wrong."""

from __future__ import annotations

from typing import Any

import numpy as np

from toolkit.errors import AnnotationError
from toolkit.features import Features

TREES = 200
DECIMALS = 9  # the last bits of a sum depend on the machine's linear algebra


def predict_classes(
    features: Features, matrix: np.ndarray, classes: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Predict out-of-fold probabilities (n, c) for class indexes 0..c-1, each of which must be in every fold.

    The mean of randomised trees (which a wrong label moves little: leaves hold several rows) and a logistic
    regression (which finds the linear part that few rows leave to trees).
    """
    from sklearn.ensemble import ExtraTreesClassifier
    from sklearn.linear_model import LogisticRegression
    from sklearn.model_selection import StratifiedKFold, cross_val_predict

    splitter = StratifiedKFold(folds, shuffle=True, random_state=seed)
    models = [
        ExtraTreesClassifier(TREES, min_samples_leaf=2, random_state=seed),
        _make_linear(features, LogisticRegression(C=0.1, max_iter=1000)),
    ]
    parts = [
        cross_val_predict(model, matrix, classes, cv=splitter, method="predict_proba") for model in models
    ]
    return np.round(sum(parts) / len(parts), DECIMALS)


def predict_values(
    features: Features, matrix: np.ndarray, values: np.ndarray, folds: int, seed: int
) -> np.ndarray:
    """Predict out-of-fold values (n,) for a regression, as the mean of randomised trees and a ridge regression.

    Raises
    ------
    AnnotationError
        There are fewer rows than folds.
    """
    from sklearn.ensemble import ExtraTreesRegressor
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import KFold, cross_val_predict

    if len(values) < folds:
        raise AnnotationError(
            f"There must be at least {folds} labelled rows, one a fold, and there are {len(values)}. Label more rows, "
            "or lower annotate.folds."
        )
    splitter = KFold(folds, shuffle=True, random_state=seed)
    models = [
        ExtraTreesRegressor(TREES, min_samples_leaf=2, random_state=seed),
        _make_linear(features, Ridge(1.0)),
    ]
    parts = [cross_val_predict(model, matrix, values, cv=splitter) for model in models]
    return np.round(sum(parts) / len(parts), DECIMALS)


def _make_linear(features: Features, model: Any) -> Any:
    """Prepare the matrix for a linear model: medians for missing numbers, scaled; categories as indicators."""
    from sklearn.compose import make_column_transformer
    from sklearn.impute import SimpleImputer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import OneHotEncoder, StandardScaler

    categories = list(features.categorical)
    numbers = [index for index in range(len(features.names)) if index not in features.categorical]
    scale = make_pipeline(SimpleImputer(strategy="median", keep_empty_features=True), StandardScaler())
    return make_pipeline(
        make_column_transformer((scale, numbers), (OneHotEncoder(handle_unknown="ignore"), categories)), model
    )
