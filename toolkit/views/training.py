"""Tables and plots of the notebooks sweep, train and validate."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from toolkit.artifacts import write_text
from toolkit.params import Dimension, Sweep
from toolkit.training.dataset import Prepared
from toolkit.training.explain import Importance
from toolkit.training.sweep import SweepResult
from toolkit.training.train import Trained
from toolkit.views.style import COLORS, INK, new_figure


def table_splits(data: Prepared) -> pd.DataFrame:
    """Count the rows of each split, and the share of each class (or mean and spread of the label)."""
    rows = {}
    for name, split in data.splits.items():
        row: dict[str, Any] = {"rows": len(split)}
        if data.task.classes:
            row |= {label: f"{(split.target == i).mean():.1%}" for i, label in enumerate(data.task.classes)}
        else:
            row |= {"mean": split.target.mean(), "standard deviation": split.target.std()}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def table_parameters(params: Any, origins: dict[str, str]) -> pd.DataFrame:
    """List each parameter that the model is trained with, its value, and where that comes from."""
    values = params.model_dump()
    frame = pd.DataFrame(
        {"value": [_number(values[name]) for name in origins], "origin": list(origins.values())}
    )
    return frame.set_axis(pd.Index(origins, name="parameter"))


def table_curves(trained: Trained) -> pd.DataFrame:
    """Give the loss on train and valid after each round (counted from 1)."""
    frame = pd.DataFrame(trained.curves)
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="round"))


def table_importance(importance: Importance, top: int = 10) -> pd.DataFrame:
    """List the features that matter most: share of gain, and mean absolute contribution to the raw score."""
    frame = pd.DataFrame(
        {"share of gain": importance.gain, "mean |contribution|": importance.contribution},
        index=pd.Index(importance.names, name="feature"),
    )
    return frame.head(top).round(4)


def table_trials(result: SweepResult) -> pd.DataFrame:
    """List the trials, best first: loss on valid, parameters, rounds, and whether they were stopped early."""
    rows = [
        {
            "trial": trial.number,
            result.metric: trial.score,
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


def plot_curves(trained: Trained) -> Figure:
    """Plot the learning curves, with the best round marked."""
    figure, axes = new_figure(7.0, 3.2)
    curves, best = table_curves(trained), trained.best_iteration
    for color, name in zip(COLORS, curves, strict=False):
        axes.plot(curves.index, curves[name], color=color, label=name)
    axes.axhline(trained.baseline, color=INK, linestyle=":", linewidth=1.2, label="guess without features")
    loss = trained.curves["valid"][best - 1]
    axes.plot([best], [loss], "o", color=COLORS[1], markersize=6)
    axes.annotate(
        f"best round {best}: {loss:.4g}",
        (best, loss),
        xytext=(0, 12),
        textcoords="offset points",
        ha="center",
    )
    axes.set(xlabel="round", ylabel=trained.metric, title="Learning curves", ylim=(0, None))
    axes.legend(loc="upper right", bbox_to_anchor=(1, 0.9))
    return figure


def plot_importance(importance: Importance, top: int = 10) -> Figure:
    """Plot the share of gain of the features that matter most, largest at the top."""
    names = importance.names[:top][::-1]
    figure, axes = new_figure(7.0, 0.8 + 0.28 * len(names))
    axes.barh(range(len(names)), importance.gain[:top][::-1] * 100, color=COLORS[0], height=0.7)
    axes.set_yticks(range(len(names)), names)
    axes.grid(visible=False, axis="y")
    axes.set(xlabel="share of gain, %", title="Features that the model leans on")
    return figure


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a table with its index as CSV, floats as their shortest exact text."""
    write_text(path, frame.to_csv(lineterminator="\n"))


def table_outputs(record: dict[str, Any]) -> pd.DataFrame:
    """List what the stage has written, path and hash, from its lineage record."""
    return pd.DataFrame({"hash": record["outputs"]}).rename_axis("output")


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
