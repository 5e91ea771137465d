"""Run a command that ends when its parent does: ``python -m toolkit.widgets.leash PARENT_PID COMMAND ...``.

The board starts the pipeline this way. A kernel that is restarted or killed takes the pipeline with it, instead of
leaving one behind that nobody sees and that overwrites the files of the next.
"""

from __future__ import annotations

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1  # prctl(2)


def main(arguments: list[str]) -> None:
    """Tie this process to the parent with the given id, then become the command."""
    parent, command = int(arguments[0]), arguments[1:]
    if sys.platform == "linux":
        ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
    if os.getppid() != parent:  # it ended before the tie was made
        sys.exit(143)
    try:
        os.execvp(command[0], command)  # noqa: S606 - a list of our own, no shell
    except OSError as error:
        sys.exit(f"{command[0]} must be a program that can be started. {error.strerror}.")


if __name__ == "__main__":
    main(sys.argv[1:])
