"""Rows of the raw table that have a label, whatever the order of the labels."""

from pathlib import Path

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_rows import make_rows

from toolkit.data.labelled import match_labels
from toolkit.errors import DataError


@settings(deadline=None)
@given(st.permutations(range(12)), st.integers(1, 12), st.booleans())
def test_labels_of_any_order_and_number_find_their_rows(
    tmp_path_factory: pytest.TempPathFactory, order: list[int], count: int, ordered: bool
) -> None:
    rows = make_rows(tmp_path_factory.mktemp("rows"), {"x": list(range(12))}, group_rows=5)
    chosen = sorted(order[:count]) if ordered else order[:count]
    labels = pa.table({"id": [f"r{row}" for row in chosen], "label": [float(row) for row in chosen]})
    found = match_labels(rows.path, rows.schema, labels, "id", [])
    assert found.labels.tolist() == sorted(map(float, chosen))
    assert found.column("x").to_pylist() == sorted(chosen)
    assert [name for _, batch in found.batches(["id"]) for name in batch["id"].to_pylist()] == [
        f"r{row}" for row in sorted(chosen)
    ]


def test_labels_of_unknown_rows_are_refused(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, {"x": [1, 2, 3]})
    labels = pa.table({"id": ["r2", "z"], "label": ["x", "y"]})
    with pytest.raises(
        DataError, match=r"1 of 2 labels does not, first z\. Do collect\.source and annotate\.source"
    ):
        match_labels(rows.path, rows.schema, labels, "id", ["x", "y"])


def test_chosen_rows_come_with_labels_and_numbers_of_the_raw_table(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, {"x": [10, 20, 30, 40]}, ["b", None, "a", "b"], group_rows=2)
    assert rows.take([0, 2], ["id", "x"]).to_pylist() == [
        {"id": "r0", "x": 10, "label": "b"},
        {"id": "r3", "x": 40, "label": "b"},
    ]
    assert rows.row_numbers(np.array([0, 1, 2])).tolist() == [1, 3, 4]
    assert rows.take([], ["x"]).num_rows == 0
    assert not rows.generated().any()


def test_a_column_that_is_not_there_is_named(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, {"customer": ["a", "b"]})
    with pytest.raises(
        DataError, match=r"prepare.group: 'custmer' must be a column.*Did you mean 'customer'\?"
    ):
        rows.check_column("custmer", "prepare.group")
