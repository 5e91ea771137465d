"""The shape of a Label Studio JSON export: what every later step may rely on."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from toolkit.errors import AnnotationError

SHOWN = 8  # how many findings a message lists before it counts the rest
OTHER_TYPES = "JSON_MIN and CSV are other types."

Task = dict[str, Any]


def parse_tasks(text: str, name: str) -> list[Task]:
    """Turn an export's text into its tasks, with every part that labels are read from of the right type.

    Raises
    ------
    AnnotationError
        The text is not JSON, was cut short, or is JSON of another shape; ``name`` is how messages call the file.
    """
    kind = f"{name} must be a Label Studio export of type JSON"
    try:
        tasks = json.loads(text)
    except (ValueError, RecursionError) as error:
        cut = "It seems to be cut short" if text.lstrip()[:1] == "[" else "It is not JSON"
        raise AnnotationError(f"{kind}. {cut} ({error}). Export it again.") from None
    if not isinstance(tasks, list) or not tasks:
        raise AnnotationError(f"{kind}: a list of tasks. Got {show_value(tasks)} instead.")
    for place, task in enumerate(tasks, 1):
        if not isinstance(task, dict) or not isinstance(task.get("data"), dict):
            raise AnnotationError(f"{kind}: item {place} must have 'data' and has not. {OTHER_TYPES}")
        annotations = task.get("annotations")
        if not isinstance(annotations, list) or not all(isinstance(entry, dict) for entry in annotations):
            raise AnnotationError(
                f"{kind}: item {place} must have a list of annotations and has not. {OTHER_TYPES}"
            )
    findings = [finding for place, task in enumerate(tasks, 1) for finding in _task_findings(task, place)]
    if findings:
        raise AnnotationError(join_findings(name, findings))
    return tasks


def read_person(annotation: dict[str, Any]) -> int | str | None:
    """Give who made an annotation: an id, which some export settings wrap into an object."""
    person = annotation.get("completed_by")
    return person.get("id") if isinstance(person, dict) else person


def join_findings(name: str, messages: Sequence[str]) -> str:
    """Make one text of findings, a line each; of many, the first few and how many more there are."""

    def lines() -> Iterator[str]:
        yield from (f"{name}: {message}" for message in messages[:SHOWN])
        if len(messages) > SHOWN:
            yield f"{name}: and {len(messages) - SHOWN} more findings"

    return "\n".join(lines())


def show_value(value: object) -> str:
    """Show a value in a message, shortened."""
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def is_number(value: object) -> bool:
    """Whether a JSON value is a number that is finite as a float64."""
    return (
        isinstance(value, (int, float)) and not isinstance(value, bool) and abs(value) <= sys.float_info.max
    )


def _is_id(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and abs(value) < 2**63


def _is_person(value: object) -> bool:
    inner = value.get("id") if isinstance(value, dict) else value
    return inner is None or isinstance(inner, str) or _is_id(inner)


def _is_seconds(value: object) -> bool:
    if value is None:
        return True
    return is_number(value)


def _is_results(value: object) -> bool:
    if not isinstance(value, list):
        return value is None
    return all(isinstance(result, dict) and isinstance(result.get("value", {}), dict) for result in value)


CHECKS: dict[str, tuple[Callable[[object], bool], str]] = {
    "id": (_is_id, "a whole number"),
    "completed_by": (_is_person, "a user's id"),
    "lead_time": (_is_seconds, "a number of seconds or null"),
    "result": (_is_results, "a list of objects with a 'value' object"),
}


def _task_findings(task: Task, place: int) -> Iterator[str]:
    if not _is_id(task.get("id")):
        yield f"item {place}: 'id' must be a whole number. Got {show_value(task.get('id'))} instead."
    for number, annotation in enumerate(task["annotations"], 1):
        for name, (passes, wanted) in CHECKS.items():
            value = annotation.get(name)
            if not passes(value):
                yield f"item {place}, annotation {number}: '{name}' must be {wanted}. Got {show_value(value)} instead."
