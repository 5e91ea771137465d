"""The ASGI layer in front of BentoML's app: it answers the service's endpoints itself, and strictly.

BentoML's own handling of ``POST /predict`` takes NaN, ``true`` for a number, unknown and repeated fields, and bodies
of any size, and answers errors in several shapes. Here they never reach it: BentoML's app gets its documentation
pages and the start and end of the process, nothing else.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable, MutableMapping
from functools import cached_property
from typing import Any

from toolkit.errors import RequestError
from toolkit.serving.bento_pages import confine, is_page, make_whole
from toolkit.serving.body import (
    Message,
    Receive,
    TooLargeError,
    TwoLengthsError,
    check_headers,
    drop_body,
    read_body,
)
from toolkit.serving.endpoints import Answer, Endpoints, describe_error
from toolkit.serving.guard import Guard
from toolkit.serving.load import RETRY_AFTER_S, Load
from toolkit.serving.routes import ROUTES, Asked, Route, find_route

Scope = MutableMapping[str, Any]
Send = Callable[[Message], Awaitable[None]]
App = Callable[[Scope, Receive, Send], Awaitable[None]]

NOTHING_ASKED = Asked(b"", "", "")
logger = logging.getLogger("toolkit.serving")


class Front:
    """Routes requests to :class:`Endpoints`, and the rest to BentoML's app.

    Parameters
    ----------
    app : ASGI application
        BentoML's.
    get_endpoints : callable
        Gives the endpoints once the service is made, which BentoML does while starting.
    guard : Guard, optional
        Who may ask; default: everyone.
    at_start : callable, optional
        Called with this object when the app has started and no request has come yet.
    """

    def __init__(
        self,
        app: App,
        get_endpoints: Callable[[], Endpoints],
        guard: Guard | None = None,
        at_start: Callable[[Front], None] | None = None,
    ) -> None:
        self._app, self._get_endpoints = app, get_endpoints
        self._guard = guard or Guard()
        self._at_start = at_start
        self.apart = False  # the private paths have an address of their own
        self.draining = False  # the process is about to end: each answer says that its connection does

    def drain(self) -> None:
        """Let no request be sent here any more: ``GET /readyz`` says so, and so does the end of each connection."""
        self.draining = self._get_endpoints().draining = True

    @property
    def endpoints(self) -> Endpoints:
        """What answers."""
        return self._get_endpoints()

    @cached_property
    def load(self) -> Load:
        """What this worker has taken on."""
        limits = self._get_endpoints().model.settings["limits"]
        return Load(int(limits["in_flight"]), int(limits["body_kb"]) * 1000)

    @cached_property
    def _limits(self) -> tuple[int, float, float]:
        limits = self._get_endpoints().model.settings["limits"]
        return int(limits["body_kb"]) * 1000, limits["body_timeout_s"], limits.get("answer_timeout_s", 60)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve one connection's scope."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, self._tell_start(send))
        elif scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1003})
        else:
            await self._serve(scope, receive, send)

    def _tell_start(self, send: Send) -> Send:
        async def wrapped(message: Message) -> None:
            if message["type"] == "lifespan.startup.complete" and self._at_start is not None:
                self._at_start(self)
            await send(message)

        return wrapped

    async def serve_private(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Serve a request that came in at the private address."""
        if scope["type"] == "http":
            await self._serve(scope, receive, send, private=True)

    async def _serve(self, scope: Scope, receive: Receive, send: Send, private: bool = False) -> None:
        begin = time.perf_counter()
        endpoints, path, headers = self._get_endpoints(), scope["path"], dict(scope["headers"])
        route, closing = ROUTES.get(path), False
        try:
            if route is None or not route.health:
                self._guard.check(headers)
            if route is None and not private and scope["method"] in ("GET", "HEAD") and is_page(path):
                await self._app(make_whole(scope), receive, confine(send, path))
                return
            route = find_route(path, self.apart, private)
            answer = await self._answer(endpoints, route, scope, headers, receive)
        except RequestError as error:
            answer = describe_error(error)
            closing = isinstance(error, TwoLengthsError)
            _count_refusal(endpoints, error)
            if isinstance(error, TooLargeError) and error.more:
                await drop_body(headers, receive)
        except Exception as error:
            logger.exception("%s %s failed", scope["method"], path)
            answer = describe_error(error)
            endpoints.metrics.errors.labels("internal").inc()
        await _send(answer, send, route, closing or self.draining)
        seconds = time.perf_counter() - begin if path == "/predict" else None
        endpoints.metrics.note(path[1:] if path in ROUTES else "other", answer.status, seconds)

    async def _answer(
        self,
        endpoints: Endpoints,
        route: Route,
        scope: Scope,
        headers: dict[bytes, bytes],
        receive: Receive,
    ) -> Answer:
        method = scope["method"]
        if method not in route.methods:
            takes = " and ".join(route.methods)
            raise RequestError(f"{scope['path']} takes {takes}. Got {method[:20]}.", 405, "method")
        asked, (max_body_bytes, body_timeout_s, answer_timeout_s) = NOTHING_ASKED, self._limits
        if route.bodies:
            media_type = check_headers(headers, route.bodies, max_body_bytes)
            body = await read_body(receive, max_body_bytes, body_timeout_s, self.load)
            self.load.check()
            accept = headers.get(b"accept", b"").decode("latin-1")
            asked = Asked(body, media_type, accept, scope.get("query_string", b""))
        elif query := scope.get("query_string"):
            asked = Asked(b"", "", "", query)
        answer = route.answer(endpoints, asked)
        if isinstance(answer, Answer):
            return answer
        return await self._finish(answer, answer_timeout_s)

    async def _finish(self, answer: Awaitable[Answer], timeout_s: float) -> Answer:
        """Wait for an answer that takes long; where it takes too long, its work counts as in flight until it ends."""
        work = asyncio.ensure_future(answer)
        done, _ = await asyncio.wait({work}, timeout=timeout_s)
        if done:
            return work.result()
        self.load.overdue.add(work)
        work.add_done_callback(self._forget)
        raise RequestError(
            f"The answer must be ready within {timeout_s:g} s and was not. Send fewer rows a request.",
            503,
            "timeout",
        )

    def _forget(self, work: asyncio.Future[Answer]) -> None:
        self.load.overdue.discard(work)
        if not work.cancelled():
            work.exception()  # taken note of: there is no one to tell


