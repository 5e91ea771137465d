"""Errors and true labels are watched: alarms when they change, none when only the mix of answers does."""

import json

import numpy as np
import pytest

from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.outcomes import (
    count_labels,
    count_outcomes,
    fit_label_profile,
    fit_outcome_profile,
)
from toolkit.monitoring.profile import Profile, fit_profile

CLASSES = ("no", "yes")


def draw(rng, rows, base=0.5, turned=0.0):
    """Scores around ``base`` with true labels as they say, ``turned`` of them the other way."""
    yes = np.clip(rng.beta(4 * base, 4 * (1 - base), rows), 1e-6, 1 - 1e-6)
    target = (rng.random(rows) < yes) ^ (rng.random(rows) < turned)
    return target.astype(float), np.column_stack([1 - yes, yes])


def watch(rng, profile, rows, classes=CLASSES, draw=draw, **options):
    detector = DriftDetector(profile, group="performance")
    for _ in range(0, rows, 100):
        detector.update(count_outcomes(profile, *draw(rng, 100, **options), classes))
    return detector


def test_more_errors_raise_an_alarm_that_reads_well():
    rng = np.random.default_rng(1)
    profile = fit_outcome_profile(*draw(rng, 2000), CLASSES)
    assert watch(rng, profile, 10_000).alarms == []
    alarms = watch(rng, profile, 3000, turned=0.5).active
    assert {"all answers", "answer no", "answer yes"} <= {alarm.column for alarm in alarms}
    message = next(alarm.message for alarm in alarms if alarm.column == "all answers")
    assert message.startswith("Performance 'all answers' has drifted: more rows are wrong. ")


def test_answers_of_one_class_that_went_wrong_are_named():
    rng = np.random.default_rng(2)

    def flatter(rng, rows):
        target, prediction = draw(rng, rows)
        false = (prediction[:, 1] > 0.5) & (rng.random(rows) < 0.4)
        return np.where(false, 0.0, target), prediction

    alarms = watch(rng, fit_outcome_profile(*draw(rng, 2000), CLASSES), 3000, draw=flatter).active
    names = {alarm.column for alarm in alarms}
    assert "answer yes" in names
    assert "answer no" not in names


def test_a_change_of_the_mix_of_answers_alone_is_no_matter_of_a_classes_errors():
    """Rows of a class that are answered more often stay as often right: their number is not watched."""
    rng = np.random.default_rng(3)
    profile = fit_outcome_profile(*draw(rng, 2000), CLASSES)

    def tilted(rng, rows):
        target, prediction = draw(rng, 4 * rows)
        kept = np.concatenate(
            [
                np.flatnonzero(prediction[:, 1] > 0.5)[: rows * 9 // 10],
                np.flatnonzero(prediction[:, 1] <= 0.5)[: rows // 10],
            ]
        )
        return target[kept], prediction[kept]

    assert {alarm.column for alarm in watch(rng, profile, 5000, draw=tilted).alarms} <= {
        "probability of the true label"
    }


@pytest.mark.parametrize(("bias", "spread"), [(1.0, 1.0), (0.0, 2.0)])
def test_errors_of_a_regression_are_watched_by_sign_and_size(bias, spread):
    rng = np.random.default_rng(4)

    def values(rng, rows, bias=0.0, spread=1.0):
        truth = rng.normal(size=rows) * 5
        return truth, truth + bias + spread * rng.normal(size=rows)

    profile = fit_outcome_profile(*values(rng, 2000), ())
    assert watch(rng, profile, 10_000, (), values).alarms == []
    alarms = watch(rng, profile, 3000, (), values, bias=bias, spread=spread).active
    assert {alarm.column for alarm in alarms} == {"size of the error", "prediction minus truth"}


def test_a_model_without_an_error_on_the_reference_rows_is_watched_for_some():
    rng = np.random.default_rng(5)
    target = np.arange(400) % 2.0
    prediction = np.column_stack([1 - target, target]) * 0.9 + 0.05
    profile = fit_outcome_profile(target, prediction, CLASSES)
    detector = DriftDetector(profile, group="performance")
    wrong = (rng.random(1000) < 0.3) ^ (np.arange(1000) % 2 == 1)
    live = np.column_stack([1 - np.arange(1000) % 2, np.arange(1000) % 2]) * 0.9 + 0.05
    detector.update(count_outcomes(profile, wrong.astype(float), live, CLASSES))
    assert "all answers" in {alarm.column for alarm in detector.active}


def test_only_what_has_a_reference_is_watched():
    prediction = np.tile([0.8, 0.1, 0.1], (100, 1))
    profile = fit_outcome_profile(np.arange(100) % 3.0, prediction, ("a", "b", "c"))
    assert [cells.name for cells in profile.features] == [
        "all answers",
        "answer a",
        "probability of the true label",
    ]
    many = tuple(f"class {index}" for index in range(30))
    rng = np.random.default_rng(6)
    profile = fit_outcome_profile(
        rng.integers(0, 30, 500).astype(float), rng.dirichlet(np.ones(30), 500), many
    )
    assert [cells.name for cells in profile.features] == ["all answers", "probability of the true label"]


def test_counts_of_parts_add_up_and_the_profile_survives_json():
    rng = np.random.default_rng(7)
    profile = fit_outcome_profile(*draw(rng, 500), CLASSES)
    assert Profile.from_dict(json.loads(json.dumps(profile.to_dict()))) == profile
    target, prediction = draw(rng, 100)
    parts = [
        count_outcomes(profile, target[rows], prediction[rows], CLASSES)
        for rows in (slice(0, 30), slice(30, 100))
    ]
    assert parts[0] + parts[1] == count_outcomes(profile, target, prediction, CLASSES)
    assert count_outcomes(profile, target[:0], prediction[:0], CLASSES) == profile.no_rows()


def test_a_change_of_the_true_labels_mix_is_found():
    rng = np.random.default_rng(8)
    mixed = rng.choice(CLASSES, 2000).tolist()
    whole = fit_profile({"x": rng.normal(size=2000)}, {"x": "number"}, 10, mixed)
    profile = fit_label_profile(whole)
    detector = DriftDetector(profile, group="label")
    detector.update(count_labels(profile, rng.choice(CLASSES, 1000).tolist()))
    assert not detector.alarms
    detector.update(count_labels(profile, rng.choice(CLASSES, 1000, p=[0.8, 0.2]).tolist()))
    assert detector.active[0].message.startswith("True label 'label' has drifted: ")
    assert fit_label_profile(fit_profile({"x": [1.0]}, {"x": "number"}, 10)) is None
