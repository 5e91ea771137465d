"""A fresh clone of the project, with everything committed and nothing made yet."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from toolkit.pipeline import load_lock

ROOT = Path(__file__).parents[2]


@dataclass
class Clone:
    """A clone with an environment of its own, used as the README says: through ``./run``."""

    path: Path
    tools: Path  # a folder with uv, so that no clone downloads it again

    @property
    def env(self) -> dict[str, str]:
        inherited = ("TOOLKIT_", "DVC_", "BENTOML_", "RAY_", "VIRTUAL_ENV", "PYTHONPATH")
        env = {key: value for key, value in os.environ.items() if not key.startswith(inherited)}
        ours = str(Path(sys.executable).parent)
        path = [entry for entry in env["PATH"].split(os.pathsep) if entry != ours]
        return env | {"PATH": os.pathsep.join([str(self.tools), *path])}

    def run(self, *command: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        """Run ``./run COMMAND`` to its end."""
        return subprocess.run(
            ["./run", *command],
            cwd=self.path,
            env=self.env,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    def start(self, *command: str) -> subprocess.Popen[bytes]:
        """Start ``./run COMMAND``, which becomes the command's own process; its output goes to ``log``."""
        with self.log.open("wb") as log:
            return subprocess.Popen(
                ["./run", *command],
                cwd=self.path,
                env=self.env,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )

    @property
    def log(self) -> Path:
        return self.path.parent / "log"


def _clone(path: Path) -> Clone:
    subprocess.run(["git", "clone", "--quiet", str(ROOT), str(path)], check=True)
    # What is not committed yet is tested too.
    changed = subprocess.run(
        ["git", "ls-files", "-z", "--modified", "--others", "--exclude-standard"],
        cwd=ROOT, check=True, capture_output=True, text=True,
    ).stdout.split("\0")  # fmt: skip
    for name in filter(None, changed):
        source, target = ROOT / name, path / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(source, target)
        else:
            target.unlink(missing_ok=True)
    tools = path.parent / "tools"
    tools.mkdir()
    (tools / "uv").symlink_to(Path(sys.executable).parent / "uv")
    return Clone(path, tools)


@pytest.fixture(scope="session")
def make_clone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Clone]:
    return lambda: _clone(tmp_path_factory.mktemp("project") / "a clone")


@pytest.fixture(scope="session")
def finished(make_clone: Callable[[], Clone]) -> Clone:
    """A clone in which ``./run`` has run once, undisturbed."""
    clone = make_clone()
    result = clone.run(timeout=600)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]
    return clone


def outputs(clone: Clone) -> dict[str, str]:
    """Hash of every output, by path, as dvc.lock has it."""
    return {out["path"]: out["md5"] for stage in load_lock(clone.path).values() for out in stage["outs"]}
