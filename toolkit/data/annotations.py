"""Read a Label Studio JSON export into one row an annotation, or say exactly why not.

:func:`parse_export` is pure: it takes the export's text. The labels come from a Choices control tag (classification)
or a Number or Rating tag (regression).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.data.export_shape import Task, is_number, join_findings, parse_tasks, read_person, show_value
from toolkit.errors import AnnotationError, quote, suggest
from toolkit.paths import tell_path

VALUES = {
    "choices": "choices",
    "number": "number",
    "rating": "rating",
}  # type of a result, and where its value is


@dataclass(frozen=True)
class Annotation:
    """One annotator's answer for one row; ``label`` is None when the annotator skipped the task."""

    key: str
    annotator: str
    label: str | float | None
    task_id: int
    annotation_id: int
    created_at: str
    lead_time: float | None

    @property
    def skipped(self) -> bool:
        """Whether the annotator skipped the task."""
        return self.label is None


@dataclass(frozen=True)
class Rules:
    """What an export's labels must be: params.yaml's annotate section, as far as reading needs it.

    ``classes`` empty means any class; ``task`` is classification or regression.
    """

    key: str
    label: str
    task: str = "classification"
    classes: Sequence[str] = ()


@dataclass
class _Findings:
    tags: dict[str, str] = field(default_factory=dict)
    messages: list[str] = field(default_factory=list)
    unanswered: list[str] = field(
        default_factory=list
    )  # findings only if other annotations have the control tag


def load_export(path: Path, rules: Rules) -> list[Annotation]:
    """Read an export file; see :func:`parse_export`."""
    try:
        text = path.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise AnnotationError(
            f"{tell_path(path)} must exist and does not. Check annotate.source in params.yaml."
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AnnotationError(f"{tell_path(path)} must be readable UTF-8 text. {error}.") from None
    return parse_export(text, rules, tell_path(path))


def parse_export(text: str, rules: Rules, name: str = "export") -> list[Annotation]:
    """Turn the text of a Label Studio JSON export into annotations, in the order of tasks and annotations.

    Annotators are named by pseudonym (annotator-1, annotator-2, ... in the order of their ids); skipped tasks are kept
    with the label None. An annotation without an answer for ``rules.label`` counts as skipped if the annotator
    skipped the task, and is a finding otherwise.

    Raises
    ------
    AnnotationError
        The text is no such export or was cut short, tasks lack the key or share one, no annotation has the control
        tag, a label is not among the classes: all findings, ``name`` is how they call the file.
    """
    tasks = parse_tasks(text, name)
    people = _pseudonyms(tasks)
    findings = _Findings()
    annotations = []
    seen: dict[str, Any] = {}
    for task in tasks:
        key = _read_key(task, rules.key, seen, findings)
        for annotation in task["annotations"]:
            label = _read_label(annotation, task, rules, findings)
            if key is not None:
                annotations.append(_make_annotation(key, label, people, annotation, task))
    _check_tag(rules, findings)
    if not findings.messages and all(annotation.skipped for annotation in annotations):
        findings.messages.append(
            "there must be annotations and there is none. Export tasks that have been annotated."
        )
    if findings.messages:
        raise AnnotationError(join_findings(name, findings.messages))
    return annotations


def _pseudonyms(tasks: Sequence[Task]) -> dict[Any, str]:
    people = {read_person(annotation) for task in tasks for annotation in task["annotations"]}
    return {person: f"annotator-{place}" for place, person in enumerate(sorted(people, key=_natural), 1)}


def _natural(person: object) -> tuple[int, float, str]:
    return (0, person, "") if isinstance(person, (int, float)) else (1, 0.0, str(person))


def _read_key(task: Task, field_name: str, seen: dict[str, Any], findings: _Findings) -> str | None:
    value = task["data"].get(field_name)
    if isinstance(value, bool) or not isinstance(value, (str, int)) or value == "":
        near = suggest(field_name, task["data"])
        findings.messages.append(
            f"task {task.get('id')}: its data must have the key '{field_name}' and has not.{near}"
        )
        return None
    key = str(value)
    if key in seen:
        findings.messages.append(
            f"task {task.get('id')}: row '{key}' must be one task and is task {seen[key]} too. Delete one of them."
        )
        return None
    seen[key] = task.get("id")
    return key


def _read_label(annotation: Task, task: Task, rules: Rules, findings: _Findings) -> str | float | None:
    """Give the answer for the control tag, None if skipped; what is wrong goes into ``findings``."""
    if annotation.get("was_cancelled"):
        return None
    place = f"task {task.get('id')}, annotation {annotation.get('id')}"
    answers = []
    for result in annotation.get("result") or []:
        findings.tags.setdefault(str(result.get("from_name")), str(result.get("type")))
        if result.get("from_name") == rules.label:
            answers += _values(result)
    if len(answers) != 1:
        findings.unanswered.append(
            f"{place}: '{rules.label}' must have one answer. Got {len(answers)} instead."
        )
        return None
    return _check_label(answers[0], place, rules, findings)


def _values(result: Task) -> list[Any]:
    value = (result.get("value") or {}).get(VALUES.get(str(result.get("type")), ""), [])
    return value if isinstance(value, list) else [value]


def _check_label(answer: Any, place: str, rules: Rules, findings: _Findings) -> str | float | None:
    if rules.task == "regression":
        if is_number(answer):
            return float(answer)
        findings.messages.append(
            f"{place}: the label must be a finite number. Got {show_value(answer)} instead."
        )
        return None
    label = str(answer)
    if rules.classes and label not in rules.classes:
        findings.messages.append(
            f"{place}: the label must be one of {quote(rules.classes)}. Got '{label}' instead."
            f"{suggest(label, rules.classes)}"
        )
    return label


def _make_annotation(
    key: str,
    label: str | float | None,
    people: Mapping[Any, str],
    annotation: Task,
    task: Task,
) -> Annotation:
    seconds = annotation.get("lead_time")
    return Annotation(
        key=key,
        annotator=people[read_person(annotation)],
        label=label,
        task_id=task["id"],
        annotation_id=annotation["id"],
        created_at=str(annotation.get("created_at") or ""),
        lead_time=None if seconds is None else float(seconds),
    )


def _check_tag(rules: Rules, findings: _Findings) -> None:
    """Say if the annotations lack the control tag; if they have it, each must answer it."""
    tags = findings.tags
    if tags.get(rules.label) in VALUES or not (tags or findings.unanswered):
        findings.messages += findings.unanswered
        return
    known = ", ".join(f"'{tag}' ({kind})" for tag, kind in sorted(tags.items())) or "none"
    what = "is not there" if rules.label not in tags else f"is of type {tags[rules.label]}"
    findings.messages.insert(
        0,
        f"the control tag '{rules.label}' must be Choices, Number or Rating and {what}.{suggest(rules.label, tags)} "
        f"Control tags in the annotations: {known}. Set annotate.label.",
    )
