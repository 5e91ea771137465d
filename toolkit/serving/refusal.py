"""A worker that cannot serve its model says why, instead of ending and being started again for ever.

Damage between the service's start and a worker's (a worker that died is started anew from the files as they are then)
must neither be served nor hidden: every request gets 503 with the reason, ``GET /readyz`` among them, so that whatever
sends the traffic stops doing so; ``GET /livez`` stays 200, since starting this process again would not help.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

import orjson

Scope = MutableMapping[str, Any]
App = Callable[[Scope, Any, Any], Awaitable[None]]
LIVE_PATHS = ("/livez", "/healthz")


class Refusal:
    """Passes requests on to ``app`` until a reason is given not to.

    Parameters
    ----------
    app : ASGI application
        The service.
    get_reason : callable
        Gives why this worker cannot serve; empty: it can.
    """

    def __init__(self, app: App, get_reason: Callable[[], str]) -> None:
        self._app, self._get_reason = app, get_reason

    async def __call__(self, scope: Scope, receive: Any, send: Any) -> None:
        """Serve one connection's scope."""
        reason = self._get_reason()
        if not reason or scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        if scope["path"] in LIVE_PATHS:
            await _send(send, 200, {"live": True, "ready": False})
        elif scope["path"] == "/readyz":
            await _send(send, 503, {"ready": False, "checks": {"model": False}, "reason": reason})
        else:
            await _send(send, 503, {"error": _describe(reason)})


def _describe(reason: str) -> dict[str, Any]:
    message = f"This worker serves no model: {reason}"
    return {
        "status": 503,
        "kind": "no_model",
        "message": message,
        "row": None,
        "feature": None,
        "findings": [],
    }


async def _send(send: Any, status: int, content: dict[str, Any]) -> None:
    body = orjson.dumps(content)
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"cache-control", b"no-store"),
        (b"connection", b"close"),  # the next request may reach a worker that serves
    ]
    if status == 503:
        headers.append((b"retry-after", b"60"))  # seconds; it takes a person, or another copy of the service
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
