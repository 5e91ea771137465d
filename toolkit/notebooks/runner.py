"""``toolkit run STAGE``: a stage's notebook, executed with the values of its section, from start to a clear end."""

from __future__ import annotations

import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.artifacts import write_json, write_text
from toolkit.errors import NotebookFailed
from toolkit.notebooks.lifeline import Lifeline
from toolkit.notebooks.source import Source, check_parameters, load_source
from toolkit.paths import project_root


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to end."""

    def __init__(self, number: int) -> None:
        super().__init__()
        self.number = number


def run_stage(stage: str, overrides: Mapping[str, Any] | None = None) -> int:
    """Execute notebooks/STAGE.ipynb and put the executed one under reports/.

    Parameters
    ----------
    stage : str
        The stage, which is also the notebook's name and its section in params.yaml.
    overrides : Mapping, optional
        Values that take the place of those in params.yaml, for this run only.

    Returns
    -------
    int
        0, or 128 plus the signal's number when a signal ended the run.

    Raises
    ------
    NotebookFailed
        The notebook cannot be executed, or did not run to its end: the message says where and why.
    ParamsError
        A value is wrong.
    """
    root = project_root()
    with _signals():
        try:
            try:
                _run(root, stage, overrides or {})
            except BaseException:
                _ignore_signals()
                _undo(root, stage)
                raise
        except Interrupted as stop:
            name = signal.Signals(stop.number).name
            print(
                f"toolkit: stage '{stage}' was stopped by {name}; its outputs are unchanged.", file=sys.stderr
            )
            return 128 + stop.number
    return 0


def _run(root: Path, stage: str, overrides: Mapping[str, Any]) -> None:
    source = load_source(root, stage)
    lifeline = Lifeline(stage, root)  # its kernel boots while the next lines import
    try:
        _execute(root, stage, source, overrides, lifeline)
    finally:
        lifeline.stop()


def _execute(
    root: Path, stage: str, source: Source, overrides: Mapping[str, Any], lifeline: Lifeline
) -> None:
    from toolkit.notebooks.quick_imports import quick_imports
    from toolkit.notebooks.values import load_values

    values, settings = load_values(root, stage, overrides)
    check_parameters(source, values)
    with quick_imports():
        from nbformat import from_dict
        from papermill.execute import execute_notebook

        from toolkit.notebooks.execution import Run
    from toolkit.notebooks.normalise import normalise_notebook
    from toolkit.notebooks.progress import Progress

    total = sum(cell["cell_type"] == "code" for cell in source.content["cells"])
    progress = Progress(stage, total, sys.stderr)
    run = Run(lifeline, root, settings.cell_timeout_s, progress)
    began = time.monotonic()
    error: Exception | None = None
    try:
        execute_notebook(
            from_dict(source.content),
            None,
            values,
            engine_name="toolkit",
            request_save_on_cell_execute=False,
            run=run,
        )
    except Exception as caught:  # whatever papermill, nbclient or the kernel raise becomes one message
        error = caught
    finally:
        progress.close()
    seconds = time.monotonic() - began
    _write_times(root, stage, run, seconds, failed=error is not None)
    if run.notebook is None:
        assert error is not None
        raise error
    normalise_notebook(run.notebook)
    _check_ended_well(root, stage, source, run, error)
    _write_notebook(root / f"reports/{stage}.ipynb", run.notebook)
    (root / f"reports/failed/{stage}.ipynb").unlink(missing_ok=True)
    progress.close(f"{stage}: {total} cells in {seconds:.1f} s, reports/{stage}.ipynb")


def _check_ended_well(root: Path, stage: str, source: Source, run: Any, error: Exception | None) -> None:
    """Raise for a run that did not, and keep its notebook beside the reports."""
    from toolkit.notebooks.failures import describe, mark_failed

    failure = _explain(root, stage, run, error)
    if failure is None:
        return
    counted = [index for index, cell in enumerate(run.notebook.cells) if _is_counted(cell)]
    number = sum(index <= run.place for index in counted) if run.place is not None else None
    code = run.notebook.cells[run.place].source if run.place is not None else ""
    kept = f"reports/failed/{stage}.ipynb"
    _write_notebook(root / kept, mark_failed(run.notebook, run.place, number, failure))
    raise NotebookFailed(describe(source.path, number, code, failure, kept))


def _explain(root: Path, stage: str, run: Any, error: Exception | None) -> Any:
    from nbclient.exceptions import CellTimeoutError, DeadKernelError

    from toolkit.notebooks.failures import Failure, explain_error, explain_kernel_end, explain_timeout

    outputs = [output for cell in run.notebook.cells for output in cell.get("outputs", [])]
    for output in outputs:
        if output.output_type == "error":
            return explain_error(output)
    if isinstance(error, CellTimeoutError):
        return explain_timeout(run.timeout_s)
    if isinstance(error, DeadKernelError):
        return explain_kernel_end(run.lifeline.kernel_exit() or 0, run.lifeline.kernel_log())
    if error is not None:
        return Failure(type(error).__name__, str(error))
    if (root / ".toolkit/staging" / f"{stage}-{run.lifeline.run}").exists():
        return Failure(
            "", "The notebook started a stage and did not finish it.", "End it with stage.finish()."
        )
    return None


def _is_counted(cell: Any) -> bool:
    from toolkit.notebooks.execution import is_counted

    return is_counted(cell)


def _write_notebook(path: Path, notebook: Any) -> None:
    import nbformat

    write_text(path, nbformat.writes(notebook) + "\n")


def _write_times(root: Path, stage: str, run: Any, seconds: float, *, failed: bool) -> None:
    """Keep the time of each cell; never in the executed notebook, which must not differ between runs."""
    cells = [{"cell": name, "seconds": round(took, 3)} for name, took in run.seconds]
    record = {
        "schema": 1,
        "stage": stage,
        "run": run.lifeline.run,
        "failed": failed,
        "seconds": round(seconds, 3),
        "cells": cells,
    }
    write_json(root / f".toolkit/runs/{stage}.json", record)


def _undo(root: Path, stage: str) -> None:
    """Leave the stage's outputs as they were: what it staged goes, what DVC removed comes back."""
    import os
    import shutil

    from toolkit.notebooks.restore import restore_outs

    for left in (root / ".toolkit/staging").glob(f"{stage}-*"):
        shutil.rmtree(left, ignore_errors=True)
    if os.environ.get("DVC_STAGE", "").rpartition(":")[2] == stage:
        lost = restore_outs(root, stage)
        if lost:
            print(
                f"toolkit: not in DVC's cache, so not put back: {', '.join(lost)}. 'dvc checkout' or 'dvc pull' may.",
                file=sys.stderr,
            )


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into one exception that asyncio lets through."""

    def stop(number: int, _: object) -> None:
        raise Interrupted(number)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _ignore_signals() -> None:
    """Let nothing disturb the way back."""
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, signal.SIG_IGN)
