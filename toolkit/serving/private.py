"""The private address: metrics, status and feedback apart from predictions.

The server's first process opens it, so that a port which is taken ends the start with one message, and its workers
inherit it like the public one: each answers at it, whichever of them the system picks.
"""

from __future__ import annotations

import os
import socket
from collections.abc import Mapping
from typing import Any

import click  # BentoML's command line is made of it

from toolkit.errors import ModelError
from toolkit.params_package import parse_address

VARIABLE, DESCRIPTOR = "TOOLKIT_METRICS_ADDRESS", "TOOLKIT_METRICS_DESCRIPTOR"
EVERY_ADDRESS = ("0.0.0.0", "::")  # noqa: S104  # to compare with, not to listen
DEFAULT_PORT = 3000  # BentoML's
BACKLOG = 128
_opened: list[socket.socket] = []  # open as long as the process


def find_address(settings: Mapping[str, Any]) -> str:
    """Find the private address, ``host:port``: TOOLKIT_METRICS_ADDRESS, else the package's; empty: there is none."""
    return os.environ.get(VARIABLE, settings.get("metrics_address", ""))


def open_private(settings: Mapping[str, Any]) -> None:
    """Listen at the private address, if there is to be one, for this process' children.

    Raises
    ------
    ModelError
        That is no address, it is the public one, or nothing can listen there.
    """
    source = VARIABLE if VARIABLE in os.environ else "package.metrics_address"
    address = find_address(settings)
    os.environ.pop(DESCRIPTOR, None)  # of a server that started this one
    if not address:
        return
    try:
        host, port = parse_address(address)
    except ValueError as error:
        raise ModelError(f"{source} {error}. Got '{address[:80]}'.") from None
    try:
        family, kind, protocol, _, where = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
        check_apart(str(where[0]), port, source)
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(where)
        listener.listen(BACKLOG)
    except OSError as error:
        raise ModelError(
            f"{source} must be an address of this machine with a free port. Got {address}: {error.strerror}."
        ) from None
    listener.set_inheritable(True)
    _opened.append(listener)
    os.environ[DESCRIPTOR] = str(listener.fileno())


def check_apart(host: str, port: int, source: str) -> None:
    """Check that a private address is not the one that ``bentoml serve`` was told to answer predictions at.

    Both would be opened by this process, and BentoML tells of the second one in a stack trace.

    Raises
    ------
    ModelError
        It is.
    """
    context = click.get_current_context(silent=True)
    told = context.params if context else {}
    public_host, public_port = told.get("host") or EVERY_ADDRESS[0], told.get("port") or DEFAULT_PORT
    if context and port == public_port and (host == public_host or {host, public_host} & set(EVERY_ADDRESS)):
        raise ModelError(
            f"{source} must have a port of its own. Got {host}:{port}, where predictions are answered."
        )


def is_apart() -> bool:
    """Whether the parent process opened a private address."""
    return bool(os.environ.get(DESCRIPTOR))


def take_listener() -> socket.socket | None:
    """Give the socket that :func:`open_private` opened in the parent process; None if there is none."""
    if not is_apart():
        return None
    listener = socket.socket(fileno=int(os.environ[DESCRIPTOR]))
    listener.setblocking(False)
    return listener
