"""The board's child process: its lines, its end, its stop; nothing of it is left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil
import pytest

from toolkit.widgets.process import Process, build_environment

pytestmark = pytest.mark.integration


class Watched:
    """A process and what it called back with."""

    def __init__(self, root: Path, code: str) -> None:
        self.lines: list[str] = []
        self.ended: list[int] = []
        self.process = Process(root, [sys.executable, "-c", code], self.lines.append, self.ended.append)
        self.process.start()


def wait_until(condition: Callable[[], object], limit_s: float = 20) -> None:
    end = time.monotonic() + limit_s
    while not condition():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)


def is_running(pid: int) -> bool:
    try:
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


PARENT = """
import subprocess, sys, time
child = subprocess.Popen([sys.executable, "-c", "import time; time.sleep(600)"])
print(child.pid, flush=True)
time.sleep(600)
"""
STUBBORN = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\n" + PARENT.replace(
    "import time; time", "import signal, time; signal.signal(signal.SIGINT, signal.SIG_IGN); time"
)


def test_lines_come_in_order_and_the_status_last(tmp_path: Path) -> None:
    watched = Watched(
        tmp_path, "import sys; print('one'); print('two', file=sys.stderr); print('três'); sys.exit(3)"
    )
    assert watched.process.wait(30)
    assert watched.lines == ["one", "two", "três"]
    assert watched.ended == [3]
    assert not watched.process.running


def test_it_runs_in_the_project_with_its_environment(tmp_path: Path) -> None:
    watched = Watched(
        tmp_path, "import os; print(os.getcwd(), os.environ['TOOLKIT_ROOT'], os.environ['DVC_NO_ANALYTICS'])"
    )
    watched.process.wait(30)
    assert watched.lines == [f"{tmp_path} {tmp_path} 1"]


def test_the_kernels_own_run_and_plot_backend_are_not_passed_on(tmp_path: Path) -> None:
    environment = build_environment(
        tmp_path, {"TOOLKIT_RUN": "train:1:2", "MPLBACKEND": "inline", "PATH": "/bin"}
    )
    assert "TOOLKIT_RUN" not in environment and "MPLBACKEND" not in environment
    assert environment["PATH"].split(os.pathsep) == [str(Path(sys.executable).parent), "/bin"]


@pytest.mark.parametrize("code", [PARENT, STUBBORN], ids=["interrupted", "killed"])
def test_stop_ends_it_and_its_children(tmp_path: Path, code: str) -> None:
    watched = Watched(tmp_path, code)
    wait_until(lambda: watched.lines)
    child = int(watched.lines[0])
    watched.process.stop(grace_s=1.0)
    assert watched.process.wait(20)
    assert watched.process.stopped and watched.ended[0] != 0
    wait_until(lambda: not is_running(child))


def test_a_program_that_does_not_exist_is_told(tmp_path: Path) -> None:
    lines: list[str] = []
    ended: list[int] = []
    process = Process(tmp_path, ["no-such-program"], lines.append, ended.append)
    process.start()
    assert process.wait(30)
    assert ended[0] != 0
    assert "no-such-program" in "\n".join(lines)


@pytest.mark.skipif(sys.platform != "linux", reason="a parent's death is told by Linux alone")
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_it_ends_with_the_kernel_however_that_ends(tmp_path: Path, number: int) -> None:
    kernel = subprocess.Popen(
        [
            sys.executable,
            "-c",
            "import sys, time\nfrom pathlib import Path\nfrom toolkit.widgets.process import Process\n"
            "show = lambda line: print(line, flush=True)\n"
            "code = 'import os, time; print(os.getpid(), flush=True); time.sleep(600)'\n"
            "Process(Path.cwd(), [sys.executable, '-c', code], show, show).start()\ntime.sleep(600)",
        ],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert kernel.stdout is not None
        child = int(kernel.stdout.readline())
        assert is_running(child)
        kernel.send_signal(number)
        kernel.wait(20)
        wait_until(lambda: not is_running(child), limit_s=5)
    finally:
        kernel.kill()
        kernel.wait()
