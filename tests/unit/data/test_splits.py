"""Where a row is does not depend on other rows."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.splits import SPLITS, assign_split, assign_splits, check_splits
from toolkit.errors import DataError

KEYS = [f"row-{index}" for index in range(5000)]


@given(st.lists(st.text(), max_size=30), st.lists(st.text(), max_size=30), st.integers(0, 2**31 - 1))
def test_a_row_keeps_its_split_when_the_table_grows(keys: list[str], more: list[str], seed: int) -> None:
    before = dict(zip(keys, assign_splits(keys, 0.2, 0.2, seed), strict=True))
    after = dict(zip(more + keys, assign_splits(more + keys, 0.2, 0.2, seed), strict=True))
    assert all(after[key] == split for key, split in before.items())


@given(st.text(), st.integers(0, 2**31 - 1), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_test_row_stays_one_when_valid_share_changes(key: str, seed: int, one: float, other: float) -> None:
    in_test = assign_split(key, one, 0.3, seed) == "test"
    assert (assign_split(key, other, 0.3, seed) == "test") == in_test


def test_splits_have_about_their_shares() -> None:
    splits = list(assign_splits(KEYS, 0.2, 0.1, 1))
    assert abs(splits.count("test") / len(KEYS) - 0.1) < 0.02
    assert abs(splits.count("valid") / len(KEYS) - 0.2) < 0.02


def test_another_seed_gives_another_split() -> None:
    one, other = assign_splits(KEYS, 0.2, 0.2, 1), assign_splits(KEYS, 0.2, 0.2, 2)
    assert 0.3 < (one != other).mean() < 0.7


def test_the_hash_is_the_same_on_every_machine() -> None:
    found = [
        assign_split(key, 0.2, 0.2, 1) for key in ("bc-0001", "bc-0003", "bc-0005", "bc-0008", "bc-0022")
    ]
    assert found == ["train", "test", "valid", "test", "test"]


def test_an_empty_split_and_absent_classes_are_all_named() -> None:
    with pytest.raises(DataError) as caught:
        check_splits(["train", "train", "valid"], ["a", "b", "a"], ["a", "b"])
    lines = str(caught.value).splitlines()
    assert lines[0].startswith("The test split must have rows and has none.")
    assert lines[1].startswith("The valid split must have rows of every class and has none of b.")


def test_complete_splits_pass() -> None:
    check_splits([*SPLITS, *SPLITS], ["a"] * 3 + ["b"] * 3, ["a", "b"])
    check_splits(list(SPLITS), [1.0, 2.0, 3.0], [])
