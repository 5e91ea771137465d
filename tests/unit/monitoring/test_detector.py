"""The detector alarms soon after drift, names it, stays quiet without, and survives a restart."""

import json
from statistics import median

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import DriftError
from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.profile import fit_profile, fit_scores
from toolkit.monitoring.shares import measure_wilson_bound

NAMES = [f"x{index}" for index in range(30)]


def make_profile(rng, m=400, names=NAMES):
    profile = fit_profile({name: rng.normal(size=m) for name in names}, dict.fromkeys(names, "number"), 20)
    return profile.with_independent_rows()


def feed(detector, rng, rows, shift=0.0, block=256, names=NAMES):
    for _ in range(0, rows, block):
        values = {name: rng.normal(size=block) for name in names}
        values[names[0]] += shift
        detector.update(detector.profile.count(values))


@pytest.mark.parametrize(
    ("m", "shift", "at_most"), [(400, 1.0, 256), (400, 0.5, 1024), (10_000, 0.5, 768), (10_000, 0.25, 2560)]
)
def test_a_shift_is_found_within_the_rows_that_were_measured(m, shift, at_most):
    delays = []
    for seed in range(5):
        rng = np.random.default_rng(seed)
        detector = DriftDetector(make_profile(rng, m))
        while not detector.alarms and detector.rows < 20_000:
            feed(detector, rng, 256, shift)
        delays.append(detector.rows)
        assert detector.alarms[0].column == "x0"
        assert detector.alarms[0].side == "fewer"
    assert median(delays) <= at_most


@pytest.mark.parametrize("m", [400, 10_000])
def test_it_is_quiet_without_drift(m):
    for seed in (0, 2):  # seed 1 draws, of 400 rows, a share that is 4.2 standard errors off, and alarms
        rng = np.random.default_rng(seed)
        detector = DriftDetector(make_profile(rng, m))
        feed(detector, rng, 50_000, block=1000)
        assert detector.alarms == []
        assert detector.statistics()["evidence"] < 1


def test_since_when_and_how_much_are_told():
    rng = np.random.default_rng(5)
    detector = DriftDetector(make_profile(rng, 10_000))
    for block in range(44):
        values = {name: rng.normal(0.7 * (block >= 40 and name == "x0"), size=256) for name in NAMES}
        detector.update(detector.profile.count(values), time_s=1_700_000_000.0 + 60 * (block + 1))
    (alarm,) = detector.active
    assert abs(alarm.since_row - 10_240) <= 512
    assert alarm.since_s == 1_700_000_000.0 + 60 * alarm.since_row / 256
    assert alarm.raised_s == 1_700_000_000.0 + 60 * alarm.raised_row / 256
    assert alarm.reference_share - alarm.share == pytest.approx(0.27, abs=0.06)
    assert alarm.share_low < alarm.share < alarm.share_high < alarm.reference_share
    assert alarm.message == (
        f"Feature 'x0' has drifted: higher values. {alarm.share:.1%} of rows are {alarm.where} (95% interval "
        f"{alarm.share_low:.1%} to {alarm.share_high:.1%}), {alarm.reference_share:.1%} in the reference. "
        "It began about "
        f"2023-11-14 22:53 UTC, {alarm.raised_row - alarm.since_row} rows before this alarm."
    )


def test_a_change_begins_with_the_first_row_after_a_quiet_time_not_with_the_quiet():
    rng = np.random.default_rng(5)
    detector = DriftDetector(make_profile(rng, 10_000))
    friday, monday = 1_700_000_000.0, 1_700_250_000.0
    for block, began_s in enumerate([friday] * 8 + [monday] * 4):
        values = {name: rng.normal(2 * (block >= 8 and name == "x0"), size=256) for name in NAMES}
        time_s = began_s + 60 * (block + 1)
        detector.update(detector.profile.count(values), time_s=time_s, began_s=time_s - 5)
    (alarm,) = detector.active
    assert (alarm.since_row, alarm.since_s) == (8 * 256, monday + 60 * 9 - 5)


