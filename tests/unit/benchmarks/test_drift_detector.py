"""The drift benchmark in small: false alarms within what is promised, and the delays that it records."""

import importlib.util
from pathlib import Path
from statistics import median

import numpy as np
import pytest
from scipy.stats import binom

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "drift_detector.py"
spec = importlib.util.spec_from_file_location("drift_detector", SCRIPT)
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)


@pytest.mark.parametrize(
    ("kind", "runs"),
    [("independent-400", 12), ("mixed-10000", 6), ("memory-learnt", 2), ("cycle-ordered", 2)],
)
def test_false_alarms_are_within_what_is_promised(kind, runs):
    alarmed, _ = bench.measure_false_alarms(kind, 7, runs)
    promised = bench.QUIET_ROWS / bench.FALSE_ALARM_EVERY
    assert alarmed <= binom.ppf(0.999, runs, promised)


def test_usual_practice_alarms_all_the_time():
    practice = bench.measure_practice_false_alarms(np.random.default_rng(7), 10_000, 10)
    assert practice["KS p < .05"] * bench.QUIET_ROWS / bench.WINDOW_ROWS > 40


@pytest.mark.parametrize(("m", "shift", "at_most"), [(400, 0.5, 1024), (400, 1.0, 256), (10_000, 0.25, 2304)])
def test_delays_are_those_recorded(m, shift, at_most):
    sources = (bench.Independent(np.random.default_rng([8, run]), m) for run in range(9))
    assert median(bench.watch_shift(source, shift, 0, 5000)[0] for source in sources) <= at_most


def test_intervals_hold_the_true_share():
    for hits, found in bench.measure_coverage(9, 12).values():
        assert found == 12
        assert hits >= binom.ppf(0.001, found, 0.95)


@pytest.mark.parametrize("mixed", [False, True])
def test_blocks_drawn_from_true_chances_are_those_of_rows(mixed):
    """Reference and live counts agree as two samples of one distribution do."""
    source = bench.Independent(np.random.default_rng(9), 4000, mixed=mixed)
    profile = source.fit()
    blocks = source.iterate(profile, 0.0)
    drawn = sum(next(blocks).features for _ in range(100))
    for index, cells in enumerate(profile.features):
        reference, live = np.array(cells.counts), drawn[profile.feature_group.slice(index)]
        assert live.sum() == 100 * bench.BLOCK_ROWS
        pooled = (reference + live) / (reference.sum() + live.sum())
        spread = np.sqrt(pooled * (1 - pooled) * (1 / reference.sum() + 1 / live.sum()))
        difference = reference / reference.sum() - live / live.sum()
        assert np.all(np.abs(difference) <= 5 * spread)


def test_a_shift_moves_what_a_shift_of_rows_does():
    rng = np.random.default_rng(10)
    rows, numbers = bench.Rows(rng, 20_000), bench.Independent(rng, 20_000)
    shares = []
    for source in (rows, numbers):
        profile = source.fit()
        blocks = bench.iterate_counts(source, profile, 0.5, 0, 60_000)
        first = sum(next(blocks).features for _ in range(200))[profile.feature_group.slice(0)]
        shares.append(np.cumsum(first) / first.sum())
    assert shares[0] == pytest.approx(shares[1], abs=0.02)
