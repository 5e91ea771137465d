"""Search the model's parameters with Ray Tune; interrupted at any point, it goes on from the trials it has."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm

from toolkit.artifacts import load_json, measure_sha256, write_json
from toolkit.errors import ModelError, StageError
from toolkit.params import Sweep
from toolkit.training.dataset import Prepared
from toolkit.training.halving import decide, plan_rungs
from toolkit.training.parameters import OBJECTIVES
from toolkit.training.ray_session import start_ray
from toolkit.training.search import Config, draw_configs
from toolkit.training.train import check_learnable
from toolkit.training.trials import TrialData, run_trial

Progress = Callable[[int, int, float], None]


@dataclass(frozen=True)
class Trial:
    """A trial's number, parameters, rounds that count, loss at each rung, and whether it was stopped early."""

    number: int
    config: Config
    rounds: int
    scores: tuple[float, ...]
    stopped: bool

    @property
    def score(self) -> float:
        """The lowest loss on valid."""
        return self.scores[-1]


@dataclass(frozen=True)
class SweepResult:
    """All trials in the order of their numbers, the loss they are judged by, and the rounds they are compared at."""

    metric: str
    rungs: tuple[int, ...]
    trials: tuple[Trial, ...]

    def summarise(self) -> dict[str, float]:
        """Give the numbers of the sweep that ``dvc metrics show`` lists."""
        return {
            f"best_{self.metric}": self.best.score,
            "best_trial": self.best.number,
            "trials": len(self.trials),
            "stopped_early": sum(trial.stopped for trial in self.trials),
        }

    def describe_best(self) -> dict[str, Any]:
        """Give what models/sweep/best.json holds."""
        best = self.best
        return {
            "schema": 1,
            "params": best.config,
            "score": best.score,
            "metric": self.metric,
            "trial": best.number,
        }

    @property
    def best(self) -> Trial:
        """The trial with the lowest loss; of equals the first."""
        return min(self.trials, key=lambda trial: (trial.score, trial.number))


def run_sweep(data: Prepared, params: Sweep, work: Path, progress: Progress | None = None) -> SweepResult:
    """Run all trials and decide between them.

    The result depends on the data, the parameters and the code alone, not on concurrency or timing (see
    :mod:`toolkit.training.halving`).

    Parameters
    ----------
    data : Prepared
        With the splits train and valid.
    params : Sweep
    work : Path
        Folder for the scores of trials in progress. A run that is interrupted leaves them there, and the next with
        the same data, parameters and code goes on from them; a run that ends well removes them.
    progress : callable, optional
        Called with trials decided, trials in all, and the lowest loss so far.

    Raises
    ------
    ModelError
        The data cannot be learnt from, or a trial failed.
    """
    check_learnable(data["train"], data.task)
    rungs = plan_rungs(params.max_rounds)
    configs = draw_configs(params.space, params.trials, params.seed)
    shared = _share(data)
    folder = work / measure_fingerprint(shared, params)
    for other in work.iterdir() if work.is_dir() else ():
        if other.is_dir() and other != folder:
            shutil.rmtree(other, ignore_errors=True)
    board = Board(folder, configs, rungs, progress)
    if board.open_trials():
        workers = min(params.concurrency, len(board.open_trials()))
        with start_ray(workers, shared.bytes, work / "ray-folder") as temporary:
            _run_trials(board, shared, params, temporary / "tune")
    trials = board.close()
    shutil.rmtree(folder, ignore_errors=True)
    return SweepResult(OBJECTIVES[data.task.kind][2], rungs, trials)


def measure_fingerprint(data: TrialData, params: Sweep) -> str:
    """Hash all that a trial's scores depend on: data, search, this package's code and LightGBM's version."""
    digest = hashlib.sha256()
    what = params.model_dump(exclude={"trials", "concurrency"})
    parts = [data.kind, data.classes, data.names, data.categorical, what, lightgbm.__version__]
    digest.update(json.dumps(parts, sort_keys=True).encode())
    for array in (*data.train, *data.valid):
        digest.update(repr((array.shape, array.dtype.str)).encode() + array.tobytes())
    for source in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(measure_sha256(source).encode())
    return digest.hexdigest()[:16]


