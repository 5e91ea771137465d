"""BentoML's own pages, which try the service: served as they are, but load nothing from elsewhere.

What they would load tells a tracker who looks at them. The page at ``/`` is sent without it, and the browser is told to
refuse what a later BentoML may have besides.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from toolkit.serving.body import Message

PAGES = ("/", "/schema.json")
FOLDERS = ("/static_content/", "/assets/")
POLICY = (
    b"default-src 'self'; img-src 'self' data:; "
    b"script-src 'self' 'unsafe-inline'; style-src 'self' 'unsafe-inline'"
)
TRACKER = re.compile(
    rb"<(script|noscript)\b[^>]*>(?:(?!</\1>).)*?googletagmanager\.com(?:(?!</\1>).)*</\1>", re.DOTALL
)
Send = Callable[[Message], Awaitable[None]]


def is_page(path: str) -> bool:
    """Tell whether a path is one of BentoML's pages, or of a file that they need."""
    return path in PAGES or path.startswith(FOLDERS)


def make_whole(scope: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Let a page be asked for as a whole, for a part of it could not be looked through."""
    return {**scope, "headers": [each for each in scope["headers"] if each[0] != b"range"]}


def confine(send: Send, path: str) -> Send:
    """Let a page load nothing from elsewhere; the one at ``/`` does not try to."""
    start: Message = {}
    parts: list[bytes] = []

    async def take(message: Message) -> None:
        if message["type"] == "http.response.start":
            message["headers"] = [*message["headers"], (b"content-security-policy", POLICY)]
            if path == "/":
                start.update(message)
                return
        elif start:
            parts.append(message.get("body", b""))
            if message.get("more_body"):
                return
            page = remove_trackers(b"".join(parts))
            headers = [each for each in start["headers"] if each[0] != b"content-length"]
            length = [(b"content-length", b"%d" % len(page))] if page else []  # HEAD has no page to measure
            await send({**start, "headers": headers + length})
            message = {"type": "http.response.body", "body": page}
        await send(message)

    return take


def remove_trackers(page: bytes) -> bytes:
    """Remove the elements of an HTML page that load Google's tag manager.

    >>> remove_trackers(b"<script>a</script><script>'https://www.googletagmanager.com/gtm.js'</script><p>")
    b'<script>a</script><p>'
    """
    return TRACKER.sub(b"", page)
