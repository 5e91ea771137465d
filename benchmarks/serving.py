"""Requests per second and latency of the service, beside a plain BentoML service with the same model, in one run.

``./run python benchmarks/serving.py`` after ``./run``. Everything of the service is on: strict checks, prediction log,
metrics, drift. Both servers run at the same time and are asked in turns, so that noise of the machine hits both.
The client is plain asyncio on keep-alive connections; it takes a core of its own.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from toolkit.packaging.bento import build_bento
from toolkit.packaging.lineage import fetch_json
from toolkit.packaging.serve import find_port, start_server, stop_server, wait_until_ready
from toolkit.paths import project_root

HERE = Path(__file__).resolve().parent


async def client(port: int, request: bytes, until: float, latencies: list[float]) -> None:
    """Send one request after the other on one connection."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    while (begin := time.perf_counter()) < until:
        writer.write(request)
        head = await reader.readuntil(b"\r\n\r\n")
        if not head.startswith(b"HTTP/1.1 200"):
            raise RuntimeError(head.decode())
        length = next(line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length:"))
        await reader.readexactly(int(length.split(b":")[1]))
        latencies.append(time.perf_counter() - begin)
    writer.close()


async def load(port: int, body: bytes, clients: int, seconds: float) -> list[float]:
    """Let so many clients ask for so long; give every latency in seconds."""
    request = (
        b"POST /predict HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        b"Content-Length: " + str(len(body)).encode() + b"\r\n\r\n" + body
    )
    latencies: list[float] = []
    until = time.perf_counter() + seconds
    await asyncio.gather(*(client(port, request, until, latencies) for _ in range(clients)))
    return latencies


def summarize(latencies: list[float], seconds: float) -> tuple[float, float, float]:
    """Give requests per second, and the median and 99th percentile of the latency in ms."""
    ordered = sorted(latencies)
    return (
        len(ordered) / seconds,
        ordered[len(ordered) // 2] * 1e3,
        ordered[min(int(len(ordered) * 0.99), len(ordered) - 1)] * 1e3,
    )


def start_plain(root: Path, package: Path, home: Path, port: int, workers: int) -> subprocess.Popen[bytes]:
    """Start the plain service."""
    environment = {
        **os.environ,
        "BENCHMARK_PACKAGE": str(package),
        "BENTOML_HOME": str(home),
        "TOOLKIT_WORKERS": str(workers),
        "PYTHONPATH": f"{HERE}{os.pathsep}{root}",
    }
    command = [sys.executable, "-m", "bentoml", "serve", "plain_service:Plain", "--port", str(port)]
    log = (home / "output").open("wb")  # its access log would measure the terminal
    return subprocess.Popen(
        [*command, "--host", "127.0.0.1"],
        env=environment,
        cwd=HERE,
        stdout=log,
        stderr=log,
        start_new_session=True,
    )


def wait_for_plain(server: subprocess.Popen[bytes], port: int) -> None:
    """Wait until the plain service answers."""
    import httpx

    deadline = time.monotonic() + 120
    while time.monotonic() < deadline and server.poll() is None:
        try:
            if httpx.get(f"http://127.0.0.1:{port}/readyz", timeout=2).status_code == 200:
                return
        except httpx.HTTPError:
            time.sleep(0.2)
    raise RuntimeError("the plain service did not start")


def main() -> None:
    """Run the benchmark and print its table."""
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--seconds", type=float, default=4, help="of each measurement")
    parser.add_argument("--rounds", type=int, default=3, help="measurements of each; their median is shown")
    parser.add_argument("--workers", type=int, default=1)
    options = parser.parse_args()
    root = project_root()
    package = root / "models" / "package"
    bento = build_bento(root, package)
    with tempfile.TemporaryDirectory() as first, tempfile.TemporaryDirectory() as second:
        ports = {"toolkit": find_port("127.0.0.1"), "plain BentoML": find_port("127.0.0.1")}
        servers = [
            start_server(bento, Path(first), Path(first), port=ports["toolkit"], workers=options.workers),
            start_plain(root, package, Path(second), ports["plain BentoML"], options.workers),
        ]
        try:
            url = wait_until_ready(servers[0], "127.0.0.1", ports["toolkit"])
            wait_for_plain(servers[1], ports["plain BentoML"])
            measure(ports, fetch_json(f"{url}/schema", direct=True)["example"], options)
        finally:
            for server in servers:
                stop_server(server)


def measure(ports: dict[str, int], row: dict[str, object], options: argparse.Namespace) -> None:
    """Ask both services in turns and print a Markdown table."""
    print("| rows a request | clients | service | requests/s | p50 ms | p99 ms |\n|---|---|---|---|---|---|")
    for rows, clients in ((1, 1), (1, 16), (1000, 1)):
        body = json.dumps({"rows": [row] * rows}).encode()
        results: dict[str, list[tuple[float, float, float]]] = {name: [] for name in ports}
        for port in ports.values():
            asyncio.run(load(port, body, clients, 1))  # warm
        for _ in range(options.rounds):
            for name, port in ports.items():
                results[name].append(
                    summarize(asyncio.run(load(port, body, clients, options.seconds)), options.seconds)
                )
        for name, rounds in results.items():
            rate, median, tail = (statistics.median(column) for column in zip(*rounds, strict=True))
            print(f"| {rows} | {clients} | {name} | {rate:.0f} | {median:.2f} | {tail:.2f} |", flush=True)


if __name__ == "__main__":
    main()
