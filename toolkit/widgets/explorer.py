"""Choose what to look at: a feature by class, a column's time, a group; each view draws what is chosen."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, Checkbox, Dropdown, HBox, Layout, VBox

from toolkit.views.explore_data import Dataset
from toolkit.views.explore_features import describe_feature, plot_feature
from toolkit.views.explore_groups import describe_groups, find_groups, plot_groups
from toolkit.views.explore_relation import measure_relation
from toolkit.views.explore_table import Note, Table, shorten
from toolkit.views.explore_time import PERIODS, describe_periods, find_times, plot_time
from toolkit.views.explore_words import describe_words
from toolkit.views.page import inline_svg
from toolkit.views.style import Plot
from toolkit.widgets.report import Report
from toolkit.widgets.style import make_style

View = Plot | Table | Note


def open_explorer(data: Dataset) -> VBox:
    """Make the view of one feature; features come in the order of how well each alone tells the label."""
    best = list(measure_relation(data).index)
    names = [*best, *(name for name in data.features if name not in set(best))]
    feature = _choose("feature", names, "Best single predictors of the label first")
    by_class = Checkbox(
        bool(data.classes),
        description="a curve a class",
        disabled=not data.classes,
        indent=False,
        tooltip="Draw the classes apart",
    )

    def draw() -> list[View]:
        name = feature.value
        shown: list[View] = [
            plot_feature(data, name, by_class.value),
            describe_feature(data, name, by_class.value),
        ]
        return [*shown, describe_words(data, name)] if data.kinds[name] == "text" else shown

    return _frame([feature, by_class], draw, "There is no feature." if not names else "")


def open_times(data: Dataset) -> VBox:
    """Make the view of a time column: rows, the label and a feature by period."""
    times = find_times(data)
    best = [name for name in measure_relation(data).index if name not in times]
    best += [name for name in data.features if name not in {*best, *times}]
    time = _choose("time", times, "The column whose periods are shown")
    unit = Dropdown(
        options=[("fitting", ""), *((name, name) for name in PERIODS)],
        description="period",
        tooltip="Length of a period",
    )
    feature = Dropdown(
        options=[("none", ""), *_label(best)], description="feature", tooltip="A feature to follow over time"
    )
    for control in (unit, feature):
        control.layout.width = "260px"

    def draw() -> list[View]:
        return [
            plot_time(data, time.value, feature.value, unit.value),
            describe_periods(data, time.value, unit.value),
        ]

    return _frame([time, unit, feature], draw, "" if times else "There is no column of type time.")


def open_groups(data: Dataset) -> VBox:
    """Make the view of groups: their sizes, the largest, and their labels."""
    names = find_groups(data)
    column = _choose("group", names, "The column whose equal values belong together")

    def draw() -> list[View]:
        return [plot_groups(data, column.value), describe_groups(data, column.value)]

    return _frame([column], draw, "" if names else "There is no column whose values repeat.")


def _frame(controls: list[Any], draw: Callable[[], list[View]], lack: str) -> VBox:
    frame = VBox(
        [make_style(), Choices(controls, draw) if not lack else HTML(f'<p class="tk-quiet">{lack}</p>')]
    )
    frame.add_class("tk")
    return frame


class Choices(VBox):
    """Controls in a line; below them what ``draw`` gives for their values, drawn anew when one changes."""

    def __init__(self, controls: list[Any], draw: Callable[[], list[View]]) -> None:
        self.report, self._draw, self._shown = Report(), draw, HTML()
        self.controls = controls
        for control in controls:
            control.observe(self.report.guard(lambda _: self.draw()), names="value")
        head = HBox(controls, layout=Layout(align_items="center", overflow="visible", flex_flow="row wrap"))
        super().__init__([head, self._shown, self.report])
        self.report.guard(self.draw)()

    def draw(self) -> None:
        """Show what is chosen."""
        self.report.clear()
        self._shown.value = "\n".join(
            inline_svg(view, f"{id(self)} {place}") if isinstance(view, Plot) else view.to_html()
            for place, view in enumerate(self._draw())
        )


def _choose(title: str, names: list[str], help_: str) -> Dropdown:
    control = Dropdown(options=_label(names), description=title, tooltip=help_)
    control.layout.width = "420px"
    return control


def _label(names: list[str]) -> list[tuple[str, str]]:
    """Give the options of a drop-down: long names shortened, alike ones told apart by their place."""
    shown = [shorten(name, 48) for name in names]
    return [
        (text if shown.count(text) == 1 else f"{text} ({place})", name)
        for place, (text, name) in enumerate(zip(shown, names, strict=True), 1)
    ]
