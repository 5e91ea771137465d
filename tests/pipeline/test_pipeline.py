"""The whole pipeline on the default data: what reruns, what is restored, what a kill leaves, the same bytes twice."""

import os
import re
import signal
import time
from pathlib import Path

import pytest

from toolkit.params import STAGES
from toolkit.pipeline import load_stage_files

from .conftest import Clone, outputs

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]


def stages_run(text: str) -> list[str]:
    return re.findall(r"^Running stage '(\w+)'", text, re.M)


def processes_of(clone: Clone) -> list[int]:
    """Processes started for this clone, whatever became of their parents: its path is in their environment."""
    marker = f"TOOLKIT_ROOT={clone.path}".encode()
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and int(entry.name) != os.getpid():
            try:
                if marker in (entry / "environ").read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except OSError:
                continue
    return found


def edit(clone: Clone, old: str, new: str) -> None:
    path = clone.path / "params.yaml"
    text = path.read_text()
    assert text.count(old) == 1, old
    path.write_text(text.replace(old, new))


def test_every_stage_leaves_an_executed_notebook_and_all_its_outputs(finished: Clone) -> None:
    for stage in STAGES:
        assert (finished.path / "reports" / f"{stage}.ipynb").exists()
        for out in load_stage_files(finished.path, stage).outs:
            assert (finished.path / out).exists(), out
    summary = finished.run("toolkit", "summary")
    tag = (finished.path / "models/package/tag.txt").read_text().strip()
    assert summary.returncode == 0 and tag in summary.stdout and "./run serve" in summary.stdout
    assert tag in finished.run("bentoml", "list").stdout


def test_second_run_does_nothing(finished: Clone) -> None:
    before = outputs(finished)
    result = finished.run("dvc", "repro")
    assert result.returncode == 0
    assert stages_run(result.stdout) == []
    assert outputs(finished) == before


def test_second_bare_run_is_quick(finished: Clone) -> None:
    dvc = min(_seconds(finished, "dvc", "repro") for _ in range(3))
    bare = min(_seconds(finished) for _ in range(3))
    assert bare - dvc < 1


def _seconds(clone: Clone, *command: str) -> float:
    begin = time.perf_counter()
    assert clone.run(*command).returncode == 0
    return time.perf_counter() - begin


def test_committed_lock_is_what_a_run_gives(finished: Clone) -> None:
    assert finished.run("git", "status", "--porcelain", "dvc.lock").stdout == ""


def test_changed_training_parameter_reruns_train_and_later_and_back_is_restored(finished: Clone) -> None:
    before = outputs(finished)
    edit(finished, "  learning_rate: 0.05 ", "  learning_rate: 0.07 ")
    try:
        changed = finished.run("dvc", "repro")
        assert changed.returncode == 0, changed.stdout[-3000:] + changed.stderr[-3000:]
        assert stages_run(changed.stdout) == ["train", "validate", "package", "predict", "monitor"]
        assert outputs(finished)["models/train"] != before["models/train"]
        assert outputs(finished)["models/sweep"] == before["models/sweep"]
        difference = finished.run("dvc", "metrics", "diff")
        assert difference.returncode == 0
    finally:
        edit(finished, "  learning_rate: 0.07 ", "  learning_rate: 0.05 ")
    restored = finished.run("dvc", "repro")
    assert restored.returncode == 0
    assert stages_run(restored.stdout) == []
    assert outputs(finished) == before


def test_changed_service_code_repackages_and_trains_nothing(finished: Clone) -> None:
    service = finished.path / "toolkit/serving/service.py"
    source = service.read_text()
    service.write_text(source + "\n# changed\n")
    try:
        result = finished.run("dvc", "status")
        changed = re.findall(r"^(\w+):", result.stdout, re.M)
        assert "package" in changed
        assert {"collect", "annotate", "prepare", "sweep", "train"} & set(changed) == set()
    finally:
        service.write_text(source)


def test_metrics_plots_and_experiments_are_shown(finished: Clone) -> None:
    metrics = finished.run("dvc", "metrics", "show", "--json")
    assert metrics.returncode == 0
    for stage in STAGES:
        assert f"reports/{stage}/metrics.json" in metrics.stdout
    plots = finished.run("dvc", "plots", "show", "--json")
    assert plots.returncode == 0
    assert "Learning curves" in plots.stdout and '"train"' in plots.stdout


@pytest.mark.parametrize("stage", STAGES)
def test_killed_in_a_stage_leaves_no_process_and_ends_the_same(stage: str, finished: Clone) -> None:
    before = outputs(finished)
    for out in load_stage_files(
        finished.path, stage
    ).outs:  # forget the stage and its result in the run cache
        finished.run("rm", "-rf", out)
    process = finished.start("dvc", "repro", "--no-run-cache", "--single-item", "--force", stage)
    owner = finished.path / ".toolkit" / f"{stage}.owner"
    begun = owner.stat().st_mtime_ns if owner.exists() else 0
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and not (owner.exists() and owner.stat().st_mtime_ns != begun):
        assert process.poll() is None, finished.log.read_text()[-3000:]
        time.sleep(0.02)
    time.sleep(0.3)  # a little way into the notebook
    assert process.poll() is None, "the stage ended before it could be killed"
    os.kill(process.pid, signal.SIGKILL)
    process.wait()
    time.sleep(2)
    assert processes_of(finished) == []
    result = finished.run("dvc", "repro", "--force", "--single-item", stage)  # executed, not restored
    assert result.returncode == 0, result.stdout[-3000:] + result.stderr[-3000:]
    assert stages_run(result.stdout) == [stage]
    assert outputs(finished) == before
