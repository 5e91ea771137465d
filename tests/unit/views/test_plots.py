"""What dvc.yaml draws is there for every kind of label."""

import subprocess
from pathlib import Path

import numpy as np
import pytest
from ruamel.yaml import YAML

from toolkit.monitoring.drift import measure_drift
from toolkit.monitoring.profile import fit_profile
from toolkit.training.dataset import Task
from toolkit.training.evaluate import Evaluation, measure_calibration
from toolkit.training.sweep import SweepResult, Trial
from toolkit.views import monitoring, stages, sweep, validation

ROOT = Path(__file__).parents[3]
CLASSES = {"binary": ("no", "yes"), "multiclass": ("a", "b", "c"), "regression": ()}


def make_evaluation(task: str) -> Evaluation:
    rng, classes = np.random.default_rng(1), CLASSES[task]
    prediction = rng.dirichlet(np.ones(len(classes)), 60) if classes else rng.normal(size=60)
    target = rng.integers(0, len(classes), 60) if classes else rng.normal(size=60)
    return Evaluation(Task(task, classes, "id"), target, prediction, {})


def write_all(folder: Path, task: str) -> None:
    """Write the files that the pipeline's plots are made of."""
    evaluation, rng = make_evaluation(task), np.random.default_rng(2)
    calibration = measure_calibration(evaluation.target, evaluation.prediction)
    validation.write_plots(folder / "reports/validate/plots", evaluation, calibration)
    trials = tuple(Trial(n, {"num_leaves": n + 2}, 15, (0.9, 0.3), False) for n in range(3))
    metric = "log_loss" if CLASSES[task] else "rmse"
    table = sweep.table_trials(SweepResult(metric, (5, 15), trials))
    stages.write_table(folder / "models/sweep/trials.csv", table)
    profile = fit_profile({"x": rng.normal(size=99)}, {"x": "number"}, 5)
    report = measure_drift(profile, profile.count({"x": rng.normal(1, size=99)}))
    monitoring.write_drift(folder / "reports/monitor/plots/drift.csv", report)
    (folder / "reports/train/plots").mkdir(parents=True)
    (folder / "reports/train/plots/curves.csv").write_text("round,train,valid\n1,0.5,0.6\n2,0.4,0.5\n")


@pytest.mark.parametrize("task", CLASSES)
def test_dvc_draws_every_plot(tmp_path: Path, task: str) -> None:
    write_all(tmp_path, task)
    plots = YAML(typ="safe").load((ROOT / "dvc.yaml").read_text())["plots"]
    with (tmp_path / "dvc.yaml").open("w") as file:
        YAML(typ="safe").dump({"plots": plots}, file)

    def dvc(*words: str) -> str:
        done = subprocess.run(
            ["dvc", *words], cwd=tmp_path, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    dvc("init", "--no-scm")
    said = dvc("plots", "show")
    assert "fail" not in said.lower() and "warning" not in said.lower(), said
    page = (tmp_path / "dvc_plots/index.html").read_text()
    for plot in plots:
        assert (plot if isinstance(plot, str) else next(iter(plot))) in page


@pytest.mark.parametrize("task", CLASSES)
def test_where_the_model_errs_is_drawn(task: str) -> None:
    figure = validation.plot_mistakes(make_evaluation(task))
    assert figure.axes[0].get_ylabel() == ("true" if CLASSES[task] else "predicted less true value")


def test_no_slices_are_told_in_a_sentence() -> None:
    assert validation.table_slices([], "rmse").data.startswith("There is no slice: ")