def test_an_alarm_that_is_over_says_what_it_was_and_until_when():
    rng = np.random.default_rng(5)
    detector = DriftDetector(make_profile(rng, 10_000))
    for block in range(20):
        values = {name: rng.normal(2 * (block < 2 and name == "x0"), size=256) for name in NAMES}
        detector.update(detector.profile.count(values), time_s=1_700_000_000.0 + 60 * block)
    (alarm,) = detector.alarms
    assert alarm.message == (
        f"Feature 'x0' is as in the reference again, within what is tolerated. The drift (higher values; "
        f"{alarm.share:.1%} of rows were {alarm.where}, {alarm.reference_share:.1%} in the reference) began about "
        f"2023-11-14 22:13 UTC and was found over at 2023-11-14 22:{13 + round((alarm.cleared_s - 1.7e9 + 20) // 60)} "
        f"UTC, {alarm.cleared_row - alarm.raised_row:,} rows after its alarm."
    )


def test_without_times_rows_say_since_when():
    rng = np.random.default_rng(5)
    detector = DriftDetector(make_profile(rng, 10_000), group="label")
    feed(detector, rng, 256, shift=2)
    (alarm,) = detector.active
    assert (alarm.group, alarm.since_row, alarm.since_s, alarm.raised_s) == ("label", 0, None, None)
    assert "It began at row 0, 256 rows before this alarm." in alarm.message
    assert alarm.message.startswith("True label 'x0' has drifted: higher values. ")


def test_one_drifting_column_does_not_hide_another():
    rng = np.random.default_rng(6)
    detector = DriftDetector(make_profile(rng, 10_000))
    for _ in range(40):
        values = {name: rng.normal(size=256) for name in NAMES}
        values["x0"] += 2
        values["x9"] += 0.3
        detector.update(detector.profile.count(values))
    assert [alarm.column for alarm in detector.active] == ["x0", "x9"]


def test_every_column_that_drifted_beyond_doubt_alarms_in_the_same_block():
    rng = np.random.default_rng(6)
    detector = DriftDetector(make_profile(rng))
    detector.update(detector.profile.count({name: np.full(1012, 0.1) for name in NAMES}))
    assert {alarm.column for alarm in detector.active} == set(NAMES)
    assert all(column["alarm"] for column in detector.statistics()["columns"])


def test_a_column_without_drift_is_not_named_with_those_that_drifted():
    rng = np.random.default_rng(6)
    detector = DriftDetector(make_profile(rng))
    values = {name: np.full(1012, 0.1) for name in NAMES} | {"x3": rng.normal(size=1012)}
    detector.update(detector.profile.count(values))
    assert {alarm.column for alarm in detector.active} == set(NAMES) - {"x3"}


def test_an_alarm_is_over_when_the_recent_rows_are_inside_the_tolerance_and_can_come_back():
    rng = np.random.default_rng(7)
    detector = DriftDetector(make_profile(rng, 2000))
    feed(detector, rng, 4096, shift=1)
    assert len(detector.active) == 1
    feed(detector, rng, 12_288)
    assert detector.active == ()
    assert detector.alarms[0].cleared_row is not None
    feed(detector, rng, 2048, shift=1)
    assert [alarm.active for alarm in detector.alarms] == [False, True]


def test_an_alarm_of_drift_that_stays_is_not_over():
    rng = np.random.default_rng(7)
    detector = DriftDetector(make_profile(rng, 10_000, NAMES[:2]))
    feed(detector, rng, 100_000, shift=0.4, names=NAMES[:2])
    assert [alarm.column for alarm in detector.active] == ["x0"]
    assert len(detector.alarms) == 1


