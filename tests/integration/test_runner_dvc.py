"""Under ``dvc repro``: a failed stage leaves what was there, and nothing outlives DVC or the runner."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from toolkit.pipeline import load_lock

pytestmark = [
    pytest.mark.integration,
    pytest.mark.skipif(sys.platform != "linux", reason="reads /proc to see what is left"),
]

DVC = (sys.executable, "-m", "dvc", "repro", "prepare")


def processes(needle: str) -> dict[int, str]:
    """Live processes with a text in their environment or command line, this one left out."""
    found = {}
    for folder in Path("/proc").iterdir():
        if not folder.name.isdigit() or int(folder.name) == os.getpid():
            continue
        with contextlib.suppress(OSError):
            state = (folder / "stat").read_bytes().rpartition(b")")[2].split()[0]
            command = (folder / "cmdline").read_bytes()
            if state != b"Z" and needle.encode() in command + b"\0" + (folder / "environ").read_bytes():
                found[int(folder.name)] = command.decode().replace("\0", " ")
    return found


def wait_for(condition: Callable[[], object], seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.02)
    return False


class Scene:
    """A stage in mid-cell with children that tried to get away; ``mark`` is in the environment of all but one."""

    def __init__(self, project, mark: str) -> None:
        self.project, self.mark = project, mark

    def begin(self, *command: str):
        running = self.project.start(*command, SCENE=self.mark)
        flag = self.project.root / "home/flag"
        assert wait_for(flag.exists, 40), self.project.read("home/stderr")
        return running

    def left(self) -> dict[int, str]:
        return processes(self.mark)

    def pid_of(self, text: str) -> int:
        return next(pid for pid, command in self.left().items() if text in command)


@pytest.fixture
def scene(tiny_project) -> Iterator[Scene]:
    mark = f"scene-{secrets.token_hex(6)}"
    tiny_project.write_notebook(
        "prepare",
        [
            "import pathlib, subprocess, sys, time",
            f"sleep = [sys.executable, '-c', 'import time; time.sleep(60)', '{mark}']",
            "plain = subprocess.Popen(sleep, start_new_session=True)\n"
            "bare = subprocess.Popen(sleep, env={}, start_new_session=True)\n"
            "twice = subprocess.Popen(['/bin/sh', '-c', '\"$0\" \"$@\" & exit', *sleep], env={})",
            "pathlib.Path('home/flag').touch()\ntime.sleep(60)",
        ],
    )
    made = Scene(tiny_project, mark)
    yield made
    for pid in made.left():  # only after a failed test
        with contextlib.suppress(OSError):
            os.kill(pid, signal.SIGKILL)


def kill_runner(scene: Scene) -> None:
    running = scene.begin(sys.executable, "-m", "toolkit", "run", "prepare")
    os.kill(running.pid, signal.SIGKILL)
    running.wait()


def kill_whole_group(scene: Scene) -> None:
    running = scene.begin(*DVC)
    os.killpg(running.pid, signal.SIGKILL)
    running.wait()


def kill_shell_between(scene: Scene) -> None:
    path = scene.project.root / "dvc.yaml"
    path.write_text(path.read_text().replace("toolkit run prepare", "toolkit run prepare && true", 1))
    running = scene.begin(*DVC)
    os.kill(scene.pid_of("/bin/sh -c toolkit run prepare"), signal.SIGKILL)
    running.wait()


def kill_parent_of_dvc(scene: Scene) -> None:
    """As ``./run`` is: a shell that names itself, and is still there while DVC runs."""
    script = 'export TOOLKIT_PARENT=$$; "$@"; true'
    running = scene.begin("/bin/sh", "-c", script, "sh", *DVC)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()


def kill_guard(scene: Scene) -> None:
    running = scene.begin(sys.executable, "-m", "toolkit", "run", "prepare")
    for pid in [pid for pid, command in scene.left().items() if "time.sleep(60)" in command]:
        os.kill(
            pid, signal.SIGKILL
        )  # with the guard gone, its helpers would be nobody's: not part of this case
    os.kill(scene.pid_of("guard.py"), signal.SIGKILL)
    assert running.wait(10) == 1
    assert "The kernel was killed" in scene.project.read("home/stderr")


@pytest.mark.parametrize(
    "kill", [kill_runner, kill_whole_group, kill_shell_between, kill_parent_of_dvc, kill_guard]
)
def test_two_seconds_after_a_kill_nothing_is_left(scene: Scene, kill: Callable[[Scene], None]) -> None:
    kill(scene)
    assert wait_for(lambda: not scene.left(), 2), scene.left()
    assert (
        not (scene.project.root / "data").exists() and not (scene.project.root / "reports/prepare").exists()
    )


def test_after_a_kill_of_dvc_the_next_run_ends_as_if_nothing_had_been(
    tiny_project, scene: Scene, tmp_path
) -> None:
    running = scene.begin(*DVC)
    os.kill(running.pid, signal.SIGKILL)
    running.wait()
    assert wait_for(lambda: not scene.left(), 2), scene.left()
    clean = type(tiny_project)(tmp_path / "clean")
    same = (clean.root / "notebooks/prepare.ipynb").read_bytes()
    (tiny_project.root / "notebooks/prepare.ipynb").write_bytes(same)
    done = tiny_project.dvc("repro", "prepare")
    assert done.returncode == 0, done.stderr
    assert clean.run("run", "prepare").returncode == 0
    assert tiny_project.files("data", "reports") == clean.files("data", "reports")


@pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_signal_ends_the_run_at_once_and_quietly(scene: Scene, number: signal.Signals, status: int) -> None:
    running = scene.begin(sys.executable, "-m", "toolkit", "run", "prepare")
    os.kill(running.pid, number)
    assert running.wait(2) == status
    assert not scene.left()
    said = scene.project.read("home/stderr").splitlines()
    assert said[-1] == f"toolkit: stage 'prepare' was stopped by {number.name} before it had finished."
    assert "Traceback" not in "".join(said)


def test_failed_stage_gets_back_what_dvc_removed(tiny_project) -> None:
    with (tiny_project.root / ".dvc/config").open("a") as config:
        config.write("[cache]\n    dir = ../home/elsewhere\n")
    assert tiny_project.dvc("repro", "prepare").returncode == 0
    assert (tiny_project.root / "home/elsewhere/files/md5").is_dir()
    before = tiny_project.files("data", "reports")
    locked = load_lock(tiny_project.root)["prepare"]["outs"]
    lineage = json.loads(before["reports/prepare/lineage.json"])
    hashes = {out["path"]: f"md5:{out['md5']}" for out in locked if out["path"] in lineage["outputs"]}
    assert lineage["outputs"] == hashes and hashes["data/prepared"].endswith(".dir")  # our hashes are DVC's
    tiny_project.write_notebook("prepare", ["1 / 0"])
    done = tiny_project.dvc("repro", "prepare")
    assert done.returncode != 0 and "ZeroDivisionError" in done.stderr
    after = tiny_project.files("data", "reports")
    assert after.pop("reports/failed/prepare.ipynb")
    assert after == before
    assert "data/prepared/deep/er/a.txt" in before and "reports/prepare.ipynb" in before


def test_orphan_puts_nothing_in_place(tiny_project) -> None:
    """The guard is stopped and cannot kill: the kernel outlives its runner, and finds by itself that it is over."""
    # Cells come one by one from the runner, so all that an orphan does has to be in one.
    orphan = """
