"""The board in a real JupyterLab: change, refuse, save, run, see how it ended."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import expect

from toolkit.params_edit import load_text

pytestmark = [pytest.mark.browser, pytest.mark.integration]
ROOT = Path(__file__).resolve().parents[2]
TEXT = load_text(ROOT)
PICTURES = os.environ.get("TOOLKIT_SCREENSHOTS")  # a folder: pictures of each step are left there
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"
BOARD = "notebooks/board.ipynb"


def picture(notebook: Any, name: str, theme: str) -> None:
    if PICTURES:
        notebook.page.screenshot(path=f"{PICTURES}/{name}-{theme.rsplit(maxsplit=1)[-1].lower()}.png")


def check_quiet(notebook: Any) -> None:
    """No error in a cell or callback, none in the page, and nothing asked of another server."""
    notebook.settle()
    assert notebook.errors() == []
    assert notebook.console == []
    assert notebook.outside == []


def check_readable(notebook: Any) -> None:
    """Every text has enough contrast and every control a name; a planted grey text shows that it is measured."""
    assert notebook.measure_contrast() == []
    assert notebook.find_nameless() == []
    grey = '<p id=grey style="color:#888;background:#999">x</p>'
    plant = "markup => document.querySelector('.tk').insertAdjacentHTML('beforeend', markup)"
    notebook.page.evaluate(plant, grey)
    assert len(notebook.measure_contrast()) == 1
    notebook.page.evaluate("document.getElementById('grey').remove()")


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_a_value_is_changed_and_saved_and_nothing_else_in_the_file(
    fresh: Path, open_notebook: Callable, theme: str
) -> None:
    notebook = open_notebook(BOARD, theme)
    notebook.run_all()
    page = notebook.page
    page.get_by_role("tab", name="train").click()
    field = page.get_by_label("learning_rate", exact=True).locator("visible=true")
    save = page.get_by_role("button", name="Save", exact=True)
    field.fill("2")
    field.press("Enter")
    page.get_by_text("train.learning_rate: must be at most 1.0. Got 2 instead.").wait_for()
    picture(notebook, "board-wrong", theme)
    check_readable(notebook)
    expect(save).to_be_disabled(timeout=30_000)  # the page gets the view's changes one by one
    field.fill("1e-3")
    field.press("Enter")
    page.get_by_text("changed: was 0.05").wait_for()
    page.get_by_role("tab", name="sweep").click()
    page.get_by_role("button", name="Add", exact=True).wait_for()
    picture(notebook, "board-sweep", theme)
    check_readable(notebook)
    page.get_by_role("tab", name="prepare").click()
    page.get_by_label("near_duplicates", exact=True).wait_for()
    picture(notebook, "board-prepare", theme)
    check_readable(notebook)
    save.click()
    page.get_by_text("Saved to params.yaml: train.learning_rate.").wait_for()
    expected = TEXT.replace("  learning_rate: 0.05 #", "  learning_rate: 0.001 #")
    assert expected != TEXT
    assert (fresh / "params.yaml").read_bytes() == expected.encode()
    check_quiet(notebook)


def test_the_pipeline_runs_and_a_failure_is_told_with_a_link(fresh: Path, open_notebook: Callable) -> None:
    notebook = open_notebook(BOARD, DARK)
    notebook.run_all()
    page = notebook.page
    page.get_by_role("button", name="Run pipeline").click()
    page.get_by_role("row", name="collect ▶ running").wait_for()
    page.get_by_text("Done in").wait_for(timeout=120_000)
    bar = page.get_by_role("progressbar", name="pipeline")
    expect(bar).to_have_attribute("aria-valuenow", "100", timeout=30_000)
    assert (fresh / "data/labels/labels.parquet").exists()
    picture(notebook, "run-done", DARK)
    check_readable(notebook)
    check_quiet(notebook)
    page.get_by_role("tab", name="annotate", exact=True).click()
    field = page.get_by_label("label", exact=True).locator("visible=true")
    field.fill("no_such_tag")
    field.press("Enter")
    page.get_by_text("changed: was diagnosis").wait_for()
    page.get_by_role("button", name="Run pipeline").click()
    page.get_by_text("notebooks/annotate.ipynb failed in code cell").first.wait_for(timeout=120_000)
    assert "label: no_such_tag #" in load_text(fresh)  # running saves first
    page.get_by_role("row", name="annotate ✗ failed").wait_for()
    page.get_by_role("button", name="Compare").click()
    page.get_by_text("Experiments need a git commit").wait_for()
    picture(notebook, "run-failed", DARK)
    check_readable(notebook)
    page.get_by_role("link", name="Open reports/failed/annotate.ipynb").click()
    page.get_by_role("tab", name="annotate.ipynb").wait_for()
    assert notebook.errors() == []


def test_stop_ends_the_run(fresh: Path, open_notebook: Callable) -> None:
    with (fresh / "dvc.yaml").open() as file:
        pipeline = file.read()
    try:
        (fresh / "dvc.yaml").write_text("stages:\n  slow:\n    cmd: sleep 600\n    always_changed: true\n")
        notebook = open_notebook(BOARD, DARK)
        notebook.run_all()
        page = notebook.page
        page.get_by_role("button", name="Run pipeline").click()
        page.get_by_role("row", name="slow ▶ running").wait_for()
        picture(notebook, "run-running", DARK)
        page.get_by_role("button", name="Stop", exact=True).click()
        page.get_by_text("Stopped. Nothing of it is left running").wait_for()
        check_quiet(notebook)
    finally:
        (fresh / "dvc.yaml").write_text(pipeline)
