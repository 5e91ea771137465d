"""Rows are matched by key whatever their order, and compared as a reader would."""

from __future__ import annotations

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.keyed_rows import Match, count_pairs, count_values, find_differences

ROWS = st.dictionaries(st.text("abcdef", max_size=3), st.one_of(st.none(), st.integers(0, 3)), max_size=8)


def chunked(values: list, kind: pa.DataType) -> pa.ChunkedArray:
    """In two chunks, as files have them."""
    return pa.chunked_array([pa.array(values[:3], kind), pa.array(values[3:], kind)])


@given(ROWS, ROWS)
def test_what_is_added_removed_and_changed_is_as_with_dicts(old: dict, new: dict) -> None:
    match = Match(chunked(list(old), pa.string()), chunked(list(new), pa.string()))
    assert (match.added, match.removed) == (len(new.keys() - old.keys()), len(old.keys() - new.keys()))
    before, after = (chunked(list(each.values()), pa.int64()) for each in (old, new))
    differs = find_differences(match.old(before), match.new(after))
    assert sum(differs.to_pylist()) == sum(old[key] != new[key] for key in old.keys() & new.keys())
    assert match.new_only(after).to_pylist() == [new[key] for key in new if key not in old]


@pytest.mark.parametrize(
    ("old", "new", "differ"),
    [
        (
            [1.5, None, float("nan"), float("nan")],
            [1.5, None, float("nan"), None],
            [False, False, False, True],
        ),
        (pa.array([1, 2]), pa.array([1.0, 2.5]), [False, True]),
        (pa.array(["1", "x", None]), pa.array([1, 2, None]), [False, True, False]),
        (pa.array([True, None]), pa.array(["true", "false"]), [False, True]),
    ],
)
def test_missing_equals_missing_and_numbers_compare_as_numbers(old, new, differ) -> None:
    assert find_differences(pa.array(old), pa.array(new)).to_pylist() == differ


def test_keys_match_though_one_file_has_numbers() -> None:
    match = Match(chunked([1, 2, 3, 4], pa.int64()), chunked(["2", "5", "1"], pa.string()))
    assert (match.kept, match.added, match.removed) == (2, 1, 2)
    assert match.old(pa.chunked_array([["a", "b", "c", "d"]])).to_pylist() == ["b", "a"]


def test_counts() -> None:
    assert count_values(pa.array(["a", "b", "a", None])) == {"a": 2, "b": 1, "None": 1}
    assert count_pairs(pa.array(["a", "b", "b"]), pa.array(["c", "a", "a"])) == [
        {"before": "b", "after": "a", "rows": 2},
        {"before": "a", "after": "c", "rows": 1},
    ]
