"""What the model learnt: whether it fits too much or too little, and which features it leans on."""

from __future__ import annotations

from dataclasses import dataclass

import lightgbm as lgb
import numpy as np

from toolkit.training.train import Trained

MEMORISED_LIMIT = 0.3  # share of the gain on train that may be missing on valid
LEARNT_LIMIT = 0.1  # least share of the baseline's loss that a model must remove on valid


@dataclass(frozen=True)
class Fit:
    """How well the model fits, from the losses at its best round, and one sentence that says it."""

    kind: str
    train: float
    valid: float
    baseline: float
    memorised: float
    message: str


def measure_fit(trained: Trained, max_rounds: int) -> Fit:
    """Tell over- from underfitting by the losses at the best round.

    The baseline knows only the mix (or mean) of the labels. ``memorised`` is the share of the fall from the baseline
    on train that does not show on valid: 0 when both fall alike, 1 when valid has gained nothing.
    """
    train, valid = (float(trained.curves[name][trained.best_iteration - 1]) for name in ("train", "valid"))
    base = trained.baseline
    memorised = float(np.clip((valid - train) / max(base - train, 1e-12), 0, 1))
    learnt = (base - valid) / base if base > 0 else 0.0
    losses = f"{trained.metric} at round {trained.best_iteration}: train {train:.4g}, valid {valid:.4g}"
    if learnt < LEARNT_LIMIT:
        kind = "underfitting"
        message = (
            f"Underfitting: the model removes {max(learnt, 0):.0%} of the loss "
            f"of a guess without features ({base:.4g})."
        )
    elif memorised > MEMORISED_LIMIT:
        kind = "overfitting"
        message = (
            f"Overfitting: {memorised:.0%} of what was gained on train is missing on valid. "
            "Fewer leaves, more rows in a leaf or a larger lambda_l2 may help."
        )
    elif trained.best_iteration >= max_rounds:
        kind = "stopped early"
        message = (
            "Not finished: the valid loss still fell in the last round. Raise max_rounds or learning_rate."
        )
    else:
        kind = "good"
        message = f"A sound fit: {1 - memorised:.0%} of what was gained on train holds on valid."
    return Fit(kind, train, valid, base, memorised, f"{message} ({losses}.)")


def summarise(trained: Trained, fit: Fit) -> dict[str, float]:
    """Give the numbers of a training that ``dvc metrics show`` lists."""
    return {
        f"train_{trained.metric}": fit.train,
        f"valid_{trained.metric}": fit.valid,
        f"baseline_{trained.metric}": fit.baseline,
        "memorised": fit.memorised,
        "best_iteration": trained.best_iteration,
    }


@dataclass(frozen=True, eq=False)
class Importance:
    """Per feature: its share of all splits' gain, and its mean absolute contribution to the raw score."""

    names: tuple[str, ...]
    gain: np.ndarray
    contribution: np.ndarray


def measure_importance(booster: lgb.Booster, matrix: np.ndarray, names: tuple[str, ...]) -> Importance:
    """Measure what each feature does for the model, on the rows of ``matrix`` (rows, features), best first.

    Contributions are tree SHAP values as LightGBM computes them (Lundberg et al., "Consistent individualized feature
    attribution for tree ensembles", 2018); those of several classes are added up.
    """
    gain = booster.feature_importance("gain")
    values = np.abs(np.asarray(booster.predict(matrix, pred_contrib=True))).mean(axis=0)
    width = len(names) + 1  # the last of each class is the expected value
    contribution = values.reshape(-1, width)[:, :-1].sum(axis=0)
    order = np.lexsort((np.arange(len(names)), -gain))
    share = gain / gain.sum() if gain.sum() > 0 else gain
    return Importance(tuple(names[i] for i in order), share[order], contribution[order])
