"""Columns that say the same are told, and what merely goes together is not."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest

from toolkit.views import explore, explore_notices
from toolkit.views.explore_data import Dataset
from toolkit.views.explore_table import Note
from toolkit.views.explore_twins import find_twins

ROWS = 400
RANDOM = np.random.default_rng(9)
AMOUNT = np.exp(RANDOM.normal(5, 1.5, ROWS)).round(2)
WHEN = np.datetime64("2025-01-01", "us") + RANDOM.integers(0, 10**13, ROWS).astype("timedelta64[us]")
CITY = RANDOM.choice(["Köln", "Bonn", "Ulm"], ROWS, p=[0.5, 0.3, 0.2])


def make(**columns: object) -> Dataset:
    kinds = {np.dtype("float64"): "number", np.dtype("int64"): "integer", np.dtype("bool"): "boolean"}
    arrays = {name: np.asarray(values) for name, values in columns.items()}
    types = {
        name: kinds.get(values.dtype, "time" if values.dtype.kind == "M" else "category")
        for name, values in arrays.items()
    }
    table = {name: pa.array(values, from_pandas=True) for name, values in arrays.items()}
    return explore.make_dataset(pa.table({"id": [str(row) for row in range(ROWS)], **table}), types, "id")


@pytest.mark.parametrize(
    ("first", "second", "told"),
    [
        (AMOUNT, (AMOUNT * 1.1).round(2), "is 1.1 times 'a'"),
        (AMOUNT, AMOUNT, "is the same as 'a'"),
        (AMOUNT, 32 + 1.8 * AMOUNT, "is 1.8 times 'a' plus 32"),
        (AMOUNT, -AMOUNT, "is -1 times 'a'"),
        (AMOUNT, np.log(AMOUNT), "puts the rows in the same order as 'a'"),
        (AMOUNT, 1 / AMOUNT, "puts the rows in the opposite order as 'a'"),
        (AMOUNT, np.where(np.arange(ROWS) % 5, AMOUNT * 2, np.nan), "is 2 times 'a' where both are known"),
        (WHEN, WHEN + np.timedelta64(3, "D"), "is 'a' plus 3 days"),
        (CITY, CITY, "is the same as 'a'"),
        (CITY, np.char.replace(CITY, "Bonn", "53111"), "is 'a' under other names"),
    ],
)
def test_twins_are_told_with_what_makes_them_so(first: np.ndarray, second: np.ndarray, told: str) -> None:
    data = make(a=first, b=second, other=RANDOM.normal(size=ROWS))
    assert [(twin.name, twin.other, twin.told) for twin in find_twins(data)] == [("b", "a", told)]
    notices = explore_notices.list_notices(data)
    assert f"'b' {told}: one of the two is enough" in notices.to_html().replace("&#x27;", "'")
    assert told in explore.describe_columns(data).frame.loc["b", "remarks"]


@pytest.mark.parametrize(
    ("first", "second"),
    [
        (AMOUNT, AMOUNT + RANDOM.normal(0, 20, ROWS)),
        (AMOUNT, AMOUNT * RANDOM.uniform(0.99, 1.01, ROWS)),
        (np.arange(ROWS) < 3, np.arange(ROWS) < 3),  # three rows agree by chance
        (CITY, np.where(np.arange(ROWS) == 7, "Bonn", CITY) if CITY[7] != "Bonn" else CITY[::-1]),
        (CITY, RANDOM.permutation(CITY)),
        (WHEN, WHEN.astype(np.int64).astype(float)),  # of other kinds: told by neither
    ],
)
def test_what_goes_together_is_no_twin(first: np.ndarray, second: np.ndarray) -> None:
    data = make(a=first, b=second)
    assert not find_twins(data)
    assert isinstance(explore_notices.list_notices(data), Note)


def test_each_twin_is_told_once_of_the_first() -> None:
    data = make(a=AMOUNT, b=AMOUNT * 2, c=AMOUNT * 3)
    assert [(twin.name, twin.other) for twin in find_twins(data)] == [("b", "a"), ("c", "a")]


def test_constants_and_missing_columns_are_told() -> None:
    gaps = np.where(np.arange(ROWS) % 4, np.nan, AMOUNT)
    data = make(same=np.ones(ROWS), none=np.full(ROWS, np.nan), gaps=gaps, whole=AMOUNT)
    told = "\n".join(explore_notices.list_notices(data).texts)
    assert "'same' has the same value in every row" in told and "'none' is missing in every row" in told
    assert "'gaps' is missing in 75.0% of the rows" in told and "'whole' is missing" not in told
