"""An export is read, or refused with a message that says what to do."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.annotations import Rules, load_export, parse_export
from toolkit.errors import AnnotationError

RULES = Rules("row_id", "diagnosis", classes=("benign", "malignant"))


def result(label: Any, tag: str = "diagnosis", kind: str = "choices") -> dict[str, Any]:
    return {
        "from_name": tag,
        "to_name": "row",
        "type": kind,
        "value": {kind: [label] if kind == "choices" else label},
    }


def annotation(label: Any = "benign", by: Any = 1, number: int = 1, **changes: Any) -> dict[str, Any]:
    skipped = {"was_cancelled": label is None, "result": [] if label is None else [result(label)]}
    return {
        "id": number,
        "completed_by": by,
        "created_at": "2026-01-01",
        "lead_time": 2.5,
        **skipped,
        **changes,
    }


def task(key: Any = "r1", *annotations: dict[str, Any], number: int = 1) -> dict[str, Any]:
    return {"id": number, "data": {"row_id": key}, "annotations": list(annotations) or [annotation()]}


def read(*tasks: dict[str, Any], rules: Rules = RULES) -> list[Any]:
    return parse_export(json.dumps(tasks), rules, "export.json")


def refuse(*tasks: Any, rules: Rules = RULES) -> list[str]:
    with pytest.raises(AnnotationError) as caught:
        parse_export(json.dumps(tasks), rules, "export.json")
    return str(caught.value).splitlines()


def test_each_annotation_keeps_its_origin() -> None:
    (found,) = read(task("r1", annotation("malignant", by=7, number=9), number=4))
    assert (found.key, found.annotator, found.label) == ("r1", "annotator-1", "malignant")
    assert (found.task_id, found.annotation_id, found.created_at, found.lead_time) == (
        4,
        9,
        "2026-01-01",
        2.5,
    )


def test_annotators_get_pseudonyms_in_the_order_of_their_ids() -> None:
    found = read(
        task("r1", annotation(by=12), annotation(by={"id": 3, "email": "who@example.com"}), annotation(by=12))
    )
    assert [a.annotator for a in found] == ["annotator-2", "annotator-1", "annotator-2"]
    assert "example.com" not in repr(found)


def test_skipped_tasks_are_kept_without_label() -> None:
    found = read(task("r1"), task("r2", annotation(None), number=2))
    assert [a.skipped for a in found] == [False, True]


def test_a_task_without_annotations_is_no_finding() -> None:
    assert len(read(task("r1"), {"id": 2, "data": {"row_id": "r2"}, "annotations": []})) == 1


def test_numeric_keys_become_text() -> None:
    assert read(task(7))[0].key == "7"


@pytest.mark.parametrize("kind", ["number", "rating"])
def test_numbers_and_ratings_are_labels_of_a_regression(kind: str) -> None:
    rules = Rules("row_id", "size", task="regression")
    found = read(task("r1", annotation(result=[result(4, "size", kind)])), rules=rules)
    assert found[0].label == 4.0 and isinstance(found[0].label, float)


def test_other_control_tags_are_not_looked_at() -> None:
    both = annotation(result=[result("x", "note", "textarea"), result("benign")])
    assert read(task("r1", both))[0].label == "benign"


def test_a_missing_control_tag_is_answered_with_those_there_are() -> None:
    other = annotation(result=[result("benign", "diagnose")])
    lines = refuse(task("r1", other), task("r2", other))
    assert len(lines) == 1
    assert (
        "'diagnosis' must be Choices, Number or Rating and is not there. Did you mean 'diagnose'?" in lines[0]
    )
    assert "Control tags in the annotations: 'diagnose' (choices). Set annotate.label." in lines[0]


def test_a_control_tag_of_another_type_is_refused() -> None:
    lines = refuse(task("r1", annotation(result=[result("free words", "diagnosis", "textarea")])))
    assert "is of type textarea" in lines[0]


def test_all_findings_come_at_once() -> None:
    lines = refuse(
        {"id": 1, "data": {"rowid": "r1"}, "annotations": [annotation()]},
        task("r2", number=2),
        task("r2", number=3),
        task("r4", annotation("benin", number=40), number=4),
        task("r5", annotation("benign", number=50, result=[]), number=5),
        task("r6", annotation(number=60, result=[result("benign"), result("malignant")]), number=6),
    )
    assert lines == [
        "export.json: task 1: its data must have the key 'row_id' and has not. Did you mean 'rowid'?",
        "export.json: task 3: row 'r2' must be one task and is task 2 too. Delete one of them.",
        "export.json: task 4, annotation 40: the label must be one of 'benign', 'malignant'. Got 'benin' instead. "
        "Did you mean 'benign'?",
        "export.json: task 5, annotation 50: 'diagnosis' must have one answer. Got 0 instead.",
        "export.json: task 6, annotation 60: 'diagnosis' must have one answer. Got 2 instead.",
    ]


def test_a_long_list_of_findings_is_counted() -> None:
    lines = refuse(*(task(f"r{n}", annotation("other"), number=n) for n in range(30)))
    assert len(lines) == 9 and lines[-1] == "export.json: and 22 more findings"


def test_labels_of_any_class_are_taken_when_none_are_declared() -> None:
    label = 'multi\nline "näive" 标签'
    assert read(task("r1", annotation(label)), rules=Rules("row_id", "diagnosis"))[0].label == label


@pytest.mark.parametrize("label", ["big", True, 10**400, None, {"a": 1}])
def test_a_regression_wants_finite_numbers(label: Any) -> None:
    rules = Rules("row_id", "size", task="regression")
    (line,) = refuse(task("r1", annotation(result=[result(label, "size", "number")])), rules=rules)
    assert "the label must be a finite number" in line


def test_an_export_of_skipped_tasks_alone_is_refused() -> None:
    assert refuse(task("r1", annotation(None))) == [
        "export.json: there must be annotations and there is none. Export tasks that have been annotated."
    ]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "It is not JSON"),
        ("<html></html>", "It is not JSON"),
        ("{}", "a list of tasks"),
        ("[]", "a list of tasks"),
        ("null", "a list of tasks"),
        ("[1]", "item 1 must have 'data'"),
        ('[{"id": 1, "row_id": "r", "diagnosis": "benign"}]', "JSON_MIN and CSV are other types"),
        ('[{"data": {}}]', "list of annotations"),
        ('[{"data": {}, "annotations": [3]}]', "list of annotations"),
        ('[{"data": {}, "annotations": []}]', "item 1: 'id' must be a whole number"),
        (
            '[{"id": 1, "data": {}, "annotations": [{"id": 2, "lead_time": "x"}]}]',
            "annotation 1: 'lead_time' must be",
        ),
    ],
)
def test_what_is_no_export_is_refused(text: str, message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        parse_export(text, RULES, "export.json")


@given(st.integers(1, 10_000))
def test_a_file_cut_anywhere_is_refused_with_a_message(place: int) -> None:
    text = json.dumps([task(f"r{n}", annotation(), annotation(None, number=2), number=n) for n in range(3)])
    with pytest.raises(AnnotationError, match="cut short"):
        parse_export(text[: 1 + place % (len(text) - 1)], RULES)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=4),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(max_size=2), inner, max_size=2),
    max_leaves=4,
)


def places(value: Any, path: tuple = ()) -> list[tuple]:
    inner = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path] * bool(path) + [place for name, part in inner for place in places(part, (*path, name))]


WHOLE = [
    task("r1", annotation(by={"id": 3}), annotation(None, by=2)),
    task("r2", annotation("malignant"), number=2),
]


@settings(max_examples=500, deadline=None)
@given(st.sampled_from(places(WHOLE)), json_values, st.sampled_from(["classification", "regression"]))
def test_any_value_at_any_place_is_read_or_refused_but_never_a_crash(
    place: tuple, value: Any, kind: str
) -> None:
    tasks = json.loads(json.dumps(WHOLE))
    *way, last = place
    inner = tasks
    for name in way:
        inner = inner[name]
    inner[last] = value
    try:
        found = parse_export(json.dumps(tasks), Rules("row_id", "diagnosis", task=kind))
    except AnnotationError:
        return
    for item in found:
        assert (
            isinstance(item.key, str) and isinstance(item.task_id, int) and isinstance(item.created_at, str)
        )
        assert item.lead_time is None or isinstance(item.lead_time, float)
        assert item.label is None or isinstance(item.label, float if kind == "regression" else str)


def test_a_missing_file_says_where_it_is_named(tmp_path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"must exist and does not. Check annotate.source"):
        load_export(tmp_path / "absent.json", RULES)


def test_a_file_in_another_encoding_is_refused(tmp_path: Path) -> None:
    (tmp_path / "export.json").write_bytes("[\xe9]".encode("latin-1"))
    with pytest.raises(AnnotationError, match="UTF-8"):
        load_export(tmp_path / "export.json", RULES)


def test_an_annotation_without_the_answer_is_a_finding_wherever_it_stands() -> None:
    without = task("r1", annotation(result=[result("x", tag="notes")]), number=1)
    answered = task("r2", annotation(number=2), number=2)
    for tasks in ([without, answered], [answered, without]):
        (finding,) = refuse(*tasks)
        assert "task 1, annotation 1: 'diagnosis' must have one answer. Got 0 instead." in finding
