"""The design effect and the swing are what the rows have, and 1 and 0 where they do not depend on each other."""

import numpy as np
import pytest
from scipy.signal import lfilter

from toolkit.errors import DriftError
from toolkit.monitoring.cell_fit import fit_cells
from toolkit.monitoring.cells import CellGroup, place_rows
from toolkit.monitoring.dependence import FEWEST_BLOCKS, measure_dependence
from toolkit.monitoring.learning import Learner
from toolkit.monitoring.profile import Profile, fit_profile
from toolkit.monitoring.shares import Shares

ROWS = 40_000


def draw(rng, kind, rows=ROWS):
    noise = rng.normal(size=rows + 300)
    if kind == "correlated":
        return lfilter([np.sqrt(1 - 0.9**2)], [1, -0.9], noise)[300:]
    cycle = 0.5 * np.sin(2 * np.pi * np.arange(rows) / 5000) if kind == "cycle" else 0.0
    return noise[300:] + cycle


def measure(values):
    cells = fit_cells("x", "number", values, 20)
    return measure_dependence(cells, values, np.arange(len(values)))


def test_independent_rows_have_a_design_effect_of_one_and_no_swing():
    rng = np.random.default_rng(1)
    for _ in range(30):
        cells = measure(draw(rng, "independent"))
        assert cells.design_effect == 1.0
        assert not any(cells.swing)


def test_the_design_effect_of_an_autoregression_is_that_of_its_blocks():
    """Beside the variance of shares of long blocks over many draws, which differences do not enter."""
    rng = np.random.default_rng(2)
    means = np.array([(draw(rng, "correlated", 1024) <= 0).mean() for _ in range(2000)])
    truth = means.var() * 1024 / 0.25
    found = [measure(draw(rng, "correlated")) for _ in range(20)]
    effects = [cells.design_effect for cells in found]
    assert 0.9 * truth < np.median(effects) < 1.6 * truth
    assert not any(any(cells.swing) for cells in found)


def test_a_cycle_is_a_swing_of_each_share_and_no_design_effect():
    cells = measure(draw(np.random.default_rng(3), "cycle"))
    assert cells.design_effect < 4
    middle = cells.swing[9]  # of the share at or below the median: 0.5 sd up and down are 0.19 in share
    assert middle == pytest.approx(0.19 / np.sqrt(2), abs=0.02)
    assert cells.swing[0] < middle
    assert cells.swing[-1] == 0.0  # none is missing


def test_the_order_is_that_of_time_and_rows_without_one_are_left_out():
    values = draw(np.random.default_rng(4), "correlated")
    times = np.arange(ROWS).astype("datetime64[s]")
    mixed = np.random.default_rng(5).permutation(ROWS)
    straight = fit_profile({"x": values}, {"x": "number"}, 20, times=times)
    shuffled = fit_profile({"x": values[mixed]}, {"x": "number"}, 20, times=times[mixed])
    assert shuffled.features[0].design_effect == straight.features[0].design_effect > 8
    assert fit_profile({"x": values}, {"x": "number"}, 20).features[0].design_effect is None
    times[: ROWS - 1000] = np.datetime64("NaT")
    assert fit_profile({"x": values}, {"x": "number"}, 20, times=times).features[0].design_effect is None
    with pytest.raises(DriftError, match="one length"):
        fit_profile({"x": values}, {"x": "number"}, 20, times=times[:-1])


@pytest.mark.parametrize("kind", ["number", "category", "boolean", "text"])
def test_rows_are_placed_as_they_are_counted(kind):
    rng = np.random.default_rng(6)
    values = {
        "number": [*rng.normal(size=200).round(1), None, float("nan"), 1e300],
        "category": [*rng.choice(["a", "b", "c"], 200), None, "new", 3],
        "boolean": [True, False, None, True],
        "text": ["a", "abc", None, "ab" * 9],
    }[kind]
    cells = fit_cells("x", kind, values[:150], 5)
    placed = np.bincount(place_rows(cells, values), minlength=cells.size)
    assert placed.tolist() == CellGroup([cells]).count({"x": values}).tolist()


def test_a_profile_keeps_what_was_measured_and_names_what_is_damaged():
    values = draw(np.random.default_rng(7), "cycle")
    profile = fit_profile({"x": values}, {"x": "number"}, 20, times=np.arange(ROWS))
    assert Profile.from_dict(profile.to_dict()) == profile
    for damage, message in (
        ({"design_effect": 0.5}, "design_effect: must be a finite number from 1"),
        ({"design_effect": None}, "design_effect: must be"),
        ({"swing": [0.1]}, "swing: must have 20 entries, not 1"),
        ({"swing": [2.0] * 20}, "swing: must be numbers from 0 to 1"),
    ):
        damaged = profile.to_dict()
        damaged["features"][0] |= damage
        with pytest.raises(DriftError, match=message):
            Profile.from_dict(damaged)


class Live:
    """Live rows of one column, learnt from block by block."""

    def __init__(self, cycle):
        cells = fit_cells("x", "number", np.random.default_rng(0).normal(size=2000), 20)
        self.group = CellGroup([cells])
        self.learner = Learner(Shares(self.group), self.group.size, cycle)

    def feed(self, values, rows=50):
        for start in range(0, len(values), rows):
            part = values[start : start + rows]
            self.learner.add(self.group.count({"x": part}), len(part))
        return self.learner

    def effect(self):
        return self.learner.conclude_effects(np.array([np.nan]))[0]


@pytest.mark.parametrize(("kind", "low", "high"), [("independent", 1.0, 1.0), ("correlated", 10, 25)])
def test_live_blocks_tell_the_design_effect(kind, low, high):
    rng = np.random.default_rng(8)
    effects = []
    for _ in range(12):
        live = Live(0)
        assert not live.feed(draw(rng, kind, 50)).knows_effect
        assert live.feed(draw(rng, kind, 150 * (FEWEST_BLOCKS + 1))).knows_effect
        effects.append(live.effect())
    assert low <= np.median(effects) <= high
    assert max(effects) <= 2 * high


@pytest.mark.parametrize("shift", [0.5, 2.0])
def test_drift_is_not_learnt_as_dependence(shift):
    rng = np.random.default_rng(9)
    live = Live(10_000.0)
    values = draw(rng, "independent", 24_000)
    values[7_000:] += shift
    learner = live.feed(values)
    assert learner.knows_swing
    assert live.effect() == 1.0
    assert not learner.conclude_swings().any()


def test_a_cycle_that_comes_back_is_learnt():
    live = Live(5000.0)
    learner = live.feed(draw(np.random.default_rng(10), "cycle", 9_900))
    assert learner.knows_effect
    assert not learner.knows_swing
    live.feed(draw(np.random.default_rng(11), "cycle", 1_500))
    assert learner.knows_swing
    assert learner.conclude_swings()[9] == pytest.approx(0.134, abs=0.035)
