"""How much a worker has taken on, so that what is too much is refused at once and not queued."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager
from typing import Any

from toolkit.errors import RequestError

RETRY_AFTER_S = 1


class Load:
    """Requests in flight in this worker, and the memory of bodies that are still arriving.

    A request is in flight from when all of it has arrived, whether it is being looked at yet or not, until its answer
    is handed to the system. One whose body is still arriving is not: it takes no time of the worker, and clients that
    send slowly must not keep out those that don't. Such bodies are bounded by the memory that they fill together.

    Parameters
    ----------
    limit : int
        Most requests in flight.
    max_body_bytes : int
        Largest body; as many as ``limit`` of them may be arriving.
    """

    def __init__(self, limit: int, max_body_bytes: int) -> None:
        self.limit, self._max_held_bytes = limit, limit * max_body_bytes
        self.tasks: Collection[
            Any
        ] = ()  # the server's: one a request, also of those that nobody has looked at yet
        self.arriving = 0  # requests among them whose body is not complete; connections count them
        self.overdue: set[Any] = set()  # work that goes on although its request was given up
        self._held_bytes = self._peak = 0

    def measure(self) -> int:
        """Count the requests in flight."""
        return len(self.tasks) - self.arriving + len(self.overdue)

    def check(self) -> None:
        """Refuse the request that asks, where there are more than the limit.

        Raises
        ------
        RequestError
            503: the client may try again in a second.
        """
        in_flight = self.measure()
        self._peak = max(self._peak, in_flight)
        if in_flight > self.limit:
            raise _overloaded(f"takes {self.limit} requests at once and has as many")

    def take_peak(self) -> int:
        """Give the most requests that were in flight since this was last asked."""
        peak, self._peak = max(self._peak, self.measure()), 0
        return peak

    @contextmanager
    def holding(self) -> Iterator[Callable[[int], None]]:
        """Account for the parts of a body that is not complete; gives a function to be told the size of each."""
        held = 0

        def hold(size: int) -> None:
            nonlocal held
            held += size
            self._held_bytes += size
            if self._held_bytes > self._max_held_bytes:
                raise _overloaded("has no memory left for bodies that are still arriving")

        try:
            yield hold
        finally:
            self._held_bytes -= held


def _overloaded(what: str) -> RequestError:
    return RequestError(f"This worker {what}. Try again in {RETRY_AFTER_S} s.", 503, "overloaded")
