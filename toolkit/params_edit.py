"""Change values in params.yaml and nothing else: comments, layout, quotes and line ends stay as they are.

ruamel's own round trip re-wraps lines and re-writes numbers. Here the text is only composed, to learn where each
value stands, and then just the characters of the changed values are replaced. The result is read back and compared,
so an edit that YAML would understand otherwise (an alias, say) is refused instead of written.
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from toolkit.artifacts import atomic
from toolkit.errors import ParamsError, suggest
from toolkit.params import SECTIONS
from toolkit.params_file import Finding, compose, construct, parse_params
from toolkit.yaml_text import flow_text, scalar_text

NAME = "params.yaml"
Edit = tuple[int, int, str]  # first character, one past the last, what stands there instead


def load_text(root: Path) -> str:
    """Read params.yaml as it is, line ends and all.

    Raises
    ------
    ParamsError
        It is missing, not readable, or not UTF-8.
    """
    path = root / NAME
    try:
        with path.open(encoding="utf-8", newline="") as file:
            return file.read()
    except FileNotFoundError:
        raise ParamsError(
            f"{path} must exist and does not. Restore it with 'git checkout params.yaml'."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise ParamsError(f"{path} must be readable UTF-8 text. {error}.") from None


def write_params(root: Path, changes: Mapping[str, Any], seen: str | None = None) -> str:
    """Change values in a project's params.yaml, all of them or none.

    Parameters
    ----------
    root : Path
        The project.
    changes : Mapping
        New values by dotted key, such as ``{"train.learning_rate": 0.1}``.
    seen : str, optional
        The text that the changes were made on. If the file has another text by now, nothing is written.

    Returns
    -------
    str
        The new text of the file.

    Raises
    ------
    ParamsError
        The file changed since it was read, cannot be written, or would be wrong: all findings at once.
    """
    path = (root / NAME).resolve()  # through a symbolic link, not over it
    text = load_text(root)
    if seen is not None and text != seen:
        raise ParamsError(
            f"{NAME} must be as it was when it was read, and somebody changed it since. "
            "Nothing was written: reload it, then make the change again."
        )
    new = edit_params(text, changes)
    if new == text:
        return text
    try:
        with atomic(path) as temporary:
            with temporary.open("w", encoding="utf-8", newline="") as file:
                file.write(new)
            shutil.copymode(path, temporary)
    except OSError as error:
        raise ParamsError(f"{path} must be writable. {error.strerror}. It still has its old text.") from None
    return new


def edit_params(text: str, changes: Mapping[str, Any]) -> str:
    r"""Give the text of a params.yaml with other values for some keys.

    Only the characters of changed values differ. Lists and mappings in flow style (``[a, b]``) keep it; entries
    come and go as whole lines in block style. A key that the file leaves out gets a line of its own, with its
    description as the comment.

    Raises
    ------
    ParamsError
        A key does not exist, a value cannot be written, or the new text has any mistake: all findings at once.

    Examples
    --------
    >>> from toolkit.params_edit import replace_values
    >>> replace_values("a: 1 # one\r\nb:  'x'\r\n", {"a": 2, "b": "y"})
    "a: 2 # one\r\nb:  'y'\r\n"
    """
    _check_keys(changes)
    values = _plain(text)
    _check_sections(values, changes)
    wanted = _with_changes(values, changes)
    new = replace_values(text, wanted)
    if not same_value(_plain(new), wanted):
        raise ParamsError(
            f"{NAME}: {', '.join(changes)}: cannot be changed without touching other values "
            "(an anchor, an alias or a tag is in the way). Change it by hand."
        )
    parse_params(new)
    return new


def replace_values(text: str, wanted: Any) -> str:
    """Give the text of any YAML with the values ``wanted``, changing only the characters of those that differ."""
    edits: list[Edit] = []
    _collect(compose(text), wanted, text, edits)
    for start, end, piece in sorted(edits, reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def _check_keys(changes: Mapping[str, Any]) -> None:
    findings = []
    for dotted in changes:
        section, _, rest = dotted.partition(".")
        key = rest.partition(".")[0]
        if section not in SECTIONS:
            message = f"'{section}' is not a section.{suggest(section, SECTIONS)}"
        elif key not in SECTIONS[section].model_fields:
            message = f"{dotted}: unknown key.{suggest(key, SECTIONS[section].model_fields)}"
        else:
            continue
        findings.append(Finding(1, dotted, message))
    if findings:
        raise ParamsError("\n".join(f"{NAME}: {finding.message}" for finding in findings), tuple(findings))


def _check_sections(values: Any, changes: Mapping[str, Any]) -> None:
    """Check that the file has a mapping for each section that is changed; parse_params says what is wrong if not."""
    sections = {dotted.partition(".")[0] for dotted in changes}
    if not isinstance(values, dict) or any(not isinstance(values.get(name), dict) for name in sections):
        raise ParamsError(
            f"{NAME}: must have the sections {', '.join(sorted(sections))}, each with its keys."
        )


def _with_changes(values: dict[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    import copy

    wanted = copy.deepcopy(values)
    for dotted, value in changes.items():
        *parents, last = dotted.split(".")
        place = wanted
        for part in parents:
            place = place.setdefault(part, {}) if isinstance(place, dict) else {}
        if isinstance(place, dict):
            place[last] = value
    return wanted


def _plain(text: str) -> Any:
    node = compose(text)
    return construct(node, (), {}, []) if node is not None else {}


def same_value(one: Any, other: Any) -> bool:
    """Equal to the typed classes: 1 and 1.0 are (they make the same number of it), 1 and True are not."""
    if isinstance(one, dict) and isinstance(other, Mapping):
        return one.keys() == other.keys() and all(same_value(one[key], other[key]) for key in one)
    if isinstance(one, list) and isinstance(other, list | tuple):
        return len(one) == len(other) and all(map(same_value, one, other))
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _collect(node: Any, wanted: Any, text: str, edits: list[Edit], dotted: str = "") -> None:
    """Add the edits that turn the value at ``node`` into ``wanted``."""
    from ruamel.yaml.nodes import MappingNode, ScalarNode, SequenceNode

    if same_value(construct(node, (), {}, []), wanted):
        return
    if isinstance(node, ScalarNode):
        piece = (
            flow_text(wanted)
            if isinstance(wanted, Mapping | list | tuple)
            else scalar_text(wanted, node.style)
        )
        edits.append((node.start_mark.index, find_end(node, text), piece))
    elif isinstance(node, MappingNode) and isinstance(wanted, Mapping):
        _collect_mapping(node, wanted, text, edits, dotted)
    elif (
        isinstance(node, SequenceNode) and isinstance(wanted, list | tuple) and not node.flow_style and wanted
    ):
        _collect_block_list(node, list(wanted), text, edits)
    else:
        edits.append((node.start_mark.index, find_end(node, text), flow_text(wanted)))


def _collect_mapping(node: Any, wanted: Mapping[str, Any], text: str, edits: list[Edit], dotted: str) -> None:
    old = {key.value: (key, value) for key, value in node.value}
    added = {key: value for key, value in wanted.items() if key not in old}
    gone = [key for key in old if key not in wanted]
    if (node.flow_style and (added or gone)) or not wanted:
        edits.append((node.start_mark.index, find_end(node, text), flow_text(wanted)))
        return
    for key in gone:
        edits.append(_remove_lines(old[key][0].start_mark.index, find_end(old[key][1], text), text))
    for key, (key_node, value) in old.items():
        if key in wanted and _is_empty(value) != _is_empty(wanted[key]):
            edits += _fill_or_clear(key_node, value, wanted[key], text)
        elif key in wanted:
            _collect(value, wanted[key], text, edits, f"{dotted}.{key}".lstrip("."))
    if added:
        indent = " " * node.start_mark.column
        lines = [f"{key}: {flow_text(value)}{_comment(dotted, key)}" for key, value in added.items()]
        edits.append(_insert_lines(find_end(node, text), [indent + line for line in lines], text))


def _is_empty(value: Any) -> bool:
    """Whether a node has no text of its own, or a wanted value leaves a block without entries."""
    from ruamel.yaml.nodes import Node, ScalarNode

    if isinstance(value, ScalarNode):
        return value.start_mark.index == value.end_mark.index
    return not isinstance(value, Node) and isinstance(value, Mapping | list | tuple) and not value


def _fill_or_clear(key: Any, value: Any, wanted: Any, text: str) -> list[Edit]:
    """Write behind the colon: ruamel's mark of an empty value stands at the next token, lines away."""
    colon = text.index(":", key.end_mark.index) + 1
    start, end = value.start_mark.index, find_end(value, text)
    if not _is_empty(value) and text.count("\n", colon, start) == 0:
        return [(start, end, flow_text(wanted))]
    gone = [] if _is_empty(value) else [_remove_lines(start, end, text)]
    return [(colon, colon, " " + flow_text(wanted)), *gone]


