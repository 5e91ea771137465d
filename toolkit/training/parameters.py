"""Which value each training parameter has, where it comes from, and its form for LightGBM."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, get_args

from toolkit.artifacts import load_json
from toolkit.errors import ModelError
from toolkit.params import Sweepable, Train
from toolkit.params_file import check_values

SWEEPABLE: tuple[str, ...] = get_args(Sweepable)

# The loss that trees are grown by is also what early stopping and the sweep look at: it uses every row and every
# probability, so it moves when accuracy or the ROC area of a few hundred rows stand still.
OBJECTIVES = {
    "binary": ("binary", "binary_logloss", "log_loss"),
    "multiclass": ("multiclass", "multi_logloss", "log_loss"),
    "regression": ("regression", "rmse", "rmse"),
}


def load_best(path: Path) -> dict[str, Any]:
    """Read the best parameters that the sweep found (models/sweep/best.json)."""
    best = load_json(path)
    unknown = [name for name in best["params"] if name not in SWEEPABLE]
    if unknown:
        raise ModelError(
            f"{path.name}: parameters must be among {', '.join(SWEEPABLE)}. Got {', '.join(unknown)}."
        )
    return best["params"]


def resolve_parameters(params: Train, best: dict[str, Any]) -> tuple[Train, dict[str, str]]:
    """Put the sweep's best values over those of params.yaml, if ``params.use_sweep``.

    Returns
    -------
    Train, dict
        The values to train with, and the origin of each: ``sweep`` or ``params.yaml``.
    """
    taken = best if params.use_sweep else {}
    resolved = check_values("train", {**params.model_dump(), **taken}, "models/sweep/best.json")
    names = [name for name in Train.model_fields if name != "use_sweep"]
    return resolved, {name: "sweep" if name in taken else "params.yaml" for name in names}


def build_booster_params(kind: str, classes: int, values: dict[str, Any], seed: int) -> dict[str, Any]:
    """Give LightGBM's parameters for a task.

    LightGBM merely warns about a name that it does not know, so the names are written out here and a test
    holds that LightGBM knows them all.

    Parameters
    ----------
    kind : str
        binary, multiclass or regression.
    classes : int
        Number of classes; used for multiclass only.
    values : dict
        Values of ``learning_rate`` and of any of the sweepable parameters.
    seed : int
        Seed of bagging and of feature sampling.
    """
    unknown = sorted(set(values) - {"learning_rate", *SWEEPABLE})
    if unknown:
        raise ModelError(
            f"LightGBM must be given parameters that the toolkit knows. Got {json.dumps(unknown)} as well."
        )
    objective, metric, _ = OBJECTIVES[kind]
    result = {
        "objective": objective,
        "metric": metric,
        "seed": seed,
        # Same data, same parameters, same bytes: no timing test of histogram layouts, a fixed number of threads.
        "deterministic": True,
        "force_row_wise": True,
        "num_threads": 2,
        "feature_pre_filter": False,
        "verbosity": -1,
        **values,
    }
    if values.get("bagging_fraction", 1.0) < 1.0:
        result["bagging_freq"] = 1
    if kind == "multiclass":
        result["num_class"] = classes
    return result
