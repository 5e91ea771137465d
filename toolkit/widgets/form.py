"""The form's logic: values of params.yaml, what was typed for them, what is wrong with that, saving. No widgets."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.errors import ParamsError
from toolkit.params import SECTIONS
from toolkit.params_edit import edit_params, load_text, same_value, write_params
from toolkit.params_file import compose, construct, parse_params
from toolkit.widgets.fields import Field, describe_fields
from toolkit.yaml_text import flow_text, scalar_text

FIELDS: dict[str, tuple[Field, ...]] = {section: describe_fields(section) for section in SECTIONS}
_BY_KEY = {field.key: field for fields in FIELDS.values() for field in fields}


class Form:
    """The values of a project's params.yaml while somebody edits them.

    Nothing is written before :meth:`save`. What is wrong with the typed values is told in the very words of the
    command line, since both come from the same check.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self.reload()

    def reload(self) -> None:
        """Read params.yaml anew and forget what was typed.

        Raises
        ------
        ParamsError
            The file is missing or not YAML. Wrong values are no error here: the form is where to mend them.
        """
        text = load_text(self.root)
        node = compose(text)
        values = construct(node, (), {}, []) if node is not None else {}
        self._text = text
        self._saved = {key: _value_at(values, field.key, field.default) for key, field in _BY_KEY.items()}
        self._typed: dict[str, Any] = {}
        self._misread: dict[str, str] = {}

    def saved(self, key: str) -> Any:
        """Give the value in params.yaml (the class's own where the file leaves the key out)."""
        return self._saved[key]

    def value(self, key: str) -> Any:
        """Give the value as typed so far."""
        return self._typed.get(key, self._saved[key])

    def shown(self, key: str) -> Any:
        """Give what the widget of a key shows: text, or the value itself for check boxes, choices and tables."""
        field, value = _BY_KEY[key], self.value(key)
        if field.kind != "options":
            return show_value(field.kind, value)
        held = {**field.default, **value} if isinstance(value, Mapping) else field.default
        return {column.name: show_value(column.kind, held[column.name]) for column in field.columns}

    def put(self, key: str, raw: Any) -> None:
        """Take what was typed for a key; wrong values are kept and reported by :meth:`findings`."""
        field = _BY_KEY[key]
        self._misread.pop(key, None)
        try:
            value = parse_value(field, raw, self._saved[key])
        except ValueError as error:
            self._misread[key] = f"{key}: {error}"
            value = self._saved[key]
        if same_value(value, self._saved[key]):
            self._typed.pop(key, None)
        else:
            self._typed[key] = value

    @property
    def changes(self) -> dict[str, Any]:
        """What saving would write, by dotted key."""
        return dict(self._typed)

    def findings(self) -> dict[str, list[str]]:
        """Give the messages about wrong values by the key (or the section) that they belong to."""
        found: dict[str, list[str]] = {key: [message] for key, message in self._misread.items()}
        try:
            if self._typed:
                edit_params(self._text, self._typed)
            else:
                parse_params(self._text)
        except ParamsError as error:
            for finding in error.findings:
                found.setdefault(_owner(finding.key), []).append(finding.message)
            if not error.findings:
                found.setdefault("", []).append(str(error))
        return found

    def save(self) -> list[str]:
        """Write the changes to params.yaml; give the keys that were written.

        Raises
        ------
        ParamsError
            A value is wrong, or the file was changed by somebody else since it was read. Nothing is written then.
        """
        if self._misread:
            raise ParamsError("\n".join(self._misread.values()))
        written = list(self._typed)
        write_params(self.root, self._typed, seen=self._text)
        self.reload()
        return written


def show_value(kind: str, value: Any) -> Any:
    """Give what a widget shows for a value; text and lists look as they do in params.yaml, without brackets.

    >>> show_value("texts", ["a", "1"]), show_value("float", 1e-5), show_value("text", "a b")
    ('a, "1"', '1.0e-05', 'a b')
    """
    if kind in {"bool", "choice", "table", "options"}:
        return value
    if value is None:
        return ""
    if kind in {"texts", "numbers"} and isinstance(value, list):
        return flow_text(value)[1:-1]
    if kind == "text" and isinstance(value, str):
        return value
    return flow_text(value) if isinstance(value, Mapping | list) else scalar_text(value)


def parse_value(field: Field, raw: Any, saved: Any = None) -> Any:
    """Turn what was typed into a value, by the rules of YAML; a number that is none stays text, for the check.

    ``saved`` is the value in the file: a row of a table keeps the columns that it has there.

    Raises
    ------
    ValueError
        A list that cannot be split into its items.
    """
    if field.kind == "options":
        return {column.name: parse_value(column, raw[column.name]) for column in field.columns}
    if field.kind == "table":
        old = saved if isinstance(saved, Mapping) else {}
        return {name: _parse_row(field.columns, row, old.get(name, {})) for name, row in raw.items()}
    if field.kind in {"int", "float", "yaml"}:
        return _parse_scalar(str(raw))
    if field.kind == "texts":
        return _parse_items(str(raw), as_text=True)
    if field.kind == "numbers":
        return _parse_items(str(raw), as_text=False)
    return raw


def _parse_row(columns: tuple[Field, ...], row: Mapping[str, Any], saved: Any) -> dict[str, Any]:
    """Keep the columns that say something: empty ones are left to their defaults, so that the file stays short."""
    parsed = {column.name: parse_value(column, row[column.name]) for column in columns if column.name in row}
    return {
        column.name: parsed[column.name]
        for column in columns
        if column.name in parsed
        and parsed[column.name] not in ("", None)
        and (column.name in saved or parsed[column.name] != column.default)
    }


def _parse_scalar(text: str) -> Any:
    try:
        node = compose(text.strip())
    except ParamsError:
        return text
    if node is None or isinstance(node.value, list) or getattr(node, "style", None):
        return text
    return construct(node, (), {}, [])


def _parse_items(text: str, as_text: bool) -> list[Any]:
    try:
        node = compose(f"[{text}]")
    except ParamsError:
        node = None
    if node is None or any(isinstance(item.value, list) for item in node.value):
        raise ValueError(
            "must be values with commas between them; quote one that has a comma or bracket in it."
        )
    return [item.value if as_text else construct(item, (), {}, []) for item in node.value]


def _value_at(values: Any, key: str, default: Any) -> Any:
    section, _, name = key.partition(".")
    entries = values.get(section) if isinstance(values, Mapping) else None
    return entries.get(name, default) if isinstance(entries, Mapping) else default


def _owner(dotted: str) -> str:
    """Name the field that a finding's key lies in, or its section when it is about several."""
    parts = dotted.split(".")
    key = ".".join(parts[:2])
    return key if key in _BY_KEY else parts[0]
