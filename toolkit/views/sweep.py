"""Tables, plots and progress of the notebook sweep."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from toolkit.params import Dimension, Sweep
from toolkit.training.sweep import SweepResult
from toolkit.views.style import COLORS, new_figure


def table_trials(result: SweepResult) -> pd.DataFrame:
    """List the trials, best first: score (loss on valid), parameters, rounds, and whether they were stopped early."""
    rows = [
        {
            "trial": trial.number,
            "score": trial.score,
            **trial.config,
            "rounds": trial.rounds,
            "stopped early": trial.stopped,
        }
        for trial in sorted(result.trials, key=lambda trial: (trial.score, trial.number))
    ]
    return pd.DataFrame(rows).set_index("trial")


def show_progress(done: int, total: int, best: float) -> None:
    """Show how far a sweep is, in a line that the next replaces and the end removes: it is no result."""
    from IPython.display import clear_output

    clear_output(wait=done < total)
    if done < total:
        print(f"{done} of {total} trials decided, lowest loss {best:.5g}")


def plot_dimensions(result: SweepResult, params: Sweep) -> Figure:
    """Plot each trial's loss over each dimension of the search; the best trial is marked.

    The loss is that of the first rung: every trial has come there, so all are comparable.
    """
    names = list(params.space)
    columns = min(max(len(names), 1), 2)
    rows = max(-(-len(names) // columns), 1)
    figure, grid = new_figure(7.2, 0.4 + 2.3 * rows, rows, columns, squeeze=False, sharey=True)
    for axes, name in zip(grid.flat, names, strict=False):
        for stopped, marker, label in ((False, "o", "ran to the end"), (True, "x", "stopped early")):
            some = [trial for trial in result.trials if trial.stopped == stopped and trial != result.best]
            values, scores = [trial.config[name] for trial in some], [trial.scores[0] for trial in some]
            axes.plot(values, scores, marker, color=COLORS[0], label=label, markersize=6)
        axes.plot(
            [result.best.config[name]],
            [result.best.scores[0]],
            "o",
            color=COLORS[1],
            label="best",
            markersize=9,
        )
        axes.set_xlabel(name)
        if params.space[name].log:
            _scale_log(axes, params.space[name])
    for axes in grid[:, 0]:
        axes.set_ylabel(f"{result.metric}, round {result.rungs[0]}")
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    if names:
        figure.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside upper right", ncols=3)
    return figure


def _scale_log(axes: Any, dimension: Dimension) -> None:
    """Put plain numbers at a logarithmic axis, few enough not to overlap."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

    assert dimension.low is not None and dimension.high is not None
    axes.set_xscale("log")
    wide = dimension.high / dimension.low > 1000
    axes.xaxis.set_major_locator(LogLocator(subs=(1.0,) if wide else (1.0, 2.0, 5.0)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
