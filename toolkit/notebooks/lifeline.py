"""The runner's end of a run: starts the guard, hears of the kernel, and says when it is over."""

from __future__ import annotations

import contextlib
import json
import os
import secrets
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path

from toolkit.errors import NotebookFailed

_LONGEST_STOP_S = 30.0
_SOCKET_PATH_BYTES = 80  # a Unix socket's path may have some 104 bytes, and a short name is added
# What would make two runs differ, or is another run's own.
_DROPPED = ("COLUMNS", "LINES", "MPLBACKEND", "PYTHONSTARTUP", "TOOLKIT_RUN", "PYTHONINSPECT")


class Lifeline:
    """A guard and its kernel: ``connection`` is the kernel's connection file, ``run`` the run's id.

    The kernel starts at once, so that it boots while the runner loads what it needs itself.
    """

    def __init__(self, stage: str, root: Path) -> None:
        self.stage, self.run = stage, secrets.token_hex(8)
        watch = find_ancestors()
        self.folder = _make_folder()
        self.connection = self.folder / "kernel.json"
        self._log = self.folder / "kernel.log"
        self._text = b""
        self._closed = False
        try:
            _write_connection(self.connection)
            spec = {
                "stage": stage,
                "run": self.run,
                "runner": os.getpid(),
                "watch": watch,
                "folder": str(self.folder),
                "command": [sys.executable, "-m", "toolkit.notebooks.kernel", str(self.connection)],
            }
            with self._log.open("wb") as log:
                self._guard = subprocess.Popen(
                    [sys.executable, "-I", "-S", str(Path(__file__).with_name("guard.py")), json.dumps(spec)],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    stderr=log,
                    cwd=root,
                    env=_kernel_environment(os.environ, root, self.folder),
                    start_new_session=True,
                )
        except BaseException:
            _remove(self.folder)
            raise
        assert self._guard.stdout is not None
        os.set_blocking(self._guard.stdout.fileno(), False)

    def kernel_exit(self) -> int | None:
        """Tell how the kernel ended: its status, or minus the signal that killed it; None while it lives."""
        self._read()
        for line in self._text.decode().splitlines():
            if line.startswith("exit "):
                return int(line.removeprefix("exit "))
        return -9 if self._closed else None  # without its guard it is killed

    def wait_kernel(self, timeout_s: float) -> int | None:
        """Wait for the kernel to end by itself; give what :meth:`kernel_exit` does, None when time was up."""
        assert self._guard.stdout is not None
        deadline = time.monotonic() + timeout_s
        while self.kernel_exit() is None and (left := deadline - time.monotonic()) > 0:
            select.select([self._guard.stdout], [], [], left)
        return self.kernel_exit()

    def interrupt_kernel(self) -> None:
        """Send the kernel the signal of Ctrl-C."""
        self._send(b"interrupt\n")

    def kernel_log(self) -> str:
        """Give the last lines that the kernel's process itself wrote (not its cells)."""
        try:
            return self._log.read_text(errors="replace").strip()[-2000:]
        except OSError:
            return ""

    def stop(self) -> None:
        """Kill whatever is left of the run and wait until nothing is."""
        self._send(b"stop\n")
        assert self._guard.stdin is not None and self._guard.stdout is not None
        with contextlib.suppress(OSError):
            self._guard.stdin.close()
        try:
            self._guard.wait(_LONGEST_STOP_S)
        except subprocess.TimeoutExpired:
            raise NotebookFailed(
                f"Processes of stage '{self.stage}' must end with its run, and some did not in "
                f"{_LONGEST_STOP_S:.0f} s. Look for TOOLKIT_RUN={self.stage}:{self.run} in their environment."
            ) from None
        finally:
            self._guard.stdout.close()
            _remove(self.folder)
        if self._guard.returncode != 0:  # it was killed itself: its kernel died with it, others may live
            from toolkit.notebooks.guard import kill_run

            kill_run(f"{self.stage}:{self.run}:{os.getpid()}")

    def _send(self, request: bytes) -> None:
        assert self._guard.stdin is not None
        try:
            self._guard.stdin.write(request)
            self._guard.stdin.flush()
        except (OSError, ValueError):
            self._closed = True

    def _read(self) -> None:
        assert self._guard.stdout is not None
        if self._closed:
            return
        while True:
            try:
                chunk = os.read(self._guard.stdout.fileno(), 4096)
            except BlockingIOError:
                return
            if not chunk:
                self._closed = True
                return
            self._text += chunk


def find_ancestors() -> list[int]:
    """Find the processes that this run must not outlive: DVC, when it runs the stage, and the shells between.

    DVC sets DVC_STAGE for its commands only, so DVC is the first ancestor without it. ``TOOLKIT_PARENT`` (set by
    ``./run``) names one more.

    Raises
    ------
    NotebookFailed
        DVC has died already.
    """
    if sys.platform != "linux":
        return [os.getppid()] if "DVC_STAGE" in os.environ else []
    chain: list[int] = []
    pid = os.getppid()
    while pid > 0:
        chain.append(pid)
        pid = _parent_of(pid)
    watch = []
    if "DVC_STAGE" in os.environ:
        for pid in chain:
            watch.append(pid)
            if not _has_variable(pid, "DVC_STAGE"):
                break
        if not watch or _is_adopter(watch[-1]):
            raise NotebookFailed(
                "The DVC process that started this stage is gone, so the stage does not run."
            )
    named = os.environ.get("TOOLKIT_PARENT", "")
    if named.isdigit() and int(named) in chain and int(named) not in watch:
        watch.append(int(named))
    return watch


def _parent_of(pid: int) -> int:
    try:
        return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
    except OSError:
        return 0


def _has_variable(pid: int, name: str) -> bool:
    try:
        return any(
            entry.startswith(f"{name}=".encode())
            for entry in Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
        )
    except OSError:
        return False


def _is_adopter(pid: int) -> bool:
    """Whether a process looks like one that takes in orphans (init, systemd, tini) rather than like DVC."""
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        foreign = os.getsid(pid) != os.getsid(0)
    except OSError:
        return pid == 1
    return b"dvc" not in command and (pid == 1 or foreign)


def _kernel_environment(base: Mapping[str, str], root: Path, folder: Path) -> dict[str, str]:
    kept = {name: value for name, value in base.items() if name not in _DROPPED}
    # A user's own IPython set-up would make the notebook's result depend on the machine; so would hash order.
    return {**kept, "TOOLKIT_ROOT": str(root), "IPYTHONDIR": str(folder / "ipython"), "PYTHONHASHSEED": "0"}


def _make_folder() -> Path:
    """Make the run's private folder, at a path that is short enough for Unix sockets."""
    base = tempfile.gettempdir()
    if len(os.fsencode(base)) > _SOCKET_PATH_BYTES:
        base = "/tmp"  # noqa: S108  # made with mkdtemp: private to the user
    return Path(tempfile.mkdtemp(prefix="toolkit-", dir=base))


def _write_connection(path: Path) -> None:
    """Choose the kernel's sockets and key: Unix sockets in the run's own folder, so nothing listens on a port."""
    content = {
        "transport": "ipc",
        "ip": str(path.with_name("k")),
        "key": secrets.token_hex(32),
        "signature_scheme": "hmac-sha256",
        "kernel_name": "python3",
        "shell_port": 1,
        "iopub_port": 2,
        "stdin_port": 3,
        "control_port": 4,
        "hb_port": 5,
    }
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
        json.dump(content, file)


def _remove(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)
