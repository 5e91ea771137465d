"""The exploration as files: each plot as SVG, and one HTML page with plots and tables that loads nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from html import escape
from pathlib import Path

from toolkit.artifacts import write_text
from toolkit.views.explore import describe_columns, describe_dataset
from toolkit.views.explore_association import describe_pairs, plot_associations, plot_correlations
from toolkit.views.explore_data import Dataset
from toolkit.views.explore_features import describe_feature, plot_feature
from toolkit.views.explore_groups import describe_groups, plot_groups
from toolkit.views.explore_missing import describe_missing, describe_missing_together, plot_missing_together
from toolkit.views.explore_notices import list_notices
from toolkit.views.explore_outliers import describe_far_rows, describe_outliers
from toolkit.views.explore_relation import describe_relation, measure_relation, plot_relation
from toolkit.views.explore_table import Note, Sentences, Table
from toolkit.views.explore_time import describe_times, find_times, plot_time
from toolkit.views.explore_words import describe_words
from toolkit.views.page import inline_svg, render_page
from toolkit.views.style import Plot

MOST_FEATURES = 12  # that are drawn one by one

View = Plot | Table | Sentences | Note


@dataclass(frozen=True)
class Part:
    """A part of the report: its heading, a sentence, its views and the names of their files."""

    title: str
    text: str
    views: dict[str, View]


def choose_columns(names: Sequence[str], group: str, time: str) -> list[str]:
    """Add the columns of groups and times, where they are set and no feature, to those that are explored."""
    return [*names, *(name for name in dict.fromkeys((group, time)) if name and name not in names)]


def write_exploration(plots: Path, report: Path, data: Dataset, group: str = "", time: str = "") -> list[str]:
    """Write each plot into a folder and the page that shows all; the same rows give the same bytes.

    Parameters
    ----------
    plots : Path
        Folder of the SVG files.
    report : Path
        The .html file.
    data : Dataset
        The rows, as :func:`~toolkit.views.explore_data.make_dataset` gives them for a table in memory.
    group, time : str
        Columns to show groups and periods by, if they are to be others than those found.

    Returns
    -------
    list of str
        Names of the files in the folder.
    """
    plots.mkdir(parents=True, exist_ok=True)
    written, sections = [], []
    for part in _make_parts(data, group, time):
        shown = [view for view in part.views.values() if not isinstance(view, Note)] or list(
            part.views.values()
        )[:1]
        for name, view in part.views.items():
            if isinstance(view, Plot):
                write_text(plots / f"{name}.svg", view.svg)
                written.append(f"{name}.svg")
        body = "\n".join(_render(view, f"{part.title} {place}") for place, view in enumerate(shown))
        sections.append(f"<h2>{escape(part.title)}</h2>\n<p>{escape(part.text)}</p>\n{body}")
    title = "Data" if not data.part else f"Data of {data.part}"
    intro = f'<p class="quiet">{escape(data.tell()[0].upper() + data.tell()[1:])}.</p>'
    write_text(report, render_page(title, "\n".join([intro, *sections])))
    return written


def _make_parts(data: Dataset, group: str, time: str) -> Iterator[Part]:
    yield Part("Worth knowing", "What a person should have seen.", {"notices": list_notices(data)})
    parts: tuple[tuple[str, str, dict[str, Callable[[], View]]], ...] = (
        (
            "Overview",
            "Look for ranges that cannot be, constants, and columns with a value of its own in each row.",
            {"dataset": lambda: describe_dataset(data), "columns": lambda: describe_columns(data)},
        ),
        (
            "Missing values",
            "A feature that is missing more often in one class tells the label by being missing.",
            {
                "missing": lambda: describe_missing(data),
                "missing_sets": lambda: describe_missing_together(data),
                "missing_together": lambda: plot_missing_together(data),
            },
        ),
        (
            "What tells the label",
            "Each feature alone. A value near 1 on a hard problem is a reason to look for a leak.",
            {"relation": lambda: plot_relation(data), "relation_table": lambda: describe_relation(data)},
        ),
        (
            "What goes together",
            "Alike features stand side by side.",
            {
                "associations": lambda: plot_associations(data),
                "correlations": lambda: plot_correlations(data),
                "pairs": lambda: describe_pairs(data),
            },
        ),
        (
            "Outliers",
            "Single values far from their column's middle half, and rows that are unusual in many columns at once.",
            {"outliers": lambda: describe_outliers(data), "far_rows": lambda: describe_far_rows(data)},
        ),
    )
    for title, text, views in parts:
        yield Part(title, text, {name: make() for name, make in views.items()})
    yield from _follow_times(data, time)
    groups = describe_groups(data, group)
    if not isinstance(groups, Note):
        text = "Rows that belong together should stay together in a split."
        yield Part("Groups", text, {"groups": plot_groups(data, group), "largest_groups": groups})
    yield from _draw_features(data)


def _follow_times(data: Dataset, time: str) -> Iterator[Part]:
    names = find_times(data)
    if not names and not time:
        return
    best = next((name for name in _rank(data) if name not in names), "")
    text = "A label or feature that drifts over time asks for a split by time."
    yield Part("Time", text, {"time": plot_time(data, time, best), "times": describe_times(data)})


def _draw_features(data: Dataset) -> Iterator[Part]:
    for place, name in enumerate(_rank(data)[:MOST_FEATURES], 1):
        stem = f"feature_{place:02}_{re.sub(r'[^A-Za-z0-9]+', '_', name)[:40].strip('_').lower()}".strip("_")
        views: dict[str, View] = {
            stem: plot_feature(data, name),
            f"{stem}_table": describe_feature(data, name),
        }
        if data.kinds[name] == "text":
            views[f"{stem}_words"] = describe_words(data, name)
        yield Part(name, f"A feature of type {data.kinds[name]}.", views)


def _rank(data: Dataset) -> list[str]:
    best = list(measure_relation(data).index)
    return [*best, *(name for name in data.features if name not in set(best))]


def _render(view: View, prefix: str) -> str:
    return inline_svg(view, prefix) if isinstance(view, Plot) else view.to_html()