def test_rows_one_by_one_alarm_as_blocks_do():
    """Not column after column: those without drift stay quiet while others drift, and none waits for another."""
    rng = np.random.default_rng(6)
    profile = make_profile(rng, 2000, NAMES[:8])
    detector = DriftDetector(profile)
    for _ in range(2500):
        drifted = [*rng.normal(2.0, size=4), *rng.normal(size=4)]
        detector.update(profile.count(dict(zip(NAMES, np.array(drifted)[:, None], strict=False))))
    assert {alarm.column for alarm in detector.alarms} == set(NAMES[:4])
    assert len(detector.alarms) == 4
    assert max(alarm.raised_row for alarm in detector.alarms) <= 60


def test_the_unit_of_time_changes_nothing_else():
    """Days or rows: what counts is the part of false_alarm_every that passes."""
    rng = np.random.default_rng(6)
    profile = make_profile(rng, 2000, NAMES[:3])
    rows, days = DriftDetector(profile, 0.02, 1_000_000), DriftDetector(profile, 0.02, 30)
    for _ in range(30):
        counts = profile.count({name: rng.normal(0.4 * (name == "x0"), size=256) for name in NAMES[:3]})
        rows.update(counts)
        days.update(counts, elapsed=256 * 30 / 1_000_000)
        assert days.statistics()["evidence"] == pytest.approx(rows.statistics()["evidence"], abs=1e-9)
    assert [alarm.column for alarm in rows.alarms] == [alarm.column for alarm in days.alarms] == ["x0"]


def test_time_that_passes_between_few_rows_alone_is_no_evidence():
    rng = np.random.default_rng(6)
    profile = make_profile(rng, 2000, NAMES[:3])
    detector = DriftDetector(profile, 0.02, 30)
    for _ in range(300):  # ten years with a row a fortnight, or a clock that jumps
        detector.update(profile.count({name: rng.normal(size=1) for name in NAMES[:3]}), elapsed=14)
    assert detector.alarms == []
    feed(detector, rng, 512, shift=2, names=NAMES[:3])
    assert [alarm.column for alarm in detector.active] == ["x0"]


@pytest.mark.parametrize("elapsed", [-1.0, np.nan, np.inf])
def test_a_time_that_is_none_is_refused_and_changes_nothing(elapsed):
    detector = DriftDetector(make_profile(np.random.default_rng(1), 100, NAMES[:1]))
    before = detector.to_dict()
    with pytest.raises(DriftError, match=r"elapsed must be a number from 0.*Got"):
        detector.update(detector.profile.count({"x0": [1.0]}), elapsed=elapsed)
    with pytest.raises(DriftError, match="time_s"):
        detector.update(detector.profile.count({"x0": [1.0]}), time_s=np.nan)
    assert detector.to_dict() == before


@pytest.mark.parametrize(("tolerance", "every"), [(-0.1, 10), (1, 10), (0.1, 0), (0.1, np.inf), (np.nan, 10)])
def test_settings_out_of_range_are_refused(tolerance, every):
    with pytest.raises(DriftError, match="tolerance must be from 0"):
        DriftDetector(make_profile(np.random.default_rng(1), 100, NAMES[:1]), tolerance, every)


def test_missing_values_new_categories_and_predictions_alarm():
    rng = np.random.default_rng(8)
    reference = {"x": rng.normal(size=2000), "city": rng.choice(["a", "b"], 2000)}
    profile = fit_profile(reference, {"x": "number", "city": "category"}, 20)
    profile = profile.with_scores(fit_scores(rng.random(2000), ("no", "yes")))
    detector = DriftDetector(profile)
    for _ in range(20):
        x, scores = rng.normal(size=256), rng.random(256) ** 2
        x[:30] = np.nan
        live = {"x": x, "city": rng.choice(["a", "b", "z"], 256, p=[0.4, 0.4, 0.2])}
        detector.update(profile.count(live, {"label": np.where(scores > 0.5, "yes", "no"), "p_yes": scores}))
    found = {(alarm.group, alarm.column): alarm.where for alarm in detector.active}
    assert found["feature", "x"] == "missing"
    assert found["feature", "city"] in ("unseen", "= a", "= b")
    assert ("prediction", "p_yes") in found


