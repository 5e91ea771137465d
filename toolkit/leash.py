"""Processes that end when their parent does, however it ends.

Linux has PR_SET_PDEATHSIG (prctl(2)) for it; elsewhere nothing here has an effect, and a child outlives a parent that
is killed. ``python -m toolkit.leash PARENT_PID COMMAND ...`` runs any command so: the board starts the pipeline and
``toolkit serve`` the server this way, since one that is left behind answers, or overwrites files, unseen.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

_PR_SET_PDEATHSIG = 1


def die_with_parent(number: int = signal.SIGTERM) -> None:
    """Ask for a signal to this process when the parent dies; it stays asked for after an exec."""
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, int(number), 0, 0, 0)


def main(arguments: list[str]) -> None:
    """Tie this process to the parent with the given id, then become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    die_with_parent()
    if os.getppid() != parent:  # it ended before the tie was made
        sys.exit(143)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a list of our own, no shell
    except OSError as error:
        sys.exit(f"{command[0]} must be a program that can be started. {error.strerror}.")


if __name__ == "__main__":
    main(sys.argv[1:])
