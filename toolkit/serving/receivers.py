"""Who is told of alarms: a webhook or a mailbox, read from an address that is a secret, and told once.

The addresses come from the environment variable TOOLKIT_NOTIFY_URLS, with blanks between them, and are shown nowhere:
of a webhook its path is a key, of a mailbox the password is in it. Messages of errors name the host alone.
"""

from __future__ import annotations

import logging
import os
import smtplib
import ssl
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from email.message import EmailMessage
from email.utils import formatdate
from typing import Any, Protocol
from urllib.parse import SplitResult, parse_qs, unquote, urlsplit

import orjson

from toolkit.errors import NotifyError

VARIABLE = "TOOLKIT_NOTIFY_URLS"
TIMEOUT_S = 10.0
MOST_WAIT_S = 3600.0  # a receiver that asks for longer is asked earlier
LIMITED, SERVER_FAULT = 429, 500
FORMS = (
    "https://host/path for a webhook, "
    "smtp://user:password@host:587?from=me@example.org&to=you@example.org for a mailbox "
    "(smtps:// for port 465; starttls=no for a relay without a password)"
)


@dataclass(frozen=True)
class Note:
    """A message: a line for a mail's subject, a text, and what a program would read."""

    subject: str
    text: str
    content: Mapping[str, Any]


class Receiver(Protocol):
    """Where notes go; ``name`` holds no secret."""

    @property
    def name(self) -> str:
        """What it is called in a log."""

    def send(self, note: Note, timeout_s: float = TIMEOUT_S) -> None:
        """Send a note; a NotifyError says why it was not taken."""


@dataclass(frozen=True)
class Webhook:
    """A web address that takes a POST with JSON; ``text`` in it is what Slack and those like it show."""

    url: str = field(repr=False)

    @property
    def name(self) -> str:
        """Scheme and host; the path is a key."""
        parts = urlsplit(self.url)
        return f"{parts.scheme}://{_host(parts)}"

    def send(self, note: Note, timeout_s: float = TIMEOUT_S) -> None:
        """Post a note.

        Parameters
        ----------
        timeout_s : float
            For connecting, for sending, and for the answer's first line, each.

        Raises
        ------
        NotifyError
            It was not taken.
        """
        import httpx

        body = orjson.dumps({**note.content, "text": note.text})
        headers = {"content-type": "application/json", "user-agent": "notebook-mlops-toolkit"}
        try:
            with (
                _unlogged(),
                httpx.Client(timeout=timeout_s) as client,
                client.stream("POST", self.url, content=body, headers=headers) as answer,
            ):  # the answer's body is nobody's concern, however long
                status, wait = answer.status_code, answer.headers.get("retry-after", "")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise NotifyError(f"{self.name}: {self._describe(error)}.", again=True) from None
        if not 200 <= status < 300:
            again = status in (408, LIMITED) or status >= SERVER_FAULT
            wait_s = min(float(wait), MOST_WAIT_S) if wait.isdecimal() else 0.0
            raise NotifyError(
                f"{self.name} must answer with 2xx. It answered {status}.", again=again, wait_s=wait_s
            )

    def _describe(self, error: Exception) -> str:
        told = str(error).replace(self.url, self.name)
        path = urlsplit(self.url).path
        if len(path) > 1:
            told = told.replace(path, "/…")
        return f"{type(error).__name__}: {told[:200]}" if told else type(error).__name__


