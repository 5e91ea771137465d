"""Groups of rows that belong together, such as those of a customer: how many, how large, and do they tell the label."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from toolkit.data.association import (
    count_pairs,
    measure_correlation_ratio,
    measure_entropy,
)
from toolkit.errors import count_of
from toolkit.views.explore_bins import space_by_ratio, space_evenly
from toolkit.views.explore_data import Dataset
from toolkit.views.explore_features import group_rows, set_log
from toolkit.views.explore_table import Note, Table, shorten, show_number, show_share
from toolkit.views.style import COLORS, Plot, new_figure, show

_MOST = 12


def find_groups(data: Dataset) -> list[str]:
    """Name the columns whose equal values may belong together: text or whole, two values or more, some repeated.

    Columns that are no feature come first (a customer's number is often one of them), then those with most values.
    """
    kinds = {**data.excluded, **data.kinds}
    names = [
        name for name, kind in kinds.items() if kind in ("category", "text", "integer") and name != data.key
    ]
    counts = {name: len(data.codes(name)[1]) for name in names if _is_grouping(data, name)}
    return sorted(counts, key=lambda name: (name in data.kinds, -counts[name]))


def _is_grouping(data: Dataset, name: str) -> bool:
    distinct = len(np.unique(data.column(name).take(data.places[:2000]).drop_null().to_pylist() or [0]))
    if data.kind(name) != "category" and distinct > 0.9 * min(2000, data.rows):
        return False  # nearly a value of its own in each row: no need to read on
    found = len(data.codes(name)[1])
    return 2 <= found <= 0.5 * data.rows


def describe_groups(data: Dataset, column: str = "") -> Table | Note:
    """List the largest groups: rows, share, and their labels."""
    column = column or next(iter(find_groups(data)), "")
    if not column:
        return Note("There is no column whose values repeat.")
    codes, names = data.codes(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    frame = pd.DataFrame(
        {"rows": counts[:_MOST], "share": [show_share(count, data.rows) for count in counts[:_MOST]]},
        index=[shorten(name, 48) for name in names[:_MOST]],
    )
    if data.classes:
        inside = np.bincount(codes[data.labelled & (codes >= 0)], minlength=len(names))
        for group, rows in group_rows(data).items():
            part = np.bincount(codes[rows & (codes >= 0)], minlength=len(names))
            frame[group] = [
                show_share(part[at], inside[at]) if inside[at] else "" for at in range(len(frame))
            ]
    elif data.label is not None:
        frame["median label"] = [
            show_number(float(np.median(found))) if len(found := _labels(data, codes == at)) else ""
            for at in range(len(frame))
        ]
    return Table(frame, _tell_groups(data, column, counts, codes))


def _labels(data: Dataset, rows: np.ndarray) -> np.ndarray:
    return data.targets[rows & data.labelled]


def _tell_groups(data: Dataset, column: str, counts: np.ndarray, codes: np.ndarray) -> str:
    missing = int((codes < 0).sum())
    told = measure_told(data, codes)
    return (
        f"{count_of(len(counts), 'group')} of {shorten(column, 40)}: "
        f"{count_of(int(np.median(counts)), 'row')} in the median, {counts.max():,} in the largest, "
        f"{int((counts == 1).sum()):,} with one row"
        + (f"; {count_of(missing, 'row')} without a group" if missing else "")
        + ("" if np.isnan(told) else f"; the group tells {told:.0%} of the label")
        + f"; {data.tell()}"
    )


def measure_told(data: Dataset, codes: np.ndarray) -> float:
    """Measure the share of the label that the group tells: of its entropy, or of a regression's variance.

    Corrected for chance by what the same groups tell of the labels in a random order (always the same one): small
    groups tell much of anything. 0 is what chance gives, 1 is all.
    """
    if data.label is None:
        return float("nan")
    if not data.classes:
        return measure_correlation_ratio(data.targets, codes) ** 2
    whole = measure_entropy(np.bincount(data.targets[data.labelled], minlength=1).astype(float))
    groups = len(np.unique(codes))
    if groups * len(data.classes) > 5_000_000:  # a table of counts that does not fit
        return float("nan")
    known = (codes >= 0) & data.labelled
    if not whole or not known.any():
        return float("nan")
    targets = data.targets[known]
    chance = _measure_shared(codes[known], np.random.default_rng(0).permutation(targets))
    left = whole - chance
    return max(0.0, _measure_shared(codes[known], targets) - chance) / left if left > 1e-9 else float("nan")


def _measure_shared(codes: np.ndarray, targets: np.ndarray) -> float:
    """Measure the mutual information of two columns of codes in bits, as their counts have it."""
    table = count_pairs(codes, targets)
    return measure_entropy(table.sum(axis=0)) + measure_entropy(table.sum(axis=1)) - measure_entropy(table)


def plot_groups(data: Dataset, column: str = "") -> Plot | Note:
    """Draw how many groups have how many rows."""
    column = column or next(iter(find_groups(data)), "")
    if not column:
        return Note("There is no column whose values repeat.")
    codes, names = data.codes(column)
    counts = np.bincount(codes[codes >= 0], minlength=len(names))
    figure, axes = new_figure(7.4, 3.0)
    _draw_sizes(axes, counts)
    scale = " (log scale)" if axes.get_xscale() == "log" else ""
    axes.set_xlabel(f"rows of a group of {shorten(column, 48)}{scale}")
    axes.set_ylabel("groups")
    axes.set_title("Group sizes")
    figure.supxlabel(data.tell(), fontsize=8)
    return show(figure, f"sizes of the groups of {column}")


def _draw_sizes(axes: Any, counts: np.ndarray) -> None:
    low, high = int(counts.min()), int(counts.max())
    wide = high > 50 * low
    if wide:
        edges = space_by_ratio(low, high, 30, 1.0)
        set_log(axes)
    else:
        edges = space_evenly(low, high, 40, 1.0)
    axes.stairs(np.histogram(counts, edges)[0], edges, fill=True, color=COLORS[0], alpha=0.7)
    if not wide:
        axes.set_xlim(edges[0] - 1, edges[-1] + 1)
        axes.xaxis.get_major_locator().set_params(integer=True)
    axes.set_ylim(bottom=0)
    axes.yaxis.get_major_locator().set_params(integer=True)
