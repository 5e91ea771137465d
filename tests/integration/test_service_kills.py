"""kill -9 under load, of a worker and of the whole service: no torn record, counts equal to the log, a bounded loss.

TOOLKIT_TEST_KILLS=100 ./run test tests/integration/test_service_kills.py does it a hundred times.
"""

from __future__ import annotations

import http.client
import json
import os
import random
import signal
import threading
import time
from pathlib import Path

import pytest

from toolkit.data.predictions import iterate_log
from toolkit.monitoring.profile import load_profile
from toolkit.packaging.bento import build_bento
from toolkit.packaging.serve import find_port, start_server, stop_server, wait_until_ready
from toolkit.serving.ledger import load_total, retire_dead
from toolkit.serving.recorder import INTERVAL_S

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
KILLS = int(os.environ.get("TOOLKIT_TEST_KILLS", "2"))
SLACK_S = 0.5  # of a machine where other work may keep the recorder waiting


class Client(threading.Thread):
    """Asks on and on, and notes when it got which id."""

    def __init__(self, port: int, row: dict) -> None:
        super().__init__(daemon=True)
        self.port, self.body = port, json.dumps([row, row])
        self.answered: dict[str, float] = {}
        self.stop = threading.Event()

    def run(self) -> None:
        connection = None
        while not self.stop.is_set():
            try:
                connection = connection or http.client.HTTPConnection("127.0.0.1", self.port, timeout=10)
                connection.request("POST", "/predict", self.body, {"content-type": "application/json"})
                answer = json.loads(connection.getresponse().read())
                now = time.monotonic()
                self.answered |= {one["id"]: now for one in answer["predictions"]}
            except (OSError, http.client.HTTPException, ValueError):
                connection = None
                time.sleep(0.02)


def wait_for_answers(clients: list[Client], more: int = 200) -> None:
    begun = sum(len(client.answered) for client in clients)
    deadline = time.monotonic() + 60
    while sum(len(client.answered) for client in clients) < begun + more:
        assert time.monotonic() < deadline, "the service does not come back"
        time.sleep(0.02)


def kill_one_worker(folders, profile, rng) -> float:
    """Kill a worker that answers; give the time."""
    deadline = time.monotonic() + 30
    while True:
        pids = [pid for pid in load_total(*folders, profile)[1] if Path(f"/proc/{pid}").exists()]
        if pids:
            os.kill(rng.choice(pids), signal.SIGKILL)
            return time.monotonic()
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_kill_9_costs_at_most_the_last_moment_and_counts_equal_the_log(make_packaged, tmp_path):
    packaged, rng = make_packaged(), random.Random(1)
    bento = build_bento(ROOT, packaged.folder, tmp_path / "store")
    profile = load_profile(packaged.folder / "profile.json")
    home, port = tmp_path / "home", find_port("127.0.0.1")
    home.mkdir()
    tag = (packaged.folder / "tag.txt").read_text().strip().replace(":", "-")
    folders = home / "logs" / "monitoring" / tag, home / "logs" / "predictions"
    clients = [Client(port, packaged.rows(1)[0]) for _ in range(3)]
    server = start_server(bento, home, home, port=port, workers=2)
    killed_s = []
    try:
        wait_until_ready(server, "127.0.0.1", port)
        for client in clients:
            client.start()
        for number in range(KILLS):
            wait_for_answers(clients)
            time.sleep(rng.uniform(0, 0.3))
            if number % 2:
                killed_s.append(kill_one_worker(folders, profile, rng))
                continue
            killed_s.append(time.monotonic())
            os.killpg(server.pid, signal.SIGKILL)
            server.wait(10)
            server = start_server(bento, home, home, port=port, workers=2)
            wait_until_ready(server, "127.0.0.1", port)
        wait_for_answers(clients)
        for client in clients:
            client.stop.set()
        for client in clients:
            client.join(15)
    finally:
        stop_server(server)
    assert server.returncode == 0
    retire_dead(*folders, profile)
    total, living = load_total(*folders, profile)
    logged = [record["id"] for _, record in iterate_log(folders[1])]
    assert living == []
    assert all(path.read_bytes().endswith(b"\n") for path in folders[1].iterdir() if path.stat().st_size)
    assert len(set(logged)) == len(logged) == total.written == total.counts.rows
    answered = {id_: when for client in clients for id_, when in client.answered.items()}
    lost = set(answered) - set(logged)
    most = INTERVAL_S + SLACK_S
    assert all(any(-most <= answered[id_] - at <= 0.05 for at in killed_s) for id_ in lost)
    print(f"{KILLS} kills, {len(answered):,} rows answered, {len(lost):,} of them lost")
