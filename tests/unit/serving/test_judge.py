"""Labels that came back are judged once each, corrections mend the rolling metric, and a restart changes nothing."""

import numpy as np
import orjson
import pytest

from toolkit.monitoring.performance_reference import fit_reference
from toolkit.monitoring.profile import fit_profile, fit_scores
from toolkit.serving.judge import LABELS, PERFORMANCE, Judge
from toolkit.serving.log import SegmentLog

CLASSES = ("no", "yes")
RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 400)
SCORES = np.clip(np.where(TRUTH == 1, 0.7, 0.3) + RNG.normal(0, 0.15, 400), 0.01, 0.99)
PROBABILITIES = np.column_stack([1 - SCORES, SCORES])
PROFILE = fit_profile(
    {"x": np.arange(400.0)}, {"x": "number"}, 5, labels=[CLASSES[index] for index in TRUTH]
).with_scores(fit_scores(PROBABILITIES, CLASSES))
REFERENCE = fit_reference(TRUTH.astype(float), PROBABILITIES, CLASSES, PROFILE.predictions, metric="accuracy")
NOTHING = PROFILE.no_rows()


def line(number, truth, score, version="v:1", **changes):
    predicted = {
        "time": f"2026-01-01T00:{number // 60:02}:{number % 60:02}Z",
        "version": version,
        "label": CLASSES[score >= 0.5],
        "probabilities": {"no": 1 - score, "yes": score},
    }
    return orjson.dumps({"id": f"i{number}", "label": truth, "predicted": predicted | changes}) + b"\n"


@pytest.fixture
def log(tmp_path):
    return SegmentLog(tmp_path, "w")


def make(folder, state=None):
    judge = Judge(folder, "v:1", "accuracy", CLASSES, profile=PROFILE, reference=REFERENCE)
    judge.load(state)
    return judge


def test_labels_are_counted_for_the_detectors_and_measured(log, tmp_path):
    judge = make(tmp_path)
    assert judge.read() == {} and judge.describe(NOTHING)["performance"]["value"] is None
    log.append(b"".join(line(number, CLASSES[number % 2], 0.9) for number in range(40)))
    counts = judge.read()
    assert counts[LABELS].features.tolist()[:2] == [20, 20]
    assert counts[PERFORMANCE].rows == 40
    told = judge.describe(NOTHING)
    assert (told["performance"]["value"], told["performance"]["rows"]) == (0.5, 40)
    assert told["feedback"] == {"matched": 40, "repeated": 0, "corrected": 0}
    assert judge.read() == {}


def test_a_correction_mends_the_metric_and_is_not_counted_again(log, tmp_path):
    judge = make(tmp_path)
    log.append(b"".join(line(number, "no", 0.9) for number in range(40)))
    judge.read()
    assert judge.describe(NOTHING)["performance"]["value"] == 0.0
    log.append(b"".join(line(number, "yes", 0.9) for number in range(30)) + line(35, "no", 0.9))
    assert judge.read() == {}
    told = judge.describe(NOTHING)
    assert told["performance"]["value"] == 0.75
    assert told["feedback"] == {"matched": 40, "repeated": 1, "corrected": 30}


def test_a_restart_goes_on_where_it_was_left(log, tmp_path):
    judge = make(tmp_path)
    log.append(b"".join(line(number, "yes", 0.9) for number in range(40)))
    judge.read()
    log.append(line(40, "no", 0.9))
    again = make(tmp_path, orjson.loads(orjson.dumps(judge.to_dict())))
    assert again.describe(NOTHING) == judge.describe(NOTHING)
    assert again.read()[PERFORMANCE].rows == 1
    judge.read()
    assert again.describe(NOTHING) == judge.describe(NOTHING)


def test_labels_of_other_models_are_passed_over_and_told_once(log, tmp_path, caplog):
    judge = make(tmp_path)
    log.append(
        line(1, "yes", 0.9, version="v:0")
        + line(2, "maybe", 0.9)
        + line(3, "yes", 0.9, probabilities={"a": 1.0})
        + line(4, "yes", 0.9)
    )
    assert judge.read()[PERFORMANCE].rows == 1
    assert len(caplog.records) == 1 and "must be one of" in caplog.text


def test_the_metric_is_estimated_from_recent_rows_before_labels_come(tmp_path):
    scores = [0.95, 0.05] * 50
    predicted = {"label": [CLASSES[score >= 0.5] for score in scores], "p_yes": scores}
    recent = PROFILE.count({"x": [1.0] * 100}, predicted)
    estimated = make(tmp_path).describe(recent)["estimated"]
    assert estimated["low"] < estimated["value"] < estimated["high"]
    assert estimated["value"] > estimated["reference"] == REFERENCE.performance.value  # clear cases all
