"""A fresh clone of the project, with everything committed and nothing made yet."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]


@dataclass
class Clone:
    """A clone that uses this environment's packages but its own copy of the code."""

    path: Path

    @property
    def env(self) -> dict[str, str]:
        env = {
            key: value for key, value in os.environ.items() if not key.startswith(("TOOLKIT_", "DVC_STAGE"))
        }
        return env | {
            "PATH": f"{Path(sys.executable).parent}{os.pathsep}{env['PATH']}",
            "PYTHONPATH": str(self.path),  # the clone's package comes before the installed one
            "BENTOML_HOME": str(self.path / ".bentoml"),
            "TOOLKIT_ROOT": str(self.path),
            "DVC_NO_ANALYTICS": "1",
            "BENTOML_DO_NOT_TRACK": "true",
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_AUTH_MODE": "token",
        }

    def run(self, *command: str, timeout: float = 300) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, cwd=self.path, env=self.env, capture_output=True, text=True, timeout=timeout, check=False
        )

    def popen(self, *command: str) -> subprocess.Popen[bytes]:
        with (self.path / ".toolkit-test.log").open("ab") as log:
            return subprocess.Popen(
                command, cwd=self.path, env=self.env, stdout=log, stderr=log, start_new_session=True
            )


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
    (path / ".git/info/exclude").write_text(".toolkit-test.log\n")
    return Clone(path)


@pytest.fixture(scope="session")
def make_clone(tmp_path_factory: pytest.TempPathFactory) -> Callable[[], Clone]:
    return lambda: _clone(tmp_path_factory.mktemp("project") / "a clone")


@pytest.fixture(scope="session")
def finished(make_clone: Callable[[], Clone]) -> Clone:
    """A clone in which the whole pipeline has run once, undisturbed."""
    clone = make_clone()
    result = clone.run("dvc", "repro", timeout=400)
    assert result.returncode == 0, result.stdout[-5000:] + result.stderr[-5000:]
    return clone
