"""Split tables and what the task file says about them."""

import pyarrow as pa
import pytest

from toolkit.columns import get_columns
from toolkit.data.prepared import check_missing, describe_task, join_splits, measure_prepared, split_rows
from toolkit.errors import DataError, FeatureError
from toolkit.features import Features

ROWS = pa.table(
    {
        "id": [f"r{n}" for n in range(60)],
        "x": list(range(60)),
        "label": ["a" if n % 2 else "b" for n in range(60)],
    }
)


def test_every_row_is_in_one_split() -> None:
    splits = split_rows(ROWS, "id", ["a", "b"], (0.2, 0.2), 1)
    assert list(splits) == ["train", "valid", "test"]
    keys = [key for table in splits.values() for key in table["id"].to_pylist()]
    assert sorted(keys) == sorted(ROWS["id"].to_pylist())


def test_too_few_rows_for_three_splits_are_refused() -> None:
    with pytest.raises(DataError, match="must have rows"):
        split_rows(ROWS.slice(0, 3), "id", ["a", "b"], (0.2, 0.2), 1)


def test_columns_of_splits_are_joined_in_order() -> None:
    splits = split_rows(ROWS, "id", ["a", "b"], (0.2, 0.2), 1)
    joined = join_splits(splits, ["x"], ["train", "valid"])["x"].tolist()
    assert joined == splits["train"]["x"].to_pylist() + splits["valid"]["x"].to_pylist()


@pytest.mark.parametrize(
    ("task", "classes", "kind"),
    [
        ("classification", ["a", "b"], "binary"),
        ("classification", ["a", "b", "c"], "multiclass"),
        ("regression", [], "regression"),
    ],
)
def test_the_kind_of_task_follows_from_the_classes(task: str, classes: list[str], kind: str) -> None:
    described = describe_task({"train": ROWS}, "id", {"task": task, "classes": classes})
    assert described == {
        "schema": 1,
        "task": kind,
        "classes": classes,
        "key": "id",
        "label": "label",
        "rows": {"train": 60},
    }


def test_metrics_count_rows_and_class_shares() -> None:
    metrics = measure_prepared({"train": ROWS}, {"x": "integer"}, ["a", "b"])
    assert metrics == {"features": 1, "rows": {"train": 60}, "train_share": {"a": 0.5, "b": 0.5}}


def test_feature_that_train_never_lacked_must_not_be_missing_later() -> None:
    splits = {
        "train": pa.table({"x": [1.0, 2.0], "y": [1.0, None]}),
        "valid": pa.table({"x": [None, 2.0], "y": [None, 2.0]}),
        "test": pa.table({"x": [None, None], "y": [None, 2.0]}),
    }
    kinds = {"x": "number", "y": "number"}
    features = Features.fit(get_columns(splits["train"], kinds), kinds)
    with pytest.raises(FeatureError) as caught:
        check_missing(features, splits)
    assert "feature 'x' has a value in every row of train and lacks it in 1 of valid and 2 of test." in str(
        caught.value
    )
    assert "'y'" not in str(caught.value) and "prepare.seed" in str(caught.value)
    check_missing(features, {"valid": splits["train"], "test": splits["train"]})
