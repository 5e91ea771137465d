"""params.yaml as values and as places: every mistake in it is reported at once, with its line."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel, ValidationError

from toolkit.errors import ParamsError, suggest
from toolkit.params import SECTIONS, Section


@dataclass(frozen=True, order=True)
class Finding:
    """One mistake: its line in the file, the dotted key it is about, and the message for a person."""

    line: int
    key: str
    message: str


@dataclass
class Params:
    """All sections of params.yaml, by name."""

    sections: dict[str, Section] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Any:
        return self.sections[name]


def load_params(root: Path) -> Params:
    """Read and check params.yaml of a project.

    Raises
    ------
    ParamsError
        The file is missing or not YAML, or any key or value is wrong: all findings, a line each.
    """
    path = root / "params.yaml"
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise ParamsError(
            f"{path} must exist and does not. Restore it with 'git checkout params.yaml', or write one: "
            f"its sections are {', '.join(SECTIONS)}."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"params.yaml must be readable UTF-8 text. {error}.") from None
    return parse_params(text)


def parse_params(text: str, name: str = "params.yaml") -> Params:
    """Turn the text of a params.yaml into typed sections; ``name`` is how messages call the file."""
    root = compose(text, name)
    findings: list[Finding] = []
    places: dict[tuple[str | int, ...], int] = {(): 1}
    try:
        values = construct(root, (), places, findings) if root is not None else {}
    except RecursionError:
        raise ParamsError(f"{name}: must be nested in itself nowhere. Look for an alias (*name).") from None
    if not isinstance(values, dict):
        raise ParamsError(f"{name}:1: must be a mapping of sections. Got {_show(values)} instead.")
    sections = {}
    for key, value in values.items():
        if key not in SECTIONS:
            message = f"'{key}' is not a section.{suggest(str(key), SECTIONS)}"
            findings.append(Finding(places[key,], str(key), message))
        elif not isinstance(value, dict):
            message = f"{key}: must be a mapping of keys. Got {_show(value)} instead."
            findings.append(Finding(places[key,], key, message))
        else:
            try:
                sections[key] = SECTIONS[key].model_validate(value)
            except ValidationError as error:
                findings += _explain(key, error, places)
    for section in SECTIONS:
        if section not in values:
            message = f"the section '{section}' is missing. Add '{section}:' with its keys."
            findings.append(Finding(1, section, message))
    if findings:
        findings.sort()
        lines = [f"{name}:{finding.line}: {finding.message}" for finding in findings]
        raise ParamsError("\n".join(lines), tuple(findings))
    return Params(sections)


def check_values(section: str, values: dict[str, Any], origin: str) -> Any:
    """Check the values of one section that came from elsewhere (``origin``, used in messages)."""
    try:
        return SECTIONS[section].model_validate(values)
    except ValidationError as error:
        findings = tuple(_explain(section, error, {}))
        messages = [f"{origin}: {finding.message}" for finding in findings]
        raise ParamsError("\n".join(messages), findings) from None


def compose(text: str, name: str = "params.yaml") -> Any:
    """Parse YAML into ruamel's node graph, whose marks say where each node stands in ``text``.

    Raises
    ------
    ParamsError
        The text is not YAML; names the line.
    """
    from ruamel.yaml import YAML
    from ruamel.yaml.error import MarkedYAMLError, YAMLError

    try:
        return YAML(typ="rt", pure=True).compose(io.StringIO(text))
    except MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = mark.line + 1 if mark else 1
        raise ParamsError(
            f"{name}:{line}: must be YAML. {error.problem or error.context}. "
            "Check indentation, colons and quotes there."
        ) from None
    except YAMLError as error:
        raise ParamsError(f"{name}: must be YAML. {error}") from None


def construct(node: Any, where: tuple[str | int, ...], places: dict, findings: list[Finding]) -> Any:
    """Build plain values from a node graph, noting each key's line and each duplicate key."""
    from ruamel.yaml.nodes import MappingNode, SequenceNode

    if isinstance(node, MappingNode):
        result: dict[Any, Any] = {}
        for key_node, value_node in node.value:
            key = key_node.value
            if not isinstance(key, str):
                message = (
                    "a key must be plain text, not a list or a mapping. Put it into quotes if it is text."
                )
                findings.append(Finding(key_node.start_mark.line + 1, ".".join(map(str, where)), message))
                continue
            place = (*where, key)
            if key in result:
                dotted = ".".join(map(str, place))
                message = f"{dotted}: appears twice, first in line {places[place]}. Keep one."
                findings.append(Finding(key_node.start_mark.line + 1, dotted, message))
                continue
            places[place] = key_node.start_mark.line + 1
            result[key] = construct(value_node, place, places, findings)
        return result
    if isinstance(node, SequenceNode):
        items = []
        for index, item in enumerate(node.value):
            places[*where, index] = item.start_mark.line + 1
            items.append(construct(item, (*where, index), places, findings))
        return items
    return _construct_scalar(node, where, findings)


