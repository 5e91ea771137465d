"""A small project with the real section names, whose notebooks take no time, for tests of running them."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import nbformat
import pytest
from data_project import make_data_project
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from toolkit.params import SECTIONS

ROOT = Path(__file__).resolve().parents[2]

PIPELINE = """
stages:
  prepare:
    cmd: toolkit run prepare
    deps: [notebooks/prepare.ipynb]
    params: [prepare]
    outs: [data/prepared, reports/prepare/lineage.json, reports/prepare.ipynb]
    metrics: [reports/prepare/metrics.json]
  train:
    cmd: toolkit run train
    deps: [notebooks/train.ipynb, data/prepared]
    params: [train]
    outs: [models/train, reports/train/lineage.json, reports/train.ipynb]
    metrics: [reports/train/metrics.json]
"""

PREPARE = [
    "folder = stage.output('data/prepared')\n(folder / 'deep' / 'er').mkdir(parents=True)",
    "(folder / 'deep' / 'er' / 'a.txt').write_text(f'seed {stage.params.seed}')",
    "(folder / 'b.txt').write_text('b')\n(folder / 'empty').write_text('')",
    # Names that sort differently as text and as parts, and one that is not ASCII.
    "for name in ('deep.txt', 'deep-er', 'Deep', 'größe'):\n    (folder / name).write_text(name)",
    "stage.output('reports/prepare/metrics.json').write_text('{\"rows\": 3}')",
]
TRAIN = [
    "rows = (stage.input('data/prepared') / 'b.txt').read_text()",
    "stage.output('models/train/model.txt').write_text(f'{rows} {stage.params.learning_rate}')",
    "stage.output('reports/train/metrics.json').write_text('{\"auc\": 1}')",
]


class TinyProject:
    """A project of two stages, prepare and train; ``env`` is the environment of its commands."""

    def __init__(self, root: Path) -> None:
        self.root = root
        home = root / "home"
        self.env = {
            **{
                name: value for name, value in os.environ.items() if not name.startswith(("DVC_", "TOOLKIT_"))
            },
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "DVC_NO_ANALYTICS": "1",
            "SHELL": "/bin/sh",
        }
        (root / ".dvc").mkdir(parents=True)
        home.mkdir()
        (root / ".dvc/config").write_text(
            "[core]\n    no_scm = true\n    analytics = false\n    check_update = false\n"
        )
        (root / ".dvcignore").write_text("/home\n/.toolkit\n")
        (root / "params.yaml").write_bytes((ROOT / "params.yaml").read_bytes())
        (root / "dvc.yaml").write_text(PIPELINE)
        self.write_notebook("prepare", PREPARE)
        self.write_notebook("train", TRAIN)

    def write_notebook(
        self,
        stage: str,
        cells: Sequence[str],
        finish: bool = True,
        kernel: dict | None = None,
        tagged: int = 1,
    ) -> Path:
        """Write a stage's notebook: title, ``tagged`` parameters cells, the stage's start, ``cells``, its end."""
        defaults = SECTIONS[stage]().model_dump(exclude_none=True)
        parameters = "\n".join(f"{name} = {value!r}" for name, value in defaults.items())
        code = [
            *[new_code_cell(parameters, metadata={"tags": ["parameters"]}) for _ in range(tagged)],
            new_code_cell(f'from toolkit import start\n\nstage = start("{stage}", globals())'),
            *[new_code_cell(cell) for cell in cells],
            *([new_code_cell("stage.finish()")] if finish else []),
        ]
        notebook = new_notebook(
            cells=[new_markdown_cell(f"# {stage.title()}\n\nA test."), *code],
            metadata={
                "kernelspec": kernel or {"name": "python3", "language": "python", "display_name": "Python 3"}
            },
        )
        for number, cell in enumerate(notebook.cells):
            cell.id = f"cell-{number}"
        path = self.root / "notebooks" / f"{stage}.ipynb"
        path.parent.mkdir(exist_ok=True)
        nbformat.write(notebook, path)
        return path

    def take_shipped(self) -> None:
        """Take the shipped pipeline, notebooks and data in place of its own."""
        for name in ("dvc.yaml", "notebooks", "toolkit", "examples", "schemas", "generators", "features"):
            source, place = ROOT / name, self.root / name
            place.unlink() if place.is_file() else shutil.rmtree(place, ignore_errors=True)
            shutil.copytree(source, place) if source.is_dir() else shutil.copy(source, place)

    def set_param(self, old: str, new: str) -> None:
        """Replace a piece of params.yaml, which must be there."""
        path = self.root / "params.yaml"
        text = path.read_text()
        assert old in text
        path.write_text(text.replace(old, new, 1))

    def run(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``toolkit ...`` in the project."""
        return self.call(sys.executable, "-m", "toolkit", *arguments, **env)

    def dvc(self, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run ``dvc ...`` in the project."""
        return self.call(sys.executable, "-m", "dvc", *arguments, **env)

    def call(self, *command: str, **env: str) -> subprocess.CompletedProcess[str]:
        """Run a command in the project."""
        return subprocess.run(
            command,
            check=False,
            cwd=self.root,
            env={**self.env, **env},
            capture_output=True,
            text=True,
            timeout=120,
        )

    def start(self, *command: str, **env: str) -> subprocess.Popen[str]:
        """Start a command in the project, in a session of its own."""
        return subprocess.Popen(
            command,
            cwd=self.root,
            env={**self.env, **env},
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=(self.root / "home/stderr").open("w"),
            text=True,
            start_new_session=True,
        )

    def read(self, path: str) -> str:
        """Read a file of the project."""
        return (self.root / path).read_text()

    def files(self, *folders: str) -> dict[str, bytes]:
        """Give every file under some folders, by path."""
        return {
            file.relative_to(self.root).as_posix(): file.read_bytes()
            for folder in folders
            for file in sorted((self.root / folder).rglob("*"))
            if file.is_file()
        }


@pytest.fixture
def tiny_project(tmp_path: Path) -> TinyProject:
    """Give a fresh project, at a path with a blank in it."""
    return TinyProject(tmp_path / "tiny project")


@pytest.fixture
def data_project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Give a project for the first stages, which notebooks that run in this process take for theirs."""
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    return make_data_project(tmp_path)
