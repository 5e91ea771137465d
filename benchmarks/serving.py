"""Requests per second, latency and memory of the service, beside BentoML and FastAPI with the same model, in one run.

``./run python benchmarks/serving.py``; the model has 100 trees of 31 leaves over 30 numbers (:mod:`served_model`).
Everything of the service is on: strict checks, features, prediction log, metrics, drift. All servers run at the same
time and are asked in turns, so that noise of the machine hits each. The load comes from wrk (``apt install wrk``), on
the same machine: it takes part of a core.
``--requests N`` asks the service so often, and shows its memory on the way.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from served_model import make_package

from toolkit.packaging.bento import build_bento
from toolkit.packaging.serve import find_port, start_server, stop_server
from toolkit.paths import project_root

HERE = Path(__file__).resolve().parent
OURS, UNWATCHED, BENTOML, FASTAPI = "toolkit", "toolkit without monitoring", "plain BentoML", "FastAPI"
JSON = "application/json"
ARROW = "application/vnd.apache.arrow.stream"
SCRIPT = """
wrk.method = "POST"
wrk.headers["Content-Type"] = "{media_type}"
local file = io.open("{path}", "rb")
wrk.body = file:read("*a")
file:close()
"""


@dataclass(frozen=True)
class Load:
    """What one measurement gave: requests per second, and latencies in ms."""

    rate: float
    p50: float
    p99: float


@dataclass(frozen=True)
class Served:
    """The packaged model that all serve, and rows to ask it for."""

    package: Path
    rows: list[dict[str, Any]]


def ask(port: int, body: bytes, media_type: str, clients: int, seconds: float) -> Load:
    """Let wrk ask for so long, each client one request after the other on its connection."""
    with tempfile.TemporaryDirectory() as place:
        path, script = Path(place, "body"), Path(place, "ask.lua")
        path.write_bytes(body)
        script.write_text(SCRIPT.format(media_type=media_type, path=path))
        url = f"http://127.0.0.1:{port}/predict"
        command = ["wrk", "-t1", f"-c{clients}", f"-d{seconds:g}s", "--latency", "-s", str(script), url]
        text = subprocess.run(
            command, capture_output=True, text=True, check=True, timeout=seconds + 60
        ).stdout
    if "Non-2xx" in text or "Socket errors" in text:
        raise SystemExit(f"{url} must answer every request:\n{text}")
    rate = re.search(r"Requests/sec:\s+([\d.]+)", text)
    if rate is None:
        raise SystemExit(text)
    return Load(float(rate[1]), _read_latency(text, "50%"), _read_latency(text, "99%"))


def _read_latency(text: str, name: str) -> float:
    found = re.search(rf"^\s+{name}\s+([\d.]+)(us|ms|s)\s*$", text, re.MULTILINE)
    if found is None:
        raise SystemExit(text)
    return float(found[1]) * {"us": 1e-3, "ms": 1.0, "s": 1e3}[found[2]]


def _start(command: list[str], home: Path, package: Path, workers: int) -> subprocess.Popen[bytes]:
    environment = {
        **os.environ,
        "BENCHMARK_PACKAGE": str(package),
        "BENTOML_HOME": str(home),
        "TOOLKIT_LOG_DIR": str(home / "logs"),
        "TOOLKIT_PACKAGE": str(package),
        "TOOLKIT_WORKERS": str(workers),
        "PYTHONPATH": f"{HERE}{os.pathsep}{project_root()}",
    }
    log = (home / "output").open("wb")  # an access log would measure the terminal
    return subprocess.Popen(
        [sys.executable, "-m", *command],
        env=environment,
        cwd=HERE,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


@contextmanager
def run_servers(names: list[str], workers: int, package: Path) -> Iterator[dict[str, int]]:
    """Start servers of a packaged model and give their ports, once all are ready."""
    root = project_root()
    servers, ports = [], {}
    with tempfile.TemporaryDirectory() as place:
        try:
            for name in names:
                home, port = Path(place, str(len(ports))), find_port("127.0.0.1")
                home.mkdir()
                listen = ["--host", "127.0.0.1", "--port", str(port)]
                if name == OURS:
                    bento = build_bento(root, package, home / "store")
                    server = start_server(bento, home, home, port=port, workers=workers)
                elif name == FASTAPI:
                    server = _start(["fastapi_service", str(port), str(workers)], home, package, workers)
                else:
                    module = "unwatched_service:service" if name == UNWATCHED else "plain_service:Plain"
                    server = _start(["bentoml", "serve", module, *listen], home, package, workers)
                servers.append(server)
                ports[name] = port
            for server, port in zip(servers, ports.values(), strict=True):
                wait_until_ready(server, port)
            yield ports
        finally:
            for server in servers:
                stop_server(server)


def wait_until_ready(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until a service says that it is ready; BentoML's own says so without a body."""
    import httpx

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise SystemExit(f"The server at port {port} must start and does not.")


