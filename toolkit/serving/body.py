"""A request's headers and body, read within bounds: of size, time, and of all bodies that are still arriving."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping, MutableMapping
from typing import Any

from toolkit.errors import RequestError
from toolkit.serving.load import Load

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]

# Many clients read no answer before all is sent: so much of a body that is too large is still taken, and dropped.
DROPPED_BYTES = 256 * 2**20
DROP_TIMEOUT_S = 5


class TooLargeError(RequestError):
    """A body is too large; ``more``: some of it is still to be received."""

    def __init__(self, max_body_bytes: int, more: bool = True) -> None:
        super().__init__(
            f"The body may have {max_body_bytes // 1000} kB at most (package.limits.body_kb), however many rows it "
            "has. Send the rows in several requests.",
            413,
            "too_large",
        )
        self.more = more


class TwoLengthsError(RequestError):
    """A request says two lengths of its body; no further one can be told from it, so its connection must be closed."""

    def __init__(self) -> None:
        super().__init__(
            "A request must have Content-Length or Transfer-Encoding. Got both.", 400, "content_type"
        )


def check_headers(headers: Mapping[bytes, bytes], bodies: tuple[str, ...], max_body_bytes: int) -> str:
    """Check what a request says of its body, before any of it is read; give its media type.

    Raises
    ------
    RequestError
        415: another media type, or compressed, so that no small body can become a large one. 413: too large.
        400: two lengths at once, which servers in a row may read as one request and as two.
    """
    media_type = headers.get(b"content-type", b"").split(b";")[0].strip().lower().decode("latin-1")
    if media_type not in bodies:
        wanted = " or ".join(f"'Content-Type: {name}'" for name in bodies)
        raise RequestError(
            f"The request must have the header {wanted}. Got '{media_type[:80]}'.", 415, "content_type"
        )
    encoding = headers.get(b"content-encoding", b"identity").strip().lower()
    if encoding != b"identity":
        raise RequestError("The body must not be compressed (no Content-Encoding).", 415, "content_type")
    length = headers.get(b"content-length")
    if length is not None:
        if b"transfer-encoding" in headers:
            raise TwoLengthsError
        if int(length) > max_body_bytes:
            raise TooLargeError(max_body_bytes)
    return media_type


async def read_body(receive: Receive, max_body_bytes: int, timeout_s: float, load: Load) -> bytes:
    """Read a request's body.

    Raises
    ------
    RequestError
        413: too large. 408: not sent in time. 503: the bodies that are still arriving fill the memory that they may
        take together. 400: the client went away.
    """
    try:
        async with asyncio.timeout(timeout_s):
            message = await receive()
            body = _get_part(message, 0, max_body_bytes)
            if not message.get("more_body"):  # the usual case, without a copy
                return body
            return await _read_rest(receive, body, max_body_bytes, load)
    except TimeoutError:
        raise RequestError(
            f"The body must arrive within {timeout_s:g} s and did not.", 408, "timeout"
        ) from None


async def _read_rest(receive: Receive, body: bytes, max_body_bytes: int, load: Load) -> bytes:
    parts, size, more = [body], len(body), True
    with load.holding() as hold:
        hold(size)
        while more:
            message = await receive()
            parts.append(_get_part(message, size, max_body_bytes))
            hold(len(parts[-1]))
            size += len(parts[-1])
            more = message.get("more_body", False)
        return b"".join(parts)


def _get_part(message: Message, size: int, max_body_bytes: int) -> bytes:
    if message["type"] == "http.disconnect":
        raise RequestError("The client went away before its request was complete.", 400, "disconnect")
    part = message.get("body", b"")
    if size + len(part) > max_body_bytes:
        raise TooLargeError(max_body_bytes, message.get("more_body", False))
    return part


async def drop_body(headers: Mapping[bytes, bytes], receive: Receive) -> None:
    """Take what is left of a body, within bounds; nothing of one that the client only sends when asked to."""
    if b"expect" in headers:
        return
    left = DROPPED_BYTES
    with contextlib.suppress(TimeoutError):  # too slow
        async with asyncio.timeout(DROP_TIMEOUT_S):
            while left > 0:
                message = await receive()
                left -= len(message.get("body", b""))
                if not message.get("more_body"):  # all of it, or the client went away
                    break
