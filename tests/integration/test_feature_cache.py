"""Values of features go from one project to another by DVC import: the second computes none of them."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from toolkit.columns import ParquetColumns
from toolkit.errors import FeatureError
from toolkit.features import load_features
from toolkit.training.dataset import load_prepared

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration
SOURCE = """import sys

from toolkit.features import feature


@feature(meaning="area over that of a circle with the same perimeter")
def roundness(mean_area: float, mean_perimeter: float) -> float:
    if sys.modules["os"].environ.get("NO_CALLS"):
        raise RuntimeError("it was called")
    return 12.566370614359172 * mean_area / mean_perimeter**2
"""


def make_project(root: Path) -> Path:
    root.mkdir()
    for name in ("examples", "schemas"):
        shutil.copytree(ROOT / name, root / name)
    shutil.copy(ROOT / "dvc.yaml", root)
    for name in ("generators", "features"):
        (root / name).mkdir()
    (root / "features/cells.py").write_text(SOURCE)
    params = (ROOT / "params.yaml").read_text()
    (root / "params.yaml").write_text(params.replace('definitions: ""', "definitions: features/cells.py"))
    return root


def run_stage(root: Path, stage: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(root))
    names: dict = {"__name__": "__main__"}
    for cell in json.loads((ROOT / "notebooks" / f"{stage}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


def call(root: Path, *command: str) -> None:
    home = root.parent / "home"
    home.mkdir(exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "GIT_"))}
    names = {f"GIT_{who}_{what}": "x@x" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}
    environment |= {"HOME": str(home), "XDG_CONFIG_HOME": str(home), "DVC_NO_ANALYTICS": "1", **names}
    environment["PATH"] = f"{Path(sys.executable).parent}{os.pathsep}{environment['PATH']}"
    done = subprocess.run(
        command, cwd=root, env=environment, capture_output=True, text=True, timeout=120, check=False
    )
    assert done.returncode == 0, done.stderr


def test_a_second_project_imports_the_values_and_computes_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    one = make_project(tmp_path / "one")
    for stage in ("collect", "annotate", "prepare"):
        run_stage(one, stage, monkeypatch)
    two = make_project(tmp_path / "two")
    for name in ("data/raw", "data/labels"):
        shutil.copytree(one / name, two / name)
    (one / "dvc.yaml").unlink()  # its other stages need the package's code beside them
    call(one, "git", "init", "-q")
    call(one, "dvc", "init", "-q")
    call(one, "dvc", "add", "-q", "data/prepared")
    call(one, "git", "add", "features", "data/prepared.dvc", "data/.gitignore", ".dvc")
    call(one, "git", "commit", "-qm", "Values of features")

    monkeypatch.setenv("NO_CALLS", "1")
    with pytest.raises(FeatureError, match="it was called"):
        run_stage(two, "prepare", monkeypatch)
    assert not (two / "data/prepared").exists()
    call(two, "git", "init", "-q")
    call(two, "dvc", "init", "-q")
    call(two, "dvc", "import", "-q", str(one), "data/prepared/values", "-o", "features/shared")
    run_stage(two, "prepare", monkeypatch)

    for path in sorted((one / "data/prepared").rglob("*.*")):
        assert path.read_bytes() == (two / path.relative_to(one)).read_bytes(), path
    data = load_prepared(two / "data/prepared", "train", "valid", "test")
    matrices = [
        data[split].matrix for split in ("train", "valid", "test")
    ]  # what sweep, train, validate take
    monkeypatch.delenv("NO_CALLS")
    features = load_features(one / "data/prepared/features.json")
    for split, matrix in zip(("train", "valid", "test"), matrices, strict=True):
        computed = features.matrix(ParquetColumns([one / f"data/prepared/{split}.parquet"]))
        assert np.array_equal(matrix, computed, equal_nan=True)

    monkeypatch.setenv("NO_CALLS", "1")
    shutil.rmtree(two / "features/shared")  # its own last run is remembered, too
    run_stage(two, "prepare", monkeypatch)
