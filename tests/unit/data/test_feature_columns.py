"""Which columns are features."""

import pyarrow as pa
import pytest

from toolkit.data.describe import infer_schema
from toolkit.data.feature_columns import select_features
from toolkit.errors import DataError

TABLE = pa.table({"id": ["a", "b", "c"], "n": [1, 2, 3], "y": [0, 1, 0]})


def test_the_labels_own_column_is_no_feature() -> None:
    schema = infer_schema(TABLE, "id")
    assert select_features(schema, ["y"]) == {"n": "integer"}
    with pytest.raises(DataError, match="at least one feature"):
        select_features(schema, ["y", "n"])


@pytest.mark.parametrize(
    ("name", "classes"),
    [("label", ["a", "b"]), ("version", ["a", "b"]), ("p_b", ["a", "b"]), ("true_label", []), ("value", [])],
)
def test_a_name_that_the_predicted_table_gives_is_refused(name: str, classes: list[str]) -> None:
    for names, key in ((["id", "n", name], "id"), ([name, "n", "m"], name)):
        with pytest.raises(DataError, match=f"Got {name}. Rename the column"):
            select_features(infer_schema(TABLE.rename_columns(names), key), (), classes)


def test_other_tasks_names_are_free() -> None:
    columns = TABLE.rename_columns(["id", "value", "p_a"])
    assert list(select_features(infer_schema(columns, "id"), (), ["b", "c"])) == ["value", "p_a"]
