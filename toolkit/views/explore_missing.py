"""What is missing: by column, by class, and which columns lack their values together."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.data.association import measure_pearson
from toolkit.errors import count_of
from toolkit.views.explore_data import Dataset
from toolkit.views.explore_features import group_rows
from toolkit.views.explore_table import Note, Table, shorten, shorten_all, show_share
from toolkit.views.style import DIVERGING, Plot, draw_heat, new_figure, show

_MOST_CLASSES, _MOST_COLUMNS, _MOST_PATTERNS = 6, 40, 12


def describe_missing(data: Dataset) -> Table | Note:
    """Count missing values by feature, and by class where there are labels: missing may tell the class."""
    names = _find_lacking(data)
    if not names:
        return Note(f"No value is missing ({data.tell()}).")
    classes = group_rows(data, _MOST_CLASSES) if data.classes else {}
    entries = {}
    for name in names:
        missing = data.missing(name)
        entry = {"missing": int(missing.sum()), "share": show_share(missing.sum(), data.rows)}
        entry |= {
            f"in {shorten(kind, 20)}": show_share(missing[mask].mean())
            for kind, mask in classes.items()
            if mask.any()
        }
        entries[shorten(name, 48)] = entry
    return Table(pd.DataFrame.from_dict(entries, orient="index"), data.tell())


def describe_missing_together(data: Dataset) -> Table | Note:
    """List which sets of columns are missing in the same row, the most frequent first."""
    names = _find_lacking(data)[:62]  # a bit each in an int64
    if not names:
        return Note(f"No value is missing ({data.tell()}).")
    bits = np.zeros(data.rows, np.int64)
    for place, name in enumerate(names):
        bits |= data.missing(name).astype(np.int64) << place
    patterns, counts = np.unique(bits, return_counts=True)
    order = np.argsort(-counts, kind="stable")[:_MOST_PATTERNS]
    rows = [
        {
            "missing together": _tell_pattern([n for at, n in enumerate(names) if pattern >> at & 1]),
            "columns": int(pattern).bit_count(),
            "rows": int(count),
            "share": show_share(count, data.rows),
        }
        for pattern, count in zip(patterns[order].tolist(), counts[order].tolist(), strict=True)
    ]
    more = (
        f"{count_of(len(patterns) - len(order), 'rarer set')} not shown; "
        if len(patterns) > len(order)
        else ""
    )
    return Table(pd.DataFrame(rows, index=range(1, len(rows) + 1)), more + data.tell())


def plot_missing_together(data: Dataset) -> Plot | Note:
    """Draw how strongly columns are missing together: the correlation of "is missing"."""
    names = [name for name in _find_lacking(data) if not data.missing(name).all()][:_MOST_COLUMNS]
    if len(names) < 2:
        return Note("Fewer than two columns lack values in some of their rows: none are missing together.")
    found = measure_pearson(np.column_stack([data.missing(name).astype(float) for name in names])).round(4)
    labels = shorten_all(names, 26)
    size, room = 1.6 + min(0.24 * len(names), 5.0), 0.06 * max(map(len, labels))
    figure, axes = new_figure(size + room + 1.4, size + room)
    image = draw_heat(axes, found, (labels, labels), vmin=-1, vmax=1, cmap=DIVERGING)
    axes.tick_params(labelsize=8)
    figure.colorbar(image, ax=axes, label="correlation of being missing", shrink=0.7)
    axes.set_title("Missing together")
    figure.supxlabel(data.tell(), fontsize=8)
    return show(figure, "how strongly columns are missing together as a heat map")


def _find_lacking(data: Dataset) -> list[str]:
    """Name the features that lack values, the worst first."""
    counts = {name: int(data.missing(name).sum()) for name in data.features}
    return sorted((name for name in counts if counts[name]), key=lambda name: -counts[name])


def _tell_pattern(names: list[str]) -> str:
    if not names:
        return "nothing"
    more = f" and {len(names) - 4} more" if len(names) > 4 else ""
    return ", ".join(shorten(name, 28) for name in names[:4]) + more
