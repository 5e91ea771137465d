"""The real server's door: a token, TLS, an address for metrics, a limit of requests, and an end that loses nothing."""

from __future__ import annotations

import asyncio
import json
import os
import ssl
import subprocess
import sys
import threading
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.certificates import write_pair
from tests.steady_load import SteadyLoad, make_request
from toolkit.packaging.bento import build_bento
from toolkit.packaging.serve import describe, find_port, start_server, stop_server, wait_until_ready
from toolkit.serving.tls import make_client_context

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
TOKENS = ("first-token-0123456789", "second-token-012345678")
VARIABLES = (
    "TOOLKIT_TOKEN",
    "TOOLKIT_TOKEN_FILE",
    "TOOLKIT_TLS_CERTIFICATE",
    "TOOLKIT_TLS_KEY",
    "TOOLKIT_METRICS_ADDRESS",
)


@pytest.fixture(scope="module")
def bento(make_packaged, tmp_path_factory):
    return build_bento(ROOT, make_packaged("binary").folder, tmp_path_factory.mktemp("store"))


@pytest.fixture
def serve(bento, tmp_path, monkeypatch):
    """Start a server with environment variables; gives its URL, port and process."""

    @contextmanager
    def start(workers=1, certificate=None, **environment):
        for name in VARIABLES:
            monkeypatch.delenv(name, raising=False)
        for name, value in environment.items():
            monkeypatch.setenv(name, value)
        port = find_port("127.0.0.1")
        server = start_server(bento, tmp_path / "home", tmp_path, port=port, workers=workers)
        try:
            yield wait_until_ready(server, "127.0.0.1", port, certificate), port, server
        finally:
            stop_server(server)

    (tmp_path / "home").mkdir()
    return start


def test_a_closed_service_and_its_end_under_load(serve, make_packaged, tmp_path):
    certificate, key = write_pair(tmp_path)
    private = f"127.0.0.1:{find_port('127.0.0.1')}"
    settings = {
        "TOOLKIT_TOKEN": " ".join(TOKENS),
        "TOOLKIT_TLS_CERTIFICATE": certificate.name,  # beside where the server is started
        "TOOLKIT_TLS_KEY": str(key),
        "TOOLKIT_METRICS_ADDRESS": private,
    }
    body = json.dumps(make_packaged().rows(1)[0]).encode()
    with serve(certificate=certificate, **settings) as (url, port, server):
        assert url.startswith("https://")
        context = make_client_context(certificate)
        with httpx.Client(verify=context, timeout=30) as client:
            check_tokens(client, url, f"https://{private}", body)
        check_versions(port, certificate)
        told = describe(url, certificate, private)
        assert f"--cacert {certificate}" in told
        assert f"https://{private}/metrics" in told
        assert TOKENS[0] not in told
        load = SteadyLoad(port, make_request(body, f"Authorization: Bearer {TOKENS[1]}"), context)
        asyncio.run(load.run(lambda: server.poll() is not None, 0.5, server.terminate))
        assert (load.counts["lost"], server.returncode) == (0, 0), load.counts
        assert load.counts["200"] > 20


def check_tokens(client, url, private, body):
    """Every path wants a token, health does not; metrics and feedback are at the private address alone."""
    allowed = {"authorization": f"Bearer {TOKENS[0]}", "content-type": "application/json"}
    expected = {
        "/livez": (200, 200, 200, 200),  # public, with a token; private, with a token
        "/readyz": (200, 200, 200, 200),
        "/schema": (401, 200, 401, 404),
        "/metrics": (401, 404, 401, 200),
        "/status": (401, 404, 401, 200),
        "/": (401, 200, 401, 404),
        "/docs.json": (401, 200, 401, 404),
        "/nothing": (401, 404, 401, 404),
    }
    for path, statuses in expected.items():
        found = [
            client.get(f"{address}{path}", headers=headers).status_code
            for address in (url, private)
            for headers in ({}, allowed)
        ]
        assert tuple(found) == statuses, path
    for token, status in [(TOKENS[0], 200), (TOKENS[1], 200), (TOKENS[0] + "x", 401)]:
        headers = allowed | {"authorization": f"Bearer {token}"}
        assert client.post(f"{url}/predict", content=body, headers=headers).status_code == status
    answered = client.post(f"{url}/predict", content=body, headers=allowed).json()
    feedback = {"id": answered["id"], "label": answered["label"]}
    assert client.post(f"{url}/feedback", json=feedback, headers=allowed).status_code == 404
    assert client.post(f"{private}/feedback", json=feedback, headers=allowed).status_code == 200
    text = client.get(f"{private}/metrics", headers=allowed).text
    assert 'toolkit_errors_total{kind="unauthorized"}' in text
    assert "toolkit_in_flight_limit 64.0" in text


def check_versions(port, certificate):
    """TLS 1.2 without forward secrecy is refused, and plain HTTP too."""
    weak = make_client_context(certificate)
    weak.maximum_version = ssl.TLSVersion.TLSv1_2
    weak.set_ciphers("AES128-GCM-SHA256")
    with pytest.raises(httpx.TransportError), httpx.Client(verify=weak) as client:
        client.get(f"https://127.0.0.1:{port}/livez")
    with pytest.raises(httpx.TransportError):
        httpx.get(f"http://127.0.0.1:{port}/livez", timeout=5)


def test_two_workers_end_under_load_and_say_so_before(serve, make_packaged):
    with serve(workers=2) as (url, port, server):
        body = json.dumps(make_packaged().rows(1)[0]).encode()
        load, seen = SteadyLoad(port, make_request(body)), []

        def end():
            server.terminate()
            threading.Thread(target=watch_readiness, args=(url, seen)).start()

        asyncio.run(load.run(lambda: server.poll() is not None, 0.5, end))
        assert (load.counts["lost"], server.returncode) == (0, 0), load.counts
        assert load.counts["200"] > 20
        status, answer = seen[-1]
        assert status == 503  # and the connection was still taken
        assert answer["checks"]["serving"] == "the service is about to end"
        assert [name for name, fault in answer["checks"].items() if fault != "ok"] == ["serving"]


def watch_readiness(url, seen):
    while True:
        try:
            response = httpx.get(f"{url}/readyz", timeout=5)
        except httpx.TransportError:
            return
        seen.append((response.status_code, response.json()))
        time.sleep(0.1)


def test_a_wrong_setting_ends_the_server_with_the_reason_alone(bento, tmp_path):
    clean = {name: value for name, value in os.environ.items() if name not in (*VARIABLES, "TOOLKIT_PACKAGE")}
    home = {"BENTOML_HOME": str(tmp_path), "BENTOML_DO_NOT_TRACK": "true"}
    done = subprocess.run(
        [sys.executable, "-m", "bentoml", "serve", str(bento), "--port", str(find_port("127.0.0.1"))],
        env=clean | home | {"TOOLKIT_TOKEN": "much-used"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 1
    assert (
        "error: A token must have 16 characters or more, and the token in TOOLKIT_TOKEN has 9." in done.stderr
    )
    assert "Traceback" not in done.stderr
    assert "much-used" not in done.stderr + done.stdout
