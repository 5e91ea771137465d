"""A section within a section as one widget with a value: a control an entry, such as the checks of the splits."""

from __future__ import annotations

import html
from typing import Any

import traitlets
from ipywidgets import HTML, Checkbox, Dropdown, HBox, Layout, Text, VBox

from toolkit.widgets.fields import Field
from toolkit.widgets.report import Report


class OptionsEditor(VBox):
    """Controls by name; ``value`` maps each name to what is chosen or typed in it."""

    value = traitlets.Dict()

    def __init__(self, field: Field, value: dict[str, Any], report: Report) -> None:
        self._controls = {column.name: _make_control(column, value[column.name]) for column in field.columns}
        for control in self._controls.values():
            control.observe(report.guard(lambda _: self._take()), names="value")
        rows = [
            HBox([self._controls[column.name], _make_help(column)], layout=Layout(align_items="center"))
            for column in field.columns
        ]
        super().__init__(rows)
        self.value = value

    @traitlets.observe("value")
    def _show(self, change: dict[str, Any]) -> None:
        """Show a value that was set from outside; what was chosen here is shown already."""
        for name, chosen in change["new"].items():
            control = self._controls.get(name)
            if control is not None and (not isinstance(control, Dropdown) or chosen in control.options):
                control.value = chosen

    def _take(self) -> None:
        self.value = {name: control.value for name, control in self._controls.items()}


def _make_control(column: Field, shown: Any) -> Any:
    common = {
        "description": column.name,
        "tooltip": column.description,
        "style": {"description_width": "148px"},
        "layout": Layout(width="270px", flex="0 0 auto"),
    }
    if column.kind == "bool":
        return Checkbox(shown, **common, indent=False)
    if column.kind == "choice":
        return Dropdown(
            options=column.choices, value=shown if shown in column.choices else column.default, **common
        )
    return Text(str(shown), continuous_update=False, **common)


def _make_help(column: Field) -> HTML:
    told = [column.description, *filter(None, [column.bounds])]
    text = HTML(html.escape(" · ".join(told)))
    text.add_class("tk-help")
    return text
