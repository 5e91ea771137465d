"""The history of the status page: exact counts over restarts and jumping clocks, bounded, quantiles."""

import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.serving.history import (
    CHANGES,
    LONG_CHANGES,
    LONG_S,
    MAX_LABELS,
    MINUTE_S,
    MINUTES,
    OTHERS,
    QUARTER_S,
    QUARTERS,
    History,
    measure_quantile,
)

EDGES = (0.001, 0.01, 0.1)
START = 1_760_000_400  # a quarter of an hour begins


def totals(rows: int, **more: object) -> dict:
    return {
        "rows": rows,
        "requests": rows,
        "errors": 0,
        "latency": [rows, 0, 0, 0],
        "labels": {"a": rows},
    } | more


def read_back(history: History) -> History:
    return History.from_list(json.loads(json.dumps(history.to_list())), EDGES)


@given(
    st.lists(
        st.tuples(st.integers(-4_000_000, 4_000_000), st.integers(0, 50), st.booleans()),
        min_size=1,
        max_size=60,
    )
)
def test_no_row_is_lost_or_counted_twice_whatever_the_clock_does(steps: list) -> None:
    history, now, total, sent = History(EDGES), float(START), 0, 0
    for seconds, rows, restart in steps:
        now = max(now + seconds, 0)
        if restart:
            history = read_back(history)
        total, sent = total + rows, sent + rows
        history.add(now, totals(total))
    assert sum(entry.rows for entry in history.entries) == sent
    assert sum(sum(entry.latency) for entry in history.entries) == sent
    assert sum(sum(entry.labels) for entry in history.entries) == sent
    starts = [entry.start_s for entry in history.entries]
    assert starts == sorted(set(starts)) and starts[-1] <= now


def test_after_three_weeks_it_holds_a_day_of_minutes_and_two_weeks_of_quarters() -> None:
    history = History(EDGES)
    minutes = 21 * 24 * 60
    for minute in range(minutes):
        history.add(START + minute * MINUTE_S, totals(minute + 1, changes={"feature:x": minute / minutes}))
    spans = [entry.span_s for entry in history.entries]
    assert spans == [QUARTER_S] * QUARTERS + [MINUTE_S] * MINUTES
    assert {entry.rows for entry in history.entries[1:QUARTERS]} == {15}
    assert [span for _, span, _ in history.changes].count(QUARTER_S) == CHANGES
    assert [span for _, span, _ in history.changes].count(LONG_S) == LONG_CHANGES
    assert len(json.dumps(history.to_list())) < 400_000
    again = read_back(history)
    assert (again.entries, again.changes, again.labels) == (history.entries, history.changes, history.labels)


def test_counters_that_begin_anew_are_all_new() -> None:
    history = History(EDGES)
    history.add(START, {"rows": 10, "requests": 10, "latency": [5, 5, 0, 0]})
    history.add(
        START + 1, {"rows": 14, "requests": 3, "latency": [1, 0, 0, 2]}
    )  # rows went on, the others did not
    (entry,) = history.entries
    assert (entry.rows, entry.requests, entry.latency) == (14, 13, [6, 5, 0, 2])


def test_a_clock_that_was_ahead_for_a_year_leaves_its_counts_in_the_minute_after() -> None:
    history = History(EDGES)
    history.add(START, totals(5))
    history.add(START + 365 * 86400, totals(7))
    history.add(START + 120, totals(8))
    assert [(entry.start_s - START, entry.rows) for entry in history.entries] == [(0, 5), (120, 3)]


@pytest.mark.parametrize("time_s", [float("nan"), float("inf"), -5.0])
def test_a_time_that_is_none_changes_nothing(time_s: float) -> None:
    history = History(EDGES)
    history.add(time_s, totals(5))
    history.add(START, totals(6))
    assert [entry.rows for entry in history.entries] == [6]


def test_labels_beyond_what_a_page_can_show_are_counted_together() -> None:
    history = History(EDGES)
    counts = {f"class {index}": index + 1 for index in range(100)}
    history.add(START, {"labels": counts})
    history.add(START + 1, {"labels": counts})
    assert len(history.labels) == MAX_LABELS + 1 and history.labels[-1] == OTHERS
    assert sum(history.entries[0].labels) == 5050


def test_changes_of_another_model_begin_anew_and_unknown_ones_stay_unknown() -> None:
    history = History(EDGES)
    history.add(START, {"changes": {"feature:x": 0.1234, "feature:y": float("nan")}})
    assert history.changes == [(START, QUARTER_S, [123, -(10**6)])]
    history.add(START + 1, {"changes": {"feature:z": 0.0}})
    assert (history.columns, history.changes) == (["feature:z"], [(START, QUARTER_S, [0])])


@pytest.mark.parametrize("damage", [None, [], {}, "x", [{}], [{"schema": 1}], [{"schema": 2}], 3])
def test_what_is_damaged_begins_a_new_history(damage: object) -> None:
    assert History.from_list(damage, EDGES).entries == []


@given(st.data())
def test_any_cut_of_the_stored_text_gives_a_history_that_works(data: st.DataObject) -> None:
    history = History(EDGES)
    for minute in range(3):
        history.add(START + 60 * minute, totals(minute, changes={"feature:x": 0.5}, performance=0.9))
    values = json.loads(json.dumps(history.to_list()))
    for _ in range(data.draw(st.integers(1, 3))):
        each = data.draw(st.sampled_from(values))
        if each:
            key = data.draw(st.sampled_from(sorted(each)))
            each[key] = data.draw(st.sampled_from([None, "x", [1], {}, -1, 1e300, [None] * 4]))
    again = History.from_list(values, EDGES)
    again.add(START + 300, totals(9))
    json.dumps(again.to_list())


@given(st.lists(st.floats(0.0001, 0.09), min_size=30, max_size=400), st.sampled_from([0.5, 0.9, 0.99]))
def test_a_quantile_lies_in_the_bucket_of_the_true_one(times: list[float], quantile: float) -> None:
    edges = np.array((0, *EDGES))
    buckets = np.histogram(times, bins=[*edges, np.inf])[0].tolist()
    told = measure_quantile(buckets, EDGES, quantile)
    true = np.quantile(times, quantile, method="inverted_cdf")
    place = np.searchsorted(EDGES, true, side="left")
    assert edges[place] - 1e-12 <= told <= edges[place + 1] + 1e-12


def test_quantiles_are_those_of_prometheus_at_the_ends() -> None:
    assert measure_quantile([0, 0, 0, 0], EDGES, 0.5) is None
    assert measure_quantile([0, 0, 0, 4], EDGES, 0.99) == 0.1
    assert measure_quantile([4, 0, 0, 0], EDGES, 0.5) == pytest.approx(0.0005)


def test_a_performance_of_nothing_is_kept():
    history = History(EDGES)
    history.add(START, totals(1, performance=0.0))
    assert History.from_list(history.to_list(), EDGES).entries[0].performance == 0.0
