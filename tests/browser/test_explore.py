"""The exploration in a real JupyterLab: every cell runs, and choosing a feature draws it."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

pytestmark = [pytest.mark.browser, pytest.mark.integration]
PICTURES = os.environ.get("TOOLKIT_SCREENSHOTS")
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"


@pytest.fixture
def labelled(fresh: Path) -> Path:
    """The project after collect and annotate."""
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"TOOLKIT_ROOT": str(fresh), "DVC_NO_ANALYTICS": "1", "PATH": path}
    subprocess.run(
        [sys.executable, "-m", "dvc", "repro", "-q"], cwd=fresh, env=environment, check=True, timeout=120
    )
    return fresh


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_every_cell_runs_and_a_feature_is_chosen(labelled: Path, open_notebook: Callable, theme: str) -> None:
    notebook = open_notebook("notebooks/explore.ipynb", theme, height=5200)
    notebook.run_all()
    page = notebook.page
    choice = page.get_by_label("feature", exact=True)
    chosen = choice.evaluate("element => element.selectedOptions[0].label")
    page.get_by_role("img", name=f"distribution of {chosen} by class").wait_for()
    choice.select_option("mean_symmetry")
    page.get_by_role("img", name="distribution of mean_symmetry by class").wait_for()
    page.get_by_label("a curve a class").uncheck()
    page.get_by_role("img", name="distribution of mean_symmetry", exact=True).wait_for()
    page.get_by_label("a curve a class").check()
    page.get_by_role("img", name="distribution of mean_symmetry by class").wait_for()
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/explore-{theme.rsplit(maxsplit=1)[-1].lower()}.png")
    assert notebook.measure_contrast() == []
    assert notebook.find_nameless() == []
    notebook.settle()
    assert notebook.errors() == []
    assert notebook.console == []
    assert notebook.outside == []
