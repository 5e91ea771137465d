"""A table of named, typed rows as one widget with a value: the search space of the sweep."""

from __future__ import annotations

from typing import Any

import traitlets
from ipywidgets import HTML, Button, Checkbox, Dropdown, HBox, Layout, Text, VBox

from toolkit.widgets.fields import Field
from toolkit.widgets.form import show_value
from toolkit.widgets.report import Report


class TableEditor(VBox):
    """Rows by name; ``value`` maps each name to what was typed in its columns."""

    value = traitlets.Dict()

    def __init__(self, field: Field, value: dict[str, Any], report: Report) -> None:
        self._field, self.report = field, report
        self._rows: dict[str, _TableRow] = {}
        self._box = VBox()
        self._choice = Dropdown(
            description="add", options=field.choices, style={"description_width": "148px"}
        )
        self._choice.layout.width = "340px"
        self._add = Button(description="Add", tooltip=f"Add a row to {field.name}")
        self._add.on_click(report.guard(lambda _: self._add_row()))
        adder = HBox([self._choice, self._add], layout=Layout(align_items="center"))
        super().__init__([self._box, adder])
        self._box.add_class("tk-space")
        self.value = value

    @traitlets.observe("value")
    def _show(self, change: dict[str, Any]) -> None:
        """Show a value that was set from outside; what was typed here is shown already."""
        if change["new"] == self._typed():
            return
        self._rows = {name: _TableRow(name, self._field, row, self) for name, row in change["new"].items()}
        self._place()

    def take(self) -> None:
        """Make what is typed the value."""
        self.value = self._typed()

    def remove(self, name: str) -> None:
        """Take a row out."""
        self._rows.pop(name)
        self._place()
        self.take()

    def _add_row(self) -> None:
        name = self._choice.value
        if name and name not in self._rows:
            first = self._field.columns[0]
            row = {first.name: first.choices[0]} if first.choices else {}
            self._rows[name] = _TableRow(name, self._field, row, self)
            self._place()
            self.take()

    def _place(self) -> None:
        self._box.children = list(self._rows.values())
        left = [name for name in self._field.choices if name not in self._rows]
        self._choice.options = left
        self._choice.disabled = self._add.disabled = not left

    def _typed(self) -> dict[str, Any]:
        return {name: row.typed() for name, row in self._rows.items()}


class _TableRow(HBox):
    """One row: its name, a control a column, a button that removes it."""

    def __init__(self, name: str, field: Field, row: dict[str, Any], editor: TableEditor) -> None:
        self._columns, self._editor = field.columns, editor
        self._controls = {column.name: _make_control(name, column, row) for column in field.columns}
        label = HTML(f"<b>{name}</b>", layout=Layout(width="136px", flex="0 0 auto"))
        remove = Button(description="Remove", tooltip=f"Remove {name} from {field.name}")
        remove.on_click(editor.report.guard(lambda _: editor.remove(name)))
        for control in self._controls.values():
            control.observe(editor.report.guard(self._take), names="value")
        super().__init__(
            [label, *self._controls.values(), remove], layout=Layout(align_items="center", overflow="visible")
        )
        self._fit()

    def typed(self) -> dict[str, Any]:
        """Give what stands in the visible controls."""
        return {name: control.value for name, control in self._controls.items() if not control.layout.display}

    def _take(self, _: Any) -> None:
        self._fit()
        self._editor.take()

    def _fit(self) -> None:
        """Show the columns that the row's type uses: a choice has values, the others have bounds."""
        kind = self._controls.get("type")
        for column in self._columns:
            if kind is not None and column.name != "type":
                used = (column.kind in {"numbers", "texts"}) == (kind.value == "choice")
                self._controls[column.name].layout.display = None if used else "none"


def _make_control(row_name: str, column: Field, row: dict[str, Any]) -> Any:
    value = row.get(column.name, column.default)
    common = {"description": column.name, "tooltip": f"{row_name}: {column.description}"}
    style = {"description_width": "initial"}
    if column.kind == "bool":
        return Checkbox(bool(value), indent=False, layout=Layout(width="70px"), **common)
    if column.kind == "choice":
        choice = value if value in column.choices else column.choices[0]
        return Dropdown(
            options=column.choices,
            value=choice,
            style=style,
            layout=Layout(width="130px", flex="0 0 auto"),
            **common,
        )
    wide = column.kind in {"numbers", "texts"}
    return Text(
        str(show_value(column.kind, value)),
        continuous_update=False,
        style=style,
        layout=Layout(width="300px" if wide else "130px", flex="0 0 auto"),
        **common,
    )