class Board:
    """The scores of all trials so far: in memory, and a file a trial on disk."""

    def __init__(
        self, folder: Path, configs: list[Config], rungs: tuple[int, ...], progress: Progress | None
    ) -> None:
        self.folder, self.configs, self.rungs = folder, configs, rungs
        self.scores = [self._load(number) for number in range(len(configs))]
        self._progress = progress

    def open_trials(self) -> list[int]:
        """List the trials whose scores do not settle yet how far they go."""
        return [number for number, decided in enumerate(self.decisions()) if decided is None]

    def decisions(self) -> list[int | None]:
        """Give :func:`toolkit.training.halving.decide` for the scores so far."""
        return decide(self.scores, len(self.rungs))

    def record(self, number: int, scores: list[float]) -> bool:
        """Take a trial's scores up to now; tell whether it is to stop."""
        self.scores[number] = scores
        path = self._path(number)
        write_json(path, {"schema": 1, "config": self.configs[number], "scores": scores})
        decisions = self.decisions()
        if self._progress is not None:
            decided = [entry for entry in decisions if entry is not None]
            self._progress(len(decided), len(decisions), min(min(own) for own in self.scores if own))
        return decisions[number] is not None

    def close(self) -> tuple[Trial, ...]:
        """Give the trials, with what ran beyond a stopping rung left out."""
        trials = []
        for number, reached in enumerate(self.decisions()):
            if reached is None:
                raise ModelError(
                    f"Trial {number} of the sweep must have ended and has not. Run the sweep again."
                )
            scores = tuple(self.scores[number][:reached])
            stopped = reached < len(self.rungs)
            trials.append(Trial(number, self.configs[number], self.rungs[reached - 1], scores, stopped))
        return tuple(trials)

    def _path(self, number: int) -> Path:
        return self.folder / f"trial-{number:05d}.json"

    def _load(self, number: int) -> list[float]:
        try:
            value = load_json(self._path(number))
            return list(value["scores"]) if value["config"] == self.configs[number] else []
        except StageError:
            return []


def _share(data: Prepared) -> TrialData:
    task, splits = data.task, (data["train"], data["valid"])
    train, valid = ((split.matrix, split.target) for split in splits)
    categorical = tuple(data.features.categorical)
    return TrialData(task.kind, len(task.classes), tuple(data.features.names), categorical, train, valid)


def _run_trials(board: Board, data: TrialData, params: Sweep, storage: Path) -> None:
    from ray import tune
    from ray.tune.schedulers import FIFOScheduler, TrialScheduler

    class InOrder(FIFOScheduler):
        """Stops a trial as soon as the board says so."""

        def on_trial_result(self, tune_controller: Any, trial: Any, result: dict[str, Any]) -> str:
            stop = board.record(result["number"], list(result["scores"]))
            return TrialScheduler.STOP if stop else TrialScheduler.CONTINUE

    class Silent(tune.ProgressReporter):
        """Leaves the reporting to the board."""

        def should_report(self, trials: Any, done: bool = False) -> bool:
            return False

    plan = {"configs": board.configs, "rungs": board.rungs, "params": params.model_dump()}
    tuner = tune.Tuner(
        tune.with_parameters(run_trial, data=data, plan=plan),
        param_space={"number": tune.grid_search(board.open_trials())},
        tune_config=tune.TuneConfig(
            scheduler=InOrder(), reuse_actors=True, max_concurrent_trials=params.concurrency
        ),
        run_config=tune.RunConfig(
            name="sweep",
            storage_path=str(storage),
            verbose=0,
            progress_reporter=Silent(),
            failure_config=tune.FailureConfig(fail_fast=True),
        ),
    )
    errors = tuner.fit().errors
    if errors:
        last = str(errors[0]).strip().splitlines()[-1]
        raise ModelError(f"Every trial of the sweep must end well. One failed: {last}")
