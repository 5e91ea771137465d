"""TLS: which certificate the service shows, whether it would do so, and with which ciphers."""

from __future__ import annotations

import logging
import os
import ssl
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from toolkit.errors import ModelError, ToolkitError

VARIABLES = {"tls_certificate": "TOOLKIT_TLS_CERTIFICATE", "tls_key": "TOOLKIT_TLS_KEY"}
# TLS 1.3 has good ciphers only; of TLS 1.2's, those with forward secrecy and authenticated encryption (RFC 9325).
CIPHERS = "ECDHE+AESGCM:ECDHE+CHACHA20:!PSK"
logger = logging.getLogger("toolkit.serving")


def find_pair(settings: Mapping[str, Any], root: Path) -> tuple[Path, Path] | None:
    """Find the files of the certificate and its key; None: the service speaks plain HTTP.

    Parameters
    ----------
    settings : Mapping
        May have ``tls_certificate`` and ``tls_key``; environment variables of those names, if set, are used instead.
    root : Path
        The project, where relative paths begin; the working folder is another one in each of BentoML's processes.

    Raises
    ------
    ModelError
        Only one of them is given.
    """
    given = {name: os.environ.get(VARIABLES[name], settings.get(name, "")) for name in VARIABLES}
    missing = [f"package.{name} ({VARIABLES[name]})" for name, value in given.items() if not value]
    if len(missing) == len(given):
        return None
    if missing:
        raise ModelError(f"TLS takes a certificate and its key. {missing[0]} is missing.")
    return root / given["tls_certificate"], root / given["tls_key"]


def check_pair(certificate: Path, key: Path) -> datetime:
    """Check that a client could connect, by doing so in memory; give when the certificate ends.

    Raises
    ------
    ModelError
        A file cannot be read or is of another kind, the two do not belong together, or the certificate is not valid
        now.
    """
    for path, what in ((certificate, "certificate"), (key, "key")):
        try:
            with path.open("rb") as file:
                file.read(1)
        except OSError as error:
            raise ModelError(
                f"The TLS {what} {path} must be a file that can be read. {error.strerror}."
            ) from None
    server, client = make_server_context(certificate, key), make_client_context(certificate)
    try:
        shown = shake_hands(server, client)
    except ssl.SSLCertVerificationError as error:
        raise ModelError(
            f"The TLS certificate {certificate} must be valid now and is not: {error.verify_message}. Renew it."
        ) from None
    except ssl.SSLError as error:
        raise ModelError(
            f"No TLS connection can be made with {certificate} and {key}: {error.reason}. Make a pair of RSA (2048 "
            f"bits or more) or of an elliptic curve."
        ) from None
    return datetime.fromtimestamp(ssl.cert_time_to_seconds(shown["notAfter"]), UTC)


def make_server_context(certificate: Path, key: Path) -> ssl.SSLContext:
    """Make what a server needs.

    Raises
    ------
    ModelError
        See :func:`check_pair`.
    """
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.set_ciphers(CIPHERS)

    def refuse_password() -> str:
        raise ModelError(
            f"The TLS key {key} must not need a password. openssl pkey -in KEY -out PLAIN removes it."
        )

    try:
        context.load_cert_chain(certificate, key, refuse_password)
    except ssl.SSLError as error:
        if error.reason == "KEY_VALUES_MISMATCH":
            raise ModelError(
                f"The TLS key must belong to the certificate. {key} is of another one than {certificate}."
            ) from None
        raise ModelError(
            f"The TLS certificate {certificate} and its key {key} must be PEM files, the server's certificate first. "
            f"They cannot be loaded: {error.reason or 'no PEM'}."
        ) from None
    return context


def make_client_context(certificate: Path) -> ssl.SSLContext:
    """Make a client that trusts this very certificate, whoever signed it, as long as it is valid."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname = False
    context.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    context.load_verify_locations(certificate)
    return context


def shake_hands(server: ssl.SSLContext, client: ssl.SSLContext) -> Mapping[str, Any]:
    """Connect a client to a server in memory; give the certificate that the client was shown.

    Raises
    ------
    ssl.SSLError
        They cannot agree.
    """
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    sides = [
        client.wrap_bio(to_client, to_server, server_side=False),
        server.wrap_bio(to_server, to_client, server_side=True),
    ]
    for _ in range(10):  # each turn is one message each way; three are enough
        waiting = []
        for side in sides:
            try:
                side.do_handshake()
            except ssl.SSLWantReadError:
                waiting.append(side)
        if not waiting:
            return sides[0].getpeercert() or {}
    raise ssl.SSLError("the handshake does not end")


class Renewal:
    """Takes a new certificate when its files change, for connections that are made from then on.

    Parameters
    ----------
    context : ssl.SSLContext
        The running server's.
    certificate, key : Path
        The files that it was made from.
    """

    def __init__(self, context: ssl.SSLContext, certificate: Path, key: Path) -> None:
        self._context, self._pair = context, (certificate, key)
        self._seen = self._look()

    def check(self) -> None:
        """Look at the files; what cannot be used is told once, and the old certificate goes on being shown."""
        found = self._look()
        if found == self._seen:
            return
        self._seen = found
        try:
            ends = check_pair(*self._pair)
            self._context.load_cert_chain(*self._pair)
        except (ToolkitError, OSError) as error:
            logger.error("The new certificate is not taken: %s", error)
        else:
            logger.info("A new TLS certificate is shown, valid until %s", ends.isoformat(" ", "minutes"))

    def _look(self) -> list[tuple[int, int] | None]:
        found: list[tuple[int, int] | None] = []
        for path in self._pair:
            try:
                stat = path.stat()
                found.append((stat.st_mtime_ns, stat.st_ino))
            except OSError:
                found.append(None)
        return found
