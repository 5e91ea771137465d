"""The ASGI layer in front of BentoML's app: it answers the service's endpoints itself, and strictly.

BentoML's own handling of ``POST /predict`` takes NaN, ``true`` for a number, unknown and repeated fields, and bodies
of any size, and answers errors in several shapes. Here they never reach it: BentoML's app gets its documentation
pages and the start and end of the process, nothing else.
"""

from __future__ import annotations

import asyncio
import contextlib
import gc
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from toolkit.errors import RequestError
from toolkit.serving.endpoints import JSON, Answer, Endpoints, describe_error

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

BENTO_PAGES = ("/", "/docs.json", "/schema.json")
BENTO_FOLDERS = ("/static_content/", "/assets/")
BODY_TIMEOUT_S = 30  # a client that sends slower is cut off
# Many clients read no answer before all is sent: so much of a body that is too large is still taken, and dropped.
DROPPED_BYTES = 64 * 2**20
DROP_TIMEOUT_S = 5
GET_PATHS = ("/schema", "/lineage", "/metrics", "/livez", "/healthz", "/readyz")
logger = logging.getLogger("toolkit.serving")


class Front:
    """Routes requests to :class:`Endpoints`, and the rest to BentoML's app.

    Parameters
    ----------
    app : ASGI application
        BentoML's.
    get_endpoints : callable
        Gives the endpoints once the service is made, which BentoML does while starting.
    """

    def __init__(self, app: App, get_endpoints: Callable[[], Endpoints]) -> None:
        self._app, self._get_endpoints = app, get_endpoints

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Serve one connection's scope."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, _at_start(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        elif scope["method"] in ("GET", "HEAD") and _is_page(scope["path"]):
            await self._app(scope, receive, send)
        else:
            await self._answer(scope, receive, send)

    async def _answer(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        begin = time.perf_counter()
        endpoints, path = self._get_endpoints(), scope["path"]
        try:
            answer = await _route(endpoints, scope, receive)
        except RequestError as error:
            answer = describe_error(error)
            endpoints.metrics.errors.labels(error.kind).inc()
            if error.kind == "too_large":
                await _drop_body(scope, receive)
        except asyncio.CancelledError:
            raise
        except Exception as error:
            logger.exception("%s %s failed", scope["method"], path)
            answer = describe_error(error)
            endpoints.metrics.errors.labels("internal").inc()
        known = path == "/predict" or path in GET_PATHS
        endpoints.metrics.requests.labels(path[1:] if known else "other", answer.status).inc()
        await _send(answer, send)
        if path == "/predict":
            endpoints.metrics.latency.observe(time.perf_counter() - begin)


async def _route(endpoints: Endpoints, scope: MutableMapping[str, Any], receive: Receive) -> Answer:
    path, method = scope["path"], scope["method"]
    if path == "/predict":
        _check_method(method, ("POST",), path)
        _check_headers(scope["headers"], endpoints.max_body_bytes)
        return endpoints.predict(await _read_body(receive, endpoints.max_body_bytes))
    if path not in GET_PATHS:
        raise RequestError(
            f"There is no {path[:80]} here. There are POST /predict, GET {', '.join(GET_PATHS)} and the pages at /.",
            404,
            "not_found",
        )
    _check_method(method, ("GET", "HEAD"), path)
    if path == "/metrics":
        return await asyncio.to_thread(endpoints.show_metrics)
    answers = {
        "/schema": endpoints.schema,
        "/lineage": endpoints.lineage,
        "/livez": endpoints.live,
        "/healthz": endpoints.live,
        "/readyz": endpoints.ready,
    }
    return answers[path]()


def _check_method(method: str, allowed: tuple[str, ...], path: str) -> None:
    if method not in allowed:
        raise RequestError(f"{path} takes {' and '.join(allowed)}. Got {method[:20]}.", 405, "method")


def _check_headers(headers: list[tuple[bytes, bytes]], max_body_bytes: int) -> None:
    given = dict(headers)
    media_type = given.get(b"content-type", b"").split(b";")[0].strip().lower()
    if media_type != JSON.encode():
        raise RequestError(
            f"The request must have the header 'Content-Type: {JSON}'. Got '{media_type.decode('latin-1')[:80]}'.",
            415,
            "content_type",
        )
    encoding = given.get(b"content-encoding", b"identity").strip().lower()
    if encoding != b"identity":
        raise RequestError("The body must not be compressed (no Content-Encoding).", 415, "content_type")
    length = given.get(b"content-length", b"0")
    if length.isdigit() and int(length) > max_body_bytes:
        raise _too_large(max_body_bytes)


async def _read_body(receive: Receive, max_body_bytes: int) -> bytes:
    deadline = time.monotonic() + BODY_TIMEOUT_S
    message = await _receive(receive, deadline)
    if not message.get("more_body"):  # the usual case, without a copy
        body = message.get("body", b"")
        if len(body) > max_body_bytes:
            raise _too_large(max_body_bytes)
        return body
    parts, size = [message.get("body", b"")], len(message.get("body", b""))
    while message.get("more_body"):
        message = await _receive(receive, deadline)
        parts.append(message.get("body", b""))
        size += len(parts[-1])
        if size > max_body_bytes:
            raise _too_large(max_body_bytes)
    return b"".join(parts)


async def _receive(receive: Receive, deadline: float) -> Message:
    try:
        message = await asyncio.wait_for(receive(), max(deadline - time.monotonic(), 0.001))
    except TimeoutError:
        raise RequestError(
            f"The body must arrive within {BODY_TIMEOUT_S} s and did not.", 408, "timeout"
        ) from None
    if message["type"] == "http.disconnect":
        raise RequestError("The client went away before its request was complete.", 400, "disconnect")
    return message


async def _drop_body(scope: MutableMapping[str, Any], receive: Receive) -> None:
    """Take what is left of a body, within bounds; nothing of one that the client only sends when asked to."""
    if any(name == b"expect" for name, _ in scope["headers"]):
        return
    left, deadline = DROPPED_BYTES, time.monotonic() + DROP_TIMEOUT_S
    with contextlib.suppress(RequestError):  # it went away, or is too slow
        while left > 0:
            message = await _receive(receive, deadline)
            left -= len(message.get("body", b""))
            if not message.get("more_body"):
                break


def _too_large(max_body_bytes: int) -> RequestError:
    return RequestError(
        f"The body may have {max_body_bytes // 1000} kB at most. Send the rows in several requests.",
        413,
        "too_large",
    )


async def _send(answer: Answer, send: Send) -> None:
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", str(len(answer.body)).encode()),
        (b"cache-control", b"no-store"),
    ]
    if answer.status in (408, 413):
        headers.append((b"connection", b"close"))  # what is left of the body is not read
    if answer.status == 405:
        headers.append((b"allow", b"GET, HEAD, POST"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})


def _is_page(path: str) -> bool:
    return path in BENTO_PAGES or path.startswith(BENTO_FOLDERS)


def _at_start(send: Send) -> Send:
    """Freeze the heap when the app has fully started.

    Collections of the oldest generation take 0.1 to 0.3 s over what BentoML's imports leave, and are the whole of the
    slow tail. What is there at the start stays anyhow; what requests leave behind is small and still collected.
    """

    async def wrapped(message: Message) -> None:
        if message["type"] == "lifespan.startup.complete":
            gc.collect()
            gc.freeze()
            gc.set_threshold(50_000, 50, 50)
        await send(message)

    return wrapped
