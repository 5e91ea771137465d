"""The papermill engine ``toolkit``, registered by entry point: ``papermill NOTEBOOK OUT --engine toolkit``.

It has papermill's engine interface without inheriting from it: papermill imports this module while it is itself
being imported.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class ToolkitEngine:
    """Executes a notebook in a guarded kernel of this interpreter; ``toolkit run`` and plain papermill both use it.

    For a stage's notebook, plain papermill gives the values on its command line, and params.yaml gives the others,
    checked like those of ``toolkit run``. Any other notebook is executed as it is.
    """

    @classmethod
    def execute_notebook(cls, nb: Any, kernel_name: str, *, run: Any = None, **options: Any) -> Any:
        """Execute a notebook that papermill has parameterised; papermill's options apply."""
        import click

        from toolkit.errors import ToolkitError
        from toolkit.notebooks.execution import execute

        if run is not None:
            return execute(nb, run, options)
        try:
            with _plain_run(nb, options) as (completed, plain):
                return execute(completed, plain, options)
        except ToolkitError as error:
            if click.get_current_context(silent=True) is None:
                raise
            # On papermill's command line, which shows the message of this one alone.
            raise click.ClickException(str(error)) from None

    @classmethod
    def nb_kernel_name(cls, nb: Any, name: str | None = None) -> str:
        """Give the kernel's name; whichever Python kernel a notebook names, it gets this interpreter."""
        return name or nb.metadata.get("kernelspec", {}).get("name") or "python3"

    @classmethod
    def nb_language(cls, nb: Any, language: str | None = None) -> str:
        """Give the language in which papermill writes the injected cell."""
        return language or "python"


@contextmanager
def _plain_run(nb: Any, options: dict[str, Any]) -> Iterator[tuple[Any, Any]]:
    """Make the run that plain papermill has not made, and end it; give the notebook with all its values, too."""
    from papermill.parameterize import parameterize_notebook

    from toolkit.errors import StageError
    from toolkit.notebooks.execution import Run, is_counted
    from toolkit.notebooks.lifeline import Lifeline
    from toolkit.notebooks.progress import Progress
    from toolkit.notebooks.runner import find_root
    from toolkit.notebooks.scrub import Scrubber
    from toolkit.notebooks.source import check_kernel
    from toolkit.notebooks.values import load_secrets, load_values
    from toolkit.params import STAGES
    from toolkit.params_file import load_params

    path = str(options.get("input_path") or "notebook")
    name = Path(path).stem
    check_kernel(nb.metadata, path)
    secrets: dict[str, str] = {}
    timeout_s = options.get("execution_timeout")
    try:
        root = find_root()
    except StageError:  # papermill is at work outside any project
        root = Path.cwd()
    else:
        settings = load_params(root)["runner"]
        secrets, timeout_s = load_secrets(settings.secrets), timeout_s or settings.cell_timeout_s
        if name in STAGES:
            values, _ = load_values(root, name, nb.metadata.papermill.get("parameters", {}))
            nb = parameterize_notebook(nb, values, engine_name="toolkit")
    total = sum(is_counted(cell) for cell in nb.cells)
    shown = options.get("progress_bar", True)
    lifeline = Lifeline(name, root if name in STAGES else Path.cwd())
    progress = Progress(name, total, sys.stderr) if shown else None
    try:
        yield nb, Run(lifeline, root, Scrubber(secrets), timeout_s, progress)
    finally:
        if progress:
            progress.close()
        lifeline.stop()
