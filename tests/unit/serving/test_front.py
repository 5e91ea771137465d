"""The front reads bodies within bounds, and its refusals reach clients that are still sending."""

import asyncio
import http.client
import json
import socket
import threading
import time
from contextlib import contextmanager, suppress
from types import SimpleNamespace
from unittest.mock import MagicMock

import pytest
import uvicorn

from toolkit.errors import RequestError
from toolkit.serving import body as module
from toolkit.serving import routes
from toolkit.serving.connection import Connection, close_overdue
from toolkit.serving.endpoints import Answer
from toolkit.serving.front import Front
from toolkit.serving.guard import Guard

LIMITS = {"body_kb": 1, "in_flight": 4, "body_timeout_s": 30, "answer_timeout_s": 30}
TOKEN = "a-token-of-enough-letters"


class Endpoints:
    def __init__(self, **limits):
        self.metrics = MagicMock()
        self.model = SimpleNamespace(settings={"limits": LIMITS | limits}, inputs={"age": "number"})
        self.release = asyncio.Event()

    def predict(self, body):
        if body == b"wait":
            return self.wait()
        if body == b"big":
            return Answer(200, b"x" * 20_000_000)
        return Answer(200, json.dumps(len(body)).encode())

    async def wait(self):
        await self.release.wait()
        return Answer(200, b'"waited"')

    def live(self):
        return Answer(200, b"true")


@contextmanager
def running(guard=None, private=False, endpoints=None, **limits):
    """Serve a front for real in a thread; gives its port, the front and a way to call something in its loop."""
    endpoints = endpoints or Endpoints(**limits)
    front = Front(None, lambda: endpoints, guard)
    front.apart = private
    app = front.serve_private if private else front
    connection = type("OfThisServer", (Connection,), {"load": front.load})
    config = uvicorn.Config(
        app, port=0, lifespan="off", log_level="error", http=connection, log_config=None, interface="asgi3"
    )
    server = uvicorn.Server(config)
    front.load.tasks = server.server_state.tasks
    loops = []

    async def serve():
        loops.append(asyncio.get_running_loop())
        await server.serve()

    thread = threading.Thread(target=asyncio.run, args=(serve(),))
    thread.start()
    while not server.started:
        time.sleep(0.01)
    try:
        yield SimpleNamespace(
            port=server.servers[0].sockets[0].getsockname()[1],
            front=front,
            endpoints=endpoints,
            server=server,
            call=loops[0].call_soon_threadsafe,
        )
    finally:
        server.should_exit = True
        server.config.timeout_graceful_shutdown = 1
        thread.join(10)
    assert not thread.is_alive()


@pytest.fixture(scope="module")
def port():
    with running() as parts:
        yield parts.port


