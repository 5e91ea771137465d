"""The guard of a run: starts the kernel, and lets nothing that the run started live longer than the run.

A process of its own in a session of its own, so that no signal to the runner, to its process group or to DVC reaches
it. It ends the run, with SIGKILL, when the runner has died (the pipe from it closes, whatever the cause), when a
process that the run belongs to has died (``watch``: DVC and the shells between), and when the runner says so.

On Linux it finds what belongs to the run in two ways, and repeats until neither finds anything: processes whose
environment carries the run's mark, in whatever session they are, and its own descendants. It is a "child subreaper"
(prctl(2)): a process that lost its parent becomes the guard's child, so that one which dropped its environment is
found as well. Deaths are noticed at once through pidfds (pidfd_open(2)). The kernel in turn dies with the guard.

Elsewhere (macOS) there is neither: deaths of watched processes are noticed within half a second, and the kernel's
process group is killed. A process that left that group survives. It is not tested there.

This file is run by its path with ``python -I -S``: standard library only, so that it costs 20 ms and 10 MB.
"""

import contextlib
import json
import os
import select
import signal
import sys
import time

LINUX = sys.platform == "linux"
MARK = "TOOLKIT_RUN"
_PR_SET_CHILD_SUBREAPER = 36
_LONGEST_KILL_S = 20.0


def main() -> None:
    """Start the kernel and stay until the run is over; then kill what is left of it and remove its folder."""
    spec = json.loads(sys.argv[1])
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP):
        signal.signal(number, signal.SIG_IGN)
    if LINUX:
        _prctl(_PR_SET_CHILD_SUBREAPER, 1)
    runner = spec["runner"]
    mark = f"{spec['stage']}:{spec['run']}:{runner}"
    # JPY_PARENT_PID: ipykernel itself ends within a second of its parent; what macOS has in place of prctl.
    environment = {**os.environ, MARK: mark, "JPY_PARENT_PID": str(os.getpid())}
    kernel = _start_kernel(spec["command"], environment)
    _tell(f"kernel {kernel}")
    try:
        died = _wait(kernel, spec["watch"])
        if died is not None and os.getppid() == runner:
            _kill(runner)
    finally:
        kill_run(mark, kernel)
        _remove(spec["folder"])


def _start_kernel(command: list[str], environment: dict[str, str]) -> int:
    """Start the kernel with default signals and nothing of the guard's pipes."""
    null = os.open(os.devnull, os.O_RDONLY)
    return os.posix_spawn(
        command[0],
        command,
        environment,
        file_actions=[(os.POSIX_SPAWN_DUP2, null, 0), (os.POSIX_SPAWN_DUP2, 2, 1)],
        setpgroup=0,
        setsigdef=[signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT, signal.SIGTSTP],
    )


def _wait(kernel: int, watch: list[int]) -> int | None:
    """Wait for the end of the run; give the watched process that died, or None when the runner ended or said so."""
    reader, writer = os.pipe()
    for end in (reader, writer):
        os.set_blocking(end, False)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    poll = select.poll()
    for descriptor in (0, reader):
        poll.register(descriptor, select.POLLIN)
    handles: dict[int, int] = {}
    for pid in watch:
        if not _alive(pid):
            return pid
        with contextlib.suppress(
            OSError, AttributeError
        ):  # no pidfds here, or it died just now: look again and again
            handles[os.pidfd_open(pid)] = pid
    looks = len(handles) < len(watch)
    for handle in handles:
        poll.register(handle, select.POLLIN)
    _reap(kernel)
    while True:
        ready = [descriptor for descriptor, _ in poll.poll(500 if looks else None)]
        died = [handles[descriptor] for descriptor in ready if descriptor in handles]
        if looks:
            died += [pid for pid in watch if not _alive(pid)]
        if died:
            return died[0]
        if reader in ready:
            os.read(reader, 1024)
            _reap(kernel)
        if 0 in ready:
            request = os.read(0, 1024)
            if not request or b"stop" in request:
                return None
            _kill(kernel, signal.SIGINT)


def _reap(kernel: int) -> None:
    """Collect ended children (adopted ones too) and tell the runner how the kernel ended."""
    while True:
        try:
            pid, status = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        if pid == kernel:
            _tell(f"exit {os.waitstatus_to_exitcode(status)}")


def kill_run(mark: str, kernel: int | None = None) -> None:
    """Kill until nothing is left: a process may start others while it is being looked for.

    The guard gives its kernel, and kills its own descendants as well; the runner, when the guard itself was killed,
    gives none, and kills what carries the mark.
    """
    give_up = time.monotonic() + _LONGEST_KILL_S
    if not LINUX and kernel is not None:
        with contextlib.suppress(OSError):
            os.killpg(kernel, signal.SIGKILL)
    while time.monotonic() < give_up:
        marked, below = _find(mark) if LINUX else (set(), set())
        left = marked if kernel is None else marked | below
        for pid in left:
            _kill(pid)
        if kernel is not None:
            _reap(-1)
        if not left:
            return
        time.sleep(0.005)


def _find(mark: str) -> tuple[set[int], set[int]]:
    """Find live processes that carry the mark, and those that descend from this one."""
    needle = f"{MARK}={mark}".encode()
    here = os.getpid()
    parents: dict[int, int] = {}
    marked, below = set(), set()
    for name in os.listdir("/proc"):
        if not name.isdigit() or int(name) == here:
            continue
        try:
            with open(f"/proc/{name}/stat", "rb") as file:
                fields = file.read().rpartition(b")")[2].split()
            if fields[0] in (b"Z", b"X"):
                continue
            parents[int(name)] = int(fields[1])
            with open(f"/proc/{name}/environ", "rb") as file:
                if needle in file.read().split(b"\0"):
                    marked.add(int(name))
        except OSError:  # it ended meanwhile, or belongs to someone else
            continue
    for pid in parents:
        at = pid
        while at in parents and at != here:
            at = parents[at]
        if at == here:
            below.add(pid)
    return marked, below


def _kill(pid: int, number: int = signal.SIGKILL) -> None:
    with contextlib.suppress(OSError):
        os.kill(pid, number)


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        return True
    return True


def _tell(message: str) -> None:
    with contextlib.suppress(OSError):  # the runner is gone: the closed pipe from it says so in a moment
        os.write(1, f"{message}\n".encode())


def _remove(folder: str) -> None:
    import shutil

    shutil.rmtree(folder, ignore_errors=True)


def _prctl(option: int, value: int) -> None:
    import ctypes

    ctypes.CDLL(None, use_errno=True).prctl(option, value, 0, 0, 0)


if __name__ == "__main__":
    main()
