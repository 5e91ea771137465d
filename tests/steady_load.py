"""Clients that ask a service without a pause until it is gone, and know which of their requests were lost."""

from __future__ import annotations

import asyncio
import random
import ssl
from collections import Counter
from collections.abc import Callable

PAUSES_S = (0, 0, 0, 0, 0.1, 0.1, 0.4, 0.4, 1.5, 1.5)  # longest one of each client between two requests


class SteadyLoad:
    """Clients on kept connections that send ``request`` over and over; ``counts`` says what became of it.

    lost : a request was sent on an open connection, and no whole answer came.
    refused : no connection was made; nothing was sent.
    told : an answer said that the connection ends.
    """

    def __init__(self, port: int, request: bytes, context: ssl.SSLContext | None = None) -> None:
        self._port, self._request, self._context = port, request, context
        self.counts: Counter[str] = Counter()
        self._ended = False

    async def run(
        self, until_gone: Callable[[], bool], signal_after_s: float, send: Callable[[], None]
    ) -> None:
        """Ask; after a while call ``send``, and go on until the service is gone."""
        clients = [asyncio.ensure_future(self._ask(pause)) for pause in PAUSES_S]
        await asyncio.sleep(signal_after_s)
        send()
        while not until_gone():
            await asyncio.sleep(0.02)
        self._ended = True
        await asyncio.wait_for(asyncio.gather(*clients), 10)

    async def _ask(self, pause_s: float) -> None:
        while not self._ended:
            try:
                reader, writer = await asyncio.open_connection("127.0.0.1", self._port, ssl=self._context)
            except OSError:
                self.counts["refused"] += 1
                await asyncio.sleep(0.02)
                continue
            try:
                while not self._ended and await self._exchange(reader, writer, pause_s):
                    pass
            finally:
                writer.close()

    async def _exchange(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, pause_s: float
    ) -> bool:
        await asyncio.sleep(random.random() * pause_s)
        if reader.at_eof():  # closed while it was idle: nothing was sent
            return False
        writer.write(self._request)
        try:
            head = (await reader.readuntil(b"\r\n\r\n")).lower()
            await reader.readexactly(int(head.partition(b"content-length: ")[2].split(b"\r\n")[0]))
        except (asyncio.IncompleteReadError, OSError):
            self.counts["lost"] += 1
            return False
        self.counts[head[9:12].decode()] += 1
        closes = b"connection: close" in head
        self.counts["told"] += closes
        return not closes


def make_request(body: bytes, *headers: str) -> bytes:
    """Make a request to predict."""
    lines = ["POST /predict HTTP/1.1", "Host: x", "Content-Type: application/json", *headers]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body
