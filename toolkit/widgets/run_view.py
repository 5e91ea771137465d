"""The pipeline as widgets: start, stop, live progress by stage and cell, and how it ended."""

from __future__ import annotations

import html
import json
import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from pathlib import Path

from ipywidgets import HTML, Button, HBox, Layout, Text, VBox

from toolkit.pipeline import load_yaml
from toolkit.widgets.form_view import FormView
from toolkit.widgets.process import Process
from toolkit.widgets.progress import Progress, StageProgress
from toolkit.widgets.report import Report, Tone

_LOG_LINES = 400
_REDRAW_S = 0.2
_STATES = {
    "waiting": "·",
    "running": "▶ running",
    "done": "✓ done",
    "unchanged": "✓ unchanged",
    "restored": "✓ from cache",
    "failed": "✗ failed",
    "stopped": "■ stopped",
}


class RunView(VBox):
    """Buttons that run ``dvc repro`` or ``dvc exp run`` in the project, after saving what the form has."""

    def __init__(self, root: Path, form: FormView | None = None) -> None:
        self._root, self._form = root, form
        self.report = Report()
        self.process: Process | None = None
        self._ended: list[Callable[[int], None]] = []
        self._lock = threading.RLock()
        self._drawn_at = 0.0
        self._run = Button(
            description="Run pipeline",
            button_style="primary",
            tooltip="Save, then dvc repro: run what changed",
        )
        self._try = Button(
            description="Run as experiment",
            tooltip="Save, then dvc exp run: keep parameters and metrics to compare",
        )
        self._name = Text(
            placeholder="name (optional)",
            description="as",
            tooltip="Name of the experiment",
            layout={"width": "220px"},
        )
        self._name.style.description_width = "initial"
        self._stop = Button(
            description="Stop",
            button_style="danger",
            tooltip="Interrupt the run and all it started",
            disabled=True,
        )
        self._run.on_click(self.report.guard(lambda _: self.start(["dvc", "repro"])))
        self._try.on_click(self.report.guard(lambda _: self.start(self._experiment())))
        self._stop.on_click(self.report.guard(lambda _: self.stop()))
        self._progress, self._log = HTML(), HTML()
        buttons = HBox(
            [self._run, self._stop, self._try, self._name],
            layout=Layout(align_items="center", overflow="visible"),
        )
        super().__init__([buttons, self.report, self._progress, self._log])

    def on_end(self, callback: Callable[[int], None]) -> None:
        """Call back with the exit status when a run has ended."""
        self._ended.append(callback)

    def start(self, command: Sequence[str]) -> None:
        """Save the form, then run a command; refuses while one runs."""
        if self.process is not None and self.process.running:
            self.report.say("A run is going on. Stop it first, or wait for its end.", "bad")
            return
        if self._form is not None and self._form.form.changes:
            self._form.save()
        self._tracker = Progress.of(load_yaml(self._root / "dvc.yaml").get("stages", {}))
        self._lines: deque[str] = deque(maxlen=_LOG_LINES)
        self._began = time.monotonic()
        self._enable(running=True)
        self.report.say(f"Runs {' '.join(command)}", "note")
        self.process = Process(self._root, command, self._take, self._finish)
        self.process.start()

    def stop(self) -> None:
        """Interrupt the run without holding up the page: a notebook may need seconds to end."""
        process = self.process
        if process is None or not process.running:
            return
        self._stop.disabled = True
        self.report.say("Stops: the running notebook is interrupted.", "note")
        threading.Thread(target=process.stop, daemon=True).start()

    def _experiment(self) -> list[str]:
        name = self._name.value.strip()
        return ["dvc", "exp", "run", *(["--name", name] if name else [])]

    def _enable(self, running: bool) -> None:
        self._run.disabled = self._try.disabled = running
        self._stop.disabled = not running

    def _take(self, line: str) -> None:
        with self._lock:
            self._tracker.feed(line)
            self._lines.append(line)
            if time.monotonic() - self._drawn_at >= _REDRAW_S:
                self._draw()

    def _finish(self, status: int) -> None:
        assert self.process is not None
        with self._lock:
            self._tracker.end(status, self.process.stopped)
            self._draw()
            self._enable(running=False)
            seconds = time.monotonic() - self._began
            text, tone = _verdict(self._tracker, status, self.process.stopped, seconds)
            self.report.say_html(text, tone)
        for callback in self._ended:
            self.report.guard(callback)(status)

    def _draw(self) -> None:
        self._drawn_at = time.monotonic()
        self._progress.value = render_progress(self._tracker)
        lines = html.escape("\n".join(self._lines))
        self._log.value = f'<details><summary>Output</summary><pre class="tk-log">{lines}</pre></details>'


def render_progress(progress: Progress) -> str:
    """Draw a run's stages as a bar and a table (HTML)."""
    percent = round(100 * progress.share)
    bad = " tk-bad" if any(stage.state == "failed" for stage in progress.stages.values()) else ""
    rows = "".join(map(_render_stage, progress.stages.values()))
    return (
        f'<div class="tk-bar{bad}" role="progressbar" aria-label="pipeline" aria-valuemin="0" aria-valuemax="100" '
        f'aria-valuenow="{percent}"><div style="width: {percent}%"></div></div>'
        f'<table class="tk-table"><thead><tr><th>Stage</th><th>State</th><th>Cells</th></tr></thead>{rows}</table>'
    )


def _render_stage(stage: StageProgress) -> str:
    cell = f"{stage.cell} of {stage.cells}" if stage.cells else ""
    title = html.escape(stage.title[:80])
    current = ' class="tk-current"' if stage.state == "running" else ""
    quiet = ' class="tk-quiet"' if stage.state == "waiting" else ""
    return (
        f"<tr{current}><td>{html.escape(stage.name)}</td><td{quiet}>{_STATES[stage.state]}</td>"
        f'<td>{cell} <span class="tk-quiet">{title}</span></td></tr>'
    )


def _verdict(progress: Progress, status: int, stopped: bool, seconds: float) -> tuple[str, Tone]:
    """Say in HTML how a run ended, and in which tone."""
    counts = {state: sum(s.state == state for s in progress.stages.values()) for state in _STATES}
    if stopped:
        return "Stopped. Nothing of it is left running; run again to go on where it was.", "note"
    if status == 0:
        parts = [
            f"{counts['done']} run",
            f"{counts['unchanged']} unchanged",
            f"{counts['restored']} from cache",
        ]
        return f"Done in {seconds:.0f} s: {', '.join(parts)}.", "good"
    errors = (
        html.escape("\n".join(progress.error)) or f"The command ended with status {status}; see its output."
    )
    link = f"\n{_link(progress.notebook)}" if progress.notebook else ""
    return errors + link, "bad"


def _link(notebook: str) -> str:
    """Make a link that opens a notebook in JupyterLab (its command linker reads the data attributes)."""
    arguments = html.escape(json.dumps({"path": notebook}))
    return (
        f'<a href="#" data-commandlinker-command="docmanager:open" data-commandlinker-args="{arguments}">'
        f"Open {html.escape(notebook)}</a>"
    )
