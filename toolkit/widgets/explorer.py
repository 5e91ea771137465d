"""One feature at a time, chosen from a list: its distribution by class and its figures."""

from __future__ import annotations

import re

import pandas as pd
from ipywidgets import HTML, Checkbox, Dropdown, HBox, Layout, VBox

from toolkit.views.explore import Dataset
from toolkit.views.explore_features import describe_feature, measure_relation, plot_feature
from toolkit.widgets.report import Report
from toolkit.widgets.style import make_style


def open_explorer(data: Dataset) -> VBox:
    """Make the view; features come in the order of how well each alone tells the label."""
    frame = VBox([make_style(), ExplorerView(data)])
    frame.add_class("tk")
    return frame


class ExplorerView(VBox):
    """A drop-down of features, a check box that splits by class, the plot, the figures."""

    def __init__(self, data: Dataset) -> None:
        self._data = data
        self.report = Report()
        self._plot, self._figures = HTML(), HTML()
        best = list(measure_relation(data).index)
        names = [*best, *(name for name in data.features if name not in best)]
        self.feature = Dropdown(
            options=names, description="feature", tooltip="Best single predictors of the label first"
        )
        self.feature.layout.width = "380px"
        self.by_class = Checkbox(
            data.is_classification,
            description="a curve a class",
            disabled=not data.is_classification,
            indent=False,
            tooltip="Draw the classes apart",
        )
        for control in (self.feature, self.by_class):
            control.observe(self.report.guard(lambda _: self.draw()), names="value")
        head = HBox([self.feature, self.by_class], layout=Layout(align_items="center", overflow="visible"))
        note = HTML(f'<span class="tk-quiet">{data.note}</span>')
        super().__init__([head, self._plot, self._figures, note, self.report])
        if names:
            self.draw()

    def draw(self) -> None:
        """Show the chosen feature."""
        name, by_class = self.feature.value, self.by_class.value
        self.report.clear()
        self._plot.value = _inline(plot_feature(self._data, name, by_class).svg)
        self._figures.value = render_table(describe_feature(self._data, name, by_class))


def render_table(table: pd.DataFrame) -> str:
    """Draw a table as HTML in our style, numbers to the right."""
    markup = table.to_html(classes="tk-table", border=0, escape=True)
    return f'<div class="tk-scroll">{markup}</div>'


def _inline(svg: str) -> str:
    """Cut the XML head off, which has no place inside HTML."""
    return re.sub(r"^.*?(?=<svg)", "", svg, count=1, flags=re.S)
