"""What a model did on held-out rows goes into its package, and a damaged file is refused by name."""

import json

import numpy as np
import pytest

from toolkit.errors import DriftError
from toolkit.monitoring.performance_reference import PerformanceReference, fit_reference, load_reference
from toolkit.monitoring.profile import fit_profile, fit_scores

CLASSES = ("no", "yes")


@pytest.fixture
def values():
    rng = np.random.default_rng(1)
    yes = rng.random(200)
    target = (rng.random(200) < yes).astype(float)
    prediction = np.column_stack([1 - yes, yes])
    scores = fit_scores(prediction, CLASSES)
    return fit_reference(target, prediction, CLASSES, scores, metric="roc_auc").to_dict()


def test_it_survives_the_file(values, tmp_path):
    path = tmp_path / "performance.json"
    path.write_text(json.dumps(values))
    reference = load_reference(path)
    assert reference.to_dict() == values
    assert (reference.metric, reference.performance.rows) == ("roc_auc", 200)
    assert reference.performance.low < reference.performance.value < reference.performance.high


@pytest.mark.parametrize(
    ("change", "match"),
    [
        ({"schema": 9}, 'performance.json: It must be a JSON object with "schema": 1. Got 9'),
        ({"calibration": []}, "calibration must be a list"),
        ({"calibration": [{}]}, r"calibration\[0\] must have column"),
        ({"outcomes": None}, "reference profile must be a JSON object"),
        ({"metric": "gini"}, "Got 'gini'"),
        ({"value": None}, "must be finite numbers"),
        ({"rows": 0}, "rows a number from 1"),
    ],
)
def test_damage_is_told_with_the_files_name(values, tmp_path, change, match):
    path = tmp_path / "performance.json"
    path.write_text(json.dumps({**values, **change}))
    with pytest.raises(DriftError, match=match):
        load_reference(path)


def test_it_must_be_by_the_cells_of_the_packaged_profile(values):
    reference = PerformanceReference.from_dict(values)
    profile = fit_profile({"x": [1.0]}, {"x": "number"}, 2)
    reference.check_profile(profile.with_scores(fit_scores(np.full((9, 2), 0.5), CLASSES)))
    for strange in (fit_scores(np.full((9, 2), 0.5), CLASSES, bins=7), fit_scores(np.arange(9.0))):
        with pytest.raises(DriftError, match="The calibration of p_yes must be by the cells"):
            reference.check_profile(profile.with_scores(strange))


def test_held_out_rows_must_allow_the_metric():
    prediction = np.full((40, 2), 0.5)
    with pytest.raises(DriftError, match="do not have every class"):
        fit_reference(np.zeros(40), prediction, CLASSES, fit_scores(prediction, CLASSES), metric="roc_auc")
