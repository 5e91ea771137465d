"""What Prometheus is shown stays within its bound, whatever the model."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from toolkit.monitoring.profile import fit_profile, fit_scores
from toolkit.serving.exposition import MOST_SERIES, OTHER_SERIES, Exposition, choose_labels

ROWS = 400


def make_profile(features: int, classes: int):
    rng = np.random.default_rng(1)
    columns = {f"f{number}": rng.normal(size=ROWS) for number in range(features)}
    names = [f"c{number}" for number in range(classes)]
    profile = fit_profile(
        columns, dict.fromkeys(columns, "number"), bins=20, labels=names * (ROWS // classes)
    )
    return profile.with_scores(fit_scores(rng.dirichlet(np.ones(classes), ROWS), names))


def show(profile, **told) -> list[str]:
    """Show counts in which every feature has missing values, and an alarm for every column."""
    empty = np.full((ROWS,), np.nan)
    labels = [label for cells in profile.predictions if not cells.ordered for label in cells.categories]
    outputs = {cells.name: np.full(ROWS, 0.5) for cells in profile.predictions if cells.ordered}
    outputs["label"] = (labels * ROWS)[:ROWS]
    counts = profile.count({cells.name: empty for cells in profile.features}, outputs)
    columns = [
        {"name": cells.name, "group": group, "log_evidence": 1.0, "change": 0.5, "alarm": 1}
        for group, all_cells in (("feature", profile.features), ("prediction", profile.predictions))
        for cells in all_cells
    ]
    tally = SimpleNamespace(counts=counts, written=1, lost=0, removed=0)
    status = {"workers": 2, "drift": {"features": {"evidence": 2.0, "columns": columns}}} | told
    facts = {"version": "m:1", "task": "multiclass", "built_s": 1.0, "log_bytes": 1, "log_free_bytes": 1}
    registry = CollectorRegistry()
    registry.register(Exposition(profile, tally, status, facts))
    lines = [line for line in generate_latest(registry).decode().splitlines() if not line.startswith("#")]
    names = [line.rpartition(" ")[0] for line in lines]
    assert len(set(names)) == len(names)  # none is shown twice
    return lines


@pytest.mark.parametrize(("features", "classes"), [(30, 3), (300, 3), (1000, 3), (30, 100), (400, 200)])
def test_series_are_bounded_whatever_the_model(features, classes):
    shown = show(make_profile(features, classes))
    assert len(shown) <= MOST_SERIES - OTHER_SERIES + 20  # 20 of the 250 for what is not the model's


def test_a_small_model_is_shown_whole():
    profile = make_profile(30, 3)
    shown = show(profile)
    assert sum(line.startswith("toolkit_missing_values_total{") for line in shown) == 30
    assert sum(line.startswith("toolkit_drift_alarm{") for line in shown) == 30 + 4
    assert sum(line.startswith("toolkit_predictions_total{") for line in shown) == 3


def test_labels_that_are_shown_are_the_most_frequent_of_the_reference():
    profile = make_profile(2, 4)
    label = next(cells for cells in profile.predictions if not cells.ordered)
    counts = dict(zip(label.categories, label.counts, strict=False))
    chosen = choose_labels(profile, 2)
    assert sorted(counts[name] for name in chosen) == sorted(counts.values())[-2:]
    assert choose_labels(profile, 100) == sorted(counts, key=lambda name: -counts[name])


def test_performance_is_shown_with_its_bounds_and_without_what_is_unknown():
    measured = {"metric": "roc_auc", "value": 0.9, "low": 0.88, "high": 0.92, "rows": 500, "reference": 0.91}
    estimated = {"metric": "roc_auc", "value": None, "low": None, "high": None, "reason": "too few rows"}
    shown = show(make_profile(2, 2), performance=measured, estimated=estimated)
    assert 'toolkit_performance{bound="low",metric="roc_auc"} 0.88' in shown
    assert 'toolkit_performance{bound="high",metric="roc_auc"} 0.92' in shown
    assert 'toolkit_performance_reference{metric="roc_auc"} 0.91' in shown
    assert not [line for line in shown if line.startswith("toolkit_performance_estimated")]


def test_feedback_and_notifications_are_counted_from_nought():
    shown = show(make_profile(2, 2), feedback={"matched": 3}, performance=None)
    assert 'toolkit_feedback_total{result="matched"} 3.0' in shown
    assert 'toolkit_feedback_total{result="corrected"} 0.0' in shown
    assert 'toolkit_notifications_total{result="failed"} 0.0' in shown
