"""What a FastAPI user writes first: the bare model behind a route. A peer in the benchmark of the service."""

import os
from pathlib import Path

import lightgbm
import numpy as np
from fastapi import FastAPI

from toolkit.artifacts import load_json

PACKAGE = Path(os.environ["BENCHMARK_PACKAGE"])
signature = load_json(PACKAGE / "signature.json")
booster = lightgbm.Booster(model_file=PACKAGE / "model.txt")
names, classes = signature["features"], signature["classes"]
app = FastAPI()


@app.get("/readyz")
async def ready() -> dict[str, bool]:
    """Say that it answers."""
    return {"ready": True}


@app.post("/predict")
async def predict(rows: list[dict[str, float]]) -> list[dict[str, float]]:
    """Predict rows."""
    matrix = np.array([[row[name] for name in names] for row in rows])
    shares = booster.predict(matrix, num_threads=1)
    return [{classes[0]: 1 - share, classes[1]: share} for share in shares.tolist()]
