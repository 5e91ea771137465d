"""``toolkit run STAGE``: a stage's notebook, executed with the values of its section, from start to a clear end."""

from __future__ import annotations

import os
import shutil
import signal
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.errors import NotebookFailed, StageError
from toolkit.notebooks.lifeline import Lifeline
from toolkit.notebooks.source import Source, check_parameters, load_source
from toolkit.paths import project_root


class Interrupted(KeyboardInterrupt):
    """A signal asked the run to end; asyncio lets a KeyboardInterrupt through where it would keep another."""

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
        A value is wrong, or looks like a secret.
    """
    root = find_root()
    with _signals():
        try:
            _run(root, stage, overrides or {})
        except Interrupted as stop:
            name = signal.Signals(stop.number).name
            print(f"toolkit: stage '{stage}' was stopped by {name} before it had finished.", file=sys.stderr)
            return 128 + stop.number
    return 0


def find_root() -> Path:
    """Find the project around the working folder before the one that TOOLKIT_ROOT names.

    DVC runs an experiment's stages in a copy of the project (``dvc exp run --temp``), with the environment of the
    original: the copy is meant.
    """
    try:
        return project_root(Path.cwd())
    except StageError:
        return project_root()


def _run(root: Path, stage: str, overrides: Mapping[str, Any]) -> None:
    lifeline: Lifeline | None = None
    try:
        source = load_source(root, stage)
        lifeline = Lifeline(stage, root)  # its kernel boots while the next lines import
        _execute(root, stage, source, overrides, lifeline)
    except BaseException:
        _ignore_signals()
        if lifeline:
            lifeline.stop()
            shutil.rmtree(root / f".toolkit/staging/{stage}-{lifeline.run}", ignore_errors=True)
        _restore(root, stage)
        raise
    _ignore_signals()
    lifeline.stop()


def _execute(
    root: Path, stage: str, source: Source, overrides: Mapping[str, Any], lifeline: Lifeline
) -> None:
    from toolkit.notebooks.quick_imports import quick_imports
    from toolkit.notebooks.values import load_secrets, load_values

    values, settings = load_values(root, stage, overrides)
    check_parameters(source, values)
    with quick_imports():
        from nbformat import from_dict
        from papermill.execute import execute_notebook

        from toolkit.notebooks.execution import Run
    from toolkit.notebooks.normalise import normalise_notebook
    from toolkit.notebooks.progress import Progress
    from toolkit.notebooks.reports import write_notebook, write_times
    from toolkit.notebooks.scrub import Scrubber

    scrubber = Scrubber(load_secrets(settings.secrets))
    for name in scrubber.too_short:
        print(f"toolkit: {name} is too short to be kept out of the notebook.", file=sys.stderr)
    total = sum(cell["cell_type"] == "code" for cell in source.content["cells"])
    progress = Progress(stage, total, sys.stderr)
    run = Run(lifeline, root, scrubber, settings.cell_timeout_s, progress)
    began = time.monotonic()
    error: Exception | None = None
    sys.modules.setdefault("black", None)  # type: ignore[arg-type]  # papermill would format the values with it
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
    if run.notebook is None:
        assert error is not None
        raise error
    normalise_notebook(run.notebook)
    write_times(root, stage, lifeline.run, run.seconds, failed=error is not None)
    _check_ended_well(root, stage, source, run, error)
    write_notebook(root / f"reports/{stage}.ipynb", run.notebook)
    (root / f"reports/failed/{stage}.ipynb").unlink(missing_ok=True)
    progress.close(f"{stage}: {total} cells in {time.monotonic() - began:.1f} s, reports/{stage}.ipynb")


def _check_ended_well(root: Path, stage: str, source: Source, run: Any, error: Exception | None) -> None:
    """Raise for a run that did not, and keep its notebook beside the reports."""
    from toolkit.notebooks.execution import is_counted
    from toolkit.notebooks.failures import describe, explain, mark_failed
    from toolkit.notebooks.reports import write_notebook

    unfinished = (root / f".toolkit/staging/{stage}-{run.lifeline.run}").exists()
    failure = explain(run, error, unfinished=unfinished)
    if failure is None:
        return
    number, code = None, ""
    if run.place is not None:
        number = sum(is_counted(cell) for cell in run.notebook.cells[: run.place + 1])
        code = run.notebook.cells[run.place].source
    kept = f"reports/failed/{stage}.ipynb"
    marked = mark_failed(run.notebook, run.place, number, failure)
    write_notebook(root / kept, run.scrubber.scrub_value(marked))
    raise NotebookFailed(run.scrubber.scrub_text(describe(source.path, number, code, failure, kept)))


def _restore(root: Path, stage: str) -> None:
    """Leave the stage's outputs as they were before DVC, if it runs the stage, removed them."""
    from toolkit.notebooks.restore import restore_outs

    if os.environ.get("DVC_STAGE", "").rpartition(":")[2] != stage:
        return
    lost = restore_outs(root, stage)
    if lost:
        print(
            f"toolkit: DVC's cache has the earlier {', '.join(lost)} in part, too little to put back. 'dvc fetch' may "
            "bring the rest.",
            file=sys.stderr,
        )


@contextmanager
def _signals() -> Iterator[None]:
    """Turn SIGINT and SIGTERM into one exception."""

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
