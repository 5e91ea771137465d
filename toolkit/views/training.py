"""Tables and plots of the notebook train."""

from __future__ import annotations

from typing import Any

import pandas as pd
from matplotlib.figure import Figure

from toolkit.training.explain import Importance
from toolkit.training.train import Trained
from toolkit.views.style import COLORS, INK, new_figure


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


def _number(value: Any) -> str:
    return f"{value:.6g}" if isinstance(value, float) else str(value)
