"""collect, annotate and prepare on data of other kinds, by changing params.yaml alone."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest
from data_project import run_notebook, set_params
from sklearn.datasets import load_diabetes, load_digits

from toolkit.artifacts import measure_hash
from toolkit.errors import ToolkitError
from toolkit.features import load_features

STAGES = ("collect", "annotate", "prepare")
pytestmark = pytest.mark.integration


@pytest.fixture
def project(data_project: Path) -> Path:
    return data_project


def write_csv(path: Path, header: list[str], rows: list[list[object]]) -> None:
    path.parent.mkdir(exist_ok=True)
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([header, *rows])


def use_column(project: Path, source: str, **annotate: Any) -> None:
    set_params(
        project,
        collect={"source": source, "key": "id", "exclude": [], "contract": "schemas/new.yaml"},
        annotate={"source": source, "format": "column", "key": "id", "truth": "", **annotate},
    )


def load_task(project: Path) -> dict[str, Any]:
    return json.loads((project / "data/prepared/task.json").read_text())


def test_digits_are_a_multiclass_task(project: Path) -> None:
    data = load_digits()
    header = ["id", *data.feature_names, "digit"]
    rows = [
        [f"d{i}", *x.tolist(), y] for i, (x, y) in enumerate(zip(data.data[:400], data.target, strict=False))
    ]
    write_csv(project / "tables/digits.csv", header, rows)
    use_column(project, "tables/digits.csv", label="digit", classes=[])
    for stage in STAGES:
        run_notebook(stage)
    task = load_task(project)
    assert task["task"] == "multiclass" and task["classes"] == [str(digit) for digit in range(10)]
    assert sum(task["rows"].values()) == 400
    features = load_features(project / "data/prepared/features.json")
    assert features.names == tuple(data.feature_names)  # the label's own column is no feature
    suspects = pq.read_table(project / "data/labels/suspects.parquet")
    assert suspects.num_rows < 40


def test_diabetes_is_a_regression(project: Path) -> None:
    data = load_diabetes()
    header = ["id", *data.feature_names, "progression"]
    rows = [[f"p{i}", *x.tolist(), y] for i, (x, y) in enumerate(zip(data.data, data.target, strict=True))]
    rows[7][-1] = 9000.0  # a slip of the pen
    write_csv(project / "tables/diabetes.csv", header, rows)
    use_column(project, "tables/diabetes.csv", label="progression", task="regression", classes=[])
    for stage in STAGES:
        run_notebook(stage)
    task = load_task(project)
    assert task["task"] == "regression" and task["classes"] == []
    suspects = pq.read_table(project / "data/labels/suspects.parquet").to_pylist()
    assert suspects[0]["id"] == "p7" and suspects[0]["given"] == 9000.0 and suspects[0]["likely"] < 1000
    train = pq.read_table(project / "data/prepared/train.parquet")
    assert train.column_names == ["id", *data.feature_names, "label"]


def test_categories_booleans_and_gaps_go_through(project: Path) -> None:
    random = np.random.default_rng(3)
    rows = []
    for i in range(300):
        sick = bool(random.random() < 0.4)
        color = random.choice(["red", "green"] if sick else ["green", "blue", ""])
        rows.append(
            [
                f"k{i}",
                color,
                str(sick or random.random() < 0.2),
                random.integers(50),
                "ill" if sick else "well",
            ]
        )
    write_csv(project / "tables/mixed.csv", ["id", "color", "fever", "age", "state"], rows)
    use_column(project, "tables/mixed.csv", label="state", classes=["well", "ill"])
    for stage in STAGES:
        run_notebook(stage)
    features = load_features(project / "data/prepared/features.json")
    assert features.inputs == {"color": "category", "fever": "boolean", "age": "integer"}
    assert features.row({"color": "green", "fever": True, "age": 3}).tolist() == [1.0, 1.0, 3.0]


def test_default_data_twice_gives_the_same_bytes(project: Path) -> None:
    hashes = []
    for _ in range(2):
        for stage in STAGES:
            run_notebook(stage)
        hashes.append([measure_hash(project / "data" / folder) for folder in ("raw", "labels", "prepared")])
    assert hashes[0] == hashes[1]
    detection = json.loads((project / "reports/annotate/metrics.json").read_text())["detection"]
    assert detection["wrong_labels"] == 37
    assert detection["precision_at_planted"] >= 0.8
    assert detection["average_precision"] >= 0.9


def test_a_mistake_leaves_earlier_outputs_alone(project: Path) -> None:
    for stage in STAGES[:2]:
        run_notebook(stage)
    before = measure_hash(project / "data/labels")
    export = project / "examples/breast_cancer/annotations.json"
    export.write_text(export.read_text()[:200_000])
    with pytest.raises(ToolkitError, match="cut short"):
        run_notebook("annotate")
    assert measure_hash(project / "data/labels") == before


def test_labels_of_another_table_are_refused(project: Path) -> None:
    write_csv(project / "tables/small.csv", ["row_id", "a"], [["x1", 1], ["x2", 2]])
    set_params(
        project, collect={"source": "tables/small.csv", "exclude": [], "contract": "schemas/small.yaml"}
    )
    run_notebook("collect")
    with pytest.raises(
        ToolkitError, match=r"Every label must belong to a row of the table\. 565 of 565 labels do not"
    ):
        run_notebook("annotate")
