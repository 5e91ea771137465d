"""Sets up a worker's HTTP server, which BentoML makes with uvicorn's defaults, and looks after it while it runs."""

from __future__ import annotations

import asyncio
import copy
import gc
import itertools
import logging
import signal
import sys
from pathlib import Path
from typing import Any

import uvicorn

from toolkit.serving.connection import KEEP_ALIVE_S, Connection, close_overdue, raise_file_limit
from toolkit.serving.drain import Drain
from toolkit.serving.front import Front
from toolkit.serving.private import is_apart, take_listener
from toolkit.serving.tls import Renewal

TICK_S = 1.0
SWITCH_S = 0.0005  # Python's 0.005 would let a request wait so long for a block that is recorded
CERTIFICATE_TICKS = 60
logger = logging.getLogger("toolkit.serving")
_tasks: set[asyncio.Task[None]] = set()  # the event loop itself keeps no hold of them


def set_up(front: Front) -> None:
    """Set up the server of this process; to be called when its app has started and it does not listen yet."""
    freeze_heap()
    server = find_server()
    if server is None:  # not started by uvicorn itself: nothing here is ours
        return
    endpoints = front.endpoints
    limits = endpoints.model.settings["limits"]
    front.apart = is_apart()
    front.load.tasks = server.server_state.tasks
    Connection.load = front.load
    Connection.limit = raise_file_limit()
    server.config.http_protocol_class = Connection
    server.config.timeout_keep_alive = KEEP_ALIVE_S
    drain = Drain(server, front.drain, limits.get("drain_s", 1), endpoints.metrics.folder / "serving.lock")
    drain.install()
    task = asyncio.ensure_future(_look_after(server, front, drain))
    _tasks.add(task)
    task.add_done_callback(_tasks.discard)


def find_server() -> uvicorn.Server | None:
    """Find uvicorn's server in this process: it handles the signal that ends it."""
    server = getattr(signal.getsignal(signal.SIGTERM), "__self__", None)
    return server if isinstance(server, uvicorn.Server) else None


def freeze_heap() -> None:
    """Freeze what is on the heap, and let a request wait less for the threads that record and watch.

    Collections of the oldest generation take 0.1 to 0.3 s over what BentoML's imports leave, and are the whole of the
    slow tail. What is there at the start stays anyhow; what requests leave behind is small and still collected.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(50_000, 50, 50)
    sys.setswitchinterval(SWITCH_S)


async def _look_after(server: uvicorn.Server, front: Front, drain: Drain) -> None:
    while not server.started:
        await asyncio.sleep(0.01)
    listener = take_listener()
    if listener is not None:
        server.servers.append(await _listen(server, front, listener))
    drain.take_new()
    metrics = front.endpoints.metrics
    metrics.in_flight_limit.set(front.load.limit)
    renewal = _watch_certificate(server)
    for tick in itertools.count(1):
        try:
            metrics.in_flight.set(front.load.take_peak())
            close_overdue(server.server_state.connections)
            if renewal is not None and tick % CERTIFICATE_TICKS == 0:
                renewal.check()
        except Exception:
            logger.exception("Connections could not be looked after; the next second tries again")
        await asyncio.sleep(TICK_S)


def _watch_certificate(server: uvicorn.Server) -> Renewal | None:
    config = server.config
    if config.ssl is None or config.ssl_certfile is None or config.ssl_keyfile is None:
        return None
    return Renewal(config.ssl, Path(config.ssl_certfile), Path(config.ssl_keyfile))


async def _listen(server: uvicorn.Server, front: Front, listener: Any) -> asyncio.Server:
    """Serve the private paths at a listening socket, like the public ones at theirs."""
    config = copy.copy(server.config)
    config.loaded_app = front.serve_private

    def make_connection() -> Connection:
        return Connection(config=config, server_state=server.server_state, app_state={})

    loop = asyncio.get_running_loop()
    return await loop.create_server(make_connection, sock=listener, ssl=config.ssl)
