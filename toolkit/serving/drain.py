"""The end of a worker, without the loss of a request.

On SIGTERM uvicorn closes its listening socket and its idle connections at once. Both lose requests: the system resets
the connections that it has taken on the socket's behalf and nobody has accepted yet, and a client may have sent its
next request on an idle connection. So before uvicorn ends,

1. ``GET /readyz`` answers 503, so that what sends the traffic stops doing so, and each answer tells its client that
   the connection ends; new connections are still taken, for ``drain_s`` seconds;
2. the last worker has the system drop new connections (not refuse: the socket may be another worker's soon) and
   accepts all that are there;
3. connections that are new or in the middle of a request's head have a second to complete it.

Then uvicorn ends as always: it answers what it has, within a limit of time.
"""

from __future__ import annotations

import asyncio
import ctypes
import fcntl
import logging
import os
import select
import signal
import socket
import struct
import threading
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from types import FrameType
from typing import Any

ANSWER_S = 20  # for the requests that are being answered when the worker stops accepting
LAST_HEADS_S = 1.0
LOOK_EVERY_S = 0.02
ATTACH_FILTER, DETACH_FILTER = 26, 27  # SO_ATTACH_FILTER and SO_DETACH_FILTER of Linux
DROP_ALL = struct.pack("HBBI", 0x06, 0, 0, 0)  # "return 0 bytes of the packet", in BPF
logger = logging.getLogger("toolkit.serving")


class Drain:
    """Takes SIGTERM and SIGINT in uvicorn's place and passes them on when nothing more can be lost.

    Parameters
    ----------
    server : uvicorn.Server
        The server, whose own handler of signals is installed.
    begin : callable
        Called at once: readiness ends, answers close their connections.
    drain_s : float
        How long requests are still taken.
    lock : Path
        A file that this service's workers have in common.
    """

    def __init__(self, server: Any, begin: Callable[[], None], drain_s: float, lock: Path) -> None:
        self._server, self._begin, self._drain_s = server, begin, drain_s
        self._loop = asyncio.get_running_loop()
        self._first: int | None = None
        self._task: asyncio.Task[None] | None = None
        self._lock = os.open(lock, os.O_RDWR | os.O_CREAT, 0o600)
        fcntl.flock(self._lock, fcntl.LOCK_SH)  # while this worker takes connections
        server.config.timeout_graceful_shutdown = ANSWER_S

    def install(self) -> None:
        """Take the signals."""
        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, self._on_signal)

    def take_new(self) -> None:
        """Take new connections again, where a worker before this one was the last; to be called once it listens."""
        for listener in self._listeners():
            with suppress(OSError):  # no filter is there
                listener.setsockopt(socket.SOL_SOCKET, DETACH_FILTER, 0)

    def _on_signal(self, number: int, frame: FrameType | None) -> None:
        if self._first is None:
            self._first = number
            self._begin()
            self._loop.call_soon_threadsafe(self._start)
        elif number == signal.SIGINT:  # Ctrl+C once more: a person does not want to wait
            self._server.handle_exit(number, frame)

    def _start(self) -> None:
        limit_s = self._drain_s + LAST_HEADS_S + ANSWER_S + 5
        watchdog = threading.Timer(limit_s, os._exit, (1,))  # whatever hangs: the process ends
        watchdog.daemon = True
        watchdog.start()
        self._task = asyncio.ensure_future(self._drain())

    async def _drain(self) -> None:
        try:
            await asyncio.sleep(self._drain_s)
            if self._is_last():
                await accept_the_rest(self._listeners())
            else:
                for server in getattr(self._server, "servers", ()):
                    server.close()
            await self._wait_for_heads()
        except Exception:
            logger.exception("Draining failed; the worker ends without it")
        self._server.handle_exit(self._first, None)

    def _is_last(self) -> bool:
        """Stop counting as a worker that takes connections; tell whether no other one does."""
        fcntl.flock(self._lock, fcntl.LOCK_UN)
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            return False
        fcntl.flock(self._lock, fcntl.LOCK_UN)  # a worker that is started now waits for it
        return True

    async def _wait_for_heads(self) -> None:
        for _ in range(int(LAST_HEADS_S / LOOK_EVERY_S)):
            await asyncio.sleep(LOOK_EVERY_S)
            if not any(connection.in_head for connection in self._server.server_state.connections):
                return

    def _listeners(self) -> list[Any]:
        servers = getattr(self._server, "servers", ())  # none before it has started
        return [listener for server in servers for listener in server.sockets]


async def accept_the_rest(listeners: Iterable[Any]) -> None:
    """Have the system drop new connections, and let the event loop accept those that are there."""
    listeners = list(listeners)
    for listener in listeners:
        drop_new(listener)
    while True:
        await asyncio.sleep(LOOK_EVERY_S)
        if not select.select(listeners, [], [], 0)[0]:
            return


def drop_new(listener: Any) -> None:
    """Have the system drop what comes in at a listening socket; outside Linux nothing happens.

    A client tries again after a second, by when the socket is closed or another worker's. Connections that were
    taken before are not affected (a socket filter is inherited only by those taken after it).
    """
    code = ctypes.create_string_buffer(DROP_ALL, len(DROP_ALL))
    program = struct.pack("HP", 1, ctypes.addressof(code))
    with suppress(OSError):
        listener.setsockopt(socket.SOL_SOCKET, ATTACH_FILTER, program)
