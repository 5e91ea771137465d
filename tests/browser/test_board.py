"""The board in a real JupyterLab: change, refuse, save, run, see how it ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from toolkit.params_edit import load_text

pytestmark = [pytest.mark.browser, pytest.mark.integration]
ROOT = Path(__file__).resolve().parents[2]
TEXT = load_text(ROOT)
SHOTS = os.environ.get("TOOLKIT_SCREENSHOTS")  # a folder: pictures of each step are left there
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
PIPELINE = """stages:
  first:
    cmd: python -c "print('first at work')"
    params: [train.seed]
  second:
    cmd: python -c "raise SystemExit(SECOND)"
    params: [train.learning_rate]
"""


def picture(notebook, name: str) -> None:
    if SHOTS:
        notebook.page.screenshot(path=f"{SHOTS}/{name}.png")


@pytest.fixture
def fresh(project: Path) -> Path:
    (project / "params.yaml").write_bytes(TEXT.encode())
    (project / "dvc.yaml").write_text(PIPELINE.replace("SECOND", "0"))
    (project / "dvc.lock").unlink(missing_ok=True)
    return project


def tab(notebook, name: str):
    return notebook.page.get_by_role("tab", name=name)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_value_is_changed_saved_and_nothing_else_in_the_file(fresh: Path, open_notebook: Callable, theme: str) -> None:
    notebook = open_notebook("notebooks/board.ipynb", theme)
    notebook.run_all()
    page = notebook.page
    tab(notebook, "train").click()
    field = page.get_by_label("learning_rate", exact=True).locator("visible=true")
    field.fill("2")
    field.press("Enter")
    page.get_by_text("train.learning_rate: must be at most 1.0. Got 2 instead.").wait_for()
    picture(notebook, f"board-wrong-{theme[-5:].strip()}")
    assert page.get_by_role("button", name="Save", exact=True).is_disabled()
    field.fill("1e-3")
    field.press("Enter")
    page.get_by_text("changed: was 0.05").wait_for()
    picture(notebook, f"board-changed-{theme[-5:].strip()}")
    tab(notebook, "sweep").click()
    picture(notebook, f"board-sweep-{theme[-5:].strip()}")
    page.get_by_role("button", name="Save", exact=True).click()
    page.get_by_text("Saved to params.yaml: train.learning_rate.").wait_for()
    expected = TEXT.replace("  learning_rate: 0.05 #", "  learning_rate: 0.001 #")
    assert (fresh / "params.yaml").read_bytes() == expected.encode()
    notebook.settle()
    assert notebook.errors() == []
    assert notebook.outside == []
    assert notebook.console == []


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_the_pipeline_runs_and_its_failure_is_told(fresh: Path, open_notebook: Callable, theme: str) -> None:
    notebook = open_notebook("notebooks/board.ipynb", theme)
    notebook.run_all()
    page = notebook.page
    page.get_by_role("button", name="Run pipeline").click()
    page.get_by_text("Done in").wait_for()
    picture(notebook, f"run-done-{theme[-5:].strip()}")
    assert page.get_by_role("progressbar", name="pipeline").get_attribute("aria-valuenow") == "100"
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Experiments need a git commit").wait_for()
    (fresh / "dvc.yaml").write_text(PIPELINE.replace("SECOND", "3"))
    page.get_by_role("button", name="Run pipeline").click()
    page.get_by_text("failed to reproduce 'second'").first.wait_for()
    picture(notebook, f"run-failed-{theme[-5:].strip()}")
    assert page.get_by_role("row", name="second").get_by_text("✗ failed").is_visible()
    assert page.get_by_role("row", name="first").get_by_text("✓ unchanged").is_visible()
    notebook.settle()
    assert notebook.errors() == []
