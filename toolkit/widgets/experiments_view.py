"""The comparison of experiments as a table that is read on demand."""

from __future__ import annotations

import html
import threading
from pathlib import Path
from typing import Any

from ipywidgets import HTML, Button, HBox, Layout, VBox

from toolkit.errors import StageError
from toolkit.widgets.experiments import Comparison, Run, check_git, compare, load_runs
from toolkit.widgets.report import Report


class ExperimentsView(VBox):
    """A button that asks DVC, and the table of what differs."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self.report = Report()
        self._table = HTML()
        self._button = Button(description="Compare", tooltip="Read the experiments of this commit from DVC")
        self._button.on_click(self.report.guard(lambda _: self.refresh()))
        head = HBox([self._button], layout=Layout(align_items="center", overflow="visible"))
        super().__init__([head, self.report, self._table])

    def refresh(self) -> None:
        """Read the experiments in the background: DVC takes seconds."""
        if self._button.disabled:
            return
        check_git(self._root)
        self._button.disabled = True
        self.report.say("Reads the experiments …")
        threading.Thread(target=self.report.guard(self._load), daemon=True).start()

    def refresh_if_any(self) -> None:
        """Read them if there can be any: without git there is nothing to say after each run."""
        try:
            check_git(self._root)
        except StageError:
            return
        self.refresh()

    def _load(self) -> None:
        try:
            comparison = compare(load_runs(self._root))
            self._table.value = render_comparison(comparison)
            self.report.clear()
        finally:
            self._button.disabled = False


def render_comparison(comparison: Comparison) -> str:
    """Draw the comparison (HTML): a row a run, a column a parameter or metric that differs."""
    if not comparison.params and not comparison.metrics:
        names = ", ".join(html.escape(run.name) for run in comparison.runs)
        return f'<p class="tk-quiet">No difference in parameters or metrics between: {names}.</p>'
    head = "".join(
        f'<th class="tk-number">{_breakable(name)}</th>' for name in (*comparison.params, *comparison.metrics)
    )
    rows = "".join(_render_run(run, comparison) for run in comparison.runs)
    return (
        f'<div class="tk-scroll"><table class="tk-table"><thead><tr><th>Run</th>{head}</tr></thead>'
        f"<tbody>{rows}</tbody></table></div>"
        '<p class="tk-quiet">Columns that are the same in all runs are left out. '
        "In brackets: the difference to the commit.</p>"
    )


def _render_run(run: Run, comparison: Comparison) -> str:
    if run.error:
        span = len(comparison.params) + len(comparison.metrics)
        return f'<tr><td>{html.escape(run.name)}</td><td colspan="{span}">{html.escape(run.error)}</td></tr>'
    base = comparison.baseline
    params = [_cell(run.params.get(name), None) for name in comparison.params]
    metrics = [
        _cell(run.metrics.get(name), base.metrics.get(name) if base and base is not run else None)
        for name in comparison.metrics
    ]
    return f"<tr><td>{html.escape(run.name)}</td>{''.join([*params, *metrics])}</tr>"


def _cell(value: Any, base: Any) -> str:
    text = _number(value) if value is not None else "–"
    if isinstance(value, int | float) and isinstance(base, int | float) and value != base:
        text += f' <span class="tk-quiet">({value - base:+.3g})</span>'
    return f'<td class="tk-number">{text}</td>'


def _number(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:.5g}"
    return html.escape(str(value))


def _breakable(name: str) -> str:
    return html.escape(name).replace(".", ".<wbr>").replace("_", "_<wbr>")
