"""Equal values have equal hashes, and what came before is told."""

import numpy as np
import pyarrow as pa
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.contract.hashes import RECENT, FirstRows, Seen, hash_column, hash_rows

HASHES = ["0x100bf7253194ede1", "0x79550e44ba16775f", "0x1725e91aac2d530d", "0x2545f4914f6cdd1d"]
TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20) | st.none())


@settings(deadline=None)
@given(TEXTS)
def test_texts_have_one_hash_each(texts: list[str | None]) -> None:
    column = pa.array(texts, pa.string())
    hashes = hash_column(column)
    assert len({*zip(texts, hashes.tolist(), strict=True)}) == len(set(texts)) == len(set(hashes.tolist()))
    assert np.array_equal(hash_column(column.slice(1)), hashes[1:])


@settings(deadline=None)
@given(st.lists(st.floats(allow_nan=False) | st.none()))
def test_numbers_have_one_hash_each(values: list[float | None]) -> None:
    hashes = hash_column(pa.array(values, pa.float64()))
    assert len(set(hashes.tolist())) == len(set(values))  # 0.0 and -0.0 are equal


def test_hashes_are_the_same_on_every_machine() -> None:
    assert [
        hex(int(value)) for value in hash_column(pa.array(["", "abc", "a key of 16 bytes", None]))
    ] == HASHES


def test_rows_are_told_by_all_their_columns() -> None:
    columns = [pa.array([1, 1, 2, 1]), pa.array(["a", "b", "a", "a"]), pa.array([True, True, True, True])]
    hashes = hash_rows(columns, 4)
    assert hashes[0] == hashes[3] and len(set(hashes.tolist())) == 3


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=9), max_size=3 * RECENT))
def test_what_came_before_is_told_over_batches(batches: list[list[int]]) -> None:
    seen, known = Seen(), set()
    for batch in batches:
        again = seen.add(np.array(batch, dtype=np.uint64))
        for value, told in zip(batch, again.tolist(), strict=True):
            assert told == (value in known)
            known.add(value)


@settings(deadline=None)
@given(st.lists(st.lists(st.integers(0, 60), max_size=9), max_size=3 * RECENT))
def test_the_row_that_came_first_is_told_over_batches(batches: list[list[int]]) -> None:
    first, known, row = FirstRows(), {}, 0
    for batch in batches:
        rows = np.arange(row + 1, row + 2 * len(batch) + 1, 2)  # rows between them do not count
        told = first.add(np.array(batch, dtype=np.uint64), rows)
        for value, own, earlier in zip(batch, rows.tolist(), told.tolist(), strict=True):
            assert earlier == (0 if known.setdefault(value, own) == own else known[value])
        row += 2 * len(batch)
