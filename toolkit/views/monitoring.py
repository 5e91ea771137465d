"""Tables and plots of the notebook monitor: what drifted, where, and by how much."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit.artifacts import write_text
from toolkit.errors import count_of
from toolkit.monitoring.cells import CellGroup, Cells
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.drift import ColumnDrift, DriftReport
from toolkit.monitoring.performance import Performance
from toolkit.monitoring.profile import Profile
from toolkit.views.style import COLORS, INK, new_figure

if TYPE_CHECKING:
    from toolkit.data.predictions import Window

TICKS = 5  # edges named below a plot of bins
FEW_CELLS = 7  # so many are named one by one
LONGEST_TITLE = 36
LONGEST_NAME = 14  # characters of a category below a plot
MOST_CATEGORIES = 12


def table_window(window: Window, profile: Profile) -> pd.DataFrame:
    """Count the rows that are compared, by version of the model, and those of the reference."""
    rows = {f"predicted by {version}": count for version, count in sorted(window.versions.items())}
    rows = rows or {"predicted": window.counts.rows}
    return pd.DataFrame(
        {"rows": {**rows, "reference of the features": profile.rows, **_scored_rows(profile)}}
    )


def tell_left_out(names: Sequence[str]) -> str:
    """Say which features were not measured, and why."""
    if not names:
        return "All features were measured."
    return f"Not measured, since a log leaves out what is personal: {', '.join(names)}."


def _scored_rows(profile: Profile) -> dict[str, int]:
    return {"reference of the predictions": sum(profile.predictions[0].counts)} if profile.predictions else {}


def table_drift(report: DriftReport, top: int | None = None) -> pd.DataFrame:
    """List the columns, the one that speaks most for drift first, as texts for reading."""
    return pd.DataFrame(
        [
            {
                "column": name_column(column),
                "drifted": "yes" if column.drifted else "no",
                "p": f"{column.p_value:.2g}" if column.p_value >= 0.0001 else "< 0.0001",
                "share of rows": column.where,
                "reference": f"{column.reference_share:.1%}",
                "now": f"{column.share:.1%}",
                "change, points": f"{column.change * 100:+.1f}",
                "PSI": f"{column.psi:.3f}",
                "PSI by chance": f"{column.psi_by_chance:.3f}",
                "missing": f"{column.missing:.1%}",
                "unseen": f"{column.unseen:.1%}" if column.kind == "category" else "",
            }
            for column in report.ranked()[:top]
        ]
    ).set_index("column")


def name_column(column: ColumnDrift) -> str:
    """Name a column so that predictions and features cannot be taken for each other."""
    if column.group == "feature":
        return column.name
    return {"label": "predicted label", "value": "predicted value"}.get(
        column.name, f"probability of {column.name.removeprefix('p_')}"
    )


def tell_verdict(report: DriftReport) -> str:
    """Sum the report up in one sentence."""
    features, drifted = len(report.features), len(report.drifted)
    if not drifted:
        told = f"None of {count_of(features, 'feature')} drifted"
    else:
        names = ", ".join(
            column.name for column in report.ranked() if column.drifted and column.group == "feature"
        )
        told = (
            f"{drifted} of {count_of(features, 'feature')} drifted ({names})"
            if drifted <= 5
            else f"{drifted} of {count_of(features, 'feature')} drifted"
        )
    if report.rows < report.fewest_rows:
        few, fewest = count_of(report.rows, "row"), f"{report.fewest_rows:,}"
        told = f"{few} cannot show drift: it takes {fewest} even where a feature is missing in all of them. {told}"
    if not report.predictions:
        return f"{told}; the predictions were not compared."
    return f"{told}; the predictions {'drifted' if report.predictions_drifted else 'did not drift'}."


def table_expected(reference: Performance, expected: Performance) -> pd.DataFrame:
    """Show a metric on the held-out rows and what it is likely to be on the predicted ones, as texts for reading."""
    return pd.DataFrame(
        {
            reference.metric: [_show(reference.value), _show(expected.value)],
            f"{reference.confidence:.0%} interval": [
                "" if each.low is None else f"{_show(each.low)} to {_show(each.high)}"
                for each in (reference, expected)
            ],
            "rows": [f"{each.rows:,}" for each in (reference, expected)],
            "why not": ["", expected.reason],
        },
        index=["measured on test", "expected on these rows"],
    ).loc[:, lambda frame: (frame != "").any()]


def _show(value: float | None) -> str:
    return "" if value is None else f"{value:.4g}"


def measure_summary(report: DriftReport, expected: Performance | None = None) -> dict[str, float]:
    """Give the stage's metrics; those of ``expected`` where there is a figure."""
    features = report.features
    numbers = (
        {} if expected is None else {"value": expected.value, "low": expected.low, "high": expected.high}
    )
    return {
        **{f"expected_{name}": number for name, number in numbers.items() if number is not None},
        "rows": report.rows,
        "features": len(features),
        "drifted_features": len(report.drifted),
        "drifted_share": len(report.drifted) / len(features),
        "prediction_drift": int(report.predictions_drifted),
        "max_psi": max(column.psi for column in features),
        "max_change": max(abs(column.change) for column in features),
        "min_p_value": min(column.p_value for column in features),
    }


