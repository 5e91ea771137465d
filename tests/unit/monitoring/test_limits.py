"""What is tolerated: the reference's own error, the tolerance; less once live rows have joined a small reference."""

import numpy as np
import pytest
from scipy.stats import beta, norm

from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.limits import Limits
from toolkit.monitoring.profile import fit_profile
from toolkit.monitoring.shares import Shares

NAMES = ["x0", "x1"]


def make_profile(rng, m=400):
    profile = fit_profile({name: rng.normal(size=m) for name in NAMES}, dict.fromkeys(NAMES, "number"), 20)
    return profile.with_independent_rows()


def make_limits(profile, tolerance=0.02, cycle=0.0):
    return Limits(profile.feature_group, Shares(profile.feature_group), tolerance, cycle)


def feed(detector, rng, rows, shift=0.0):
    for _ in range(0, rows, 256):
        values = {"x0": rng.normal(shift, size=256), "x1": rng.normal(size=256)}
        detector.update(detector.profile.count(values))


@pytest.mark.parametrize(("m", "tolerance"), [(400, 0.02), (2000, 0.0), (10_000, 0.02)])
def test_limits_hold_for_shares_that_the_reference_may_come_from(m, tolerance):
    """With tolerance 0 too: of the true shares of 19 edges none is beyond in nearly all references."""
    rng = np.random.default_rng(1)
    beyond = 0
    for _ in range(200):
        limits = make_limits(make_profile(rng, m), tolerance)
        ranks = np.round(limits.reference[:19] * m)
        truth = beta.rvs(ranks, m + 1 - ranks, random_state=rng)  # each apart: an upper bound
        beyond += bool(np.any(truth > limits.limit[0, :19]) or np.any(1 - truth > limits.limit[1, :19]))
    assert beyond <= 6


def test_dependent_rows_widen_the_reference_and_a_cycle_adds_its_swing():
    rng = np.random.default_rng(2)
    plain = make_limits(make_profile(rng, 10_000))
    profile = fit_profile(
        {"x": rng.normal(size=40_000) + np.sin(np.arange(40_000) * 2 * np.pi / 8000)},
        {"x": "number"},
        20,
        times=np.arange(40_000),
    )
    seasonal = make_limits(profile)
    middle = 9
    assert plain.limit[0, middle] == pytest.approx(0.5 + 0.02 + 2 * 0.005, abs=0.002)
    swing = profile.features[0].swing[middle]
    assert swing > 0.15
    assert seasonal.limit[0, middle] == pytest.approx(0.52 + 2 * swing, abs=0.02)


def test_while_it_learns_half_a_standard_deviation_is_tolerated():
    rng = np.random.default_rng(3)
    profile = fit_profile({"x": rng.normal(size=100_000)}, {"x": "number"}, 20)
    limits = make_limits(profile)
    assert limits.learning.all()
    assert limits.effect == pytest.approx(20)
    assert limits.limit[0, 9] == pytest.approx(norm.cdf(0.5), abs=0.03)


def test_live_rows_join_a_small_reference_and_small_shifts_are_seen():
    rng = np.random.default_rng(4)
    detector = DriftDetector(make_profile(rng))
    before = detector._limits.limit.copy()
    feed(detector, rng, 10_240)
    after, own = detector._limits.limit, detector._limits.reference
    assert np.all(after <= before)
    assert np.all(after >= np.stack([own, 1 - own]) + 0.02 - 1e-12)
    assert detector.alarms == []
    feed(detector, rng, 4096, shift=0.25)
    assert [alarm.column for alarm in detector.alarms] == ["x0"]


def test_a_large_reference_stays_as_it_is():
    rng = np.random.default_rng(5)
    detector = DriftDetector(make_profile(rng, 10_000))
    feed(detector, rng, 10_240)
    assert not detector._limits.joined.any()


def test_rows_of_a_column_that_alarmed_do_not_join():
    rng = np.random.default_rng(6)
    detector = DriftDetector(make_profile(rng))
    feed(detector, rng, 10_240, shift=1)
    joined = detector._limits.joined
    cells = detector.profile.feature_group
    assert not joined[cells.slice(0)].any()
    assert joined[cells.slice(1)].sum() > 8000


def test_a_return_to_what_the_reference_has_is_no_drift():
    """A drift that the small reference could not show joins it; its end must not alarm."""
    rng = np.random.default_rng(8)
    detector = DriftDetector(make_profile(rng))
    feed(detector, rng, 8704, shift=0.2)
    assert detector.alarms == []
    assert detector._limits.joined.any()
    feed(detector, rng, 50_000)
    assert detector.alarms == []
