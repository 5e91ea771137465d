"""Experiments through the board's views, with real git and DVC: run one, compare it, and the words without git."""

from __future__ import annotations

import io
import os
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pandas
import pytest

from toolkit.errors import StageError
from toolkit.params_edit import load_text
from toolkit.widgets.board import Board
from toolkit.widgets.experiments import load_runs

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
PIPELINE = """stages:
  train:
    cmd: python train.py
    deps: [train.py]
    params: [train.learning_rate]
    outs: [models]
    metrics:
      - reports/train/metrics.json:
          cache: false
"""
TRAIN = """import json, pathlib, ruamel.yaml
rate = ruamel.yaml.YAML(typ="safe").load(open("params.yaml"))["train"]["learning_rate"]
for folder in ("models", "reports/train"):
    pathlib.Path(folder).mkdir(parents=True, exist_ok=True)
pathlib.Path("models/model.txt").write_text(str(rate))
pathlib.Path("reports/train/metrics.json").write_text(json.dumps({"auc": 1 - rate}))
"""


def wait_until(condition: Callable[[], object], limit_s: float = 90) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.05)


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for person in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{person}_NAME", "a")
        monkeypatch.setenv(f"GIT_{person}_EMAIL", "a@example.org")
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("DVC_NO_ANALYTICS", "1")
    (tmp_path / "params.yaml").write_bytes(load_text(ROOT).encode())
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "train.py").write_text(TRAIN)
    return tmp_path


def commit(project: Path) -> None:
    subprocess.run(["git", "init", "-q", "-b", "main"], cwd=project, check=True)
    (project / ".dvc").mkdir()
    (project / ".dvc" / "config").write_text("[core]\n    analytics = false\n")
    (project / ".dvc" / ".gitignore").write_text("/tmp\n/cache\n")
    subprocess.run(["dvc", "repro", "-q"], cwd=project, check=True)
    (project / ".gitignore").write_text("/models\n")
    subprocess.run(["git", "add", "."], cwd=project, check=True)
    subprocess.run(["git", "commit", "-q", "-m", "Start"], cwd=project, check=True)


def test_an_experiment_is_run_with_the_typed_value_and_compared(project: Path) -> None:
    commit(project)
    board = Board(project)
    form, run, experiments = (
        frame.children[1] for frame in (board.parameters, board.pipeline, board.experiments)
    )
    form.put("train.learning_rate", "0.25")
    run._name.value = "quarter"
    run._try.click()
    wait_until(lambda: run.process is not None and not run.process.running)
    assert "Done in" in run.report.value, run.report.value + run._log.value
    assert "learning_rate: 0.25 # shrinkage" in load_text(project)
    wait_until(lambda: "quarter" in experiments._table.value)
    rows = pandas.read_html(io.StringIO(experiments._table.value))[0]
    assert list(rows["Run"]) == ["workspace", "main", "quarter"]
    assert list(rows.columns) == ["Run", "train.learning_rate", "train.auc"]
    assert list(rows["train.learning_rate"]) == [0.25, 0.05, 0.25]
    assert list(rows["train.auc"]) == ["0.75 (-0.2)", "0.95", "0.75 (-0.2)"]


def test_without_git_it_says_what_to_do(project: Path) -> None:
    with pytest.raises(StageError, match="git init"):
        load_runs(project)
    board = Board(project)
    experiments = board.experiments.children[1]
    experiments._button.click()
    assert "git init" in experiments.report.value
