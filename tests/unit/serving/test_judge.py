"""Labels that came back are judged once each, corrections mend the rolling metric, and a restart changes nothing."""

import numpy as np
import orjson
import pytest

from toolkit.monitoring.outcomes import fit_outcome_profile
from toolkit.monitoring.profile import fit_profile
from toolkit.serving.judge import LABELS, PERFORMANCE, Judge
from toolkit.serving.log import SegmentLog

CLASSES = ("no", "yes")
RNG = np.random.default_rng(0)
TRUTH = RNG.integers(0, 2, 400)
SCORES = np.clip(np.where(TRUTH == 1, 0.7, 0.3) + RNG.normal(0, 0.15, 400), 0.01, 0.99)
PROFILE = fit_profile({"x": np.arange(400.0)}, {"x": "number"}, 5, labels=[CLASSES[index] for index in TRUTH])
OUTCOMES = fit_outcome_profile(TRUTH.astype(float), np.column_stack([1 - SCORES, SCORES]), CLASSES)


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
    judge = Judge(folder, "v:1", "accuracy", CLASSES, profile=PROFILE, outcomes=OUTCOMES)
    judge.load(state)
    return judge


def test_labels_are_counted_for_the_detectors_and_measured(log, tmp_path):
    judge = make(tmp_path)
    assert judge.read() == {} and judge.describe()["performance"]["value"] is None
    log.append(b"".join(line(number, CLASSES[number % 2], 0.9) for number in range(40)))
    counts = judge.read()
    assert counts[LABELS].features.tolist()[:2] == [20, 20]
    assert counts[PERFORMANCE].rows == 40
    told = judge.describe()
    assert (told["performance"]["value"], told["performance"]["rows"]) == (0.5, 40)
    assert told["feedback"] == {"new": 40, "repeated": 0, "corrected": 0}
    assert judge.read() == {}


def test_a_correction_mends_the_metric_and_is_not_counted_again(log, tmp_path):
    judge = make(tmp_path)
    log.append(b"".join(line(number, "no", 0.9) for number in range(40)))
    judge.read()
    assert judge.describe()["performance"]["value"] == 0.0
    log.append(b"".join(line(number, "yes", 0.9) for number in range(30)) + line(35, "no", 0.9))
    assert judge.read() == {}
    told = judge.describe()
    assert told["performance"]["value"] == 0.75
    assert told["feedback"] == {"new": 40, "repeated": 1, "corrected": 30}


def test_a_restart_goes_on_where_it_was_left(log, tmp_path):
    judge = make(tmp_path)
    log.append(b"".join(line(number, "yes", 0.9) for number in range(40)))
    judge.read()
    log.append(line(40, "no", 0.9))
    again = make(tmp_path, orjson.loads(orjson.dumps(judge.to_dict())))
    assert again.describe() == judge.describe()
    assert again.read()[PERFORMANCE].rows == 1
    judge.read()
    assert again.describe() == judge.describe()


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
