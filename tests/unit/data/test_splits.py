"""Where a row is does not depend on other rows."""

import hashlib

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.splits import (
    SPLITS,
    assign_split,
    check_splits,
    count_splits,
    measure_places,
    place_splits,
    sample_split,
)
from toolkit.errors import DataError

KEYS = pa.array([f"row-{index}" for index in range(5000)])


@settings(deadline=None)
@given(st.lists(st.text(), min_size=1, max_size=30), st.integers(0, 2**31 - 1))
def test_places_are_the_hash_as_a_fraction(keys: list[str], seed: int) -> None:
    def place(key: str) -> float:
        digest = hashlib.blake2b(key.encode(), digest_size=8, salt=seed.to_bytes(16, "little")).digest()
        return int.from_bytes(digest, "big") / 2**64

    assert measure_places(pa.array(keys), seed).tolist() == [place(key) for key in keys]


@settings(deadline=None)
@given(st.text(), st.integers(0, 2**31 - 1), st.floats(0.01, 0.4), st.floats(0.01, 0.4))
def test_a_test_row_stays_one_when_valid_share_changes(key: str, seed: int, one: float, other: float) -> None:
    in_test = assign_split(key, one, 0.3, seed) == "test"
    assert (assign_split(key, other, 0.3, seed) == "test") == in_test


def test_splits_have_about_their_shares() -> None:
    rows = count_splits(place_splits(measure_places(KEYS, 1), 0.2, 0.1), np.zeros(5000), 0).ravel()
    assert abs(rows[2] / 5000 - 0.1) < 0.02 and abs(rows[1] / 5000 - 0.2) < 0.02


def test_another_seed_gives_another_split() -> None:
    one, other = (place_splits(measure_places(KEYS, seed), 0.2, 0.2) for seed in (1, 2))
    assert 0.3 < (one != other).mean() < 0.7


def test_the_hash_is_the_same_on_every_machine() -> None:
    found = [
        assign_split(key, 0.2, 0.2, 1) for key in ("bc-0001", "bc-0003", "bc-0005", "bc-0008", "bc-0022")
    ]
    assert found == ["train", "test", "valid", "test", "test"]


def test_an_empty_split_and_absent_classes_are_all_named() -> None:
    with pytest.raises(DataError) as caught:
        check_splits(np.array([[3, 4], [2, 0], [0, 0]]), ("a", "b"), "Do something.")
    lines = str(caught.value).splitlines()
    assert lines == [
        "The test split must have rows and has none. Do something.",
        "The valid split must have rows of every class and has none of b. Do something.",
    ]


def test_a_class_of_one_row_is_told_with_the_splits_that_lack_it() -> None:
    with pytest.raises(DataError) as caught:
        check_splits(np.array([[5, 1], [4, 0], [3, 0]]), ("a", "rare"))
    assert str(caught.value) == (
        "Every class must have at least 3 labelled rows, one a split. 'rare' has 1, and none in valid, test: label "
        "more rows of it, or give them another class."
    )


def test_complete_splits_pass() -> None:
    check_splits(np.ones((3, 2), dtype=int), ("a", "b"))
    check_splits(np.ones((3, 1), dtype=int), ())


def test_counts_are_by_split_and_class() -> None:
    codes, labels = np.array([0, 0, 1, 2, 2], dtype=np.int8), np.array([1, 0, 1, 1, 1])
    assert count_splits(codes, labels, 2).tolist() == [[1, 1], [0, 1], [0, 2]]
    assert count_splits(codes, np.array([0.5] * 5), 0).tolist() == [[2], [1], [2]]
    assert sample_split(codes, 2, 1).tolist() == [3] and sample_split(codes, 0, 9).tolist() == [0, 1]
    assert SPLITS == ("train", "valid", "test")