def make_bodies(rows: list[dict[str, Any]]) -> dict[str, list[tuple[str, bytes, str]]]:
    """Make the bodies that each service is asked with: its name for the form, the bytes, the media type."""
    plain = json.dumps({"rows": rows}).encode()
    ours = [("", json.dumps(rows[0]).encode(), JSON)] if len(rows) == 1 else [(", JSON rows", plain, JSON)]
    if len(rows) > 1:
        compact = {"columns": list(rows[0]), "data": [list(row.values()) for row in rows]}
        ours += [
            (", JSON arrays", json.dumps(compact).encode(), JSON),
            (", Arrow", make_arrow(rows), ARROW),
        ]
    return {
        OURS: ours,
        UNWATCHED: ours[:1],
        BENTOML: [("", plain, JSON)],
        FASTAPI: [("", json.dumps(rows).encode(), JSON)],
    }


def make_arrow(rows: list[dict[str, Any]]) -> bytes:
    """Make an Arrow stream of rows."""
    import pyarrow as pa

    table = pa.Table.from_pylist(rows)
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, table.schema) as writer:
        writer.write_table(table)
    return sink.getvalue().to_pybytes()


def measure_booster(package: Path, rows: list[dict[str, Any]]) -> float:
    """Give the rows per second of LightGBM's own predict on a matrix, with one thread as the services have."""
    import lightgbm

    booster = lightgbm.Booster(model_file=package / "model.txt")
    matrix = np.array([list(row.values()) for row in rows], dtype=float)
    rates = []
    for _ in range(30):
        begin = time.perf_counter()
        booster.predict(matrix, num_threads=1)
        rates.append(len(rows) / (time.perf_counter() - begin))
    return statistics.median(rates)


def compare(ports: dict[str, int], served: Served, workers: int, options: argparse.Namespace) -> None:
    """Ask all services in turns and print rows of a Markdown table."""
    for rows, clients in ((1, 1), (1, 16), (1000, 1), (1000, 4)):
        bodies = make_bodies(served.rows[:rows])
        asked = [(name, *body) for name in ports for body in bodies[name]]
        results: dict[str, list[Load]] = {name + form: [] for name, form, _, _ in asked}
        for name, _, body, media_type in asked:
            ask(ports[name], body, media_type, clients, 1)  # warm
        for _ in range(options.rounds):
            for name, form, body, media_type in asked:
                load = ask(ports[name], body, media_type, clients, options.seconds)
                results[name + form].append(load)
        for name, loads in results.items():
            rate, p50, p99 = (
                statistics.median(getattr(load, field) for load in loads) for field in ("rate", "p50", "p99")
            )
            print(
                f"| {workers} | {rows} | {clients} | {name} | {rate:,.0f} | {p50:.2f} | {p99:.2f} |",
                flush=True,
            )
        if rows > 1 and clients == 1 and workers == 1:
            rate = measure_booster(served.package, served.rows[:rows])
            print(
                f"| – | {rows} | – | Booster.predict, one thread | {rate / rows:,.0f} | – | – |", flush=True
            )


def watch_memory(port: int, row: dict[str, Any], requests: int) -> None:
    """Ask so many times, and print the memory of the server's processes on the way."""
    url, body = f"http://127.0.0.1:{port}", json.dumps(row).encode()
    print("| requests | memory of all processes, MiB |\n|---|---|")
    while True:
        asked, memory = read_metrics(url)
        print(f"| {asked:,.0f} | {memory / 2**20:,.1f} |", flush=True)
        if asked >= requests:
            return
        ask(port, body, JSON, 16, 15)


def read_metrics(url: str) -> tuple[float, float]:
    """Read rows and memory from the service's metrics."""
    import httpx

    text = httpx.get(f"{url}/metrics").text
    values = [
        re.search(rf"^{name} (\S+)$", text, re.MULTILINE)
        for name in ("toolkit_rows_total", "toolkit_process_resident_memory_bytes")
    ]
    return tuple(float(value[1]) if value else 0.0 for value in values)  # type: ignore[return-value]


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each; their median is shown")
    parser.add_argument("--workers", type=int, nargs="*", default=[1, 2])
    parser.add_argument("--requests", type=int, default=0, help="watch the memory over so many, instead")
    options = parser.parse_args()
    if shutil.which("wrk") is None:
        raise SystemExit("This benchmark needs wrk. On Debian and Ubuntu: apt install wrk")
    with tempfile.TemporaryDirectory() as place:
        served = Served(Path(place, "package"), make_package(Path(place)))
        if options.requests:
            with run_servers([OURS], 1, served.package) as ports:
                watch_memory(ports[OURS], served.rows[0], options.requests)
            return
        print("| workers | rows a request | clients | service | requests/s | p50 ms | p99 ms |")
        print("|---|---|---|---|---|---|---|")
        for workers in options.workers:
            with run_servers([OURS, UNWATCHED, BENTOML, FASTAPI], workers, served.package) as ports:
                compare(ports, served, workers, options)


if __name__ == "__main__":
    main()
