"""The service's paths: what each takes, what answers it, and where it is served."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import NamedTuple

from toolkit.errors import RequestError
from toolkit.serving.endpoints import JSON, Answer, Endpoints
from toolkit.serving.tables import ARROW, FORMS

READ = ("GET", "HEAD")
QUICK_BYTES = (
    32_768  # of JSON, answered at once: a thread would cost more. Large ones must not keep small ones waiting
)


class Asked(NamedTuple):
    """What a request sends: the query and, with a body, all of it, its media type, and what answer is accepted."""

    body: bytes
    media_type: str
    accept: str
    query: bytes = b""


@dataclass(frozen=True)
class Route:
    """How one path is answered.

    Parameters
    ----------
    methods : tuple of str
        The HTTP methods that it takes.
    answer : callable
        Gives the answer, or an awaitable of it where that takes long: only then can the request's time be bounded.
    bodies : tuple of str
        Media types of the body; with any, the request counts as work: it is refused when too many are in flight.
    private : bool
        Served only at the private address, where there is one.
    health : bool
        Served at both addresses and without a token.
    page : bool
        For people: a browser may ask them for the token.
    """

    methods: tuple[str, ...]
    answer: Callable[[Endpoints, Asked], Answer | Awaitable[Answer]]
    bodies: tuple[str, ...] = ()
    private: bool = False
    health: bool = False
    page: bool = False


def _predict(endpoints: Endpoints, asked: Asked) -> Answer | Awaitable[Answer]:
    arrow = wants_arrow(asked.accept)
    if asked.media_type == JSON and not arrow and len(asked.body) <= QUICK_BYTES:
        return endpoints.predict(asked.body)
    return asyncio.to_thread(endpoints.predict, asked.body, asked.media_type, arrow, patient=True)


def wants_arrow(accept: str) -> bool:
    """Tell whether an Accept header names Arrow's stream.

    >>> wants_arrow("application/vnd.apache.arrow.stream, */*;q=0.1"), wants_arrow("*/*")
    (True, False)
    """
    return any(each.split(";")[0].strip().lower() == ARROW for each in accept.split(","))


ROUTES = {
    "/predict": Route(("POST",), _predict, bodies=(JSON, *FORMS)),
    "/explain": Route(
        ("POST",),
        lambda endpoints, asked: asyncio.to_thread(endpoints.explain, asked.body, asked.query),
        bodies=(JSON,),
    ),
    "/feedback": Route(
        ("POST",),
        lambda endpoints, asked: asyncio.to_thread(endpoints.feedback, asked.body),
        bodies=(JSON,),
        private=True,
    ),
    "/schema": Route(READ, lambda endpoints, _: endpoints.schema()),
    "/docs.json": Route(READ, lambda endpoints, _: endpoints.docs()),
    "/lineage": Route(READ, lambda endpoints, _: endpoints.lineage()),
    "/metrics": Route(READ, lambda endpoints, _: asyncio.to_thread(endpoints.show_metrics), private=True),
    "/status": Route(
        READ,
        lambda endpoints, asked: asyncio.to_thread(endpoints.show_status, asked.query),
        private=True,
        page=True,
    ),
    "/livez": Route(READ, lambda endpoints, _: endpoints.live(), health=True),
    "/healthz": Route(READ, lambda endpoints, _: endpoints.live(), health=True),
    "/readyz": Route(READ, lambda endpoints, _: endpoints.ready(), health=True),
}


def find_route(path: str, apart: bool, private: bool) -> Route:
    """Find what answers a path.

    Parameters
    ----------
    path : str
        As asked for.
    apart : bool
        There is a private address beside the public one.
    private : bool
        The request came in at the private address.

    Raises
    ------
    RequestError
        Nothing does, at this address.
    """
    route = ROUTES.get(path)
    if route is None or not _is_here(route, apart, private):
        here = ", ".join(
            f"{route.methods[0]} {name}" for name, route in ROUTES.items() if _is_here(route, apart, private)
        )
        pages = "" if private else " and the pages at /"
        raise RequestError(f"There is no {path[:80]} here. There are {here}{pages}.", 404, "not_found")
    return route


def _is_here(route: Route, apart: bool, private: bool) -> bool:
    return not apart or route.health or route.private == private
