"""The real server and a model file that is not the packaged one: never served, told in one message."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import httpx
import psutil
import pytest

from toolkit.packaging.bento import build_bento
from toolkit.packaging.serve import find_port, start_server, stop_server, wait_until_ready

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def built(make_packaged, tmp_path_factory):
    return build_bento(ROOT, make_packaged().folder, tmp_path_factory.mktemp("store"))


@pytest.fixture
def bento(built, tmp_path):
    return shutil.copytree(built, tmp_path / "bento")


def damage(bento):
    path = bento / "src" / "models" / "package" / "model.txt"
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        (damage, "model.txt is not the file that was packaged (its SHA-256 differs)"),
        (lambda bento: (bento / "src/models/package/gates.json").unlink(), "gates.json is missing"),
    ],
)
def test_bentoml_serve_ends_with_the_reason_alone(bento, tmp_path, fault, words):
    fault(bento)
    environment = {**os.environ, "BENTOML_HOME": str(tmp_path / "home"), "BENTOML_DO_NOT_TRACK": "true"}
    command = ["bentoml", "serve", str(bento), "--host", "127.0.0.1", "--port", str(find_port("127.0.0.1"))]
    done = subprocess.run(
        command, env=environment, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    last = done.stderr.splitlines()[-1]
    assert last.startswith("error: ") and words in last


def test_a_worker_that_is_started_again_does_not_serve_what_was_damaged_meanwhile(bento, tmp_path):
    port = find_port("127.0.0.1")
    server = start_server(bento, tmp_path / "home", tmp_path, port=port)
    try:
        url = wait_until_ready(server, "127.0.0.1", port)
        damage(bento)
        assert httpx.get(f"{url}/readyz").status_code == 200  # the model in memory is whole
        workers = psutil.Process(server.pid).children()
        workers[0].send_signal(signal.SIGKILL)
        answer = wait_for_answer(url)
        assert answer.status_code == 503
        assert "its SHA-256 differs" in answer.json()["reason"]
        refused = httpx.post(f"{url}/predict", json={})
        assert (refused.status_code, refused.json()["error"]["kind"]) == (503, "no_model")
        pids = [worker.pid for worker in psutil.Process(server.pid).children()]
        time.sleep(1.5)  # it stays: no start again and again
        assert [worker.pid for worker in psutil.Process(server.pid).children()] == pids
    finally:
        stop_server(server)
    assert server.returncode == 0


def wait_for_answer(url):
    deadline = time.monotonic() + 30
    while time.monotonic() < deadline:
        try:
            return httpx.get(f"{url}/readyz", timeout=1)
        except httpx.TransportError:
            time.sleep(0.1)
    raise AssertionError("no answer within 30 s")
