"""A feature tried in a real JupyterLab: its figures show, and where cell and file differ, both places warn."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import nbformat
import pytest

ROOT = Path(__file__).resolve().parents[2]
pytestmark = [pytest.mark.browser, pytest.mark.integration]
PICTURES = os.environ.get("TOOLKIT_SCREENSHOTS")
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"


@pytest.fixture
def prepared(fresh: Path) -> Iterator[Path]:
    """The project after prepare, with a definitions file that has a cell's feature in another form."""
    short = (fresh / "dvc.yaml").read_text()
    shutil.copy(ROOT / "dvc.yaml", fresh)
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {"TOOLKIT_ROOT": str(fresh), "DVC_NO_ANALYTICS": "1", "PATH": path}
    command = [sys.executable, "-m", "dvc", "repro", "-q", "prepare"]
    subprocess.run(command, cwd=fresh, env=environment, check=True, timeout=180)
    cell = nbformat.read(fresh / "notebooks/features.ipynb", as_version=4).cells[3].source
    file = fresh / "features/breast_cancer.py"
    file.write_text(cell.partition("\n")[2].replace("12.566370614359172", "12.5664") + "\n")
    yield fresh
    file.unlink()
    (fresh / "dvc.yaml").write_text(short)


@pytest.mark.parametrize("theme", [LIGHT, DARK])
def test_features_are_tried_and_differences_shown(
    prepared: Path, open_notebook: Callable, theme: str
) -> None:
    notebook = open_notebook("notebooks/features.ipynb", theme, height=2900)
    notebook.run_all()
    page = notebook.page
    warnings = page.get_by_role("alert")
    assert warnings.count() == 2
    for place in (0, 1):
        assert "features/breast_cancer.py differ" in warnings.nth(place).inner_text()
        assert "-    return 12.5664 * mean_area" in warnings.nth(place).inner_text()
    for name in ("roundness", "area_spread"):
        page.get_by_role("img", name=f"distribution of {name} on the train split").wait_for()
    if PICTURES:
        page.screenshot(path=f"{PICTURES}/features-{theme.rsplit(maxsplit=1)[-1].lower()}.png")
    assert notebook.measure_contrast() == []
    assert notebook.find_nameless() == []
    notebook.settle()
    assert notebook.errors() == []
    assert notebook.console == []
    assert notebook.outside == []
