"""Split tables and what the task file says about them."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from make_rows import make_rows

from toolkit.columns import ParquetColumns
from toolkit.data import prepared
from toolkit.data.prepared import check_missing, describe_task, measure_prepared, write_splits
from toolkit.errors import FeatureError
from toolkit.features import Features


def test_every_row_is_in_one_split_in_the_tables_order(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(prepared, "BLOCK_ROWS", 7)
    rows = make_rows(tmp_path, {"x": list(range(60)), "c": ["u", None, "v"] * 20}, group_rows=25)
    codes = np.random.default_rng(1).integers(0, 3, 60).astype(np.int8)
    paths = write_splits(rows, codes, ["c", "x"], tmp_path / "out")
    for code, path in enumerate(paths.values()):
        places = np.flatnonzero(codes == code)
        assert pq.read_table(path).equals(rows.take(places, ["id", "c", "x"]))
        file = pq.ParquetFile(path)
        groups = [file.metadata.row_group(group).num_rows for group in range(file.num_row_groups)]
        assert groups == [7] * (len(places) // 7) + [len(places) % 7] * (len(places) % 7 > 0)


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, {"x": [0.5] * 9}, [1.0, 2.0, 3.0] * 3)
    codes = np.array([0, 1, 2] * 3, dtype=np.int8)
    one, other = (write_splits(rows, codes, ["x"], tmp_path / name) for name in ("one", "other"))
    assert [path.read_bytes() for path in one.values()] == [path.read_bytes() for path in other.values()]
    assert pq.read_table(one["valid"])["label"].to_pylist() == [2.0, 2.0, 2.0]


@pytest.mark.parametrize(
    ("task", "classes", "kind"),
    [
        ("classification", ["a", "b"], "binary"),
        ("classification", ["a", "b", "c"], "multiclass"),
        ("regression", [], "regression"),
    ],
)
def test_the_kind_of_task_follows_from_the_classes(task: str, classes: list[str], kind: str) -> None:
    rule = {"split": "hash", "column": "id", "seed": 1}
    described = describe_task({"train": 60}, "id", {"task": task, "classes": classes}, rule)
    assert described == {
        "schema": 1,
        "task": kind,
        "classes": classes,
        "key": "id",
        "label": "label",
        "rows": {"train": 60},
        "split": rule,
    }


def test_metrics_count_rows_class_shares_and_leaks() -> None:
    metrics = measure_prepared(
        np.array([[3, 3], [1, 0], [1, 1]]), ["a", "b"], 4, {"time": True, "late": False}, idle=1
    )
    assert metrics == {
        "features": 4,
        "idle_features": 1,
        "leaks": 1,
        "rows": {"train": 6, "valid": 1, "test": 2},
        "train_share": {"a": 0.5, "b": 0.5},
        "valid_share": {"a": 1.0, "b": 0.0},
        "test_share": {"a": 0.5, "b": 0.5},
    }


def test_feature_that_train_never_lacked_must_not_be_missing_later(tmp_path: Path) -> None:
    nan = float("nan")
    tables = {
        "train": pa.table({"x": [1.0, 2.0], "y": [1.0, None]}),
        "valid": pa.table({"x": [None, 2.0], "y": [None, 2.0]}),
        "test": pa.table({"x": [None, nan], "y": [None, 2.0]}),
    }
    paths = {split: tmp_path / f"{split}.parquet" for split in tables}
    for split, table in tables.items():
        pq.write_table(table, paths[split])
    features = Features.fit(ParquetColumns([paths["train"]]), {"x": "number", "y": "number"})
    with pytest.raises(FeatureError) as caught:
        check_missing(features, paths)
    assert "feature 'x' has a value in every row of train and lacks it in 1 of valid and 2 of test." in str(
        caught.value
    )
    assert "'y'" not in str(caught.value) and "prepare.seed" in str(caught.value)
    check_missing(features, {"valid": paths["train"], "test": paths["train"]})
