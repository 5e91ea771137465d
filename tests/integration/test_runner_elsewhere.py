"""The same notebook gives the same files from plain papermill, from JupyterLab's client, and from the runner."""

from __future__ import annotations

import asyncio
import sys

import nbformat
import pytest

pytestmark = pytest.mark.integration


def test_plain_papermill_uses_the_engine_with_values_as_given(tiny_project) -> None:
    tiny_project.run("run", "prepare")
    tiny_project.set_param("learning_rate: 0.05", "learning_rate: 0.2")
    tiny_project.set_param("num_leaves: 15", "num_leaves: 7")
    tiny_project.write_notebook(
        "train",
        [
            "values = f'{stage.params.learning_rate} {stage.params.num_leaves}'",
            "stage.output('models/train/model.txt').write_text(values)",
            "stage.output('reports/train/metrics.json').write_text('{}')",
        ],
    )
    papermill = (
        sys.executable,
        "-m",
        "papermill",
        "notebooks/train.ipynb",
        "out.ipynb",
        "--engine",
        "toolkit",
    )
    done = tiny_project.call(*papermill, "-p", "learning_rate", "0.05")
    assert done.returncode == 0, done.stderr
    assert tiny_project.read("models/train/model.txt") == "0.05 7"  # as given, and from params.yaml
    assert nbformat.read(tiny_project.root / "out.ipynb", as_version=4).metadata.papermill.duration > 0
    done = tiny_project.call(*papermill, "-p", "learning_rat", "0.05")
    assert "Traceback" not in done.stderr
    assert done.returncode != 0 and "Did you mean 'learning_rate'?" in done.stderr


def test_run_all_by_hand_gives_the_same_files_as_the_runner(tiny_project, monkeypatch) -> None:
    from nbclient import NotebookClient

    for stage in ("prepare", "train"):
        assert tiny_project.run("run", stage).returncode == 0
    by_runner = tiny_project.files("data", "models", "reports/prepare", "reports/train")
    assert len(by_runner) == 12
    for path in by_runner:
        (tiny_project.root / path).unlink()
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    monkeypatch.delenv("TOOLKIT_ROOT", raising=False)
    for stage in ("prepare", "train"):
        notebook = nbformat.read(tiny_project.root / f"notebooks/{stage}.ipynb", as_version=4)
        folder = {"metadata": {"path": str(tiny_project.root / "notebooks")}}  # as in JupyterLab
        asyncio.run(NotebookClient(notebook, resources=folder, kernel_name="python3").async_execute())
    assert tiny_project.files("data", "models", "reports/prepare", "reports/train") == by_runner