home.joinpath('flag').touch()
while not home.joinpath('go').exists():
    time.sleep(0.02)
try:
    stage.finish()
except Exception as error:
    home.joinpath('end').write_text(str(error))
"""
    tiny_project.write_notebook(
        "prepare",
        [
            "import pathlib, time\nhome = pathlib.Path('home')",
            "stage.output('data/prepared').mkdir()",
            "stage.output('reports/prepare/metrics.json').write_text('{}')",
            orphan,
        ],
        finish=False,
    )
    running = tiny_project.start(sys.executable, "-m", "toolkit", "run", "prepare")
    assert wait_for((tiny_project.root / "home/flag").exists, 40)
    guard = next(pid for pid, command in processes(str(tiny_project.root)).items() if "guard.py" in command)
    try:
        os.kill(guard, signal.SIGSTOP)
        running.kill()
        running.wait()
        (tiny_project.root / "home/go").touch()
        assert wait_for((tiny_project.root / "home/end").exists, 10)
    finally:
        os.kill(guard, signal.SIGCONT)
    assert "is over, so nothing was changed" in tiny_project.read("home/end")
    assert not (tiny_project.root / "data").exists()
    assert wait_for(lambda: not processes(f"{tiny_project.root}"), 2)


def test_run_that_dvc_left_behind_does_not_begin(tiny_project) -> None:
    """Started for DVC, but with no DVC above: it died while the command was starting."""
    code = (
        "import os, time\nif os.fork() == 0:\n    os.setsid()\n    time.sleep(0.3)\n"
        "    os.execvp('toolkit', ['toolkit', 'run', 'prepare'])"
    )
    done = tiny_project.call(
        "setsid", sys.executable, "-c", code, DVC_STAGE="prepare", DVC_ROOT=str(tiny_project.root)
    )
    assert done.returncode == 0
    assert "The DVC process that started this stage is gone" in done.stderr
    assert not (tiny_project.root / "data").exists()