def _collect_block_list(node: Any, wanted: list[Any], text: str, edits: list[Edit]) -> None:
    items = node.value
    for item, value in zip(items, wanted, strict=False):
        _collect(item, value, text, edits)
    if len(items) > len(wanted):
        start = text.rindex("-", 0, items[len(wanted)].start_mark.index + 1)
        edits.append(_remove_lines(start, find_end(items[-1], text), text))
    elif len(items) < len(wanted):
        indent = " " * node.start_mark.column
        lines = [f"{indent}- {flow_text(value)}" for value in wanted[len(items) :]]
        edits.append(_insert_lines(find_end(items[-1], text), lines, text))


def find_end(node: Any, text: str) -> int:
    """Where a node's own text ends; ruamel's mark of a block reaches over the comments and blank lines after it."""
    from ruamel.yaml.nodes import ScalarNode

    if not isinstance(node, ScalarNode):
        if node.flow_style or not node.value:
            return node.end_mark.index
        last = node.value[-1]
        return find_end(last[1] if isinstance(last, tuple) else last, text)
    end = node.end_mark.index
    if node.style in {"|", ">"}:
        end = node.start_mark.index + len(text[node.start_mark.index : end].rstrip("\r\n \t"))
    return end


def _comment(section: str, key: str) -> str:
    fields = SECTIONS[section].model_fields if section in SECTIONS else {}
    return f" # {fields[key].description}" if key in fields else ""


def _remove_lines(first: int, last: int, text: str) -> Edit:
    """Take out the whole lines from the one of character ``first`` to the one of ``last``."""
    start = text.rfind("\n", 0, first) + 1
    end = text.find("\n", last)
    return start, len(text) if end < 0 else end + 1, ""


def _insert_lines(after: int, lines: list[str], text: str) -> Edit:
    """Put whole lines behind the line of the character ``after``, with the file's own line ends."""
    newline = "\r\n" if "\r\n" in text else "\n"
    end = text.find("\n", after)
    if end < 0:
        return len(text), len(text), "".join(newline + line for line in lines)
    return end + 1, end + 1, "".join(line + newline for line in lines)
