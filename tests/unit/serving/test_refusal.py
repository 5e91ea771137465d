"""A worker without a model passes nothing on and says why."""

import asyncio
import json

import pytest

from toolkit.serving.refusal import Refusal


def ask(path, reason="", kind="http"):
    sent = []

    async def app(scope, receive, send):
        sent.append("passed on")

    async def send(message):
        sent.append(message)

    asyncio.run(Refusal(app, lambda: reason)({"type": kind, "path": path}, None, send))
    return sent


@pytest.mark.parametrize("path", ["/predict", "/readyz", "/metrics", "/"])
def test_every_request_is_answered_with_503_and_the_reason(path):
    head, body = ask(path, "model.txt is missing")
    headers = dict(head["headers"])
    assert head["status"] == 503 and headers[b"retry-after"].isdigit()
    assert headers[b"content-length"] == str(len(body["body"])).encode()
    assert "model.txt is missing" in str(json.loads(body["body"]))


def test_the_process_is_live_for_a_new_start_would_not_help():
    head, body = ask("/livez", "model.txt is missing")
    assert (head["status"], json.loads(body["body"])) == (200, {"live": True, "ready": False})


@pytest.mark.parametrize(("reason", "kind"), [("", "http"), ("", "lifespan"), ("missing", "lifespan")])
def test_all_else_is_passed_on(reason, kind):
    assert ask("/predict", reason, kind) == ["passed on"]
