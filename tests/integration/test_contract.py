"""The stage collect and its contract in a real run: bad input changes nothing, a contract is written and widened."""

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from toolkit.artifacts import measure_hash
from toolkit.cli import main
from toolkit.errors import ToolkitError
from toolkit.pipeline import load_yaml

ROOT = Path(__file__).parents[2]
CELLS = json.loads((ROOT / "notebooks/collect.ipynb").read_text())["cells"]
PARTS = ("reports/collect/lineage.json", "reports/collect/metrics.json", "data/raw", "schemas")
HEADER = "id,n,c,t\n"
ROWS = [f"k{n},{n}.5,{'ab'[n % 2]},2024-01-{n % 28 + 1:02}" for n in range(60)]
pytestmark = pytest.mark.integration


def write_params(project: Path, **collect: Any) -> None:
    from ruamel.yaml import YAML

    values = load_yaml(ROOT / "params.yaml")
    values["collect"] |= {
        "source": "t.csv",
        "key": "id",
        "exclude": [],
        "contract": "schemas/t.yaml",
        **collect,
    }
    with (project / "params.yaml").open("w") as file:
        YAML().dump(values, file)


def write_rows(project: Path, rows: list[str]) -> None:
    (project / "t.csv").write_text(HEADER + "".join(f"{row}\n" for row in rows))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A project with a small table and the stage collect alone."""
    for folder in ("schemas", "generators"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "README.md").write_text("x\n")
    shutil.copy(ROOT / "dvc.yaml", tmp_path)
    write_params(tmp_path)
    write_rows(tmp_path, ROWS)
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    return tmp_path


def run_notebook() -> None:
    """Run the notebook's cells in this process, as a reader does with Run All."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in CELLS:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)


def measure(project: Path) -> list[str]:
    return [measure_hash(project / part) for part in PARTS]


BAD = {
    "mixed types": ("k3,n/k,a,2024-01-01", "column 'n' must be a number"),
    "thousands": ('k3,"1,234",a,2024-01-01', "without thousands separators"),
    "decimal comma": ('k3,"1,5",a,2024-01-01', "with a decimal point"),
    "infinite": ("k3,inf,a,2024-01-01", "finite numbers"),
    "another date": ("k3,1,a,01/02/2024", "a day in March or in December"),
    "no day": ("k3,1,a,2024-02-30", "a time in ISO 8601"),
    "missing": ("k3,,a,2024-01-01", "must have a value in every row"),
    "duplicate key": ("k2,1,a,2024-01-01", "an earlier row has the same"),
    "missing key": (",1,a,2024-01-01", "is the key and must have a value"),
    "ragged": ("k3,1", "columns"),
}


def test_bad_rows_leave_every_output_and_the_contract_as_they_were(project: Path) -> None:
    run_notebook()
    before = measure(project)
    for name, (row, words) in BAD.items():
        write_rows(project, [*ROWS[:3], row, *ROWS[4:]])
        with pytest.raises(ToolkitError) as caught:
            run_notebook()
        assert words in str(caught.value), name
        assert measure(project) == before, name
    write_rows(project, ROWS)
    run_notebook()
    assert measure(project) == before


def test_the_same_rows_give_the_same_bytes_with_and_without_a_contract(project: Path) -> None:
    run_notebook()
    before = measure_hash(project / "data/raw")
    run_notebook()
    assert measure_hash(project / "data/raw") == before


def test_a_contract_is_written_by_dvcs_first_run_and_widened_by_accepting(project: Path) -> None:
    (project / "toolkit").symlink_to(ROOT / "toolkit")
    (project / "notebooks").symlink_to(ROOT / "notebooks")
    (project / ".dvc").mkdir()
    (project / ".dvc/config").write_text("[core]\n    no_scm = true\n    analytics = false\n")

    def call(*command: str) -> str:
        done = subprocess.run(
            [sys.executable, "-m", *command],
            check=False,
            cwd=project,
            env=make_environment(project),
            capture_output=True,
            text=True,
            timeout=120,
        )
        return f"{done.returncode}: {done.stdout}{done.stderr}"

    assert call("dvc", "repro", "collect").startswith("0:")
    contract = project / "schemas/t.yaml"
    assert "type: number # seen 0.5 to 59.5" in contract.read_text()
    assert "up to date" in call("dvc", "status", "collect")  # though the run wrote into a dependency
    contract.write_text(
        contract.read_text().replace("    type: number", "    type: number\n    maximum: 60 # mine")
    )
    write_rows(project, [*ROWS, "k60,99.5,a,2024-01-01"])
    told = call("dvc", "repro", "collect")
    assert "column 'n' must be at most 60. 1 of 61 rows breaks this: row 61 (got '99.5')" in told
    assert "Traceback" not in told
    write_params(project, on_violation="widen")
    run_notebook()
    assert main(["data", "accept"]) == 0
    assert "    maximum: 99.5 # mine" in contract.read_text()
    write_params(project)
    run_notebook()
    assert json.loads((project / "reports/collect/metrics.json").read_text())["rows"] == 61


def make_environment(project: Path) -> dict[str, str]:
    import os

    kept = {name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "TOOLKIT_"))}
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    return {**kept, "PATH": path, "DVC_NO_ANALYTICS": "1", "HOME": str(project), "PYTHONPATH": str(ROOT)}
