"""Predictions now and in the reference, as the status page gets them."""

import numpy as np

from toolkit.monitoring.profile import fit_profile, fit_scores
from toolkit.serving.mix import MAX_COLUMNS, MAX_LABELS, describe_mix


def test_counts_and_reference_of_each_output() -> None:
    scores = np.linspace(0.01, 0.99, 200)
    profile = fit_profile({"x": scores}, {"x": "number"}, 5).with_scores(fit_scores(scores, ("no", "yes")))
    counts = profile.count({"x": [1.0] * 3}, {"label": ["yes", "yes", "no"], "p_yes": [0.9, 0.99, 0.2]})
    label, score = describe_mix(profile.predictions, counts.predictions)
    assert dict(zip(label["labels"], label["counts"], strict=True)) == {"no": 1, "yes": 2}
    assert sum(label["reference"]) == 200
    assert score["name"] == "p_yes" and score["ordered"] and sum(score["counts"]) == 3
    assert len(score["labels"]) == len(score["counts"]) == len(score["reference"])


def test_of_many_classes_the_common_ones_are_told_and_none_is_lost() -> None:
    classes = tuple(f"c{place:03d}" for place in range(60))
    scores = np.full((600, 60), 0.001)
    scores[np.arange(600), np.arange(600) % 60] = 0.9
    profile = fit_profile({"x": [0.0] * 600}, {"x": "number"}, 5).with_scores(fit_scores(scores, classes))
    common = profile.predictions[0].categories[-1]
    predictions = {"label": [common] * 50} | {f"p_{each}": [0.1] * 50 for each in classes}
    columns = describe_mix(profile.predictions, profile.count({"x": [0.0] * 50}, predictions).predictions)
    assert len(columns) == MAX_COLUMNS and len(columns[0]["labels"]) == MAX_LABELS
    assert common in columns[0]["labels"]
    assert (sum(columns[0]["counts"]), sum(columns[0]["reference"])) == (
        50,
        sum(profile.predictions[0].counts),
    )
