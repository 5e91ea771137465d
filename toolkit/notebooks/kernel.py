"""The kernel of a run: ipykernel without what a run does not need, dying with its guard.

Started by :mod:`toolkit.notebooks.guard` as ``python -m toolkit.notebooks.kernel CONNECTION_FILE``.
"""

from __future__ import annotations

import os
import signal
import sys

from toolkit.leash import die_with_parent

NO_IPYKERNEL = 69  # exit status: ipykernel cannot be imported


def main() -> None:
    """Run the kernel until the runner asks it to shut down."""
    _die_with_guard()
    sys.modules["debugpy"] = None  # type: ignore[assignment]  # the debugger costs 0.2 s and nobody attaches
    try:
        from ipykernel import compiler, kernelapp
    except ModuleNotFoundError as error:
        print(error, file=sys.stderr)
        sys.exit(NO_IPYKERNEL)
    del sys.modules["debugpy"]
    # Warnings and tracebacks name a cell's file: by default a temporary one with the process id in it.
    stage = os.environ.get("TOOLKIT_RUN", "notebook").partition(":")[0]
    compiler.XCachingCompiler.get_code_name = (  # type: ignore[method-assign]
        lambda self, raw, code, number: f"{stage}.ipynb[{number}]"
    )
    kernelapp.IPKernelApp.launch_instance(argv=["-f", sys.argv[1], "--HistoryManager.enabled=False"])


def _die_with_guard() -> None:
    """Ask for a SIGKILL when the guard dies, and check that it has not died before."""
    die_with_parent(signal.SIGKILL)
    if sys.platform == "linux" and os.environ.get("JPY_PARENT_PID", "") not in {"", str(os.getppid())}:
        os._exit(1)


if __name__ == "__main__":
    main()
