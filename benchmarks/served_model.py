"""A packaged model of a usual size, for benchmarks: 100 trees of 31 leaves over 30 numbers, trained on made-up rows.

The default project's own model learns from 455 rows and is smaller than what people serve.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import lightgbm
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.artifacts import measure_sha256, write_json
from toolkit.data.fit import write_features
from toolkit.features import Features
from toolkit.features.recorded import REPLAYED_ROWS, record_columns
from toolkit.monitoring.performance_reference import fit_reference
from toolkit.monitoring.profile import fit_profile, fit_scores, scores_to_list
from toolkit.packaging.package import Sources, write_package
from toolkit.params import Package
from toolkit.paths import project_root

NAMES = [f"feature_{number:02d}" for number in range(30)]
CLASSES = ["no", "yes"]
TRAIN_ROWS, TEST_ROWS, TREES, LEAVES = 20_000, 2_000, 100, 31


def make_rows(count: int, seed: int) -> np.ndarray:
    """Make rows of numbers with four decimals, as measurements have."""
    return np.random.default_rng(seed).normal(size=(count, len(NAMES))).round(4)


def make_package(folder: Path) -> list[dict[str, Any]]:
    """Train and package a model; give rows that it has not seen."""
    train, test = make_rows(TRAIN_ROWS, 1), make_rows(TEST_ROWS, 2)
    weights = np.random.default_rng(3).normal(size=8)

    def label(rows: np.ndarray, seed: int) -> np.ndarray:
        noise = np.random.default_rng(seed).normal(size=len(rows))
        return (rows[:, :8] @ weights + rows[:, 0] * rows[:, 1] + noise > 0).astype(int)

    targets = label(train, 4), label(test, 5)
    sources = Sources(folder / "prepared", folder / "train", folder / "validate")
    for path in (sources.prepared, sources.train, sources.validate):
        path.mkdir(parents=True)
    kinds = dict.fromkeys(NAMES, "number")
    columns = dict(zip(NAMES, train.T, strict=True))
    for name, rows, target in (("train", train, targets[0]), ("test", test, targets[1])):
        table = {
            "row_id": [f"{name}-{row}" for row in range(len(rows))],
            **dict(zip(NAMES, rows.T, strict=True)),
            "label": np.array(CLASSES)[target],
        }
        pq.write_table(pa.table(table), sources.prepared / f"{name}.parquet")
    features = Features.fit(columns, kinds)
    write_features(sources.prepared, features)
    profile = fit_profile(columns, kinds, bins=10, labels=np.array(CLASSES)[targets[0]].tolist())
    write_json(sources.prepared / "profile.json", profile.to_dict())
    options = {"objective": "binary", "num_leaves": LEAVES, "verbose": -1, "seed": 1, "num_threads": 1}
    booster = lightgbm.train(options, lightgbm.Dataset(train, targets[0]), TREES)
    (sources.train / "model.txt").write_text(booster.model_to_string(), encoding="utf-8")
    scores = np.asarray(booster.predict(test))
    cells = fit_scores(scores, CLASSES)
    write_json(sources.train / "scores.json", {"schema": 1, "predictions": scores_to_list(cells)})
    rows = [dict(zip(NAMES, row, strict=True)) for row in test.tolist()]
    signature = {
        "schema": 1,
        "task": "binary",
        "classes": CLASSES,
        "features": list(features.names),
        "num_trees": booster.num_trees(),
        "features_sha256": measure_sha256(sources.prepared / "features.json"),
        "replay": record_columns(
            features, {name: values[:REPLAYED_ROWS] for name, values in columns.items()}
        ),
        "sha256": measure_sha256(sources.train / "model.txt"),
        "self_test": {"rows": rows[:3], "outputs": scores[:3].tolist()},
    }
    write_json(sources.train / "signature.json", signature)
    write_json(sources.validate / "gates.json", {"schema": 1, "passed": True, "gates": []})
    shares = np.column_stack([1 - scores, scores])
    reference = fit_reference(targets[1].astype(float), shares, CLASSES, cells, metric="roc_auc")
    write_json(sources.validate / "performance.json", reference.to_dict())
    write_package(folder / "package", project_root(), sources, Package(name="served"), {})
    return rows