def _count_refusal(endpoints: Endpoints, error: RequestError) -> None:
    metrics = endpoints.metrics
    metrics.errors.labels(error.kind).inc()
    known = endpoints.model.inputs  # a request may name what it likes: no series of that
    for feature in error.features & known.keys():
        metrics.violations.labels(feature).inc()


async def _send(answer: Answer, send: Send, route: Route | None, closing: bool) -> None:
    headers = [
        (b"content-type", answer.media_type.encode()),
        (b"content-length", b"%d" % len(answer.body)),
        (b"cache-control", b"no-store"),
        *answer.headers,
    ]
    if answer.status >= 400:
        if answer.status in (408, 413):
            closing = True  # what is left of the body is not read
        elif answer.status == 401:
            headers.append((b"www-authenticate", b'Bearer realm="toolkit"'))
            if route is not None and route.page:
                headers.append((b"www-authenticate", b'Basic realm="the token as password", charset="UTF-8"'))
        elif answer.status == 405 and route is not None:
            headers.append((b"allow", ", ".join(route.methods).encode()))
        elif answer.status == 503:
            headers.append((b"retry-after", b"%d" % RETRY_AFTER_S))
    if closing:
        headers.append((b"connection", b"close"))
    await send({"type": "http.response.start", "status": answer.status, "headers": headers})
    await send({"type": "http.response.body", "body": answer.body})
