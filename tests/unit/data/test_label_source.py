"""Labels from a column of a table."""

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from toolkit.data.label_source import find_classes, load_annotations
from toolkit.errors import AnnotationError


def load(path: Path, text: str, **changes: Any) -> list[Any]:
    path.write_text(text)
    params = {
        "format": "column",
        "key": "id",
        "label": "y",
        "task": "classification",
        "classes": [],
    } | changes
    return load_annotations(path, SimpleNamespace(**params))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def test_numbers_are_class_names_and_empty_cells_are_rows_without_label(path: Path) -> None:
    found = load(path, "id,y\na,1\nb,\nc,10\nd,2\n")
    assert [annotation.label for annotation in found] == ["1", None, "10", "2"]
    assert find_classes(found, [], "classification") == ("1", "2", "10")


def test_declared_classes_keep_their_order(path: Path) -> None:
    found = load(path, "id,y\na,well\nb,ill\n", classes=["well", "ill"])
    assert find_classes(found, ["well", "ill"], "classification") == ("well", "ill")


def test_a_regression_reads_numbers(path: Path) -> None:
    found = load(path, "id,y\na,1\nb,\nc,2\n", task="regression")
    assert [annotation.label for annotation in found] == [1.0, None, 2.0]
    assert find_classes(found, [], "regression") == ()


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("id,Y\na,1\n", {}, r"must have the label column 'y' and has not. Did you mean 'Y'\?"),
        ("id,y\na,\n", {}, "must have values and has none"),
        ("id,y\na,x\n", {"task": "regression"}, "must hold numbers for a regression. Got string instead"),
        ("id,y\na,inf\nb,1.5\n", {"task": "regression"}, "must be finite. 1 are infinite"),
        ("id,y\na,ill\nb,wel\n", {"classes": ["well", "ill"]}, r"Got wel too. Did you mean 'well'\?"),
    ],
)
def test_a_wrong_column_is_refused(path: Path, text: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        load(path, text, **changes)


def test_one_class_is_too_few(path: Path) -> None:
    with pytest.raises(AnnotationError, match=r"at least two classes\. Got x instead"):
        find_classes(load(path, "id,y\na,x\n"), [], "classification")