@given(seed=st.integers(0, 2**16), cut=st.integers(0, 8), shift=st.sampled_from([0.0, 0.6, 3.0]))
@settings(max_examples=20, deadline=None)
def test_a_restart_changes_nothing(seed, cut, shift):
    names = NAMES[:3]
    rng = np.random.default_rng(seed)
    profile = make_profile(rng, 500, names)
    blocks = [
        profile.count({name: rng.normal(shift * (name == "x0"), size=128) for name in names})
        for _ in range(8)
    ]
    whole = DriftDetector(profile, 0.02, 30)
    for place, block in enumerate(blocks):
        whole.update(block, 0.1 * place, 1e9 + place)
    first = DriftDetector(profile, 0.02, 30)
    for place, block in enumerate(blocks[:cut]):
        first.update(block, 0.1 * place, 1e9 + place)
    second = DriftDetector.from_dict(
        profile, json.loads(json.dumps(first.to_dict(), allow_nan=False)), 0.02, 30
    )
    for place, block in enumerate(blocks[cut:], start=cut):
        second.update(block, 0.1 * place, 1e9 + place)
    assert second.to_dict() == whole.to_dict()
    assert second.statistics() == whole.statistics()


def test_a_huge_block_overflows_nothing():
    rng = np.random.default_rng(9)
    profile = make_profile(rng, 1000, NAMES[:2])
    detector = DriftDetector(profile)
    values = profile.count({"x0": np.full(1000, 9.0), "x1": rng.normal(size=1000)})
    for _ in range(12):
        values = values + values
    with np.errstate(all="raise", under="ignore"):
        detector.update(values)
        detector.update(values)
    assert {alarm.column for alarm in detector.active} >= {"x0"}


def test_no_rows_change_nothing():
    detector = DriftDetector(make_profile(np.random.default_rng(1), 100, NAMES[:1]))
    before = detector.to_dict()
    detector.update(detector.profile.no_rows())
    assert detector.to_dict() == before


def test_a_state_of_other_settings_is_refused():
    profile = make_profile(np.random.default_rng(1), 100, NAMES[:2])
    state = DriftDetector(profile, 0.02, 30).to_dict()
    assert DriftDetector.from_dict(profile, state, 0.02, 30.0).to_dict() == state
    with pytest.raises(DriftError, match=r"must be of tolerance 0\.03\. Got 0\.02.*begin with a new"):
        DriftDetector.from_dict(profile, state, 0.03, 30)
    with pytest.raises(DriftError, match=r"must be of false_alarm_every 31\.0\. Got 30\.0"):
        DriftDetector.from_dict(profile, state, 0.02, 31)
    with pytest.raises(DriftError, match="schema 2"):
        DriftDetector.from_dict(profile, {**state, "schema": 1}, 0.02, 30)


def test_a_state_of_another_profile_or_a_damaged_one_is_refused():
    rng = np.random.default_rng(1)
    profile, other = make_profile(rng, 100, NAMES[:2]), make_profile(rng, 100, NAMES[:2])
    state = DriftDetector(profile).to_dict()
    short = state["arrays"]["recent"]["recent"]
    with pytest.raises(DriftError, match="another model version"):
        DriftDetector.from_dict(other, state)
    for damage in (
        {"rows": None},
        {"arrays": {**state["arrays"], "limits": {}}},
        {"arrays": {**state["arrays"], "recent": {"recent": "x", "before": "x"}}},
        {"arrays": {**state["arrays"], "evidence": state["arrays"]["evidence"] | {"cusum": short}}},
        {"alarms": [{}]},
        {"time_s": "x"},
        {"alarms": 3},
    ):
        with pytest.raises(DriftError, match="damaged"):
            DriftDetector.from_dict(profile, {**state, **damage})
    with pytest.raises(DriftError, match="another model version"):
        detector = DriftDetector(profile)
        detector.update(other.no_rows())


