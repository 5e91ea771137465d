"""What a BentoML user writes first: the same model behind a plain ``@bentoml.api``. The benchmark's other side."""

import os
from pathlib import Path
from typing import Any

import bentoml
import lightgbm
import numpy as np

from toolkit.artifacts import load_json

PACKAGE = Path(os.environ["BENCHMARK_PACKAGE"])


@bentoml.service(workers=int(os.environ.get("TOOLKIT_WORKERS", "1")))
class Plain:
    """LightGBM's own Booster, BentoML's own validation; no log, no drift."""

    def __init__(self) -> None:
        signature = load_json(PACKAGE / "signature.json")
        self.booster = lightgbm.Booster(model_file=PACKAGE / "model.txt")
        self.names, self.classes = signature["features"], signature["classes"]

    @bentoml.api(route="/predict")
    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Predict rows."""
        matrix = np.array([[row[name] for name in self.names] for row in rows], dtype=float)
        shares = self.booster.predict(matrix, num_threads=1)
        return {
            "predictions": [{self.classes[0]: 1 - share, self.classes[1]: share} for share in shares.tolist()]
        }
