"""The evidence keeps its promise exactly where shares are at the limit, and finds where a change began."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.monitoring.cells import CellGroup, Cells
from toolkit.monitoring.evidence import DELTAS, FEWEST_ROWS, Evidence
from toolkit.monitoring.shares import Shares

QUIET = np.zeros(1, dtype=bool)


def make_evidence(limit=0.3, every=1e12, effect=1.0):
    """One boolean, of which no value is missing: one share that can be tested, on one side."""
    shares = Shares(CellGroup([Cells("b", "boolean", categories=("false", "true"), counts=(30, 10, 0, 0))]))
    evidence = Evidence(shares, every)
    limits = np.array([[limit, 1.0], [1.0, 1.0]])
    evidence.set_limits(limits, np.full(2, effect))
    return evidence


def add(evidence, hits, rows, elapsed, row=0):
    counted = np.array([hits, 0]), np.array([rows, rows])
    evidence.add(counted, elapsed, row, np.nan, QUIET)


def test_evidence_grows_no_faster_than_time_at_the_edge_of_what_is_tolerated():
    """At live share = c exactly, R - time is a martingale: its mean over many runs is the time, whatever the blocks."""
    rng = np.random.default_rng(3)
    finals = []
    for _ in range(1500):
        evidence = make_evidence()
        for rows, elapsed in ((5, 0.5), (20, 3.0), (1, 0.0), (2, 4.0)):
            add(evidence, rng.binomial(rows, 0.3), rows, elapsed)
        finals.append(evidence.r[0, 0, 0])
    assert np.mean(finals) == pytest.approx(7.5, abs=4 * np.std(finals) / np.sqrt(len(finals)))


def test_runs_at_the_edge_alarm_no_more_often_than_promised():
    """The mean time to the bound is at least the bound; the bound of a column is that of the mean R."""
    rng = np.random.default_rng(4)
    evidence, times = make_evidence(every=1000), []
    time = 0
    while len(times) < 30:
        add(evidence, rng.binomial(50, 0.3), 50, 5.0)
        time += 5
        if evidence.measure_means()[0] >= evidence.bound:
            times.append(time)
            time = 0
            evidence.begin_anew(0, 0, np.nan)
    assert np.mean(times) >= 1000


def test_a_design_effect_counts_so_many_rows_as_one():
    plain, tempered = make_evidence(), make_evidence(effect=4.0)
    add(plain, 5, 10, 1.0)
    add(tempered, 20, 40, 1.0)
    assert tempered.r == pytest.approx(plain.r)


def test_time_counts_no_more_than_its_rows():
    evidence = make_evidence(every=FEWEST_ROWS / 2)
    add(evidence, 0, 4, 1e9)
    without = evidence.r[0, 0, 0] / ((1 - 0.3 - DELTAS[0]) / 0.7) ** 4
    assert without == pytest.approx(4 / 2)


@given(blocks=st.lists(st.tuples(st.integers(0, 300), st.integers(0, 300)), min_size=1, max_size=20))
@settings(max_examples=60, deadline=None)
def test_means_and_starts_are_those_of_their_definitions(blocks):
    evidence, log_r, ratios = make_evidence(), np.full(len(DELTAS), -np.inf), []
    reached = False
    deltas = np.minimum(DELTAS, 0.35)  # half of what is left above the limit, at most
    for number, (hits, others) in enumerate(blocks):
        rows = hits + others
        add(evidence, hits, rows, 1.0, row=number + 1)
        ratio = hits * np.log((0.3 + deltas) / 0.3) + others * np.log((0.7 - deltas) / 0.7)
        log_r = np.logaddexp(log_r, 0.0 if rows else -np.inf) + ratio
        ratios.append(ratio)
        reached = reached or log_r.max() > np.log(evidence.bound)
    if not reached:  # beyond the bound it need not be known: the column has alarmed
        assert evidence.measure_means()[0] == pytest.approx(np.exp(log_r).mean())
    for place in range(len(DELTAS)):  # CUSUM: the start that makes the sum to the end largest
        sums = [sum(ratio[place] for ratio in ratios[start:]) for start in range(len(blocks) + 1)]
        assert evidence.cusum[place, 0, 0] == pytest.approx(max(sums), abs=1e-6)
        start = int(evidence.since_row[place, 0, 0])
        assert sums[start] == pytest.approx(max(sums), abs=1e-6)
        assert evidence.hits[place, 0, 0] == sum(hits for hits, _ in blocks[start:])
        assert evidence.tried[place, 0, 0] == sum(hits + others for hits, others in blocks[start:])
