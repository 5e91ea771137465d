"""What a trial computes: boosting rounds, and its best loss on the valid split at each rung."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import lightgbm as lgb
import numpy as np

from toolkit.training.parameters import build_booster_params
from toolkit.training.train import clean_names


@dataclass(frozen=True, eq=False)
class TrialData:
    """What every trial shares: the task, and the matrices and targets of train and valid."""

    kind: str
    classes: int
    names: tuple[str, ...]
    categorical: tuple[int, ...]
    train: tuple[np.ndarray, np.ndarray]
    valid: tuple[np.ndarray, np.ndarray]

    @property
    def bytes(self) -> int:
        """Size of the arrays."""
        return sum(array.nbytes for array in (*self.train, *self.valid))


def iterate_rungs(
    data: TrialData, config: dict[str, Any], learning_rate: float, seed: int, rungs: tuple[int, ...]
) -> Iterator[float]:
    """Train a trial and give the lowest loss on valid so far each time that it comes to a rung."""
    settings = build_booster_params(data.kind, data.classes, {"learning_rate": learning_rate, **config}, seed)
    settings["num_threads"] = 1  # trials share the cores among them
    train = lgb.Dataset(
        data.train[0],
        label=data.train[1],
        feature_name=clean_names(data.names),
        categorical_feature=list(data.categorical),
        params=settings,
    )
    booster = lgb.Booster(settings, train)
    booster.add_valid(
        lgb.Dataset(data.valid[0], label=data.valid[1], reference=train, params=settings), "valid"
    )
    best = np.inf
    for done in range(1, rungs[-1] + 1):
        finished = booster.update()
        best = min(best, booster.eval_valid()[0][2])
        if done in rungs:
            yield float(best)
        if finished:  # no leaf can be split any more: further rounds change nothing
            yield from [float(best)] * sum(rung > done for rung in rungs)
            return


def run_trial(config: dict[str, Any], data: TrialData, plan: dict[str, Any]) -> None:
    """Run one trial for Ray Tune, with a report at each rung; ``plan`` has the configs, rungs and parameters."""
    from ray import tune

    number, params = config["number"], plan["params"]
    scores: list[float] = []
    for score in iterate_rungs(
        data, plan["configs"][number], params["learning_rate"], params["seed"], plan["rungs"]
    ):
        scores.append(score)
        tune.report({"number": number, "scores": list(scores)})
