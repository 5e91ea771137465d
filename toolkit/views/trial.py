"""What a feature that is tried out looks like: its figures, a few rows, its distribution by class."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit.columns import get_columns
from toolkit.data.overview import rank_features
from toolkit.data.trial import Trial
from toolkit.errors import count_of
from toolkit.views.data import draw_by_class, shorten
from toolkit.views.style import new_figure

MOST_PLOTS = 6
MOST_OUTPUTS = 12


def name_values(trial: Trial) -> pd.DataFrame:
    """Give the feature's model columns as a person reads them: a category as its text."""
    frame = pd.DataFrame(trial.matrix, columns=list(trial.features.names))
    if trial.features.categorical:
        state = trial.features.features[0].state
        names = [*state["categories"], *(["(rare)"] if state.get("rare") else [])]
        codes = frame.iloc[:, 0]
        texts = [names[int(code)] if code == code else None for code in codes]  # noqa: PLR0124  # NaN
        return pd.DataFrame({frame.columns[0]: pd.Series(texts, dtype=object)})
    if trial.definition.returns == "boolean" and trial.definition.maker == "function":
        return frame.replace({0.0: False, 1.0: True}).astype(object)
    return frame


def describe_trial(trial: Trial) -> pd.DataFrame:
    """Give the figures of each model column: missing, values, and how well it tells the label."""
    values = name_values(trial)
    ranks = rank_features(trial.features, trial.rows, trial.classes)
    rows = {
        name: _describe(values[name]) | {"tells the label (0 to 1)": f"{ranks[name]:.3f}"}
        for name in map(str, values)
    }
    order = sorted(rows, key=lambda name: -ranks[name]) if len(rows) > MOST_OUTPUTS else list(rows)
    shown = pd.DataFrame.from_dict({name: rows[name] for name in order[:MOST_OUTPUTS]}, orient="index")
    return shown.fillna("").rename_axis("model column")


def sample_trial(trial: Trial, count: int = 6) -> pd.DataFrame:
    """Give some rows from first to last, and among them some that lack a value."""
    inputs = get_columns(trial.rows, dict.fromkeys(trial.definition.inputs))
    frame = pd.DataFrame({name: pd.Series(list(values), dtype=object) for name, values in inputs.items()})
    values = name_values(trial).iloc[:, :4]
    frame = frame.assign(**{f"→ {name}": values[name] for name in values})
    frame["label"] = trial.rows["label"].to_pandas()
    lacking = np.flatnonzero(frame.isna().any(axis=1))[: count // 2].tolist()
    spread = np.linspace(0, len(frame) - 1, count - len(lacking)).astype(int).tolist()
    return frame.iloc[sorted({*spread, *lacking})].map(_show)


def plot_trial(trial: Trial) -> Figure:
    """Plot the distribution of the feature by class, or its relation to the label for a regression."""
    values = name_values(trial)
    ranks = rank_features(trial.features, trial.rows, trial.classes)
    names = sorted(map(str, values), key=lambda name: -ranks[name])[:MOST_PLOTS]
    width = min(len(names), 3)
    height = -(-len(names) // width)
    figure, grid = new_figure(
        5.4 if width == 1 else 3 * width, 2.4 * height, rows=height, columns=width, squeeze=False
    )
    labels = trial.rows["label"].to_pandas()
    for axes, name in zip(grid.flat, names, strict=False):
        axes.set_title(name)
        if not values[name].notna().any():
            axes.text(0.5, 0.5, "every value is missing", transform=axes.transAxes, ha="center")
        elif trial.classes:
            draw_by_class(axes, values[name], labels, trial.classes)
        else:
            known = values[name].notna()
            shown = values[name][known]
            axes.plot(
                shown if _is_number(shown) else shown.astype(str), labels[known], ".", markersize=4, alpha=0.5
            )
            axes.set_ylabel("label")
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    if trial.classes and grid.flat[0].get_legend_handles_labels()[0]:
        grid.flat[0].legend()
    return figure


def tell_rows(trial: Trial) -> str:
    """Say how many rows the figures are of."""
    count = trial.rows.num_rows
    if count == trial.total:
        return f"All {count_of(count, 'row')} of the train split."
    alone = (
        " Groups and histories know of these rows alone."
        if trial.definition.maker in ("group", "history")
        else ""
    )
    return f"{count:,} evenly spaced rows of the {trial.total:,} of the train split.{alone}"


def _describe(values: pd.Series) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "missing": f"{values.isna().mean():.1%}",
        "distinct": f"{values.nunique():,}",
    }
    if _is_number(values):
        known = values.dropna()
        quantiles = known.quantile([0, 0.25, 0.5, 0.75, 1]) if len(known) else [np.nan] * 5
        names = ("min", "25 %", "median", "75 %", "max")
        return facts | {name: f"{value:.4g}" for name, value in zip(names, quantiles, strict=True)}
    shares = values.value_counts(normalize=True).head(20)
    return facts | {"most frequent": shorten([f"{name} ({share:.0%})" for name, share in shares.items()])}


def _is_number(values: pd.Series) -> bool:
    return pd.api.types.is_numeric_dtype(values) and not pd.api.types.is_bool_dtype(values)


def _show(value: Any) -> str:
    if value is None or value != value:  # noqa: PLR0124  # NaN alone differs from itself
        return "missing"
    return f"{value:.6g}" if isinstance(value, float) else f"{value!s:.60}"
