"""A command of the pipeline as a child of the notebook's kernel: its lines as they come, an end, a stop. No widgets."""

from __future__ import annotations

import atexit
import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

GRACE_S = 20.0  # what the runner gets to end a kernel and tidy up, before it is killed


class Process:
    """One run of a command in the project, in a process group of its own.

    Parameters
    ----------
    root : Path
        The project, where the command runs.
    command : sequence of str
        Program and arguments; the program is looked for in this interpreter's environment first.
    on_line : callable
        Called with each line of output (both streams, as they come), from a thread.
    on_end : callable
        Called once with the exit status, after the last line; negative is the signal that ended it.
    """

    def __init__(
        self,
        root: Path,
        command: Sequence[str],
        on_line: Callable[[str], None],
        on_end: Callable[[int], None],
    ) -> None:
        self.command = tuple(command)
        self.stopped = False
        self._root, self._on_line, self._on_end = root, on_line, on_end
        self._child: subprocess.Popen[str] | None = None
        self._begun = threading.Event()
        # The thread that starts the child must live as long as it: Linux sends the parent's-death signal when the
        # thread ends that started it, not when the process does.
        self._thread = threading.Thread(target=self._run, name="pipeline", daemon=True)

    def start(self) -> None:
        """Start the command; returns at once."""
        atexit.register(self.stop, 2.0)
        self._thread.start()
        self._begun.wait()

    @property
    def running(self) -> bool:
        """Whether the command has not ended."""
        return self._thread.is_alive()

    def wait(self, timeout_s: float | None = None) -> bool:
        """Wait for the end, callbacks included; false if it did not come in time."""
        self._thread.join(timeout_s)
        return not self._thread.is_alive()

    def stop(self, grace_s: float = GRACE_S) -> None:
        """Interrupt the command and all its children; kill what is left after ``grace_s`` seconds."""
        child = self._child
        if child is None or child.poll() is not None:
            return
        self.stopped = True
        _signal(child.pid, signal.SIGINT)
        end = time.monotonic() + grace_s
        while child.poll() is None and time.monotonic() < end:
            time.sleep(0.05)
        _signal(child.pid, signal.SIGKILL)  # the group outlives its leader as long as a member of it lives

    def _run(self) -> None:
        status = 127
        try:
            self._child = child = self._spawn()
            self._begun.set()
            assert child.stdout is not None
            for line in child.stdout:
                self._on_line(line.rstrip("\r\n"))
            status = child.wait()
        except OSError as error:
            self._on_line(f"{sys.executable} must be a program that can be started. {error}.")
        finally:
            self._begun.set()
            atexit.unregister(self.stop)
            self._on_end(status)

    def _spawn(self) -> subprocess.Popen[str]:
        leash = [sys.executable, "-m", "toolkit.leash", str(os.getpid())]
        return subprocess.Popen(
            [*leash, *self.command],
            cwd=self._root,
            env=build_environment(self._root),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            encoding="utf-8",
            errors="replace",
            start_new_session=True,
        )


def build_environment(root: Path, base: Mapping[str, str] | None = None) -> dict[str, str]:
    """Give the environment that ``./run`` would give a command, also when the kernel was not started by it."""
    environment = dict(os.environ if base is None else base)
    environment.pop("TOOLKIT_RUN", None)
    environment |= {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{environment.get('PATH', '')}",
        "TOOLKIT_ROOT": str(root),
        "PYTHONUNBUFFERED": "1",
        "DVC_NO_ANALYTICS": "1",
        "BENTOML_DO_NOT_TRACK": "true",
        "RAY_USAGE_STATS_ENABLED": "0",
        "ANONYMIZED_TELEMETRY": "false",
        "NO_COLOR": "1",
    }
    environment.pop("MPLBACKEND", None)  # the kernel's inline backend is not for its children
    environment.setdefault("BENTOML_HOME", str(root / ".bentoml"))
    environment.setdefault("RAY_AUTH_MODE", "token")
    return environment


def _signal(group: int, number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(group, number)
