"""The drift benchmark in small: few false alarms beside usual practice, and the delays that it records."""

import importlib.util
from pathlib import Path
from statistics import median

import numpy as np
import pytest

SCRIPT = Path(__file__).parents[3] / "benchmarks" / "drift_detector.py"
spec = importlib.util.spec_from_file_location("drift_detector", SCRIPT)
bench = importlib.util.module_from_spec(spec)
spec.loader.exec_module(bench)


@pytest.mark.parametrize("m", [400, 10_000])
def test_false_alarms_are_a_small_part_of_those_of_usual_practice(m):
    rng = np.random.default_rng(7)
    practice = bench.measure_practice_false_alarms(rng, m, 10)
    assert (
        bench.measure_false_alarms(rng, m, 8) <= 2
    )  # at most 5 % of runs: more than 2 of 8 once in 170 tries
    assert practice["KS p < .05"] * bench.QUIET_ROWS / bench.WINDOW_ROWS > 40


@pytest.mark.parametrize(("m", "shift", "at_most"), [(400, 0.5, 1024), (400, 1.0, 256), (10_000, 0.25, 2304)])
def test_delays_are_those_recorded(m, shift, at_most):
    rng = np.random.default_rng(8)
    assert median(bench.measure_detector_delay(rng, m, shift, 5000) for _ in range(7)) <= at_most


def test_blocks_drawn_from_the_bins_chances_count_as_blocks_of_rows_do():
    rng = np.random.default_rng(9)
    profile = bench.fit_reference(bench.draw_rows(rng, 400, 0.0))
    draw = bench._quiet_blocks(rng, profile)
    rows = bench.count_rows(profile, bench.draw_rows(rng, 256 * 200, 0.0)).features
    drawn = sum(draw().features for _ in range(200))
    expected = np.sqrt(np.maximum(rows + drawn, 1))
    assert np.all(np.abs(rows - drawn) < 5 * expected)
    assert np.std((rows - drawn) / expected, where=rows + drawn > 0) == pytest.approx(1, abs=0.1)
