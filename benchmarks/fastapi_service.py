"""What a FastAPI user writes first: the bare model behind a route. A peer in the benchmark of the service.

``python fastapi_service.py PORT WORKERS`` serves it. Each worker listens for itself: behind ``uvicorn --workers 2``
every answer waits 40 ms for the client's delayed acknowledgement, as its sockets do not say that they are TCP's, and
asyncio then leaves Nagle's algorithm on.
"""

import multiprocessing
import os
import socket
import sys
from pathlib import Path

import lightgbm
import numpy as np
import uvicorn
from fastapi import FastAPI

from toolkit.artifacts import load_json
from toolkit.leash import die_with_parent

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


def serve(port: int, child: bool = True) -> None:
    """Serve in this process."""
    if child:
        die_with_parent()
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    listener.bind(("127.0.0.1", port))
    uvicorn.Server(uvicorn.Config(app, access_log=False)).run(sockets=[listener])


if __name__ == "__main__":
    for _ in range(int(sys.argv[2]) - 1):
        multiprocessing.get_context("fork").Process(target=serve, args=(int(sys.argv[1]),)).start()
    serve(int(sys.argv[1]), child=False)
