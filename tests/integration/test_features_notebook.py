"""From an idea in a notebook cell to a feature of the model: the same text, the same numbers."""

import json
import os
import shutil
from pathlib import Path

import nbclient
import nbformat
import numpy as np
import pyarrow.parquet as pq
import pytest

from toolkit.columns import ParquetColumns
from toolkit.features import load_features
from toolkit.monitoring.profile import load_profile

ROOT = Path(__file__).parents[2]
NAME = "features/breast_cancer.py"
pytestmark = pytest.mark.integration


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("examples", "schemas", "features", "notebooks"):
        shutil.copytree(ROOT / name, tmp_path / name)
    (tmp_path / "generators").mkdir()
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    return tmp_path


def run_stage(stage: str) -> None:
    names: dict = {"__name__": "__main__"}
    for cell in json.loads((ROOT / "notebooks" / f"{stage}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


def execute(project: Path, save: bool = False) -> list[str]:
    """Run the notebook in a kernel of its own; give what each cell answered, as text."""
    path = project / "notebooks/features.ipynb"
    notebook = nbformat.read(path, as_version=4)
    if save:
        for cell in notebook.cells:
            cell.source = cell.source.replace("%%feature\n", "%%feature --save\n")
    environment = os.environ | {"JPY_SESSION_NAME": str(path)}
    nbclient.NotebookClient(notebook, timeout=120, kernel_name="python3").execute(
        cwd=str(project), env=environment
    )
    return [output.data["text/plain"] for cell in notebook.cells for output in cell.get("outputs", [])]


def test_a_cell_becomes_a_feature_of_the_pipeline_without_retyping(project: Path) -> None:
    for stage in ("collect", "annotate", "prepare"):
        run_stage(stage)
    before = load_features(project / "data/prepared/features.json").names
    opened, saved, _ = execute(project, save=True)
    assert f"{NAME} is not there" in opened
    assert f"Saved in {NAME}. Set prepare.definitions: {NAME}" in saved
    cell = nbformat.read(project / "notebooks/features.ipynb", as_version=4).cells[3].source
    function = cell.partition("\n\n\n")[2]
    assert function.startswith("@feature(") and function in (project / NAME).read_text()
    params = project / "params.yaml"
    params.write_text(params.read_text().replace('definitions: ""', f"definitions: {NAME}"))
    run_stage("prepare")
    features = load_features(project / "data/prepared/features.json")
    assert set(features.names) == {*before, "roundness", "area_spread"} - {"area_error", "worst_area"}
    profile = load_profile(project / "data/prepared/profile.json")
    assert {cells.name for cells in profile.features} == set(features.inputs)  # what predicted tables have
    assert "worst_area" not in features.inputs
    assert (project / "data/prepared/definitions.py").read_bytes() == (project / NAME).read_bytes()
    train = ParquetColumns([project / "data/prepared/train.parquet"])
    matrix = features.matrix(train)
    row = pq.read_table(project / "data/prepared/train.parquet").slice(7, 1).to_pylist()[0]
    assert np.array_equal(features.row(row), matrix[7])
    expected = 12.566370614359172 * row["mean_area"] / row["mean_perimeter"] ** 2
    assert matrix[7, features.names.index("roundness")] == expected

    path = project / NAME
    path.write_text(path.read_text().replace("12.566370614359172", "12.5664"))
    opened, tried, built = execute(project)
    assert f"roundness: the cell in notebooks/features.ipynb and {NAME} differ." in opened
    assert (
        "-    return 12.5664 * mean_area" in tried and "+    return 12.566370614359172 * mean_area" in tried
    )
    assert f"{NAME} has this very text." in built
