"""The history as evenly spaced series: every count once, in its step."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving.history import History
from toolkit.serving.page_series import HOURS, SPANS_S, read_series

EDGES = (0.001, 0.01)
START = 1_760_000_400


@given(
    st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 9)), min_size=1, max_size=40),
    st.sampled_from(HOURS),
)
def test_every_row_of_the_span_is_in_one_step(steps: list, hours: int) -> None:
    history, now, rows = History(EDGES), START, 0
    for seconds, count in steps:
        now, rows = now + seconds, rows + count
        history.add(
            now, {"rows": rows, "requests": rows, "latency": [0, rows, 0], "labels": {"a": rows, "b": 0}}
        )
    series = read_series(history.to_list(), now, hours)
    begin = series.starts_s[0]
    expected = sum(entry.rows for entry in history.entries if entry.start_s + entry.span_s > begin)
    assert (
        series.rows.sum() == series.requests.sum() == series.latency.sum() == series.labels.sum() == expected
    )
    assert (np.diff(series.starts_s) == SPANS_S[hours]).all() and series.starts_s[-1] <= now
    assert series.covered_s.sum() <= hours * 3600 + 60


def test_rates_are_by_the_time_that_was_watched_and_gaps_are_unknown() -> None:
    history = History(EDGES)
    history.add(START, {"rows": 60})
    history.add(START + 130, {"rows": 160})
    series = read_series(history.to_list(), START + 150, 1)
    rates = series.per_second(series.rows)[-4:]
    assert rates[1] == 1 and np.isnan(rates[[0, 2]]).all() and rates[3] == pytest.approx(100 / 30)


def test_changes_fill_their_quarter_of_an_hour_and_nothing_else() -> None:
    history = History(EDGES)
    history.add(START, {"changes": {"feature:x": 0.5, "feature:y": None}})
    series = read_series(history.to_list(), START + 1800, 1)
    known = ~np.isnan(series.changes[0])
    assert known.sum() == 15 and (series.changes[0][known] == 0.5).all() and np.isnan(series.changes[1]).all()


def test_nothing_gives_empty_series() -> None:
    series = read_series([], START, 24)
    assert (
        series.rows.sum() == 0 and series.changes.shape == (0, 96) and np.isnan(series.quantiles(0.5)).all()
    )
