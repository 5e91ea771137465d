"""History is what was strictly before: as pandas and a plain loop find it, whatever comes later."""

import json
from dataclasses import replace
from math import fsum

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import FeatureError
from toolkit.features import Features, count_before, last_before, mean_before, since_last

KINDS = {"value": "number", "shop": "category", "at": "time"}
DAY = 86_400
BEGIN = np.datetime64("2024-01-01T00:00:00", "us")

rows_of = st.lists(
    st.tuples(
        st.one_of(st.none(), st.floats(-1e6, 1e6), st.sampled_from([1e17, -1e17, 0.1])),
        st.sampled_from(["a", "b", "", None, "1"]),
        st.one_of(st.none(), st.integers(0, 12)),  # days: many rows share a moment
    ),
    min_size=1,
    max_size=30,
)


def as_columns(rows: list[tuple]) -> dict[str, np.ndarray]:
    values, shops, days = zip(*rows, strict=True)
    at = [np.datetime64("NaT") if day is None else BEGIN + np.timedelta64(day, "D") for day in days]
    return {
        "value": np.array([np.nan if value is None else value for value in values]),
        "shop": np.array(shops, dtype=object),
        "at": np.array(at, dtype="datetime64[us]"),
    }


def look_back(train: list[tuple], row: tuple, statistic: str, days: int) -> float:
    """Do it the long way: look at every training row."""
    _, shop, now = row
    if not shop or now is None:
        return np.nan
    needs_value = statistic in ("last", "mean")
    past = [
        (then, value)
        for value, group, then in train
        if group == shop and then is not None and then < now and (not days or then >= now - days)
        if value is not None or not needs_value
    ]
    past.sort(key=lambda each: each[0])
    if statistic == "count":
        return float(len(past))
    if not past:
        return np.nan
    if statistic == "last":
        return past[-1][1]
    if statistic == "since":
        return float(now - past[-1][0]) * DAY
    return fsum(value for _, value in past) / len(past)


DECLARED = {  # by statistic and days of the window
    ("last", 0): last_before("value", "shop", "at"),
    ("last", 3): last_before("value", "shop", "at", window_s=3 * DAY),
    ("mean", 0): mean_before("value", "shop", "at"),
    ("mean", 4): mean_before("value", "shop", "at", window_s=4 * DAY),
    ("count", 0): count_before("shop", "at"),
    ("count", 2): count_before("shop", "at", window_s=2 * DAY),
    ("since", 0): since_last("shop", "at"),
}
NAMED = [
    replace(definition, name=f"{statistic} {days}") for (statistic, days), definition in DECLARED.items()
]


@given(rows_of, rows_of)
@settings(max_examples=100, deadline=None)
def test_rows_of_training_and_others_see_what_was_before_them_and_nothing_else(
    train: list[tuple], others: list[tuple]
) -> None:
    fitted = Features.fit(as_columns(train), KINDS, NAMED)
    features = Features.from_dict(json.loads(json.dumps(fitted.to_dict())))
    rows = train + others
    found = features.matrix(as_columns(rows))[:, -len(DECLARED) :]
    for place, row in enumerate(rows):
        wanted = [look_back(train, row, *key) for key in DECLARED]
        np.testing.assert_allclose(found[place], wanted, rtol=1e-9, atol=1e-9)


def test_it_is_what_pandas_rolls_over_the_earlier_rows() -> None:
    rng = np.random.default_rng(5)
    minutes = rng.choice(
        60 * 24 * 90, 2_000, replace=False
    )  # no two at one moment, where pandas goes by order
    columns = {
        "value": rng.lognormal(3, 1, 2_000),
        "shop": np.array([f"s{number}" for number in rng.integers(25, size=2_000)], dtype=object),
        "at": BEGIN + minutes * np.timedelta64(1, "m"),
    }
    features = Features.fit(columns, KINDS, [mean_before("value", "shop", "at", window_s=7 * DAY)])
    table = pd.DataFrame(columns).sort_values("at")
    rolled = table.set_index("at").groupby("shop")["value"].rolling("7D", closed="left").mean()
    wanted = rolled.reset_index().set_index(["shop", "at"])["value"]
    found = pd.Series(
        features.matrix(columns)[:, -1], index=pd.MultiIndex.from_frame(pd.DataFrame(columns)[["shop", "at"]])
    )
    np.testing.assert_allclose(found.sort_index(), wanted.sort_index(), rtol=1e-9)


def test_a_row_that_comes_later_changes_nothing_for_the_earlier_ones() -> None:
    rng = np.random.default_rng(6)
    rows = [(float(rng.normal()), str(rng.choice(["a", "b"])), int(day)) for day in range(40)]
    early, late = rows[:20], rows[20:]
    of_early = Features.fit(as_columns(early), KINDS, NAMED)
    of_all = Features.fit(as_columns(early + late), KINDS, NAMED)
    columns = as_columns(early)
    seen, again = (features.matrix(columns)[:, -len(NAMED) :] for features in (of_early, of_all))
    assert seen.tobytes() == again.tobytes()


@pytest.mark.parametrize("large", [1e12, 1e17])
def test_one_large_value_costs_later_means_no_digits(large: float) -> None:
    rows = [(large, "a", 0), *((0.1 * day, "a", day) for day in range(1, 13))]
    features = Features.fit(as_columns(rows), KINDS, [mean_before("value", "shop", "at", window_s=2 * DAY)])
    found = features.matrix(as_columns(rows))[12, -1]
    assert found == pytest.approx((1.0 + 1.1) / 2, rel=1e-14)


def test_the_state_of_many_rows_stays_small() -> None:
    days = np.arange(20_000)
    columns = {
        "value": np.random.default_rng(7).normal(size=len(days)),
        "shop": np.array([f"s{day % 50}" for day in days], dtype=object),
        "at": BEGIN + days * np.timedelta64(1, "h"),
    }
    with_history, without = (
        len(json.dumps(Features.fit(columns, KINDS, declared).to_dict()))
        for declared in ([last_before("value", "shop", "at")], [])
    )
    assert with_history - without < 23 * len(days)


@pytest.mark.parametrize("window_s", [-1, 1e-9, float("nan"), float("inf"), True, "day", None])
def test_a_window_that_is_no_span_of_time_is_refused(window_s: object) -> None:
    with pytest.raises(
        FeatureError, match=r"window_s must be seconds, from 0\.000001 to 10,000,000,000, or 0 \(ever\)"
    ):
        count_before("shop", "at", window_s=window_s)
