"""Statuses as the leading worker writes them, made by real detectors over rows of a seeded generator."""

from __future__ import annotations

import json
from dataclasses import asdict
from functools import cache
from typing import Any

import numpy as np

from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.profile import Profile, fit_profile, fit_scores
from toolkit.serving.history import History, name_column
from toolkit.serving.mix import describe_mix

NOW = 1_760_053_500.0
EDGES = (0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 5.0)
CLASSES = ("benign", "malignant")
STEP_S, STEPS, ROWS = 900, 96, 400
MESSAGE = "roc_auc is 0.9098 (95% interval 0.8463 to 0.964); it must be at least 0.85."
LINEAGE: dict[str, Any] = {
    "version": "breast_cancer:4f1e2d3c4b5a6978",
    "stages": {
        "collect": {
            "params": {"source": "examples/breast_cancer/table.csv"},
            "outputs": {"data/raw": "md5:c4a4b977440aaaccff57cd0597ad586f.dir"},
        },
        "annotate": {
            "params": {"source": "examples/breast_cancer/annotations.json"},
            "outputs": {"data/labels": "md5:3668a142bcb8971a2e2fa02db3954cc0.dir"},
        },
        "prepare": {"params": {"split": "hash"}},
    },
    "gates": {
        "gates": [
            {
                "name": "roc_auc at least 0.85",
                "limit": 0.85,
                "passed": True,
                "value": 0.9098,
                "message": MESSAGE,
            },
            {"name": "no worse than released", "limit": 0.01, "passed": True, "value": None, "message": ""},
        ],
        "metrics": {
            "accuracy": {"value": 0.8598, "low": 0.785, "high": 0.9252},
            "roc_auc": {"value": 0.9098, "low": 0.8463, "high": 0.964},
        },
        "passed": True,
        "rows": 107,
    },
    "build": {"git_commit": "8c1f6a0b2d", "git_dirty": False, "built_at": "2025-10-08T09:12:44Z"},
}


def schema_of(names: list[str]) -> dict[str, Any]:
    return {
        "task": "binary",
        "classes": list(CLASSES),
        "features": [{"name": name, "kind": "number"} for name in names],
    }


def feature_names(count: int) -> list[str]:
    known = ["mean_radius", "mean_texture", "worst_concave_points", "area_error", "worst_symmetry"]
    return [known[index] if index < len(known) else f"feature_{index:03d}" for index in range(count)]


@cache
def make_profile(names: tuple[str, ...]) -> Profile:
    generator = np.random.default_rng(1)
    columns = {name: generator.normal(size=20_000) for name in names}
    profile = fit_profile(columns, dict.fromkeys(names, "number"), bins=10)
    return profile.with_scores(fit_scores(generator.beta(0.5, 0.9, 20_000), CLASSES))


def empty() -> dict[str, Any]:
    """Give the status of a service that has just started."""
    return {
        "schema": 1,
        "version": LINEAGE["version"],
        "task": "binary",
        "classes": list(CLASSES),
        "time_s": NOW,
        "started_s": NOW - 2,
        "workers": 2,
        "rows": 0,
        "drift": {"features": None, "labels": None, "performance": None},
        "alarms": [],
        "performance": None,
        "estimated": None,
        "feedback": {"matched": 0, "corrected": 0, "repeated": 0, "unknown": 0},
        "log": {"written": 0, "lost": 0, "bytes": 0, "failure": ""},
        "history": History(EDGES).to_list(),
    }


@cache
def _watched(names: tuple[str, ...], shifted: tuple[str, ...]) -> str:
    """Watch a day: the ``shifted`` columns drift from the afternoon on; the last one comes back."""
    profile, generator = make_profile(names), np.random.default_rng(2)
    detector, history = DriftDetector(profile, false_alarm_every=50_000), History(EDGES)
    totals = {"rows": 0, "requests": 0, "errors": 0}
    latency, labels, counts = np.zeros(len(EDGES) + 1, dtype=int), np.zeros(2, dtype=int), profile.no_rows()
    times = [NOW - (STEPS - 1 - step) * STEP_S for step in range(STEPS)]
    for step, time_s in enumerate(times):
        columns = {name: generator.normal(size=ROWS) for name in names}
        late = step > 60
        for place, name in enumerate(shifted):
            if late and not (place == len(shifted) - 1 and step > 75):
                columns[name] = columns[name] + 0.9
        score = generator.beta(0.9 if late and shifted else 0.5, 0.9, ROWS)
        predictions = {"label": [CLASSES[int(each > 0.5)] for each in score], "p_malignant": score}
        block = profile.count(columns, predictions)
        detector.update(block, time_s=time_s)
        counts = counts + block
        hits = int((score > 0.5).sum())
        labels += np.array([ROWS - hits, hits])
        before = dict(totals)
        load = int(9000 * (1.2 + np.sin(step / 15)))
        totals["rows"], totals["requests"] = totals["rows"] + load, totals["requests"] + load
        totals["errors"] += int(generator.poisson(60 if late and shifted else 1))
        times_s = generator.lognormal(-6.8, 0.7 + 0.3 * (late and bool(shifted)), load)
        latency += np.bincount(np.searchsorted(EDGES, times_s), minlength=len(EDGES) + 1)
        changes = {name_column(each): each["change"] for each in detector.statistics()["columns"]}
        performance = None if step < 20 else 0.91 - (0.04 * (step - 60) / 35 if late and shifted else 0)
        more = {"latency": latency.tolist(), "labels": dict(zip(CLASSES, labels.tolist(), strict=True))}
        for minute in range(STEP_S // 60):  # as much in each minute
            part = (minute + 1) / (STEP_S // 60)
            between = {
                name: round(before[name] + (total - before[name]) * part) for name, total in totals.items()
            }
            history.add(time_s - STEP_S + 60 * (minute + 1), {**between, **(more if part == 1 else {})})
        history.add(time_s, {"changes": changes, "performance": performance})

    alarms = [
        {"watch": "features", **asdict(alarm), "active": alarm.active, "message": alarm.message}
        for alarm in reversed(detector.alarms)
    ]
    status = empty() | {
        "started_s": NOW - 86400 * 3,
        "rows": totals["rows"],
        "drift": {"features": detector.statistics(), "labels": None, "performance": None},
        "alarms": alarms,
        "performance": {
            "metric": "roc_auc",
            "value": 0.91 - 0.04 * bool(shifted),
            "low": 0.885 - 0.045 * bool(shifted),
            "high": 0.932 - 0.035 * bool(shifted),
            "rows": 1204,
            "reference": 0.9098,
        },
        "estimated": {
            "metric": "roc_auc", "value": 0.905, "low": 0.871, "high": 0.939, "rows": 8192, "reference": 0.9098,
        },
        "feedback": {"matched": 1204, "corrected": 3, "repeated": 1, "unknown": 2},
        "log": {"written": totals["rows"], "lost": 0, "bytes": 412_000_000, "failure": ""},
        "mix": describe_mix(profile.predictions, counts.predictions),
        "history": history.to_list(),
    }  # fmt: skip
    return json.dumps(status)


def quiet(count: int = 30) -> dict[str, Any]:
    """Give the status after a day of rows like those of the reference."""
    return json.loads(_watched(tuple(feature_names(count)), ()))


def alarming(count: int = 30) -> dict[str, Any]:
    """Give the status after an afternoon of drift."""
    names = feature_names(count)
    return json.loads(_watched(tuple(names), (names[0], names[3], names[1])))
