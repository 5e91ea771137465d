"""What a run of the pipeline has come to, read from the lines that DVC and the notebook runner print. No widgets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from typing import Literal

State = Literal["waiting", "running", "done", "unchanged", "restored", "failed", "stopped"]

# DVC: "Running stage 'train':", "Stage 'train' didn't change, skipping",
#      "Stage 'train' is cached - skipping run, checking out outputs", "ERROR: failed to reproduce 'train': ..."
_DVC: tuple[tuple[re.Pattern[str], State], ...] = (
    (re.compile(r"Running stage '([^']+)'"), "running"),
    (re.compile(r"Stage '([^']+)' didn't change"), "unchanged"),
    (re.compile(r"Stage '([^']+)' is cached"), "restored"),
    (re.compile(r"ERROR: failed to reproduce '([^']+)'"), "failed"),
)
# The runner, off a terminal, after each cell: "train 4/9 Learning curves 1.2 s"
_CELL = re.compile(r"(?P<stage>\w+) (?P<cell>\d+)/(?P<cells>\d+) (?P<title>.*) \d+\.\d s")
_FAILED = re.compile(r"(reports/failed/\w+\.ipynb)")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


@dataclass(frozen=True)
class StageProgress:
    """One stage: its state, and how many of its cells have ended; ``title`` is the last one's."""

    name: str
    state: State = "waiting"
    cell: int = 0
    cells: int = 0
    title: str = ""


@dataclass
class Progress:
    """The stages of a run, updated by each line.

    After a failure, ``error`` is its message and ``notebook`` the executed notebook as far as it came.
    """

    stages: dict[str, StageProgress] = field(default_factory=dict)
    notebook: str | None = None
    error: list[str] = field(default_factory=list)
    _telling: bool = False  # the runner's message goes on over the lines that are indented

    @classmethod
    def of(cls, names: Iterable[str]) -> Progress:
        """Begin with every stage waiting."""
        return cls({name: StageProgress(name) for name in names})

    @property
    def share(self) -> float:
        """How much is behind us, from 0 to 1; a running stage counts by its cells."""
        if not self.stages:
            return 0.0
        return sum(map(_share_of, self.stages.values())) / len(self.stages)

    def feed(self, line: str) -> None:
        """Take one line of output."""
        text = _COLOURS.sub("", line).rstrip()
        self._telling = text.startswith("toolkit: ") or (self._telling and text.startswith("  "))
        if self._telling:
            if match := _FAILED.search(text):
                self.notebook = match.group(1)  # shown as a link instead of the line
            else:
                self.error.append(text.removeprefix("toolkit: "))
            return
        for pattern, state in _DVC:
            if match := pattern.match(text):
                self._enter(match.group(1), state)
        if match := _CELL.fullmatch(text):
            self._at_cell(match)
        elif text.startswith("ERROR: ") and not self.error:
            self.error.append(text.removeprefix("ERROR: "))

    def end(self, status: int, stopped: bool) -> None:
        """Take the exit status: a stage that was running is done, failed or stopped."""
        for name, stage in self.stages.items():
            if stage.state == "running":
                state: State = "stopped" if stopped else "done" if status == 0 else "failed"
                self.stages[name] = replace(stage, state=state)

    def _enter(self, name: str, state: State) -> None:
        for other, stage in self.stages.items():  # DVC does not say that a stage ended well
            if stage.state == "running" and other != name:
                self.stages[other] = replace(stage, state="done")
        old = self.stages.get(name, StageProgress(name))
        self.stages[name] = replace(old, state=state)

    def _at_cell(self, match: re.Match[str]) -> None:
        name = match["stage"]
        if name in self.stages:
            self.stages[name] = StageProgress(
                name, "running", int(match["cell"]), int(match["cells"]), match["title"]
            )


def _share_of(stage: StageProgress) -> float:
    if stage.state in {"done", "unchanged", "restored"}:
        return 1.0
    return stage.cell / stage.cells if stage.state == "running" and stage.cells else 0.0
