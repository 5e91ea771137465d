"""Messages between a worker and its process that reads tables: a JSON head, then the bytes of some buffers."""

from __future__ import annotations

import json
import socket
import struct
import time
from collections.abc import Sequence
from typing import Any

Buffer = bytes | bytearray | memoryview
_HEAD = struct.Struct("<Q")


class FrameError(Exception):
    """The other side went away, or took too long."""


def send_frame(link: socket.socket, head: dict[str, Any], buffers: Sequence[Buffer] = ()) -> None:
    """Send a head and buffers.

    Raises
    ------
    FrameError
        The other side went away, or takes nothing within the link's timeout.
    """
    text = json.dumps({**head, "sizes": [memoryview(each).nbytes for each in buffers]}).encode()
    try:
        link.sendall(_HEAD.pack(len(text)) + text)
        for each in buffers:
            link.sendall(each)
    except OSError as error:
        raise FrameError(str(error)) from None


def receive_frame(
    link: socket.socket, deadline: float | None = None
) -> tuple[dict[str, Any], list[bytearray]]:
    """Receive a head and its buffers; ``deadline`` is one of ``time.monotonic()``.

    Raises
    ------
    FrameError
        The other side went away, or the deadline passed.
    """
    (size,) = _HEAD.unpack(_receive(link, _HEAD.size, deadline))
    head = json.loads(bytes(_receive(link, size, deadline)))
    return head, [_receive(link, each, deadline) for each in head["sizes"]]


def _receive(link: socket.socket, size: int, deadline: float | None) -> bytearray:
    found = bytearray(size)
    view, got = memoryview(found), 0
    while got < size:
        try:
            if deadline is not None:
                link.settimeout(max(deadline - time.monotonic(), 0.001))
            count = link.recv_into(view[got:])
        except OSError as error:
            raise FrameError(str(error)) from None
        if not count:
            raise FrameError("the other side went away")
        got += count
    return found