@dataclass(frozen=True)
class Mailbox:
    """Some mailboxes behind one mail server; ``tls`` is ``starttls``, ``tls`` from the start, or ``none``."""

    host: str
    port: int
    tls: str
    sender: str
    recipients: tuple[str, ...]
    user: str = field(default="", repr=False)
    password: str = field(default="", repr=False)

    @property
    def name(self) -> str:
        """The server and how many are written to."""
        return f"mail to {len(self.recipients)} through {self.host}:{self.port}"

    def send(self, note: Note, timeout_s: float = TIMEOUT_S) -> None:
        """Mail a note.

        Raises
        ------
        NotifyError
            The server did not take it for all recipients.
        """
        try:
            with self._connect(timeout_s) as server:
                if self.tls == "starttls":
                    server.starttls(context=ssl.create_default_context())
                if self.user:
                    server.login(self.user, self.password)
                refused = server.send_message(self._write(note), self.sender, self.recipients)
        except smtplib.SMTPNotSupportedError:
            hint = (
                "Use smtps://, or starttls=no for a relay that needs no password"
                if self.tls == "starttls"
                else ""
            )
            raise NotifyError(
                f"{self.name}: the server does not offer what the address asks for (STARTTLS or a login). {hint}."
            ) from None
        except smtplib.SMTPAuthenticationError as error:
            raise NotifyError(f"{self.name}: user or password is refused ({error.smtp_code}).") from None
        except smtplib.SMTPRecipientsRefused as error:
            again = all(400 <= code < 500 for code, _ in error.recipients.values())
            raise NotifyError(f"{self.name}: all recipients are refused.", again=again) from None
        except smtplib.SMTPResponseException as error:
            again = 400 <= error.smtp_code < 500
            raise NotifyError(f"{self.name}: the server answered {error.smtp_code}.", again=again) from None
        except (smtplib.SMTPException, OSError, ValueError) as error:
            again = not isinstance(error, (ssl.SSLCertVerificationError, UnicodeError))
            told = f"{type(error).__name__}: {str(error)[:200]}"
            raise NotifyError(f"{self.name}: {told}.", again=again) from None
        if refused:
            raise NotifyError(f"{self.name}: {len(refused)} of the recipients were refused.")

    def _connect(self, timeout_s: float) -> smtplib.SMTP:
        if self.tls == "tls":
            context = ssl.create_default_context()
            return smtplib.SMTP_SSL(self.host, self.port, timeout=timeout_s, context=context)
        return smtplib.SMTP(self.host, self.port, timeout=timeout_s)

    def _write(self, note: Note) -> EmailMessage:
        mail = EmailMessage()
        mail["Subject"], mail["From"], mail["To"] = note.subject, self.sender, ", ".join(self.recipients)
        mail["Date"] = formatdate()
        mail["Auto-Submitted"] = "auto-generated"  # RFC 3834: nobody's holiday answers it
        mail.set_content(note.text)
        return mail


def load_receivers(environment: Mapping[str, str] = os.environ) -> tuple[Receiver, ...]:
    """Read who is told from TOOLKIT_NOTIFY_URLS; nobody where it is not set.

    Raises
    ------
    NotifyError
        An address cannot be read; says which by its place, and nothing of what is in it.
    """
    given = environment.get(VARIABLE, "").split()
    return tuple(
        _parse(url, f"{VARIABLE}, address {place} of {len(given)}") for place, url in enumerate(given, 1)
    )


def parse_receiver(url: str) -> Receiver:
    """Read one address."""
    return _parse(url, "The address")


def _parse(url: str, place: str) -> Receiver:
    try:
        parts = urlsplit(url)
        port, host = parts.port, parts.hostname
    except ValueError:
        raise NotifyError(f"{place} must be {FORMS}. Its host or port cannot be read.") from None
    if parts.scheme not in ("http", "https", "smtp", "smtps"):
        raise NotifyError(f"{place} must be {FORMS}. It begins with none of http, https, smtp, smtps.")
    if not host or not url.isprintable():
        raise NotifyError(
            f"{place} must be {FORMS}. It has {'no host' if not host else 'characters that none has'}."
        )
    if parts.scheme in ("http", "https"):
        return Webhook(url)
    return _parse_mailbox(parts, host, port, place)


def _parse_mailbox(parts: SplitResult, host: str, port: int | None, place: str) -> Mailbox:
    options = parse_qs(parts.query)
    unknown = sorted(set(options) - {"from", "to", "starttls"})
    if unknown:
        raise NotifyError(f"{place}: a mailbox may have from, to and starttls. It has {len(unknown)} others.")
    recipients = tuple(
        each.strip() for text in options.get("to", ()) for each in text.split(",") if each.strip()
    )
    user, password = unquote(parts.username or ""), unquote(parts.password or "")
    sender = options.get("from", [user if "@" in user else f"toolkit@{host}"])[0]
    wrong = [each for each in (sender, *recipients) if "@" not in each.strip("@") or not each.isprintable()]
    if not recipients or wrong:
        raise NotifyError(
            f"{place} must be {FORMS}. {'A mail address in it is none' if wrong else 'It has no to='}."
        )
    choice = options.get("starttls", ["yes"])[0]
    if choice not in ("yes", "no"):
        raise NotifyError(f"{place}: starttls must be yes or no.")
    tls = "tls" if parts.scheme == "smtps" else "starttls" if choice == "yes" else "none"
    if password and tls == "none":
        raise NotifyError(f"{place}: a password must not be sent in the open. Leave out starttls=no.")
    return Mailbox(host, port or (465 if tls == "tls" else 587), tls, sender, recipients, user, password)


def _host(parts: SplitResult) -> str:
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.hostname}{port}"


_sending = threading.local()


@contextmanager
def _unlogged() -> Iterator[None]:
    """Keep httpx from logging what this thread asks: the address is a secret."""
    for name in ("httpx", "httpcore.connection", "httpcore.http11", "httpcore.http2", "httpcore.proxy"):
        logging.getLogger(name).addFilter(_pass_others)
    _sending.now = True
    try:
        yield
    finally:
        _sending.now = False


def _pass_others(_: logging.LogRecord) -> bool:
    return not getattr(_sending, "now", False)
