"""The private address is opened once, by the process whose children serve it; a wrong one refuses to start."""

import os
import socket

import click
import pytest

from toolkit.errors import ModelError
from toolkit.packaging.serve import find_port
from toolkit.params_package import parse_address
from toolkit.serving import private


@pytest.fixture(autouse=True)
def clean(monkeypatch):
    monkeypatch.delenv(private.VARIABLE, raising=False)
    monkeypatch.setenv(private.DESCRIPTOR, "")  # so that what a test sets is undone
    opened = []
    monkeypatch.setattr(private, "_opened", opened)
    yield
    for listener in opened:
        listener.close()


def test_without_an_address_there_is_none():
    private.open_private({})
    assert not private.is_apart()
    assert private.take_listener() is None


def test_what_is_opened_is_inherited(monkeypatch):
    address = f"127.0.0.1:{find_port('127.0.0.1')}"
    private.open_private({"metrics_address": address})
    assert private.is_apart()
    assert os.get_inheritable(int(os.environ[private.DESCRIPTOR]))
    host, port = parse_address(address)
    with socket.create_connection((host, port), timeout=5):
        pass
    with pytest.raises(ModelError, match=f"with a free port. Got {address}: Address already in use"):
        private.open_private({"metrics_address": address})


def test_the_environment_goes_before_the_package(monkeypatch):
    monkeypatch.setenv(private.VARIABLE, "")
    assert private.find_address({"metrics_address": "127.0.0.1:1"}) == ""
    monkeypatch.setenv(private.VARIABLE, "[::1]:2")
    assert private.find_address({"metrics_address": "127.0.0.1:1"}) == "[::1]:2"


@pytest.mark.parametrize(
    "text", ["9100", ":9100", "127.0.0.1", "::1:9100", "host:0", "host:65536", "a b:1", "http://h:1"]
)
def test_what_is_no_address_is_refused(text):
    with pytest.raises(ModelError, match=r"package\.metrics_address must be host:port"):
        private.open_private({"metrics_address": text})


def test_an_address_of_another_machine_is_refused():
    with pytest.raises(ModelError, match="must be an address of this machine"):
        private.open_private({"metrics_address": "192.0.2.1:9100"})


@pytest.mark.parametrize(
    ("given", "address", "apart"),
    [
        ({"host": "127.0.0.1", "port": 9100}, "127.0.0.1:9100", False),
        ({"host": "127.0.0.1", "port": 9100}, "0.0.0.0:9100", False),
        ({"host": None, "port": 9100}, "127.0.0.1:9100", False),
        ({"host": None, "port": None}, "127.0.0.1:3000", False),
        ({"host": "127.0.0.1", "port": 9100}, "127.0.0.2:9100", True),
        ({"host": "127.0.0.1", "port": 9100}, "127.0.0.1:3000", True),
    ],
)
def test_it_is_another_address_than_the_one_of_predictions(given, address, apart):
    context = click.Context(click.Command("serve"))
    context.params = given
    host, port = parse_address(address)
    with context:
        if apart:
            private.check_apart(host, port, "here")
        else:
            with pytest.raises(ModelError, match=f"here must have a port of its own. Got {address}"):
                private.check_apart(host, port, "here")
    private.check_apart(host, port, "here")  # no command line, none to compare with
