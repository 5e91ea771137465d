"""The front reads bodies within bounds, and its refusals reach clients that are still sending."""

import http.client
import json
import socket
import threading
import time
from unittest.mock import MagicMock

import pytest
import uvicorn

from toolkit.serving import front as module
from toolkit.serving.endpoints import Answer
from toolkit.serving.front import Front


class Endpoints:
    max_body_bytes = 1000

    def __init__(self):
        self.metrics = MagicMock()

    def predict(self, body):
        return Answer(200, json.dumps(len(body)).encode())


@pytest.fixture(scope="module")
def port():
    endpoints = Endpoints()
    front = Front(None, lambda: endpoints)
    config = uvicorn.Config(front, port=0, lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield server.servers[0].sockets[0].getsockname()[1]
    server.should_exit = True
    thread.join(10)


def post(port, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/predict", body, {"content-type": "application/json", **headers})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("size", [1001, 4_000_010, 50_000_000])
def test_a_client_that_sends_all_before_it_reads_gets_the_refusal(port, size):
    assert post(port, b" " * 1000) == (200, 1000)
    status, answer = post(port, b" " * size)
    assert (status, answer["error"]["kind"]) == (413, "too_large")
    status, answer = post(port, iter([b" " * 65_536] * (size // 65_536 + 1)))
    assert (status, answer["error"]["kind"]) == (413, "too_large")


def test_a_body_that_is_larger_than_what_is_dropped_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(module, "DROPPED_BYTES", 100_000)
    with pytest.raises(OSError):
        for _ in range(3):  # the system's buffers may swallow one
            post(port, b" " * 50_000_000)


@pytest.mark.parametrize("sent", [b"", b"[1, "])
def test_a_body_that_stalls_is_answered_with_408_and_the_connection_is_closed(port, monkeypatch, sent):
    monkeypatch.setattr(module, "BODY_TIMEOUT_S", 0.3)
    head = (
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head + sent)
        begin, answer = time.monotonic(), b""
        while part := client.recv(65_536):
            answer += part
    assert time.monotonic() - begin < 5
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"kind":"timeout"' in answer.replace(b" ", b"")


def test_a_client_that_waits_to_be_asked_for_a_large_body_is_not_asked(port):
    head = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\nexpect: 100-continue\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head + b"content-length: 5000\r\n\r\n")
        answer = b""
        while part := client.recv(65_536):
            answer += part
    assert answer.startswith(b"HTTP/1.1 413 ")
