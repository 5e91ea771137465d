"""A project of its own for the first stages, whose notebooks run in the test's process."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

from toolkit.pipeline import load_yaml

ROOT = Path(__file__).parents[1]


def make_data_project(folder: Path) -> Path:
    """Make a project with the committed dvc.yaml and params.yaml, and what they name."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, folder)
    for name in ("examples", "features", "generators", "schemas"):
        shutil.copytree(ROOT / name, folder / name)
    return folder


def set_params(project: Path, **sections: dict[str, Any]) -> None:
    """Change values of params.yaml by section."""
    from ruamel.yaml import YAML

    values = load_yaml(project / "params.yaml")
    for section, changes in sections.items():
        values[section] |= changes
    with (project / "params.yaml").open("w") as file:
        YAML().dump(values, file)


def run_notebook(stage: str) -> None:
    """Run a notebook's cells in this process, as a reader does with Run All."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads((ROOT / "notebooks" / f"{stage}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