def _construct_scalar(node: Any, where: tuple[str | int, ...], findings: list[Finding]) -> Any:
    """Give a scalar's value; its text if it cannot be what it looks like, such as the date 2026-13-45."""
    from ruamel.yaml.error import YAMLError

    try:
        return _scalar_constructor().construct_object(node, deep=True)
    except (ValueError, KeyError, YAMLError):
        dotted = ".".join(map(str, where))
        kind = str(node.tag).rpartition(":")[2]
        message = (
            f"{dotted}: must be a YAML value. Got {_show(node.value)}, no {kind}. Quote it if it is text."
        )
        findings.append(Finding(node.start_mark.line + 1, dotted, message))
        return node.value


@functools.cache
def _scalar_constructor() -> Any:
    from ruamel.yaml import YAML

    return YAML(typ="safe", pure=True).constructor


def _explain(section: str, error: ValidationError, places: dict) -> list[Finding]:
    found: list[Finding] = []
    for detail in error.errors():
        loc = (section, *(part for part in detail["loc"] if part != "[key]"))
        dotted = ".".join(str(part) for part in loc)
        line = next((places[loc[:n]] for n in range(len(loc), 0, -1) if loc[:n] in places), 1)
        valid = _keys_at(section, detail["loc"][:-1])
        if detail["type"] == "extra_forbidden":
            message = f"{dotted}: unknown key.{suggest(str(loc[-1]), valid)} Valid keys: {', '.join(valid)}."
        elif detail["type"] == "missing":
            message = f"{dotted}: must be given and is missing."
        else:
            message = f"{dotted}: {_expected(detail)}.{_got(detail)}{_hint(detail)}"
        found.append(Finding(line, dotted, message))
    return found


def _got(detail: Any) -> str:
    """Say what came, but not the whole section when a rule over several of its keys is broken."""
    if detail["type"] == "value_error" and isinstance(detail["input"], dict):
        return ""
    return f" Got {_show(detail['input'])} instead."


def _expected(detail: Any) -> str:
    text = str(detail["msg"]).removeprefix("Value error, ")
    kind, context = detail["type"], detail.get("ctx", {})
    plain = {
        "int_type": "must be a whole number",
        "int_from_float": "must be a whole number",
        "float_type": "must be a number",
        "string_type": "must be text (in quotes, if YAML takes it for a date or a number)",
        "bool_type": "must be true or false",
        "list_type": "must be a list",
        "dict_type": "must be a mapping",
        "model_type": "must be a mapping",
        "finite_number": "must be a finite number",
    }
    if kind in plain:
        return plain[kind]
    bounds = {
        "greater_than": ("gt", "above"),
        "greater_than_equal": ("ge", "at least"),
        "less_than": ("lt", "below"),
        "less_than_equal": ("le", "at most"),
    }
    if kind in bounds:
        key, word = bounds[kind]
        return f"must be {word} {context[key]}"
    if kind == "literal_error":
        return f"must be one of {context['expected']}"
    return text[:1].lower() + text[1:] if text.startswith("Input") else text


def _hint(detail: Any) -> str:
    value, kind = detail["input"], detail["type"]
    if kind == "bool_type" and isinstance(value, str) and value.lower() in {"yes", "no", "on", "off"}:
        return " YAML reads plain yes and no as text here."
    if kind in {"int_type", "float_type"} and isinstance(value, str):
        return " Write it without quotes and with a point, such as 1.0e-3."
    if kind == "literal_error" and isinstance(value, str):
        return suggest(
            value, [part.strip(" '") for part in detail["ctx"]["expected"].replace(" or ", ",").split(",")]
        )
    return ""


def _keys_at(section: str, loc: tuple[int | str, ...]) -> list[str]:
    """Field names of the model that the place ``loc`` of a section is validated by."""
    model: type[BaseModel] = SECTIONS[section]
    if loc and loc[0] in model.model_fields:
        annotation = model.model_fields[str(loc[0])].annotation
        for candidate in get_args(annotation) if len(loc) > 1 else (annotation,):
            if isinstance(candidate, type) and issubclass(candidate, BaseModel):
                model = candidate
    return list(model.model_fields)


def _show(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= 80 else text[:77] + "..."
