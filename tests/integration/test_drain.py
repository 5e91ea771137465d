"""A worker that is told to end under load loses no request: servers of one and of two processes, many times."""

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.steady_load import SteadyLoad, make_request

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
ROUNDS = int(os.environ.get("TOOLKIT_DRAINS", "3"))  # of each number of workers; 10 for twenty ends
# Imports once, then forks a worker whenever it is told to: on a new listening socket, or on the one there is.
NURSERY = """
import os, signal, socket, sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock
import uvicorn
from toolkit.serving import connection
from toolkit.serving.endpoints import Answer
from toolkit.serving.entrance import set_up
from toolkit.serving.front import Front

connection.HEAD_TIMEOUT_S = 2
metrics = MagicMock(folder=Path(sys.argv[1]))
limits = {"body_kb": 100, "in_flight": 64, "body_timeout_s": 5, "answer_timeout_s": 5, "drain_s": 0.2}
endpoints = SimpleNamespace(
    metrics=metrics, model=SimpleNamespace(settings={"limits": limits}, inputs={}), draining=False,
    predict=lambda *_: Answer(200, b"1"), ready=lambda: Answer(503 if endpoints.draining else 200, b"1"),
)

async def app(scope, receive, send):
    while True:
        kind = (await receive())["type"]
        await send({"type": f"{kind}.complete"})
        if kind == "lifespan.shutdown":
            return

def serve(listener):
    front = Front(app, lambda: endpoints, at_start=set_up)
    server = uvicorn.Server(uvicorn.Config(front, log_level="warning", interface="asgi3"))
    server.run(sockets=[listener])

signal.signal(signal.SIGCHLD, signal.SIG_IGN)  # workers leave no zombies
for line in sys.stdin:
    if line == "listen\\n":
        listener = socket.create_server(("127.0.0.1", 0), backlog=2048)
        print(listener.getsockname()[1], flush=True)
    elif line == "close\\n":
        listener.close()
        print(0, flush=True)
    else:
        pid = os.fork()
        if not pid:
            serve(listener)
            os._exit(1)  # not reached: uvicorn passes the signal on when it is done
        print(pid, flush=True)
"""


class Nursery:
    """A process that makes workers which share a listening socket, as BentoML's do."""

    def __init__(self, folder):
        self._process = subprocess.Popen(
            [sys.executable, "-c", NURSERY, str(folder)],
            cwd=ROOT,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )

    def tell(self, word):
        self._process.stdin.write(f"{word}\n")
        self._process.stdin.flush()
        return int(self._process.stdout.readline())

    def start(self, workers):
        """Start workers, and wait until each has the signal in hand."""
        pids = [self.tell("work") for _ in range(workers)]
        deadline = time.monotonic() + 30
        for pid in pids:
            while not int(read_status(pid, "SigCgt"), 16) & 1 << (signal.SIGTERM - 1):
                assert time.monotonic() < deadline
                time.sleep(0.02)
        time.sleep(0.3)  # from uvicorn's handler to ours
        return pids

    def close(self):
        self._process.stdin.close()
        self._process.wait(10)
        self._process.stdout.close()


@pytest.fixture(scope="module")
def nursery(tmp_path_factory):
    parts = Nursery(tmp_path_factory.mktemp("shared"))
    yield parts
    parts.close()


@contextmanager
def ending(pids):
    """Leave no worker behind, whatever the test finds."""
    try:
        yield
    finally:
        for pid in pids:
            if is_alive(pid):
                os.kill(pid, signal.SIGKILL)


def read_status(pid, name):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(line.split()[1] for line in lines if line.startswith(f"{name}:"))


def is_alive(pid):
    return Path(f"/proc/{pid}").exists()


linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux drops new connections on a listening socket"
)


@linux
@pytest.mark.parametrize("workers", [1, 2])
def test_no_request_is_lost_when_the_service_ends(nursery, workers):
    for _ in range(ROUNDS):
        port, pids = nursery.tell("listen"), nursery.start(workers)
        load = SteadyLoad(port, make_request(b"[1]"))

        def end(pids=pids):
            for pid in pids:
                os.kill(pid, signal.SIGTERM)
            nursery.tell("close")  # so that the last worker closes it in the end

        with ending(pids):
            asyncio.run(load.run(lambda pids=pids: not any(map(is_alive, pids)), 0.3, end))
        assert load.counts["lost"] == 0, load.counts
        assert load.counts["200"] > 50
        assert load.counts["told"] >= 4


@linux
def test_a_worker_that_ends_alone_leaves_the_others_their_connections(nursery):
    port, pids = nursery.tell("listen"), nursery.start(2)
    with ending(pids):
        load = SteadyLoad(port, make_request(b"[1]"))
        first, second = pids
        asyncio.run(load.run(lambda: not is_alive(first), 0.3, lambda: os.kill(first, signal.SIGTERM)))
        assert load.counts["lost"] == load.counts["refused"] == 0
        os.kill(second, signal.SIGTERM)  # now the last: it has the system drop what is new
        wait_for_end(second)
        pids += nursery.start(1)  # takes new connections again
        load, deadline = SteadyLoad(port, make_request(b"[1]")), time.monotonic() + 20

        def enough():  # what was dropped before is sent again after one second, and after two more
            return load.counts["200"] > 50 or time.monotonic() > deadline

        asyncio.run(load.run(enough, 0.1, lambda: None))
        assert load.counts["200"] > 50
        assert load.counts["lost"] == 0
    nursery.tell("close")


def test_an_end_takes_bounded_time_whatever_clients_do(nursery):
    port, pids = nursery.tell("listen"), nursery.start(1)
    with ending(pids), socket.create_connection(("127.0.0.1", port)) as client:
        client.sendall(b"POST /predict HTTP/1.1\r\nhost: x\r\n")  # a head that is never complete
        time.sleep(0.2)
        begin = time.monotonic()
        os.kill(pids[0], signal.SIGTERM)
        wait_for_end(pids[0])
        assert time.monotonic() - begin < 10
    nursery.tell("close")


def wait_for_end(pid):
    deadline = time.monotonic() + 20
    while is_alive(pid):
        assert time.monotonic() < deadline
        time.sleep(0.02)
