"""Execution of a parameterised notebook in a guarded kernel, on top of papermill's own client and bookkeeping."""

from __future__ import annotations

import logging
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty
from typing import Any

from jupyter_client.asynchronous.client import AsyncKernelClient
from jupyter_core.utils import run_sync
from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError
from papermill.clientwrap import PapermillNotebookClient
from papermill.engines import NotebookExecutionManager
from papermill.log import logger

from toolkit.notebooks.lifeline import Lifeline
from toolkit.notebooks.normalise import INJECTED, normalise_outputs
from toolkit.notebooks.progress import Progress, name_cells
from toolkit.notebooks.scrub import Scrubber

_QUIET = logging.getLogger("toolkit.notebooks")  # nbclient's own lines would say what our message says better
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False
_BOOT_S = 60.0
_SHUTDOWN_S = 10.0


@dataclass
class Run:
    """One execution: what it needs, and what it left behind when it ended (``notebook``, ``place``, ``seconds``)."""

    lifeline: Lifeline
    root: Path
    scrubber: Scrubber
    timeout_s: int | None = None
    progress: Progress | None = None
    notebook: Any = None
    place: int | None = None  # index of the cell that was executed last
    seconds: list[tuple[str, float]] = field(default_factory=list)


def execute(nb: Any, run: Run, options: Mapping[str, Any]) -> Any:
    """Execute a notebook that has its parameters; ``options`` are those that papermill gives an engine.

    Raises
    ------
    DeadKernelError
        The kernel ended before its time.
    CellTimeoutError
        A cell took longer than ``run.timeout_s``, or the kernel was not ready in time.
    """
    run.notebook = nb
    manager = _Manager(run, nb, options.get("output_path"), options.get("log_output", False))
    manager.notebook_start()
    client = _Client(
        manager,
        run,
        timeout=run.timeout_s,
        log=_QUIET if run.progress else logger,
        log_output=options.get("log_output", False),
        stdout_file=options.get("stdout_file"),
        stderr_file=options.get("stderr_file"),
    )
    try:
        client.execute()
    finally:
        if "widgets" in nb.metadata:
            nb.metadata.widgets = run.scrubber.scrub_value(nb.metadata.widgets)
        manager.notebook_complete()
    return nb


class _Manager(NotebookExecutionManager):
    """Papermill's bookkeeping, and ours: progress, times, outputs that are the same every time."""

    def __init__(self, run: Run, nb: Any, output_path: str | None, log_output: bool) -> None:
        super().__init__(nb, output_path, log_output, progress_bar=False, autosave_cell_every=0)
        self._run = run
        self._names = [run.scrubber.scrub_text(name) for name in name_cells(nb.cells)]
        self._number = 0
        self._began = 0.0

    def cell_start(self, cell: Any, cell_index: int | None = None, **options: Any) -> None:
        """Note the cell that runs now."""
        assert cell_index is not None
        self._run.place = cell_index
        self._began = time.monotonic()
        if is_counted(cell):
            self._number += 1
            if self._run.progress:
                self._run.progress.begin(self._number, self._names[cell_index])
        super().cell_start(cell, cell_index, **options)

    def cell_complete(self, cell: Any, cell_index: int | None = None, **options: Any) -> None:
        """Clean the cell's outputs before they are shown or saved anywhere."""
        assert cell_index is not None
        if is_counted(cell):
            normalise_outputs(cell, self._run.root)
            self._run.scrubber.scrub_cell(cell)
            self._run.seconds.append((self._names[cell_index], time.monotonic() - self._began))
            failed = cell.metadata.papermill.get("exception") or sys.exc_info()[0] is not None
            if self._run.progress and not failed:
                self._run.progress.end()
        super().cell_complete(cell, cell_index, **options)


class _Client(PapermillNotebookClient):
    """Papermill's client over a kernel that the guard has started already."""

    def __init__(self, manager: _Manager, run: Run, **options: Any) -> None:
        super().__init__(manager, km=_Handle(run.lifeline), **options)
        self._lifeline, self._scrubber, self._progress = run.lifeline, run.scrubber, run.progress

    def process_message(self, msg: Any, cell: Any, cell_index: int) -> Any:
        """Show what a long cell prints while it runs, then let nbclient keep it."""
        if msg["msg_type"] == "stream" and self._progress:
            self._progress.note(self._scrubber.scrub_text(msg["content"]["text"]))
        return super().process_message(msg, cell, cell_index)

    def log_output_message(self, output: Any) -> None:
        """Let papermill copy an output to its log or files, without secrets that it holds whole."""
        super().log_output_message(self._scrubber.scrub_value(output))

    def execute(self, **options: Any) -> Any:
        """Execute all cells, then let the kernel end by itself so that its exit handlers run."""
        self.reset_execution_trackers()
        self.kc = _KernelClient(connection_file=str(self._lifeline.connection), lifeline=self._lifeline)
        self.kc.load_connection_file()
        self.kc.start_channels(hb=False, stdin=False)
        try:
            run_sync(_wait_until_ready)(self.kc, self._lifeline)
            self.papermill_execute_cells()
            self.set_widgets_metadata()
            self.kc.shutdown()
            self._lifeline.wait_kernel(_SHUTDOWN_S)
        finally:
            for channel in (self.kc.shell_channel, self.kc.iopub_channel, self.kc.control_channel):
                channel.stop()
            self.kc.context.destroy(linger=0)
        return self.nb

    def papermill_execute_cells(self) -> None:
        """Execute the cells; the injected one is not counted, so In[n] is the same as in a run by hand."""
        for index, cell in enumerate(self.nb.cells):
            try:
                self.nb_man.cell_start(cell, index)
                self.execute_cell(cell, index, store_history=is_counted(cell))
            except CellExecutionError as error:
                self.nb_man.cell_exception(self.nb.cells[index], cell_index=index, exception=error)
                break
            finally:
                self.nb_man.cell_complete(self.nb.cells[index], cell_index=index)


class _Handle:
    """What nbclient asks of a kernel manager, answered by the lifeline."""

    has_kernel = True

    def __init__(self, lifeline: Lifeline) -> None:
        self._lifeline = lifeline

    def interrupt_kernel(self) -> None:
        self._lifeline.interrupt_kernel()


class _KernelClient(AsyncKernelClient):
    """A client that knows from the guard, not from heartbeats, whether the kernel lives."""

    def __init__(self, lifeline: Lifeline, **options: Any) -> None:
        super().__init__(**options)
        self._lifeline = lifeline

    async def is_alive(self) -> bool:
        """Whether the kernel's process lives."""
        return self._lifeline.kernel_exit() is None


async def _wait_until_ready(client: _KernelClient, lifeline: Lifeline) -> None:
    """Wait until the kernel answers and its output channel is connected (its first message arrives there)."""
    deadline = time.monotonic() + _BOOT_S
    client.kernel_info()
    answered = False
    while True:
        channel = client.iopub_channel if answered else client.shell_channel
        try:
            message = await channel.get_msg(timeout=0.5)
        except Empty:
            if lifeline.kernel_exit() is not None:
                raise DeadKernelError("Kernel died before it was ready") from None
            if time.monotonic() > deadline:
                raise CellTimeoutError(f"Kernel not ready after {_BOOT_S:.0f} s") from None
            if answered:  # subscribed too late for the first answer: ask for another
                client.kernel_info()
            continue
        if answered:
            return
        answered = message["msg_type"] == "kernel_info_reply"


def is_counted(cell: Any) -> bool:
    """Whether a cell is code of the notebook itself, not the one that papermill injected."""
    return cell.cell_type == "code" and INJECTED not in cell.metadata.get("tags", [])
