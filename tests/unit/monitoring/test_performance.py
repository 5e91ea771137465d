"""The rolling metric holds for labels that are late, corrected, repeated or in any order."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn import metrics as reference

from toolkit.errors import DriftError
from toolkit.monitoring.performance import RollingPerformance

CLASSES = ("no", "yes")


def answer(yes):
    return {"label": "yes" if yes > 0.5 else "no", "probabilities": {"no": 1 - yes, "yes": yes}}


def fill(rolling, rows, seed=0):
    rng = np.random.default_rng(seed)
    scores = np.round(rng.random(rows), 2)
    truths = np.where(rng.random(rows) < scores, "yes", "no")
    for index, (score, truth) in enumerate(zip(scores.tolist(), truths.tolist(), strict=True)):
        assert rolling.add(f"id-{index}", float(index), truth, answer(score))
    return scores, truths


def test_the_value_is_scikit_learns_of_the_most_recent_predictions():
    rolling = RollingPerformance("roc_auc", CLASSES, window_rows=100)
    scores, truths = fill(rolling, 250)
    performance = rolling.measure()
    assert performance.value == pytest.approx(reference.roc_auc_score(truths[150:] == "yes", scores[150:]))
    assert performance.low < performance.value < performance.high
    assert (performance.rows, performance.from_s, performance.to_s) == (100, 150.0, 249.0)
    assert performance.reason == ""


def test_regression_is_followed_too():
    rolling = RollingPerformance("rmse")
    for index in range(50):
        rolling.add(str(index), index, index + (-1) ** index, {"value": float(index)})
    assert rolling.measure().value == 1.0
    assert rolling.measure().to_dict()["metric"] == "rmse"


def test_a_corrected_label_replaces_and_a_repeated_one_changes_nothing():
    rolling = RollingPerformance("accuracy", CLASSES)
    for index in range(40):
        rolling.add(str(index), index, "yes", answer(0.9))
    assert rolling.add("3", 3, "yes", answer(0.9))
    assert (len(rolling), rolling.measure().value) == (40, 1.0)
    assert rolling.add("3", 3, "no", answer(0.9))
    assert (len(rolling), rolling.measure().value) == (40, 0.975)
    assert rolling.add("3", 3, "yes", answer(0.9))
    assert rolling.measure().value == 1.0


def test_labels_of_old_predictions_do_not_enter_a_full_window():
    rolling = RollingPerformance("accuracy", CLASSES, window_rows=30)
    for index in range(10, 40):
        rolling.add(str(index), index, "yes", answer(0.9))
    assert not rolling.add("9", 9, "no", answer(0.9))
    assert rolling.add("45", 45, "yes", answer(0.9))
    assert not rolling.add("10", 10, "no", answer(0.9))  # corrected, and no longer among the most recent
    assert (len(rolling), rolling.measure().value, rolling.measure().from_s) == (30, 1.0, 11.0)


@given(st.permutations(range(60)), st.integers(30, 70), st.data())
@settings(max_examples=30, deadline=None)
def test_the_order_in_which_labels_come_is_irrelevant(order, window_rows, data):
    """Nor do corrected ones in between matter: the last one of each id counts."""
    late = RollingPerformance("log_loss", CLASSES, window_rows)
    truths = [data.draw(st.sampled_from(CLASSES)) for _ in range(60)]
    for index in order:
        if data.draw(st.booleans()):
            late.add(str(index), index // 2, data.draw(st.sampled_from(CLASSES)), answer((index + 1) / 62))
        late.add(str(index), index // 2, truths[index], answer((index + 1) / 62))
    kept = sorted(range(60), key=lambda index: (index // 2, str(index)))[-window_rows:]
    yes = np.array([(index + 1) / 62 for index in kept])
    expected = reference.log_loss(
        [truths[index] for index in kept], np.column_stack([1 - yes, yes]), labels=CLASSES
    )
    measured = late.measure()
    assert measured.value == pytest.approx(expected)
    assert measured.rows == len(kept)


def test_why_there_is_no_figure_is_said():
    rolling = RollingPerformance("roc_auc", CLASSES)
    assert rolling.measure().reason == "No true label has come back yet."
    rolling.add("0", 0, "yes", answer(0.9))
    assert rolling.measure().reason == "At least 30 predictions must have true labels. So far 1 has."
    for index in range(1, 30):
        rolling.add(str(index), index, "yes", answer(0.9))
    lacking = rolling.measure()
    assert (lacking.value, lacking.low, lacking.high, lacking.rows) == (None, None, None, 30)
    assert lacking.reason == "roc_auc needs true labels of every class, and none has been 'no'."


def test_equal_true_values_have_no_r2():
    rolling = RollingPerformance("r2")
    for index in range(30):
        rolling.add(str(index), index, 1.0, {"value": float(index)})
    assert rolling.measure().reason == "r2 is not defined while all true values are equal."


@pytest.mark.parametrize(
    ("truth", "prediction", "match"),
    [
        ("yess", answer(0.9), "one of 'no', 'yes'.*Got 'yess' instead. Did you mean 'yes'"),
        (None, answer(0.9), "Got None instead"),
        (["yes"], answer(0.9), "instead"),
        ("yes", {"value": 3.0}, "probabilities of 'no', 'yes'. Got None: it is one of another model"),
        ("yes", {"probabilities": {"no": 1.0, "maybe": 0.0}}, "Got 'no', 'maybe'"),
        (
            "yes",
            {"probabilities": {"no": 1.0, "yes": None}},
            "The probability of 'yes' must be a finite number",
        ),
    ],
)
def test_what_is_of_another_model_is_refused(truth, prediction, match):
    rolling = RollingPerformance("accuracy", CLASSES)
    with pytest.raises(DriftError, match=match):
        rolling.add("a", 0.0, truth, prediction)
    assert len(rolling) == 0


@pytest.mark.parametrize("truth", ["7", None, True, math.nan, math.inf])
def test_a_true_value_must_be_a_number(truth):
    with pytest.raises(DriftError, match="A true label must be a finite number"):
        RollingPerformance("mae").add("a", 0.0, truth, {"value": 1.0})


def test_settings_are_checked():
    with pytest.raises(DriftError, match=r"must be one of rmse, mae, r2\. Got 'roc_auc'"):
        RollingPerformance("roc_auc")
    with pytest.raises(DriftError, match="at least 30 rows"):
        RollingPerformance("mae", window_rows=3)
    with pytest.raises(DriftError, match="finite number of seconds"):
        RollingPerformance("mae").add("a", math.nan, 1.0, {"value": 1.0})
