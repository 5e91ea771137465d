"""A run's progress, from the lines of DVC and of the notebook runner, and how it is drawn."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.widgets.progress import Progress
from toolkit.widgets.run_view import render_progress

RUN = """\
'examples/table.csv.dvc' didn't change, skipping
Stage 'collect' didn't change, skipping
Stage 'annotate' is cached - skipping run, checking out outputs
Running stage 'train':
> toolkit run train
train 1/4 Parameters 0.0 s
train 2/4 Fit 12 trees in 3 s 1.5 s"""

FAILURE = """
toolkit: notebooks/train.ipynb failed in code cell 3: booster = fit(table)
  ModelError: 'label' must have two classes.
  Hint: look at the labels.
  The notebook as far as it ran: reports/failed/train.ipynb
ERROR: failed to reproduce 'train': failed to run: toolkit run train, exited with 1"""


def feed(text: str) -> Progress:
    progress = Progress.of(["collect", "annotate", "train", "validate"])
    for line in text.splitlines():
        progress.feed(line)
    return progress


def test_stages_and_cells_are_followed() -> None:
    progress = feed(RUN)
    states = {name: stage.state for name, stage in progress.stages.items()}
    assert states == {
        "collect": "unchanged",
        "annotate": "restored",
        "train": "running",
        "validate": "waiting",
    }
    train = progress.stages["train"]
    assert (train.cell, train.cells, train.title) == (2, 4, "Fit 12 trees in 3 s")
    assert progress.share == pytest.approx((1 + 1 + 0.5 + 0) / 4)


def test_a_failure_keeps_its_message_and_its_notebook() -> None:
    progress = feed(RUN + FAILURE)
    progress.end(1, stopped=False)
    assert progress.stages["train"].state == "failed"
    assert progress.stages["validate"].state == "waiting"
    assert progress.notebook == "reports/failed/train.ipynb"
    assert progress.error == [
        "notebooks/train.ipynb failed in code cell 3: booster = fit(table)",
        "  ModelError: 'label' must have two classes.",
        "  Hint: look at the labels.",
    ]


def test_an_error_of_dvc_alone_is_its_message() -> None:
    progress = feed("ERROR: Unable to acquire lock. Most likely another DVC process is running")
    assert progress.error == ["Unable to acquire lock. Most likely another DVC process is running"]


@pytest.mark.parametrize(
    ("status", "stopped", "state"), [(0, False, "done"), (1, False, "failed"), (-2, True, "stopped")]
)
def test_the_end_settles_the_running_stage(status: int, stopped: bool, state: str) -> None:
    progress = feed(RUN)
    progress.end(status, stopped)
    assert progress.stages["train"].state == state


def test_the_next_stage_settles_the_one_before() -> None:
    progress = feed(RUN + "\nRunning stage 'validate':")
    assert progress.stages["train"].state == "done"


def test_what_lines_say_is_never_markup() -> None:
    progress = feed("Running stage 'train':\ntrain 1/2 <img src=x onerror=alert(1)> 0.1 s")
    assert "<img" not in render_progress(progress)


@given(st.lists(st.text(max_size=40) | st.sampled_from((RUN + FAILURE).splitlines())))
def test_any_lines_give_a_share_between_0_and_1(lines: list[str]) -> None:
    progress = feed("\n".join(lines))
    assert 0 <= progress.share <= 1
    assert "progressbar" in render_progress(progress)
