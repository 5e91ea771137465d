"""The annotate notebook's tables and plots, also where there is nothing to compare."""

import numpy as np
import pytest

from toolkit.data.agreement import measure_annotators, measure_pairs
from toolkit.data.annotations import Annotation
from toolkit.data.label_book import AnnotationBook
from toolkit.data.label_quality import Quality
from toolkit.data.labels import resolve_labels
from toolkit.params import Annotate
from toolkit.views import labels as views


def votes(key: str, *labels: str | float | None) -> list[Annotation]:
    return [Annotation(key, f"annotator-{n}", label, 1, n, "2026", None) for n, label in enumerate(labels, 1)]


@pytest.fixture
def annotations() -> list[Annotation]:
    return [*votes("r1", "a", "a", "b"), *votes("r2", "b", "a"), *votes("r3", None), *votes("r4", "b", "b")]


def test_statuses_are_counted_by_class(annotations: list[Annotation]) -> None:
    params = Annotate(key="id", classes=["a", "b"])
    table = views.table_statuses(AnnotationBook(annotations, params).count_statuses(), ["a", "b"])
    assert table["rows"].to_dict() == {"agreed": 1, "majority": 1, "tie": 1, "unlabelled": 1}
    assert table.loc["majority"].to_dict() == {"a": 1, "b": 0, "rows": 1}


def test_annotators_and_pairs_are_listed(annotations: list[Annotation]) -> None:
    records = measure_annotators(annotations, resolve_labels(annotations))
    assert views.table_annotators(records).loc["annotator-3"].to_dict() == {
        "answers": 1,
        "skipped": 0,
        "with others": 1,
        "confirmed": "0.0%",
        "median seconds": "",
    }
    assert (
        views.table_pairs(measure_pairs(annotations)).loc["annotator-1 and annotator-2", "same answer"]
        == "66.7%"
    )
    axes = views.plot_confusion(records, ["a", "b"]).axes
    assert [part.get_title(loc="left") for part in axes] == ["annotator-1", "annotator-2", "annotator-3"]
    assert [text.get_text() for text in axes[2].texts] == ["0", "1", "0", "0"]


def test_labels_without_several_answers_say_so_in_the_plots_place() -> None:
    alone = [*votes("r1", 1.5), *votes("r2", 2.5)]
    figure = views.plot_confusion(measure_annotators(alone, resolve_labels(alone)), [])
    assert "No row has answers of several annotators" in figure.axes[0].texts[0].get_text()
    assert views.table_pairs([]).empty


def test_suspects_come_most_suspect_first_and_wrong_ones_stand_out() -> None:
    suspected = np.array([True, False, True])
    quality = Quality(["a", "b", "c"], ["x", "x", "y"], ["y", "x", "x"], np.array([0.7, 0.1, 0.9]), suspected)
    assert views.table_suspects(quality)["row"].tolist() == ["c", "a"]
    lines = views.plot_scores(quality, np.array([False, False, True])).axes[0].lines
    assert lines[1].get_xdata().tolist() == [1]
    assert len(views.plot_scores(quality, None).axes[0].lines) == 2
