"""BentoML's page at / comes whole and without its tracker, however it is asked for."""

import asyncio
import re
from pathlib import Path

import _bentoml_impl.server
import pytest
from starlette.responses import FileResponse

from toolkit.serving.bento_pages import POLICY, confine, make_whole, remove_trackers

PAGE = Path(_bentoml_impl.server.__file__).parent / "main-openapi.html"


def ask(method="GET", path="/", headers=()):
    sent = []

    async def send(message):
        sent.append(message)

    asgi = {"spec_version": "2.4"}
    scope = {"type": "http", "asgi": asgi, "method": method, "path": path, "headers": list(headers)}
    asyncio.run(FileResponse(PAGE)(make_whole(scope), None, confine(send, path)))
    start, *parts = sent
    return start["status"], dict(start["headers"]), b"".join(part["body"] for part in parts)


@pytest.mark.parametrize("headers", [[], [(b"range", b"bytes=0-99")]])
def test_the_page_has_no_tracker_and_all_else(headers):
    status, told, page = ask(headers=headers)
    assert (status, told[b"content-length"], told[b"content-security-policy"]) == (
        200, b"%d" % len(page), POLICY,
    )  # fmt: skip
    assert b"googletagmanager" in PAGE.read_bytes() and b"googletagmanager" not in page
    assert re.findall(rb"<script src=[^>]*>", page) == re.findall(rb"<script src=[^>]*>", PAGE.read_bytes())
    assert page.count(b"<script") == page.count(b"</script>") == 3 and b'<div id="swagger-ui">' in page


def test_head_has_no_body():
    status, _, page = ask("HEAD")
    assert (status, page) == (200, b"")


def test_other_files_are_sent_as_they_are():
    _, told, page = ask(path="/static_content/x")
    assert page == PAGE.read_bytes() and told[b"content-security-policy"] == POLICY


def test_a_page_without_a_tracker_stays_as_it_is():
    page = b"<script>1</script><noscript>2</noscript><p>googletagmanager.com</p><script>3</script>"
    assert remove_trackers(page) == page
