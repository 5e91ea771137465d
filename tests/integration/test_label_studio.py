"""The default annotations, and the reading of them, against a real Label Studio server."""

import json
import os
import sys
from collections.abc import Iterator
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from toolkit.data.annotations import Rules, load_export, parse_export
from toolkit.data.labels import resolve_labels

ROOT = Path(__file__).parents[2]
EXPORT = ROOT / "examples/breast_cancer/annotations.json"
RULES = Rules("row_id", "diagnosis", classes=("benign", "malignant"))
CONFIG = (
    '<View><Text name="row" value="$row_id"/><Choices name="diagnosis" toName="row">'
    '<Choice value="benign"/><Choice value="malignant"/></Choices></View>'
)
pytestmark = [pytest.mark.integration, pytest.mark.label_studio]


def load_module(name: str) -> ModuleType:
    spec = spec_from_file_location(name, Path(__file__).with_name(f"{name}.py"))
    assert spec and spec.loader
    module = module_from_spec(spec)
    sys.modules[name] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


label_studio = load_module("label_studio")


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A running server; skipped where none is installed, unless that is forbidden."""
    command = label_studio.find_server()
    if command is None:
        message = f"needs Label Studio: {label_studio.INSTALL}"
        if os.environ.get("TOOLKIT_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    with label_studio.run_server(command, tmp_path_factory.mktemp("label-studio")) as running:
        yield running


@pytest.fixture(scope="module")
def exported(server: Any) -> str:
    """The server's export of a project that holds the default tasks and their annotations."""
    from label_studio_sdk import LabelStudio

    client = LabelStudio(base_url=server.url, api_key=server.token)
    project = client.projects.create(title="Breast cancer", label_config=CONFIG)
    tasks = json.loads(EXPORT.read_text())
    people = {annotation["completed_by"] for task in tasks for annotation in task["annotations"]}
    ids = {
        person: client.users.create(username=f"annotator{person}", email=f"annotator{person}@example.com").id
        for person in sorted(people)
    }
    client.projects.import_tasks(id=project.id, request=[as_import(task, ids) for task in tasks])
    parts = client.projects.exports.download_sync(project.id, export_type="JSON", download_all_tasks=True)
    return b"".join(parts).decode()


def as_import(task: dict[str, Any], ids: dict[int, int]) -> dict[str, Any]:
    kept = ("result", "was_cancelled", "ground_truth", "lead_time")
    annotations = [
        {name: annotation[name] for name in kept} | {"completed_by": ids[annotation["completed_by"]]}
        for annotation in task["annotations"]
    ]
    return {"data": task["data"], "annotations": annotations}


def facts(annotation: Any) -> tuple[object, ...]:
    return annotation.key, annotation.annotator, annotation.label, annotation.lead_time


def test_the_servers_export_gives_the_same_annotations_and_labels(exported: str) -> None:
    ours, theirs = load_export(EXPORT, RULES), parse_export(exported, RULES)
    assert sorted(map(facts, theirs), key=str) == sorted(map(facts, ours), key=str)
    mine, other = resolve_labels(ours), resolve_labels(theirs)
    assert {(label.key, label.label, label.status) for label in other.labels} == {
        (label.key, label.label, label.status) for label in mine.labels
    }
    assert len(mine.labels) == 565
    assert sorted(other.ties) == sorted(mine.ties) and sorted(other.skipped) == sorted(mine.skipped)


def test_the_generated_file_has_the_keys_of_a_real_export(exported: str) -> None:
    ours, theirs = json.loads(EXPORT.read_text()), json.loads(exported)
    assert keys(ours) == keys(theirs)
    assert keys(annotations(ours)) == keys(annotations(theirs))
    assert keys(results(ours)) == keys(results(theirs))


def test_values_have_the_types_of_a_real_export(exported: str) -> None:
    """Null where the other has a value is fine: imported annotations have no editor."""
    ours, theirs = json.loads(EXPORT.read_text()), json.loads(exported)
    for mine, other in (
        (ours, theirs),
        (annotations(ours), annotations(theirs)),
        (results(ours), results(theirs)),
    ):
        for name in mine[0]:
            types = {type(item[name]) for item in mine} - {type(None)}
            real = {type(item[name]) for item in other} - {type(None)}
            assert types <= real or not real, name


def test_without_skipped_and_open_tasks_there_is_the_same_label(server: Any, exported: str) -> None:
    """The export without unannotated tasks (the server's default) resolves the same way."""
    from label_studio_sdk import LabelStudio

    client = LabelStudio(base_url=server.url, api_key=server.token)
    project = next(iter(client.projects.list()))
    parts = client.projects.exports.download_sync(project.id, export_type="JSON", download_all_tasks=False)
    finished = parse_export(b"".join(parts).decode(), RULES)
    labels = {label.key: label.label for label in resolve_labels(finished).labels}
    assert labels == {
        label.key: label.label for label in resolve_labels(parse_export(exported, RULES)).labels
    }


def test_other_export_types_are_refused_by_name(server: Any, exported: str) -> None:
    from label_studio_sdk import LabelStudio

    from toolkit.errors import AnnotationError

    client = LabelStudio(base_url=server.url, api_key=server.token)
    project = next(iter(client.projects.list()))
    parts = client.projects.exports.download_sync(project.id, export_type="JSON_MIN")
    with pytest.raises(AnnotationError, match="JSON_MIN and CSV are other types"):
        parse_export(b"".join(parts).decode(), RULES)


def keys(items: list[dict[str, Any]]) -> set[str]:
    every = [frozenset(item) for item in items]
    assert len(set(every)) == 1  # no key is optional
    return set(every[0])


def annotations(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [annotation for task in tasks for annotation in task["annotations"]]


def results(tasks: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [result for annotation in annotations(tasks) for result in annotation["result"]]
