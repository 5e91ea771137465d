"""The form as widgets: a tab a section, a row a parameter, its message under it."""

from __future__ import annotations

import html
from collections.abc import Callable
from typing import Any

from ipywidgets import HTML, Button, Checkbox, Dropdown, HBox, Layout, Tab, Text, VBox

from toolkit.params import SECTIONS
from toolkit.widgets.fields import Field
from toolkit.widgets.form import FIELDS, Form, show_value
from toolkit.widgets.options_view import OptionsEditor
from toolkit.widgets.report import Report
from toolkit.widgets.table_view import TableEditor

_LABEL = {"description_width": "148px"}
_WIDE = {"table", "options"}  # kinds with a row of their own below their help
_CONTROL = Layout(width="440px", flex="0 0 auto")


class FormView(VBox):
    """The form, its buttons, and a message; ``on_change`` callbacks hear of every change of the typed values."""

    def __init__(self, form: Form) -> None:
        self.form = form
        self.report = Report()
        self._listeners: list[Callable[[], None]] = []
        self._rows = {field.key: _Row(field, self) for fields in FIELDS.values() for field in fields}
        self._notes = {section: HTML() for section in SECTIONS}
        self._tabs = Tab([self._panel(section) for section in SECTIONS], titles=list(SECTIONS))
        self._save = Button(
            description="Save",
            button_style="primary",
            tooltip="Write the changes to params.yaml",
            disabled=True,  # from its first message on: a page that is slow to start may show that one for long
        )
        self._reset = Button(
            description="Reset", tooltip="Read params.yaml anew and forget the changes made here"
        )
        self._state = HTML()
        self._save.on_click(self.report.guard(lambda _: self.save()))
        self._reset.on_click(self.report.guard(lambda _: self.reset()))
        buttons = HBox(
            [self._save, self._reset, self._state], layout=Layout(align_items="center", overflow="visible")
        )
        super().__init__([self._tabs, buttons, self.report])
        self.refresh()

    def on_change(self, callback: Callable[[], None]) -> None:
        """Call back after every change of what was typed, saved or reset."""
        self._listeners.append(callback)

    def put(self, key: str, raw: Any) -> None:
        """Take what was typed in a row."""
        self.form.put(key, raw)
        self.report.clear()
        self.refresh()

    def save(self) -> None:
        """Write the changes; say which."""
        written = self.form.save()
        self._reload_rows()
        if written:
            self.report.say(f"Saved to params.yaml: {', '.join(written)}.", "good")

    def reset(self) -> None:
        """Read the file again and show what it holds."""
        self.form.reload()
        self._reload_rows()
        self.report.say("These are the values of params.yaml.", "note")

    def refresh(self) -> None:
        """Show which values differ from the file and which are wrong."""
        changes, findings = self.form.changes, self.form.findings()
        for key, row in self._rows.items():
            row.mark(key in changes, self.form.saved(key), findings.get(key, []))
        for section, note in self._notes.items():
            note.value = _message(findings.get(section, []))
        self._tabs.titles = [_title(section, changes, findings) for section in SECTIONS]
        self._save.disabled = not changes or bool(findings)
        self._state.value = _state(len(changes), findings)
        if "" in findings:
            self.report.say("\n".join(findings[""]), "bad")
        for callback in self._listeners:
            callback()

    def _reload_rows(self) -> None:
        for row in self._rows.values():
            row.load()
        self.refresh()

    def _panel(self, section: str) -> VBox:
        intro = HTML(f'<span class="tk-intro">{html.escape(SECTIONS[section].__doc__ or "")}</span>')
        rows = [self._rows[field.key] for field in FIELDS[section]]
        return VBox([intro, self._notes[section], *rows])


class _Row(VBox):
    """One parameter: its control, its help, its message."""

    def __init__(self, field: Field, view: FormView) -> None:
        self._field, self._form = field, view.form
        self._loading = False
        self._control = _make_control(field, view.form.shown(field.key), view.report)
        self._help, self._message = HTML(layout=Layout(flex="1 1 auto")), HTML()
        self._help.add_class("tk-help")
        self._control.observe(
            view.report.guard(lambda change: None if self._loading else view.put(field.key, change["new"])),
            names="value",
        )
        wide = field.kind in _WIDE
        if wide:
            head = VBox([self._help, self._control])
        else:
            middle = Layout(align_items="center", overflow="visible")
            head = HBox([self._control, self._help], layout=middle)
        super().__init__([head, self._message])
        self.add_class("tk-row")

    def load(self) -> None:
        """Show the form's value, without taking it for something typed."""
        self._loading = True
        try:
            self._control.value = self._form.shown(self._field.key)
        finally:
            self._loading = False

    def mark(self, changed: bool, saved: Any, messages: list[str]) -> None:
        """Show whether the value differs from the file, and what is wrong with it."""
        (self.add_class if changed else self.remove_class)("tk-changed")
        (self.add_class if messages else self.remove_class)("tk-wrong")
        self._help.value = _help(self._field, changed, saved)
        self._message.value = _message(messages)


def _make_control(field: Field, shown: Any, report: Report) -> Any:
    common = {"description": field.name, "tooltip": field.description, "style": _LABEL, "layout": _CONTROL}
    if field.kind == "bool":
        return Checkbox(shown, **common, indent=False)
    if field.kind == "choice":
        options = field.choices if shown in field.choices else (shown, *field.choices)
        return Dropdown(options=options, value=shown, **common)
    if field.kind == "table":
        return TableEditor(field, shown, report)
    if field.kind == "options":
        return OptionsEditor(field, shown, report)
    return Text(str(shown), continuous_update=False, **common)


def _help(field: Field, changed: bool, saved: Any) -> str:
    parts = [html.escape(field.description)]
    if field.kind in {"texts", "numbers"}:
        parts.append("commas between the values")
    if field.bounds:
        parts.append(html.escape(field.bounds))
    text = " · ".join(parts)
    if field.kind in _WIDE:
        text = f"<b>{field.name}</b> · {text}"
    if changed:
        was = (
            ""
            if field.kind in _WIDE
            else f": was {html.escape(str(show_value(field.kind, saved)) or 'empty')}"
        )
        text += f" · <b>changed{was}</b>"
    return text


def _message(messages: list[str]) -> str:
    lines = "<br>".join(map(html.escape, messages))
    return f'<div class="tk-message" role="alert">{lines}</div>' if messages else ""


def _title(section: str, changes: dict[str, Any], findings: dict[str, list[str]]) -> str:
    if any(key.partition(".")[0] == section for key in findings):
        return f"{section} ⚠"
    return f"{section} •" if any(key.startswith(f"{section}.") for key in changes) else section


def _state(changes: int, findings: dict[str, list[str]]) -> str:
    parts = []
    if findings:
        parts.append(f"{len(findings)} to mend before saving")
    if changes:
        parts.append(f"{changes} changed, not saved")
    return f'<span class="tk-quiet tk-state" role="status">{" · ".join(parts) or "as in params.yaml"}</span>'
