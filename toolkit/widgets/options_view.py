"""A section within a section as one widget with a value: a menu a choice, such as the checks of the splits."""

from __future__ import annotations

from typing import Any

import traitlets
from ipywidgets import HTML, Dropdown, HBox, Layout, VBox

from toolkit.widgets.fields import Field
from toolkit.widgets.report import Report


class OptionsEditor(VBox):
    """Menus by name; ``value`` maps each name to what is chosen in it."""

    value = traitlets.Dict()

    def __init__(self, field: Field, value: dict[str, Any], report: Report) -> None:
        self._menus = {column.name: _make_menu(column, value.get(column.name)) for column in field.columns}
        for menu in self._menus.values():
            menu.observe(report.guard(lambda _: self._take()), names="value")
        rows = [
            HBox([self._menus[column.name], _make_help(column)], layout=Layout(align_items="center"))
            for column in field.columns
        ]
        super().__init__(rows)
        self.value = value

    @traitlets.observe("value")
    def _show(self, change: dict[str, Any]) -> None:
        """Show a value that was set from outside; what was chosen here is shown already."""
        for name, chosen in change["new"].items():
            if name in self._menus and chosen in self._menus[name].options:
                self._menus[name].value = chosen

    def _take(self) -> None:
        self.value = {name: menu.value for name, menu in self._menus.items()}


def _make_menu(column: Field, chosen: Any) -> Dropdown:
    value = chosen if chosen in column.choices else column.default
    return Dropdown(
        options=column.choices,
        value=value,
        description=column.name,
        tooltip=column.description,
        style={"description_width": "148px"},
        layout=Layout(width="270px", flex="0 0 auto"),
    )


def _make_help(column: Field) -> HTML:
    text = HTML(column.description)
    text.add_class("tk-help")
    return text
