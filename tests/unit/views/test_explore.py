"""Exploration: overview, labels, agreement, relations, on files as collect and annotate write them."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score, roc_auc_score

from toolkit.errors import StageError
from toolkit.views import explore, explore_features, explore_labels
from toolkit.views.style import Plot

ROWS = 300


def write_project(root: Path, labels: str | None = "classes") -> None:
    random = np.random.default_rng(7)
    kind = random.integers(0, 3 if labels == "three" else 2, ROWS)
    table = pd.DataFrame(
        {
            "id": [f"r{number}" for number in range(ROWS)],
            "size": random.normal(kind * 2.0, 1.0),
            "noise": random.normal(size=ROWS),
            "count": random.integers(0, 9, ROWS),
            "flag": random.random(ROWS) < 0.5,
            "colour": random.choice(["red", "green", "blue <b>"], ROWS),
            "remark": "x",
        }
    )
    table.loc[:29, "noise"] = np.nan
    types = {"size": "number", "noise": "number", "count": "integer", "flag": "boolean", "colour": "category"}
    columns = [{"name": "id", "type": "text", "role": "key"}]
    columns += [{"name": name, "type": type_, "role": "feature"} for name, type_ in types.items()]
    columns += [{"name": "remark", "type": "text", "role": "excluded"}]
    (root / "data/raw").mkdir(parents=True)
    table.to_parquet(root / explore.TABLE)
    schema = {"schema": 1, "key": "id", "rows": ROWS, "exclude": ["remark"], "columns": columns}
    (root / explore.SCHEMA).write_text(json.dumps(schema))
    if labels:
        write_labels(
            root, table, kind if labels != "numbers" else table["size"] + random.normal(size=ROWS), labels
        )


def write_labels(root: Path, table: pd.DataFrame, kind: np.ndarray, labels: str) -> None:
    random = np.random.default_rng(8)
    (root / "data/labels").mkdir(parents=True)
    truth = np.array(kind) if labels == "numbers" else np.array(["no", "yes", "other"])[kind]
    answers = []
    for annotator in ("a1", "a2", "a3"):
        rows = random.choice(ROWS, 200, replace=False)
        given_ = truth[rows] if labels == "numbers" else np.where(random.random(200) < 0.9, truth[rows], "no")
        answers.append(pd.DataFrame({"id": table["id"].iloc[rows], "annotator": annotator, "label": given_}))
    pd.concat(answers).to_parquet(root / explore.ANNOTATIONS)
    resolved = pd.DataFrame({"id": table["id"], "label": truth, "status": "agreed", "agreement": 1.0}).iloc[
        :280
    ]
    resolved.to_parquet(root / explore.LABELS)
    suspects = pd.DataFrame(
        {"id": ["r5", "r9"], "given": ["no", "no"], "likely": ["yes", "yes"], "score": [0.1, 0.2]}
    )
    suspects.to_parquet(root / explore.SUSPECTS)


@pytest.fixture(params=["classes", "three", "numbers", None], ids=str)
def data(request: pytest.FixtureRequest, tmp_path: Path) -> explore.Dataset:
    write_project(tmp_path, request.param)
    return explore.load_dataset(tmp_path)


def test_every_view_shows_something_for_every_kind_of_label(data: explore.Dataset) -> None:
    views = [
        explore.describe_dataset(data),
        explore.describe_columns(data),
        explore.describe_missing(data),
        explore_labels.describe_labels(data),
        explore_labels.describe_annotators(data),
        explore_labels.plot_agreement(data),
        explore_labels.describe_suspects(data),
        explore_features.plot_relation(data),
        explore_features.plot_correlations(data),
        *(explore_features.plot_feature(data, name) for name in data.features),
        *(explore_features.describe_feature(data, name) for name in data.features),
    ]
    for view in views:
        assert isinstance(view, Plot) or (isinstance(view, explore.Note) and view.text) or len(view)


def test_missing_files_are_named_with_the_command_that_makes_them(tmp_path: Path) -> None:
    with pytest.raises(StageError, match="dvc repro collect"):
        explore.load_dataset(tmp_path)
    write_project(tmp_path, labels=None)
    assert "dvc repro annotate" in explore_labels.describe_labels(explore.load_dataset(tmp_path)).text


def test_a_large_table_is_sampled_evenly_and_says_so(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path, most_rows=50)
    assert len(data.rows) == 50 and data.total == ROWS
    assert list(data.rows["id"].iloc[[0, -1]]) == ["r0", f"r{ROWS - 1}"]
    assert "a sample of 50 of 300" in data.note
    assert data.rows["id"].is_unique


def test_every_sampled_row_finds_its_label_in_whatever_order_they_are(tmp_path: Path) -> None:
    write_project(tmp_path)
    labels = pd.read_parquet(tmp_path / explore.LABELS)
    labels.iloc[::-1].to_parquet(tmp_path / explore.LABELS)
    data = explore.load_dataset(tmp_path, most_rows=50)
    known = data.rows.set_index("id")["label"].dropna()
    assert len(known) == sum(name in set(labels["id"]) for name in data.rows["id"])
    assert (known == labels.set_index("id")["label"].loc[known.index]).all()


def test_missing_values_are_counted_by_class(tmp_path: Path) -> None:
    write_project(tmp_path)
    table = explore.describe_missing(explore.load_dataset(tmp_path))
    assert list(table.index) == ["noise"]
    assert table.loc["noise", "missing"] == 30 and table.loc["noise", "share"] == "10.0%"
    assert {"share in no", "share in yes"} <= set(table.columns)


def test_relation_is_the_area_under_the_curve_of_scikit_learn(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    table = explore_features.measure_relation(data)
    known = data.rows.dropna(subset=["label"])
    expected = roc_auc_score(known["label"] == "yes", known["size"])
    assert table.index[0] == "size"
    assert table.loc["size", "value"] == pytest.approx(max(expected, 1 - expected), abs=1e-12)


def test_relation_of_a_regression_is_spearmans(tmp_path: Path) -> None:
    write_project(tmp_path, "numbers")
    data = explore.load_dataset(tmp_path)
    known = data.rows.dropna(subset=["label", "noise"])
    expected = known["noise"].corr(known["label"].astype(float), method="spearman")
    assert explore_features.measure_relation(data).loc["noise", "value"] == pytest.approx(expected, abs=1e-12)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=40))
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    one, other = (pd.Series(side) for side in zip(*pairs, strict=True))
    ours = explore_labels._kappa(one, other)
    if len(set(one) | set(other)) == 1:
        assert ours == 1.0  # scikit-learn says NaN
    else:
        assert ours == pytest.approx(cohen_kappa_score(one, other), abs=1e-12)


def test_plots_are_the_same_bytes_each_time(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    assert explore_features.plot_feature(data, "size") == explore_features.plot_feature(data, "size")
    assert explore_features.plot_correlations(data) == explore_features.plot_correlations(data)


def test_a_plot_survives_a_feature_without_any_value(tmp_path: Path) -> None:
    write_project(tmp_path)
    data = explore.load_dataset(tmp_path)
    data.rows["noise"] = np.nan
    assert isinstance(explore_features.plot_feature(data, "noise"), Plot)
    assert "noise" not in explore_features.measure_relation(data).index
