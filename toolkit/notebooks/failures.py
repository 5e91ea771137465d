"""What a failed run tells: one short message, and the executed notebook with the place marked."""

from __future__ import annotations

import builtins
import copy
import re
import signal
from dataclasses import dataclass
from typing import Any

from toolkit import errors
from toolkit.notebooks.kernel import NO_IPYKERNEL

_OURS = {
    name
    for name, kind in vars(errors).items()
    if isinstance(kind, type) and issubclass(kind, errors.ToolkitError)
}
_ANSI = re.compile(r"\x1b\[[0-9;]*m")
_HINTS = {
    "ModuleNotFoundError": "Is the package in pyproject.toml, and the lock made anew (./run lock)?",
    "NameError": "Does an earlier cell define it? In JupyterLab, 'Restart Kernel and Run All' shows the same.",
    "MemoryError": "The data did not fit into memory: read fewer columns or rows, or use a larger machine.",
    "FileNotFoundError": "Is the file named with stage.input(...), and made by an earlier stage?",
    "KeyboardInterrupt": "Something sent the kernel an interrupt.",
    "SystemExit": "A notebook ends with its last cell: take the exit out of it.",
}


@dataclass(frozen=True)
class Failure:
    """Why a run did not end well: ``name`` of the exception (or '' for one that is not an exception), and words."""

    name: str
    message: str
    hint: str = ""
    line: int | None = None

    @property
    def headline(self) -> str:
        """The exception as a person reads it; a message of our own stands for itself."""
        if not self.name or self.name in _OURS:
            return self.message
        return f"{self.name}: {self.message}" if self.message else self.name


def explain(run: Any, error: Exception | None, *, unfinished: bool) -> Failure | None:
    """Say why a run did not end well; None when it did.

    Parameters
    ----------
    run : Run
        The execution that is over.
    error : Exception or None
        What it raised.
    unfinished : bool
        Whether the stage was started and not finished.
    """
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    for cell in run.notebook.cells:
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                return explain_error(output)
    if isinstance(error, CellTimeoutError):
        return explain_timeout(run.timeout_s) if run.place is not None else Failure("", f"{error}.")
    if isinstance(error, DeadKernelError):
        return explain_kernel_end(run.lifeline.wait_kernel(1.0) or 0, run.lifeline.kernel_log())
    if error is not None:
        return Failure(type(error).__name__, str(error))
    if unfinished:
        return Failure(
            "", "The notebook started its stage and did not finish it.", "End it with stage.finish()."
        )
    return None


def explain_error(output: Any) -> Failure:
    """Turn a cell's error output into a failure."""
    name, message = output.ename, _ANSI.sub("", output.evalue).strip()
    hint = "" if name in _OURS else _HINTS.get(name, "")
    found = re.findall(r"line (\d+)", _ANSI.sub("", "\n".join(output.traceback[:3])))
    line = int(found[0]) if found and hasattr(builtins, name) else None
    return Failure(name, message, hint, line)


def explain_kernel_end(status: int, log: str) -> Failure:
    """Turn the end of a kernel's process before its time into a failure; ``log`` is what the process wrote."""
    said = f" Its last words: {log.splitlines()[-1]}" if log else ""
    if status == NO_IPYKERNEL:
        return Failure(
            "",
            f"The kernel needs the package ipykernel, which cannot be imported.{said}",
            "Run ./run true to mend it.",
        )
    if status == -signal.SIGKILL:
        return Failure(
            "",
            "The kernel was killed (signal 9, SIGKILL): most likely the machine ran out of memory.",
            "Look at 'dmesg' for 'Out of memory', use fewer rows or trials at once, or a larger machine.",
        )
    if status < 0:
        name = signal.Signals(-status).name if -status in set(signal.Signals) else "unknown"
        return Failure(
            "",
            f"The kernel crashed (signal {-status}, {name}).{said}",
            "A native library is the usual cause.",
        )
    return Failure(
        "",
        f"The kernel ended by itself (exit status {status}).{said}",
        "Something in the cell ended the process, such as os._exit.",
    )


def explain_timeout(seconds: int) -> Failure:
    """Turn a cell that took too long into a failure."""
    return Failure(
        "",
        f"The cell took longer than {seconds} s.",
        "Make it quicker, or raise runner.cell_timeout_s in params.yaml.",
    )


def describe(path: str, number: int | None, source: str, failure: Failure, kept: str) -> str:
    """Write the message: notebook, cell number and first line, exception, hint, and where the executed one is."""
    if number is None:
        lines = [f"{path} failed before its first cell. {failure.headline}"]
    else:
        first = next((line.strip() for line in source.splitlines() if line.strip()), "")
        where = f", line {failure.line}" if failure.line and failure.line > 1 else ""
        lines = [f"{path} failed in code cell {number}{where}: {first[:100]}", f"  {failure.headline}"]
    if failure.hint:
        lines.append(f"  Hint: {failure.hint}")
    if kept:
        lines.append(f"  The notebook as far as it ran: {kept}")
    return "\n".join(lines)


def mark_failed(notebook: Any, place: int | None, number: int | None, failure: Failure) -> Any:
    """Give a copy of an executed notebook that says at its top that it failed, with a link to the failing cell."""
    from nbformat import NotebookNode

    def note(slug: str, text: str) -> Any:
        return NotebookNode(
            cell_type="markdown", id=slug, metadata=NotebookNode(tags=["failed"]), source=text
        )

    marked = copy.deepcopy(notebook)
    quoted = "\n".join(f"> {line}" for line in failure.headline.splitlines())
    if place is None or number is None:
        marked.cells.insert(0, note("failed-top", f"**This run failed** before its first cell.\n\n{quoted}"))
        return marked
    marked.cells.insert(
        place, note("failed-here", '<a id="failed-cell"></a>**The run failed in the next cell.**')
    )
    marked.cells.insert(
        0, note("failed-top", f"**This run failed** in [code cell {number}](#failed-cell).\n\n{quoted}")
    )
    return marked
