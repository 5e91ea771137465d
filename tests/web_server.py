"""A real HTTP server on the loopback interface whose answers a test chooses; shared by unit and integration tests."""

from __future__ import annotations

import hashlib
import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


@dataclass
class Page:
    """An answer: ``headers`` replace the usual ones (None: left out); ``after`` is called once it was sent."""

    body: bytes
    status: int = 200
    headers: dict[str, str | None] = field(default_factory=dict)
    after: Callable[[], None] = lambda: None


@dataclass
class Web:
    """A server's address and its pages by path; ``asked`` lists methods and paths."""

    url: str
    pages: dict[str, Page] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)


@dataclass
class Hook:
    """A webhook's address, and the JSON that was posted to it."""

    url: str
    posts: list = field(default_factory=list)


@contextmanager
def serve_hook(path: str = "/hook") -> Iterator[Hook]:
    """Take posts at a path until the block ends."""
    hook = Hook("")

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.path == path:
                hook.posts.append(json.loads(body))
            self.send_response(200 if self.path == path else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    hook.url = f"http://127.0.0.1:{server.server_port}{path}"
    try:
        yield hook
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def serve_pages() -> Iterator[Web]:
    """Serve pages until the block ends."""
    web = Web("")

    class Handler(BaseHTTPRequestHandler):
        def do_HEAD(self) -> None:
            self.answer(body=False)

        def do_GET(self) -> None:
            self.answer(body=True)

        def answer(self, body: bool) -> None:
            web.asked.append(f"{self.command} {self.path}")
            page = web.pages.get(self.path.partition("?")[0], Page(b"not here", 404))
            headers = {
                "Content-Length": str(len(page.body)),
                "Content-Type": "text/csv",
                "ETag": f'"{hashlib.sha256(page.body).hexdigest()[:16]}"',
                "Connection": "close",
            } | page.headers
            self.send_response(page.status)
            for name, value in headers.items():
                if value is not None:
                    self.send_header(name, value)
            self.end_headers()
            if body:
                self.wfile.write(page.body)
                page.after()

        def log_message(self, *arguments: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        web.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
        thread.start()
        try:
            yield web
        finally:
            server.shutdown()
            thread.join()