def post(port, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("POST", "/predict", body, {"content-type": "application/json", **headers})
    response = connection.getresponse()
    return response.status, json.loads(response.read())


@pytest.mark.parametrize("size", [1001, 4_000_010, 100_000_000])
def test_a_client_that_sends_all_before_it_reads_gets_the_refusal(port, size):
    assert post(port, b" " * 1000) == (200, 1000)
    status, answer = post(port, b" " * size)
    assert (status, answer["error"]["kind"]) == (413, "too_large")
    assert "The body may have 1 kB at most (package.limits.body_kb)" in answer["error"]["message"]
    status, answer = post(port, iter([b" " * 65_536] * (size // 65_536 + 1)))
    assert (status, answer["error"]["kind"]) == (413, "too_large")


def test_a_body_that_is_larger_than_what_is_dropped_is_cut_off(port, monkeypatch):
    monkeypatch.setattr(module, "DROPPED_BYTES", 100_000)
    with pytest.raises(OSError):
        for _ in range(3):  # the system's buffers may swallow one
            post(port, b" " * 50_000_000)


@pytest.mark.parametrize("sent", [b"", b"[1, "])
def test_a_body_that_stalls_is_answered_with_408_and_the_connection_is_closed(sent):
    with running(body_timeout_s=0.3) as parts:
        begin = time.monotonic()
        answer = exchange(parts.port, HEAD + b"content-length: 100\r\n\r\n" + sent)
    assert time.monotonic() - begin < 5
    assert answer.startswith(b"HTTP/1.1 408 ")
    assert b'"kind":"timeout"' in answer.replace(b" ", b"")


def test_a_client_that_waits_to_be_asked_for_a_large_body_is_not_asked(port):
    head = HEAD + b"expect: 100-continue\r\ncontent-length: 5000\r\n\r\n"
    assert exchange(port, head).startswith(b"HTTP/1.1 413 ")


def test_a_client_that_waits_to_be_asked_is_asked(port):
    head = HEAD + b"expect: 100-continue\r\nconnection: close\r\ncontent-length: 3\r\n\r\n"
    with socket.create_connection(("127.0.0.1", port), timeout=10) as client:
        client.sendall(head)
        assert client.recv(65_536).startswith(b"HTTP/1.1 100 ")
        client.sendall(b"[1]")
        assert receive(client).startswith(b"HTTP/1.1 200 ")


def test_pipelined_requests_are_answered_in_order(port):
    one = HEAD + b"content-length: %d\r\n\r\n%s"
    last = HEAD + b"connection: close\r\ncontent-length: 7\r\n\r\n" + b"7" * 7
    answer = exchange(port, one % (1, b"1") + one % (2, b"22") + last)
    assert [part.rpartition(b"\r\n\r\n")[2][:1] for part in answer.split(b"HTTP/1.1 200 OK")[1:]] == [
        b"1",
        b"2",
        b"7",
    ]


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\x00" * 100 + b"\r\n\r\n",  # TLS
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: 1\r\ncontent-length: 2\r\n\r\n12",
        b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-length: -1\r\n\r\n",
        b"POST /predict HTTP/1.1\r\ncontent-length: 2\r\n\r\n12",  # no host
        b"GET /livez HTTP/1.1\r\nhost: x\r\nx: " + b"x" * 70_000,
        b"POST /predict HTTP/1.1\r\nhost: x\r\ntransfer-encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
        b"\r\nGET\r\n\r\n",
    ],
)
def test_what_is_no_http_is_refused_in_the_one_shape(port, sent):
    answer = exchange(port, sent)
    assert answer.startswith((b"HTTP/1.1 400 ", b"HTTP/1.1 501 "))
    error = json.loads(answer.partition(b"\r\n\r\n")[2])["error"]
    assert set(error) == {"status", "kind", "message", "row", "feature", "findings"}


def test_two_lengths_at_once_are_refused_and_the_connection_is_closed(port):
    head = HEAD + b"content-length: 3\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n"
    answer = exchange(port, head + b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 400 ") and answer.count(b"HTTP/1.1") == 1
    assert b"connection: close" in answer


def test_a_path_says_what_it_takes(port):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    for method, path, allowed in [("GET", "/predict", "POST"), ("POST", "/livez", "GET, HEAD")]:
        connection.request(method, path)
        response = connection.getresponse()
        assert (response.status, response.headers["allow"]) == (405, allowed)
        response.read()


def test_head_is_get_without_the_body(port):
    answer = exchange(port, b"HEAD /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")
    assert answer.startswith(b"HTTP/1.1 200 ")
    assert b"content-length: 4\r\n" in answer
    assert answer.endswith(b"\r\n\r\n")


def test_requests_above_the_limit_get_503_at_once_and_the_others_their_answer():
    with running() as parts:
        waiting = [Asking(parts.port, b"wait") for _ in range(LIMITS["in_flight"])]
        wait_until(lambda: parts.front.load.measure() == LIMITS["in_flight"])
        begin = time.monotonic()
        connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
        connection.request("POST", "/predict", b"1", {"content-type": "application/json"})
        response = connection.getresponse()
        assert (response.status, response.headers["retry-after"]) == (503, "1")
        assert json.loads(response.read())["error"]["kind"] == "overloaded"
        connection.request("GET", "/livez")
        assert connection.getresponse().status == 200  # health is never refused
        assert time.monotonic() - begin < 2
        assert parts.front.load.take_peak() > LIMITS["in_flight"]
        parts.call(parts.endpoints.release.set)
        assert [one.result() for one in waiting] == [(200, "waited")] * len(waiting)
        assert post(parts.port, b"1") == (200, 1)
        assert parts.front.load.take_peak() > 0
        wait_until(lambda: parts.front.load.measure() == 0)
        assert parts.front.load.take_peak() == 0


def test_slow_bodies_keep_nobody_out():
    with running() as parts:
        head = HEAD + b"content-length: 100\r\n\r\n["
        slow = [send(parts.port, head) for _ in range(4 * LIMITS["in_flight"])]
        wait_until(lambda: len(parts.front.load.tasks) == len(slow) and parts.front.load.measure() == 0)
        assert post(parts.port, b"1") == (200, 1)
        for client in slow:
            client.close()
        wait_until(lambda: not parts.front.load.tasks)
        assert parts.front.load.arriving == 0


def test_bodies_that_are_arriving_are_bounded_together():
    with running() as parts:
        head = HEAD + b"content-length: 1000\r\n\r\n"
        slow = []
        for _ in range(LIMITS["in_flight"] + 2):
            slow.append(send(parts.port, head + b" " * 900))
            time.sleep(0.05)
        refused = [client for client in slow if peek(client).startswith(b"HTTP/1.1 503 ")]
        assert len(refused) == 2
        assert post(parts.port, b"1") == (200, 1)
        for client in slow:
            client.close()


def test_an_answer_that_takes_too_long_is_given_up_and_its_work_stays_counted():
    with running(answer_timeout_s=0.2) as parts:
        status, answer = post(parts.port, b"wait")
        assert (status, answer["error"]["kind"]) == (503, "timeout")
        assert len(parts.front.load.overdue) == 1
        parts.call(parts.endpoints.release.set)
        wait_until(lambda: parts.front.load.measure() == 0)


def test_while_draining_each_answer_ends_its_connection(port):
    with running() as parts:
        parts.front.drain()
        answer = exchange(parts.port, b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        assert b"connection: close\r\n" in answer


def test_without_a_token_only_health_answers():
    with running(Guard([TOKEN])) as parts:
        closed = ["/schema", "/", "/nothing", "/docs.json"]
        for path, status in [("/livez", 200), *((path, 401) for path in closed)]:
            connection = http.client.HTTPConnection("127.0.0.1", parts.port, timeout=20)
            connection.request("GET", path)
            response = connection.getresponse()
            assert response.status == status, path
            if status == 401:
                assert response.headers["www-authenticate"].startswith("Bearer")
        status, answer = post(parts.port, b"1")
        assert (status, answer["error"]["kind"]) == (401, "unauthorized")
        assert post(parts.port, b"1", authorization=f"Bearer {TOKEN}") == (200, 1)


def test_private_paths_are_at_their_address_alone(monkeypatch):
    monkeypatch.setitem(
        routes.ROUTES, "/metrics", routes.Route(("GET",), lambda *_: Answer(200, b"1"), private=True)
    )
    with running() as public, running(private=True) as private:
        public.front.apart = True
        found = {
            (name, path): http_get(parts.port, path)
            for name, parts in (("public", public), ("private", private))
            for path in ("/metrics", "/livez", "/predict", "/")
        }
    assert [path for (name, path), status in found.items() if name == "private" and status != 404] == [
        "/metrics",
        "/livez",
    ]
    assert found["public", "/metrics"] == 404
    assert (found["public", "/livez"], found["public", "/predict"]) == (200, 405)


@pytest.mark.parametrize("sent", [b"", b"GET /livez HTTP/1.1\r\nhost:"])
def test_a_head_that_does_not_come_is_waited_for_within_bounds(monkeypatch, sent):
    monkeypatch.setattr("toolkit.serving.connection.HEAD_TIMEOUT_S", 0.2)
    with running() as parts, socket.create_connection(("127.0.0.1", parts.port), timeout=10) as client:
        client.sendall(sent)
        time.sleep(0.4)
        parts.call(close_overdue, parts.server.server_state.connections)
        with suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_a_next_head_that_stalls_is_waited_for_within_bounds(monkeypatch):
    monkeypatch.setattr("toolkit.serving.connection.HEAD_TIMEOUT_S", 0.2)
    with running() as parts, socket.create_connection(("127.0.0.1", parts.port), timeout=10) as client:
        client.sendall(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n")
        answer = b""
        while not answer.endswith(b"true"):
            answer += client.recv(65_536)
        connections = parts.server.server_state.connections
        for _ in range(3):  # idle: the server's own timer of 5 s ends it
            time.sleep(0.2)
            parts.call(close_overdue, connections)
        client.sendall(b"GET /liv")
        time.sleep(0.2)
        parts.call(close_overdue, connections)  # begins to count
        time.sleep(0.3)
        parts.call(close_overdue, connections)
        with suppress(ConnectionResetError):
            assert client.recv(100) == b""


def test_an_answer_that_nobody_takes_is_dropped_in_the_end(monkeypatch):
    monkeypatch.setattr("toolkit.serving.connection.ANSWER_TIMEOUT_S", 0.2)
    monkeypatch.setattr("toolkit.serving.connection.SLOWEST_BYTES_PER_S", 1e9)
    with running() as parts, socket.create_connection(("127.0.0.1", parts.port), timeout=10) as client:
        client.sendall(HEAD + b"content-length: 3\r\n\r\nbig")
        connections = parts.server.server_state.connections
        wait_until(lambda: any(each.cycle and each.cycle.response_complete for each in connections))
        parts.call(close_overdue, connections)
        time.sleep(0.1)
        assert len(connections) == 1  # it has had no time yet
        time.sleep(0.4)
        parts.call(close_overdue, connections)
        wait_until(lambda: not connections)


def test_above_the_most_connections_idle_ones_make_room(monkeypatch):
    monkeypatch.setattr(Connection, "limit", 5)
    with running() as parts:
        waiting = Asking(parts.port, b"wait")
        wait_until(lambda: parts.front.load.measure() == 1)
        idle = [send(parts.port, b"") for _ in range(20)]
        assert post(parts.port, b"1") == (200, 1)
        assert len(parts.server.server_state.connections) <= 6
        parts.call(parts.endpoints.release.set)
        assert waiting.result() == (200, "waited")
        for client in idle:
            client.close()


def test_a_burst_of_connections_closes_no_more_than_it_must(monkeypatch):
    monkeypatch.setattr(Connection, "limit", 100)
    with running() as parts:
        clients = [send(parts.port, b"") for _ in range(300)]
        assert post(parts.port, b"1") == (200, 1)
        assert 90 <= len(parts.server.server_state.connections) <= 100
        for client in clients:
            client.close()


class Asking:
    """A request in a thread."""

    def __init__(self, port, body):
        self._thread = threading.Thread(target=self._ask, args=(port, body))
        self._thread.start()

    def _ask(self, port, body):
        self._result = post(port, body)

    def result(self):
        self._thread.join(20)
        return self._result


HEAD = b"POST /predict HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n"


def send(port, content):
    client = socket.create_connection(("127.0.0.1", port), timeout=10)
    client.sendall(content)
    return client


def receive(client):
    answer = b""
    while part := client.recv(65_536):
        answer += part
    return answer


def exchange(port, content):
    with send(port, content) as client:
        return receive(client)


def peek(client):
    client.settimeout(0.2)
    try:
        return client.recv(65_536)
    except TimeoutError:
        return b""


def http_get(port, path):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20)
    connection.request("GET", path)
    return connection.getresponse().status


def wait_until(condition, seconds=10):
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_each_feature_of_a_refusal_is_counted_also_those_that_are_not_told():
    endpoints = Endpoints()
    endpoints.predict = MagicMock(
        side_effect=RequestError("no", findings=[], features=frozenset({"age", "of no model"}))
    )
    with running(endpoints=endpoints) as parts:
        assert post(parts.port, b"1")[0] == 400
    endpoints.metrics.violations.labels.assert_called_once_with("age")
