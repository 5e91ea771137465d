"""The way to a server on this machine, without a server."""

import json
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import pytest

from toolkit.errors import PackageError
from toolkit.packaging.serve import find_port, wait_until_ready


class Ready(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(json.dumps({"ready": True}).encode())

    def log_message(self, *_: object) -> None:
        pass


def test_a_proxy_of_the_environment_is_not_asked_for_a_server_on_this_machine(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("no_proxy", "NO_PROXY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:9")
    monkeypatch.setattr("toolkit.packaging.serve.START_TIMEOUT_S", 5)
    with HTTPServer(("127.0.0.1", 0), Ready) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        running = mock.Mock(poll=lambda: None)
        assert wait_until_ready(running, "127.0.0.1", server.server_port).startswith("http://127.0.0.1:")
        server.shutdown()


def test_an_address_of_another_machine_is_refused_for_any_port() -> None:
    for port in (0, 3000):
        with pytest.raises(PackageError, match="must be free and is not"):
            find_port("192.0.2.1", port)
