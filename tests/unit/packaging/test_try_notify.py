"""``toolkit notify``: what happened to a test message, and one clear error where there is nobody to tell."""

import socket

import pytest

from toolkit.cli import main

NOWHERE = "https://127.0.0.1:1/s3cr3t"


def test_nobody_is_named(capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("TOOLKIT_NOTIFY_URLS", raising=False)
    assert main(["notify", "--test"]) == 1
    assert "TOOLKIT_NOTIFY_URLS must name who is told" in capsys.readouterr().err


def test_an_address_that_cannot_be_read(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_NOTIFY_URLS", "s3cr3t")
    assert main(["notify"]) == 1
    error = capsys.readouterr().err
    assert error.startswith("toolkit: TOOLKIT_NOTIFY_URLS, address 1 of 1 must be") and "s3cr3t" not in error


def test_those_who_are_told_are_shown_without_their_keys(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_NOTIFY_URLS", f"{NOWHERE} smtp://u:s3cr3t@mail.x.org?to=a@x.org")
    assert main(["notify"]) == 0
    shown = capsys.readouterr().out
    assert "https://127.0.0.1:1\nmail to 1 through mail.x.org:587\n" in shown and "s3cr3t" not in shown


def test_what_became_of_each_message_is_told(
    capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch, tmp_path
) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        port = unused.getsockname()[1]
        monkeypatch.setenv("TOOLKIT_NOTIFY_URLS", f"http://127.0.0.1:{port}/s3cr3t")
        assert main(["notify", "--test"]) == 1
    told = capsys.readouterr()
    assert (
        f"not sent: http://127.0.0.1:{port}: ConnectError" in told.err and "s3cr3t" not in told.err + told.out
    )
