"""Rows that were packed one by one are counted as a table of them is."""

import math

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from toolkit.monitoring.profile import fit_profile
from toolkit.serving.model import Predictions
from toolkit.serving.singles import Singles

KINDS = {"size": "number", "count": "integer", "open": "boolean", "city": "category", "note": "text"}
ROW = st.fixed_dictionaries(
    {
        "size": st.floats(allow_nan=False, allow_infinity=False) | st.integers(-(10**30), 10**30) | st.none(),
        "count": st.integers(-5, 5) | st.none(),
        "open": st.booleans() | st.none(),
        "city": st.sampled_from(["a", "b", "other", None]),
        "note": st.text(max_size=5) | st.none(),
        "seen_at": st.just("2026-01-31"),  # a profile leaves times out
    }
)
REFERENCE = {
    "size": [0.5, 1.5, 2.5],
    "count": [1, 2, 3],
    "open": [True, False, True],
    "city": ["a", "b", "a"],
    "note": ["", "one", "other"],
}
ONE = Predictions((), None, np.array([0.5]))


@given(st.lists(ROW, min_size=1, max_size=40), st.lists(st.sampled_from([*KINDS]), min_size=1, unique=True))
def test_columns_count_as_those_of_the_rows(rows, names):
    profile = fit_profile(REFERENCE, {name: KINDS[name] for name in names}, bins=3)
    singles = Singles(profile)
    for row in rows:
        singles.add(row, ONE)
    taken = singles.take()
    assert len(taken) == len(rows) and len(singles.take()) == 0
    columns = singles.turn(taken)
    assert profile.count(columns) == profile.count({name: [row[name] for row in rows] for name in names})


def test_missing_numbers_are_nan():
    singles = Singles(fit_profile(REFERENCE, KINDS, bins=3))
    singles.add({"size": None, "count": 2, "open": None, "city": None, "note": None}, ONE)
    columns = singles.turn(singles.take())
    assert (
        math.isnan(columns["size"][0])
        and columns["count"].tolist() == [2.0]
        and list(columns["city"]) == [None]
    )
