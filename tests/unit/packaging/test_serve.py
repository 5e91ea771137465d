"""The way to a server on this machine, without a server."""

import json
import socket
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from unittest import mock

import pytest

from toolkit.errors import ModelError, PackageError
from toolkit.packaging import serve as serving
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


@pytest.mark.parametrize("host", ["192.0.2.1", "localhost", "nonsense", "2001:db8::1"])
def test_an_address_of_another_machine_is_refused_for_any_port(host: str) -> None:
    for port in (0, 3000):
        with pytest.raises(PackageError, match=f"--host must be an IP address of this machine. Got {host}: "):
            find_port(host, port)


def test_a_port_that_is_taken_is_told_with_the_way_out() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        with pytest.raises(
            PackageError, match=f"Port {port} must be free and is not. Give another: --port N"
        ):
            find_port("127.0.0.1", port)


@pytest.mark.parametrize(("asked", "set_to", "started"), [("", "2", 2), ("3", "2", 3), ("", None, 1)])
def test_the_environment_says_which_model_and_how_many_workers(
    make_packaged, tmp_path, monkeypatch, asked, set_to, started
) -> None:
    package = make_packaged().folder
    monkeypatch.setenv("TOOLKIT_PACKAGE", str(package))
    monkeypatch.setenv("TOOLKIT_WORKERS", set_to or "")
    if set_to is None:
        monkeypatch.delenv("TOOLKIT_WORKERS")
    start = mock.Mock(return_value=mock.Mock(wait=lambda *_: 0, poll=lambda: 0))
    monkeypatch.setattr(serving, "subprocess", mock.Mock(Popen=start))
    for name in ("build_bento", "wait_until_ready", "describe", "signal"):
        monkeypatch.setattr(serving, name, mock.Mock())
    serving.build_bento.return_value = tmp_path
    assert serving.serve(tmp_path, port=0, workers=asked) == 0
    environment = start.call_args.kwargs["env"]
    assert environment["TOOLKIT_PACKAGE"] == str(package)
    assert environment["TOOLKIT_WORKERS"] == str(started)


def test_a_damaged_model_that_the_environment_names_is_refused(tmp_path, monkeypatch) -> None:
    monkeypatch.setenv("TOOLKIT_PACKAGE", str(tmp_path))
    monkeypatch.setattr(serving, "build_bento", mock.Mock(return_value=tmp_path))
    with pytest.raises(ModelError, match=f"{tmp_path} must hold a packaged model"):
        serving.serve(tmp_path)
