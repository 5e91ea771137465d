"""Connections of the HTTP server, each within bounds of time, and all of them within a number.

uvicorn bounds the size of a request's head (16 kB, by h11) and closes a connection that is idle between requests. It
leaves unbounded how long a head may take, how slowly an answer is read, and how many connections there are.
"""

from __future__ import annotations

import asyncio
import math
import resource
import socket
import time
from typing import Any, ClassVar

import h11
from uvicorn.protocols.http.h11_impl import H11Protocol

from toolkit.errors import RequestError
from toolkit.serving.endpoints import describe_error
from toolkit.serving.load import Load

HEAD_TIMEOUT_S = 10  # from connecting, or from a next request's first byte, until its head is complete
KEEP_ALIVE_S = (
    75  # longer than clients and load balancers keep one, so that they close it and no request meets that
)
ANSWER_TIMEOUT_S, SLOWEST_BYTES_PER_S = 30, 50_000  # an answer may take this long, and longer by its size
MAX_CONNECTIONS = 10_000  # in a worker; fewer where the system allows fewer files
OTHER_FILES = 256  # that a worker may have open beside connections
ROOM_SHARE = 20  # when full, one in so many idle connections is closed to make room


class Connection(H11Protocol):
    """A connection of uvicorn's, with what it leaves out.

    Deadlines are looked at once a second by :func:`close_overdue`, so that a request costs no timer.
    """

    limit: ClassVar[int] = MAX_CONNECTIONS
    load: ClassVar[Load | None] = None  # is told of bodies that are arriving
    _arriving = False
    deadline = math.inf  # of the request's head, or of taking the answer

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Take a new connection, or close the idlest when there are too many."""
        super().connection_made(transport)
        self.deadline = time.monotonic() + HEAD_TIMEOUT_S
        if len(self.connections) > self.limit:
            make_room(self.connections, self)

    def handle_events(self) -> None:
        """Deal with what has arrived."""
        super().handle_events()
        self._tell(self.in_request and self.cycle.more_body)

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        super().connection_lost(exc)
        self._tell(False)

    def _tell(self, arriving: bool) -> None:
        if self.load is not None and arriving != self._arriving:
            self.load.arriving += 1 if arriving else -1
            self._arriving = arriving

    def on_response_complete(self) -> None:
        """Give the client its time to take the answer."""
        size = self.transport.get_write_buffer_size()
        self.deadline = time.monotonic() + ANSWER_TIMEOUT_S + size / SLOWEST_BYTES_PER_S if size else math.inf
        self._tell(False)
        super().on_response_complete()

    @property
    def in_request(self) -> bool:
        """Whether a request is being answered."""
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def in_head(self) -> bool:
        """Whether the head of a request, the first byte of it perhaps, is waited for."""
        return not self.in_request and self.timeout_keep_alive_task is None

    def is_overdue(self, now_s: float) -> bool:
        """Tell whether the connection has had its time."""
        if not self.transport.get_write_buffer_size():
            if not self.in_head:  # the request has its own limits, and an idle connection uvicorn's timer
                return False
            if self.deadline == math.inf:  # a next request's head began to arrive
                self.deadline = now_s + HEAD_TIMEOUT_S
        return now_s > self.deadline

    def shutdown(self) -> None:
        """Close an idle connection when the process ends, but not one whose next request is already here."""
        if self.in_request or not (self.conn.trailing_data[0] or has_bytes(self.transport)):
            super().shutdown()

    def send_400_response(self, msg: str) -> None:
        """Refuse what is no HTTP in the one shape of errors."""
        answer = describe_error(RequestError(f"The request must be HTTP/1.1. {msg}", 400, "not_http"))
        headers = [
            (b"content-type", answer.media_type.encode()),
            (b"content-length", b"%d" % len(answer.body)),
            (b"connection", b"close"),
        ]
        if self.conn.our_state not in (
            h11.IDLE,
            h11.SEND_RESPONSE,
        ):  # an answer is under way, or was the last
            self.transport.close()
            return
        events = [
            h11.Response(status_code=400, headers=headers, reason=b"Bad Request"),
            h11.Data(data=answer.body),
            h11.EndOfMessage(),
        ]
        self.transport.write(b"".join(self.conn.send(event) or b"" for event in events))
        self.transport.close()

    def _should_upgrade(self) -> bool:
        return False  # such a request is answered like any other, as HTTP allows, and nothing is written to the log


def close_overdue(connections: Any) -> None:
    """Close the connections that have had their time."""
    now_s = time.monotonic()
    for connection in [each for each in connections if each.is_overdue(now_s)]:
        connection.transport.abort()


def make_room(connections: Any, newest: Connection) -> None:
    """Close those of the idle connections that have been waited for longest; if there is none, the newest."""
    idle = [each for each in connections if each is not newest and not each.in_request]
    idle.sort(key=lambda each: each.deadline)
    for connection in idle[: len(idle) // ROOM_SHARE + 1] or [newest]:
        connection.transport.abort()
        connections.discard(connection)  # now: many may be accepted before the loop gets to do so


def raise_file_limit() -> int:
    """Let this process open as many files as the system allows it; give how many connections that leaves room for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MAX_CONNECTIONS + OTHER_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return (
        MAX_CONNECTIONS
        if soft == resource.RLIM_INFINITY
        else min(MAX_CONNECTIONS, max(soft - OTHER_FILES, 16))
    )


def has_bytes(transport: asyncio.Transport) -> bool:
    """Tell whether the client has sent something that was not read yet."""
    connected = transport.get_extra_info("socket")
    try:
        with socket.socket(fileno=socket.dup(connected.fileno())) as copy:
            return bool(copy.recv(1, socket.MSG_PEEK | socket.MSG_DONTWAIT))
    except OSError:  # nothing there, or closed
        return False