def write_drift(path: Path, report: DriftReport) -> None:
    """Write one row per column as CSV, for ``dvc plots`` and spreadsheets."""
    frame = pd.DataFrame([vars(column) for column in report.ranked()])
    frame.insert(0, "column", [name_column(column) for column in report.ranked()])
    write_text(path, frame.drop(columns=["message"]).to_csv(index=False, lineterminator="\n"))


def plot_features(profile: Profile, counts: Counts, report: DriftReport, top: int = 6) -> Figure:
    """Plot the features that speak most for drift: shares of rows per bin or category, reference and now."""
    ranked = [column for column in report.ranked() if column.group == "feature"][:top]
    return _plot_columns(profile.feature_group, counts.features, ranked)


def plot_predictions(profile: Profile, counts: Counts, report: DriftReport) -> Figure:
    """Plot the predicted labels and the distribution of the probabilities or values, reference and now."""
    return _plot_columns(profile.prediction_group, counts.predictions, list(report.predictions))


def _plot_columns(group: CellGroup, counted: Any, columns: list[ColumnDrift]) -> Figure:
    across = min(2, len(columns))  # more are cut where a notebook stands beside the file browser
    down = -(-len(columns) // across)
    figure, axes = new_figure(3.3 * across + 0.3, 0.4 + 2.3 * down, down, across, squeeze=False)
    places = {cells.name: index for index, cells in enumerate(group.columns)}
    for axis, column in zip(axes.flat, columns, strict=False):
        index = places[column.name]
        _draw_shares(axis, group.columns[index], counted[group.slice(index)], column)
    for axis in axes.flat[len(columns) :]:
        axis.set_visible(False)
    for axis in axes[:, 0]:
        axis.set_ylabel("rows, %")
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=2)
    return figure


def _draw_shares(axis: Any, cells: Cells, counted: Any, column: ColumnDrift) -> None:
    reference = np.array(cells.counts) / sum(cells.counts) * 100
    now = counted / counted.sum() * 100
    shown = _choose_cells(cells, reference, now)
    places = np.arange(len(shown))
    axis.bar(places, reference[shown], width=0.95, color=INK, alpha=0.4, label="reference")
    axis.bar(places, now[shown], width=0.5, color=COLORS[1 if column.drifted else 0], label="now")
    axis.set_title(
        f"{_shorten(name_column(column), LONGEST_TITLE)}{' · drifted' if column.drifted else ''}", fontsize=10
    )
    axis.grid(visible=False, axis="x")
    if cells.ordered and cells.size > FEW_CELLS:
        ticks = _mark_edges(cells.edges)
        if cells.size - 1 in shown:
            ticks = [tick for tick in ticks if tick[0] < len(shown) - 4] + [(len(shown) - 1, "missing")]
    else:
        ticks = [(place, _shorten(cells.labels[cell], LONGEST_NAME)) for place, cell in enumerate(shown)]
    long = sum(len(text) for _, text in ticks) > 30
    axis.set_xticks([place for place, _ in ticks], [text for _, text in ticks], rotation=30 if long else 0)
    if long:
        for label in axis.get_xticklabels():
            label.set(ha="right", rotation_mode="anchor")


def _mark_edges(edges: tuple[float, ...]) -> list[tuple[float, str]]:
    """Give places and texts of a few edges; edge ``j`` is between the bars ``j`` and ``j + 1``."""
    marks = np.unique(np.linspace(0, len(edges) - 1, min(TICKS, len(edges))).round().astype(int))
    return [(place + 0.5, _tell_edge(edges[place])) for place in marks.tolist()] if edges else []


def _tell_edge(edge: float) -> str:
    return f"{edge:.0f}" if 100 <= abs(edge) < 1e6 else f"{edge:.3g}"


def _choose_cells(cells: Cells, reference: Any, now: Any) -> list[int]:
    """Leave out empty cells for what is missing or unseen, and the rarer of many categories."""
    last = cells.size - 1
    shown = [cell for cell in range(last) if cells.ordered or reference[cell] or now[cell]]
    if not cells.ordered and len(shown) > MOST_CATEGORIES:
        shown = sorted(sorted(shown, key=lambda cell: -max(reference[cell], now[cell]))[:MOST_CATEGORIES])
    return [*shown, last] if reference[last] or now[last] else shown


def _shorten(text: str, length: int) -> str:
    return text if len(text) <= length else text[: length - 1] + "…"
