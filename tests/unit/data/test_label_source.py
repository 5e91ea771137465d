"""Labels from a column of a table."""

from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.data.annotations import Annotation
from toolkit.data.label_book import AnnotationBook, load_label_book
from toolkit.data.label_source import find_classes
from toolkit.data.label_tables import describe_labels
from toolkit.errors import AnnotationError, DataError
from toolkit.params import Annotate


def settings(**changes: Any) -> Annotate:
    return Annotate(**({"format": "column", "key": "id", "label": "y", "classes": []} | changes))


def load(path: Path, text: str, **changes: Any) -> Any:
    path.write_text(text)
    return load_label_book(path, settings(**changes))


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "labels.csv"


def test_numbers_are_class_names_and_empty_cells_are_rows_without_label(path: Path) -> None:
    book = load(path, "id,y\na,1\nb,\nc,10\nd,2\n")
    assert [annotation.label for annotation in book.first()] == ["1", None, "10", "2"]
    assert book.classes == ("1", "2", "10")
    assert book.keys().to_pylist() == ["a", "c", "d"] and book.list_missing() == ([], ["b"])


def test_declared_classes_keep_their_order(path: Path) -> None:
    assert load(path, "id,y\na,well\nb,ill\n", classes=["well", "ill"]).classes == ("well", "ill")


def test_a_regression_reads_numbers(path: Path) -> None:
    book = load(path, "id,y\na,1\nb,\nc,2\n", task="regression")
    assert book.labels().to_pylist() == [1.0, 2.0] and book.classes == ()


@pytest.mark.parametrize("values", [["u", None, "v", "v"], [1.5, None, float("nan"), 2.0], [1, 2, None, 1]])
def test_a_column_gives_the_files_and_figures_that_single_annotations_give(
    tmp_path: Path, values: list[Any]
) -> None:
    regression = isinstance(values[0], float)
    params = settings(task="regression" if regression else "classification")
    pq.write_table(pa.table({"other": [1, 2, 3, 4], "y": values, "id": list("abcd")}), tmp_path / "t.parquet")
    column = load_label_book(tmp_path / "t.parquet", params)
    plain = [
        None if value is None or value != value else value if regression else str(value) for value in values
    ]
    single = AnnotationBook(
        [
            Annotation(k, "column", v, row, row, "", None)
            for row, (k, v) in enumerate(zip("abcd", plain, strict=True), 1)
        ],
        params,
    )
    assert column.classes == single.classes
    assert column.first() == single.first() and column.records() == single.records()
    assert column.measure() == single.measure() and column.count_statuses() == single.count_statuses()
    assert column.table([1, 0]).equals(single.table([1, 0]))
    facts = [
        describe_labels(params, book.classes, book.count_statuses().counts, book.list_missing(), "md5:1")
        for book in (column, single)
    ]
    assert facts[0] == facts[1]
    for name, book in (("column", column), ("single", single)):
        book.write(tmp_path / name)
    for file in ("labels.parquet", "annotations.parquet"):
        assert (tmp_path / "column" / file).read_bytes() == (tmp_path / "single" / file).read_bytes()


def test_labels_that_no_class_names_are_left_out_where_params_say_so(path: Path) -> None:
    text = "id,y\na,well\nb,ill\nc,odd one\nd,\ne,ill\nf,odd two\n"
    params = {"classes": ["well", "ill"], "unlisted": "drop"}
    column = load(path, text, **params)
    assert column.keys().to_pylist() == ["a", "b", "e"] and column.labels().to_pylist() == [
        "well",
        "ill",
        "ill",
    ]
    measured = column.measure()
    assert measured["unlisted"] == 2 and measured["rows"]["unlabelled"] == 3
    plain = dict(zip("abcdef", ["well", "ill", "odd one", None, "ill", "odd two"], strict=True))
    single = AnnotationBook(
        [Annotation(k, "column", v, 1, 1, "", None) for k, v in plain.items()], column.params
    )
    assert single.measure() == measured and single.keys() == column.keys()


MANY = "".join(f"k{row},{row * 7919 % 1000}\n" for row in range(3000))


@pytest.mark.parametrize(
    ("text", "changes", "message"),
    [
        ("id,Y\na,1\n", {}, r"must have the label column 'y' and has not. Did you mean 'Y'\?"),
        ("id,y\na,\n", {}, "must have values and has none"),
        ("id,y\na,x\n", {"task": "regression"}, "must hold numbers for a regression. Got string instead"),
        ("id,y\na,inf\nb,1.5\n", {"task": "regression"}, "must be finite. Infinite: 1, first row 1. Leave"),
        ("id,y\na,2\nb,2\n", {"task": "regression"}, r"must differ for a regression\. All are 2"),
        ("id,y\na,ill\nb,wel\n", {"classes": ["well", "ill"]}, r"'ill'\. Got 'wel' too\. Did you mean 'well'\?"),
        ("id,y\na,x\nb,x\n", {}, r"at least two classes\. Got 'x' instead\. Label rows of another class"),
        (f"id,y\n{MANY}", {}, "1,000 different numbers, such as 0, 1, 2. If a number is to be predicted"),
        (f"id,y\n{MANY.replace(',', ',n')}", {}, "1,000 different values, such as n0, .* Is it the column of labels"),
    ],
)  # fmt: skip
def test_a_wrong_column_is_refused(path: Path, text: str, changes: dict[str, Any], message: str) -> None:
    with pytest.raises(AnnotationError, match=message):
        load(path, text, **changes)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        ({"id": ["a", "a"], "y": ["u", "v"]}, "the key 'id' must be unique. Got 1 value .* 'a' in rows 1, 2"),
        (
            {"id": ["a", None], "y": ["u", "v"]},
            "every row must have a key in 'id'. 1 of 2 without one, first row 2",
        ),
        ({"name": ["a", "b"], "y": ["u", "v"]}, "must have the key column 'id' and has not"),
    ],
)
def test_a_wrong_key_is_refused(tmp_path: Path, columns: dict[str, Any], message: str) -> None:
    pq.write_table(pa.table(columns), tmp_path / "t.parquet")
    with pytest.raises(DataError, match=message):
        load_label_book(tmp_path / "t.parquet", settings())


def test_one_class_is_too_few() -> None:
    with pytest.raises(AnnotationError, match=r"at least two classes\. Got none instead"):
        find_classes([], [], "classification")
