"""Tables and plots of the notebooks collect, annotate and prepare."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import cycle
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from toolkit.columns import get_columns
from toolkit.data.schema import Schema
from toolkit.features import Feature, Features
from toolkit.views.style import COLORS, new_figure, new_note

SHOWN_CATEGORIES = 5


def table_metrics(metrics: Mapping[str, Any]) -> pd.Series:
    """Show metrics as they stand in the stage's metrics.json."""
    flat = {
        f"{name}.{part}" if part else name: value
        for name, entry in metrics.items()
        for part, value in (entry.items() if isinstance(entry, Mapping) else [("", entry)])
    }
    return pd.Series({name: _number(value) for name, value in flat.items()}, name="value", dtype=object)


def table_record(record: Mapping[str, Any]) -> pd.DataFrame:
    """Show what a stage read and wrote, by hash."""
    entries = [(kind, path, value) for kind in ("inputs", "outputs") for path, value in record[kind].items()]
    return pd.DataFrame(entries, columns=["", "path", "hash"]).set_index(["", "path"])


def table_rows(table: pa.Table, rows: int = 5) -> pd.DataFrame:
    """Show the first rows of a table."""
    return table.slice(0, rows).to_pandas()


def plot_missing(schema: Schema) -> Figure:
    """Plot the share of missing values of the columns that have any, the 20 worst."""
    lacking = [column for column in schema.columns if column.missing]
    worst = sorted(lacking, key=lambda column: (-column.missing, column.name))[:20][::-1]
    if not worst:
        return new_note("No column lacks a value.")
    figure, axes = new_figure(7.0, 0.9 + 0.22 * len(worst))
    axes.barh([column.name for column in worst], [100 * column.missing / schema.rows for column in worst])
    axes.set(xlim=(0, 100), xlabel="missing, % of rows", title="Missing values")
    return figure


def plot_distributions(table: pa.Table, schema: Schema, most: int = 30) -> Figure:
    """Plot how the values of each feature are spread, the first ``most`` features."""
    kinds = dict(list(schema.kinds.items())[:most])
    height = (len(kinds) + 5) // 6
    figure, grid = new_figure(10.0, 1.25 * height + 0.2, rows=height, columns=6, squeeze=False)
    for axes, (name, kind) in zip(grid.flat, kinds.items(), strict=False):
        values = table[name].to_pandas().dropna()
        title = f"{name} (length)" if kind == "text" else name
        if kind in ("number", "integer", "time", "text"):
            plain = values.str.len() if kind == "text" else values
            axes.stairs(*_histogram(plain, kind), fill=True)
            axes.locator_params(axis="x", nbins=3)
        else:
            values.value_counts().head(12).plot.bar(ax=axes, xlabel="")
        axes.set_title(title, fontsize=8)
        axes.set_yticks([])
        axes.tick_params(labelbottom=kind not in ("boolean", "category"), labelsize=7)
        axes.grid(visible=False)
    for axes in grid.flat[len(kinds) :]:
        axes.set_visible(False)
    return figure


def _histogram(values: pd.Series, kind: str) -> tuple[np.ndarray, np.ndarray]:
    """Count values in 20 bins; times by years, with their fractions."""
    if kind == "time":
        start = values.astype("datetime64[us]") if values.dt.tz is None else values.dt.tz_localize(None)
        numbers = start.astype("int64") / (365.2425 * 86_400e6) + 1970
    else:
        numbers = values.astype(float)
    return np.histogram(numbers, bins=cut_range(numbers, 20))


def cut_range(values: Any, bins: int) -> np.ndarray:
    """Give edges of at most ``bins`` bins of equal width; fewer where floats lie too close for so many."""
    known = np.asarray(values, dtype=np.float64)
    known = known[~np.isnan(known)]
    low, high = (known.min(), known.max()) if len(known) else (0.0, 1.0)
    if low == high:
        low, high = low - max(0.5, abs(low) / 2), high + max(0.5, abs(high) / 2)
    edges = np.unique(2 * np.linspace(low / 2, high / 2, bins + 1))  # halves: no range overflows
    return edges if len(edges) > 2 else np.array([low, high])


def table_features(features: Features) -> pd.DataFrame:
    """List the model's columns in their order."""
    rows = {
        feature.name: {
            "made by": feature.definition.maker,
            "of": ", ".join(f"{name} ({features.inputs[name]})" for name in feature.definition.inputs),
            "may be missing": "yes" if features.nullable.intersection(feature.definition.inputs) else "no",
            "model columns": len(feature.outputs),
            "learnt": _tell_state(feature),
            "meaning": feature.definition.meaning,
        }
        for feature in features.features
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("feature")


def _tell_state(feature: Feature) -> str:
    """Say in a few words what a feature learnt from the train split."""
    state = feature.state
    listed = next((state[key] for key in ("categories", "terms", "parts") if key in state), None)
    if listed is not None:
        return shorten(listed)
    return f"{len(state['groups'])} groups" if "groups" in state else ""


def plot_features(
    features: Features,
    rows: pa.Table,
    names: Sequence[str],
    classes: Sequence[str],
    matrix: np.ndarray | None = None,
) -> Figure:
    """Plot the distribution of each named model column by class, or its relation to the label for a regression.

    ``matrix`` is that of the rows, if it is at hand.
    """
    if matrix is None:
        matrix = features.matrix(get_columns(rows, features.inputs))
    height = (len(names) + 2) // 3
    figure, grid = new_figure(9.0, 2.3 * height, rows=height, columns=3, squeeze=False)
    frame = pd.DataFrame(matrix, columns=list(features.names))
    raw = {name: rows[name].to_pandas() for name in (*features.inputs, "label")}
    shown = {"category", "boolean", "label"}  # read better as they are than as codes
    frame = frame.assign(**{name: raw[name] for name in raw if features.inputs.get(name, name) in shown})
    for axes, name in zip(grid.flat, names, strict=False):
        if classes:
            draw_by_class(axes, frame[name], frame["label"], classes)
        else:
            known = frame[frame[name].notna()]
            axes.plot(known[name], known["label"], ".", markersize=4, alpha=0.5)
            axes.set_ylabel("label")
        axes.set_title(name)
    for axes in grid.flat[len(names) :]:
        axes.set_visible(False)
    if classes:
        grid.flat[0].legend()
    return figure


def draw_by_class(axes: Any, values: pd.Series, labels: pd.Series, classes: Sequence[str]) -> None:
    """Draw one histogram a class over common bins; a category or boolean has a bin a value."""
    if not pd.api.types.is_numeric_dtype(values) or pd.api.types.is_bool_dtype(values):
        shares = pd.crosstab(values, labels, normalize="columns").reindex(columns=list(classes)).head(12)
        shares.plot.bar(ax=axes, legend=False, color=list(COLORS), xlabel="", rot=0)
        return
    edges = cut_range(values, 24)
    for color, name in zip(cycle(COLORS), classes):
        heights, _ = np.histogram(values[labels == name].dropna().astype(float), bins=edges, density=True)
        axes.stairs(heights, edges, fill=True, alpha=0.5, color=color, label=name)
    axes.set_ylabel("density")


def _number(value: Any) -> Any:
    return f"{value:.6g}" if isinstance(value, float) else "" if value is None else value


def shorten(names: Sequence[str]) -> str:
    """Name the first five, and how many more there are."""
    more = f" and {len(names) - SHOWN_CATEGORIES} more" if len(names) > SHOWN_CATEGORIES else ""
    return ", ".join(names[:SHOWN_CATEGORIES]) + more
