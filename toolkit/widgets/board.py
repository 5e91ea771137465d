"""The board: the parameters, the pipeline, the experiments, as three views that know of each other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ipywidgets import VBox

from toolkit.paths import project_root
from toolkit.widgets.experiments_view import ExperimentsView
from toolkit.widgets.form import Form
from toolkit.widgets.form_view import FormView
from toolkit.widgets.run_view import RunView
from toolkit.widgets.style import make_style


class Board:
    """``parameters``, ``pipeline`` and ``experiments``, each to be shown in a cell of its own."""

    def __init__(self, root: Path) -> None:
        form = FormView(Form(root))
        run, experiments = RunView(root, form), ExperimentsView(root)
        run.on_end(lambda status: experiments.refresh_if_any() if status == 0 else None)
        self.parameters, self.pipeline, self.experiments = _frame(form), _frame(run), _frame(experiments)


def open_board(root: Path | None = None) -> Board:
    """Make the board of a project (default: the one around the working folder).

    Raises
    ------
    ToolkitError
        There is no project, or its params.yaml cannot be read.
    """
    return Board(root or project_root())


def _frame(view: Any) -> VBox:
    frame = VBox([make_style(), view])
    frame.add_class("tk")
    return frame
