"""What a model file is: the names and order of its features, its classes, its hash, and rows to test it with."""

from __future__ import annotations

import math
from datetime import date, datetime
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import measure_sha256
from toolkit.features.recorded import REPLAYED_ROWS, record_matrix
from toolkit.params import Train
from toolkit.training.dataset import Prepared
from toolkit.training.train import Trained

SELF_TEST_ROWS = 3


def build_signature(model: Path, trained: Trained, data: Prepared, params: Train) -> dict[str, Any]:
    """Describe a written model.

    ``self_test.outputs`` are LightGBM's own: the probability of the last class (binary), a list of probabilities in
    the order of ``classes`` (multiclass), or the value (regression); floats are exact. ``replay`` has a hash of each
    model column of the first training rows: packaging must get the same columns again.

    Parameters
    ----------
    model : Path
        The model file, already written: its SHA-256 goes into the signature.
    trained, data, params
        What it was trained from.
    """
    inputs = dict(data.features.inputs)
    valid = data["valid"]
    count = min(SELF_TEST_ROWS, len(valid))
    rows = valid.table.select(list(inputs)).slice(0, count).to_pylist()
    return {
        "schema": 1,
        "task": data.task.kind,
        "classes": list(data.task.classes),
        "split": dict(data.task.split),
        "features": list(data.features.names),
        "metric": trained.metric,
        "best_iteration": trained.best_iteration,
        "num_trees": trained.booster.num_trees(),
        "params": params.model_dump(),
        "sha256": measure_sha256(model),
        "features_sha256": measure_sha256(data["train"].path.with_name("features.json")),
        "replay": record_matrix(data.features.names, next(data["train"].blocks(REPLAYED_ROWS))),
        "self_test": {
            "rows": [{name: _plain(value) for name, value in row.items()} for row in rows],
            "outputs": np.asarray(trained.booster.predict(valid.matrix[:count])).tolist(),
        },
    }


def _plain(value: Any) -> Any:
    if isinstance(value, datetime | date):
        return value.isoformat()
    return None if isinstance(value, float) and math.isnan(value) else value
