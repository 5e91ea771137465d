"""Wrong labels are ranked first."""

from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from make_rows import make_rows
from sklearn.datasets import load_wine

from toolkit.data.label_quality import (
    Quality,
    choose_labels,
    find_errors,
    make_suspect_table,
    measure_quality,
    score_detection,
)
from toolkit.errors import AnnotationError

FOLDS = 3


def params(**changes: Any) -> SimpleNamespace:
    return SimpleNamespace(
        **{"key": "id", "task": "classification", "classes": [], "folds": FOLDS, "seed": 1} | changes
    )


@pytest.fixture(scope="module")
def wine() -> tuple[pa.Table, dict[str, str], np.ndarray]:
    """178 wines of three kinds, nine labels wrong; the rows, the features, and which are wrong."""
    data = load_wine()
    wrong = np.zeros(len(data.target), dtype=bool)
    wrong[::20] = True
    labels = np.array(["a", "b", "c"])[np.where(wrong, (data.target + 1) % 3, data.target)]
    columns = {name: data.data[:, index] for index, name in enumerate(data.feature_names)}
    table = pa.table({"id": [f"w{n}" for n in range(len(labels))], **columns, "label": labels.tolist()})
    return table, dict.fromkeys(data.feature_names, "number"), wrong


@pytest.fixture(scope="module")
def quality(wine: tuple[pa.Table, dict[str, str], np.ndarray]) -> Quality:
    table, kinds, _ = wine
    return measure_quality(table, "id", kinds, {}, params())


def test_planted_errors_of_three_classes_are_found(wine: tuple, quality: Quality) -> None:
    wrong = wine[2]
    detection = score_detection(quality, wrong)
    assert detection["wrong_labels"] == 9
    assert detection["average_precision"] > 0.9
    assert detection["suspects_recall"] > 0.7
    assert quality.scores.min() >= 0 and quality.scores.max() <= 1


def test_the_score_is_average_precision_of_the_ranking(quality: Quality) -> None:
    perfect = np.zeros(len(quality.keys), dtype=bool)
    perfect[np.argsort(-quality.scores)[:5]] = True
    assert score_detection(quality, perfect)["precision_at_planted"] == 1
    assert score_detection(quality, ~perfect & False) == {"wrong_labels": 0}


def test_the_same_seed_gives_the_same_scores(wine: tuple, quality: Quality) -> None:
    again = measure_quality(wine[0], "id", wine[1], {}, params())
    assert again.scores.tobytes() == quality.scores.tobytes()


def test_a_dissenting_annotator_raises_the_score(wine: tuple, quality: Quality) -> None:
    table, kinds, _ = wine
    given = dict(zip(quality.keys, quality.given, strict=True))
    answers = {key: {"annotator-1": label, "annotator-2": label} for key, label in given.items()}
    agreed = measure_quality(table, "id", kinds, answers, params())
    answers["w5"] = {**answers["w5"], "annotator-2": "c" if given["w5"] != "c" else "a"}
    joined = measure_quality(table, "id", kinds, answers, params())
    assert joined.scores[5] > agreed.scores[5]
    assert agreed.scores[5] < quality.scores[5]  # two who confirm a label make it less suspect than none


def test_suspects_are_listed_most_suspect_first(quality: Quality) -> None:
    labels = pa.table(
        {"id": quality.keys, "n_annotations": [2] * len(quality.keys), "agreement": [1.0] * len(quality.keys)}
    )
    table = make_suspect_table(quality, labels, params())
    assert table.column_names == ["id", "given", "likely", "score", "n_annotations", "agreement"]
    assert table["score"].to_pylist() == sorted(table["score"].to_pylist(), reverse=True)
    assert all(
        given != likely
        for given, likely in zip(table["given"].to_pylist(), table["likely"].to_pylist(), strict=True)
    )


def test_a_class_with_fewer_rows_than_folds_is_refused(wine: tuple) -> None:
    table, kinds, _ = wine
    few = pa.concat_tables([table.slice(0, 50), table.slice(177)])
    with pytest.raises(
        AnnotationError,
        match=rf"at least {FOLDS} labelled rows.*'c' has fewer\. Got 'a': \d+, 'b': \d+, 'c': 1\. "
        r"Label more rows of the rare ones, or leave them out: "
        r'annotate\.classes: \["a", "b"\] and annotate\.unlisted: drop\.',
    ):
        measure_quality(few, "id", kinds, {}, params())


def test_labels_of_one_class_are_refused_with_the_counts(wine: tuple) -> None:
    table, kinds, _ = wine
    one = table.set_column(table.num_columns - 1, "label", pa.array(["benign"] * len(table)))
    with pytest.raises(AnnotationError, match=r"two classes or more\. Got 'benign': 178, 'malignant': 0\. "):
        measure_quality(one, "id", kinds, {}, params(classes=["benign", "malignant"]))
    with pytest.raises(AnnotationError, match=r"two classes or more\. Got 'benign': 178\. "):
        measure_quality(one, "id", kinds, {}, params())


@pytest.mark.parametrize(
    ("truth", "message"),
    [
        ("tru", r"'tru' must be a column of the table and is not. Did you mean 'true'\?"),
        ("n", "must not be a feature"),
    ],
)
def test_a_wrong_truth_column_is_refused(tmp_path: Path, truth: str, message: str) -> None:
    rows = make_rows(tmp_path, {"n": [1, 2], "true": ["x", "y"]}, exclude=["true"])
    quality = Quality(["a"], ["x"], ["y"], np.array([0.5]), np.array([True]))
    with pytest.raises(AnnotationError, match=message):
        find_errors(quality, rows, truth, "classification")


def test_labels_are_compared_with_the_truth_where_it_is_known(tmp_path: Path) -> None:
    columns = {"n": [1, 2, 3, 4], "true": [None, 0, 5, 1]}
    rows = make_rows(tmp_path, columns, ["1", "1", None, "1"], exclude=["true"])
    quality = Quality(["r0", "r1", "r3"], ["1", "1", "1"], ["1"] * 3, np.zeros(3), np.zeros(3, dtype=bool))
    wrong = find_errors(quality, rows, "true", "classification")
    assert wrong is not None and wrong.tolist() == [False, True, False]
    assert find_errors(quality, rows, "", "classification") is None


def test_of_many_labels_a_sample_is_looked_at_in_which_rare_classes_are() -> None:
    keys = pa.chunked_array([[f"k{row}" for row in range(30_000)]])
    labels = pa.chunked_array([["rare" if row % 3000 == 7 else "ab"[row % 2] for row in range(30_000)]])
    places = choose_labels(keys, labels, 2000)
    chosen = Counter(labels.take(pa.array(places)).to_pylist())
    assert chosen["rare"] == 10 and 980 < chosen["a"] < 1005 and np.array_equal(places, np.unique(places))
    grown = [pa.chunked_array([*column.chunks, *column.slice(0, 3000).chunks]) for column in (keys, labels)]
    assert len(np.intersect1d(choose_labels(*grown, 2000), places)) > 1700
    assert choose_labels(keys.slice(0, 9), labels.slice(0, 9), 2000).tolist() == list(range(9))
    assert len(choose_labels(keys, pa.chunked_array([np.arange(30_000.0)]), 2000)) == 2000