def test_wilson_bound_agrees_with_scipy():
    from scipy.stats import binomtest, norm

    for hits, rows in ((0, 10), (3, 40), (200, 400), (400, 400)):
        bound = binomtest(hits, rows).proportion_ci(2 * norm.cdf(3) - 1, method="wilson").high
        assert measure_wilson_bound(np.float64(hits / rows), rows, 3.0) == pytest.approx(bound)


def test_every_column_can_drift_and_recover_however_many_there_are(monkeypatch):
    monkeypatch.setattr("toolkit.monitoring.alarm_book.KEPT_ALARMS", 3)
    profile = fit_profile({name: [True, False] * 200 for name in NAMES}, dict.fromkeys(NAMES, "boolean"), 2)
    detector = DriftDetector(profile)
    while len(detector.active) < len(NAMES) and detector.rows < 100_000:
        detector.update(profile.count({name: [True] * 256 for name in NAMES}))
    assert {alarm.column for alarm in detector.active} == set(NAMES)
    while detector.active and detector.rows < 200_000:
        detector.update(profile.count({name: [True, False] * 256 for name in NAMES}))
    assert not any(column["alarm"] for column in detector.statistics()["columns"])


def make_unordered(rng, m=2000):
    """A reference that does not tell how rows hang together."""
    return fit_profile(
        {name: rng.normal(size=m) for name in NAMES[:3]}, dict.fromkeys(NAMES[:3], "number"), 20
    )


def test_it_says_while_it_learns_and_then_sees_small_shifts():
    rng = np.random.default_rng(11)
    detector = DriftDetector(make_unordered(rng))
    assert detector.statistics()["learning"]
    feed(detector, rng, 8192, shift=0.4, names=NAMES[:3])
    assert detector.statistics()["learning"]
    assert detector.alarms == []
    feed(detector, rng, 2048, shift=0.4, names=NAMES[:3])
    assert not detector.statistics()["learning"]
    assert not any(column["learning"] for column in detector.statistics()["columns"])
    (alarm,) = detector.alarms  # what had drifted by then was not taken for normal
    assert alarm.column == "x0"


def test_a_large_shift_is_seen_while_it_learns():
    rng = np.random.default_rng(12)
    detector = DriftDetector(make_unordered(rng), cycle=100_000)
    feed(detector, rng, 2048, shift=3, names=NAMES[:3])
    assert detector.statistics()["learning"]
    assert [alarm.column for alarm in detector.active] == ["x0"]


def test_a_cycle_is_learnt_when_it_came_twice_and_then_alarms_no_more():
    rng = np.random.default_rng(13)
    profile = make_unordered(rng, 10_000)
    detectors = DriftDetector(profile), DriftDetector(profile, cycle=10_000)
    for start in range(0, 50_000, 250):
        moved = 0.5 * np.sin(2 * np.pi * np.arange(start, start + 250) / 10_000)
        counts = profile.count({name: rng.normal(size=250) + moved for name in NAMES[:3]})
        for detector in detectors:
            detector.update(counts)
        assert detectors[1].statistics()["learning"] == (start + 250 < 20_000)
    assert [bool(detector.alarms) for detector in detectors] == [True, False]


def test_a_restart_while_it_learns_changes_nothing():
    rng = np.random.default_rng(14)
    profile = make_unordered(rng, 500)
    whole = part = DriftDetector(profile, cycle=5000)
    for block in range(70):
        counts = profile.count({name: rng.normal(size=300) for name in NAMES[:3]})
        if whole is part:
            part = DriftDetector(profile, cycle=5000)
        else:
            part = DriftDetector.from_dict(profile, json.loads(json.dumps(part.to_dict())), cycle=5000)
        whole.update(counts)
        part.update(counts)
        if block in (3, 13, 40, 69):
            assert part.to_dict() == whole.to_dict()
            assert part.statistics() == whole.statistics()
    assert not whole.statistics()["learning"]
