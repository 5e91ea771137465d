"""Addresses of notifications, and telling real servers on the loopback interface."""

import http.server
import json
import logging
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Iterator

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import SMTP, AuthResult
from hypothesis import given
from hypothesis import strategies as st

from toolkit.errors import NotifyError
from toolkit.serving.receivers import Mailbox, Note, Webhook, load_receivers, parse_receiver

NOTE = Note(
    "m: 1 alarm raised",
    "m: 1 alarm raised\n\nGröße has drifted",
    {"version": "m:1", "raised": [], "cleared": []},
)
SECRET = "T0/B0/s3cr3tKEY"


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("NO_PROXY", "127.0.0.1,localhost")
    monkeypatch.setenv("no_proxy", "127.0.0.1,localhost")


class Hook(http.server.ThreadingHTTPServer):
    """Takes posts; answers with ``status`` after ``wait_s``."""

    def __init__(self) -> None:
        hook = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                length = int(self.headers["content-length"])
                hook.posts.append((self.path, dict(self.headers), json.loads(self.rfile.read(length))))
                time.sleep(hook.wait_s)
                self.send_response(hook.status)
                for name, value in hook.headers.items():
                    self.send_header(name, value)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        self.posts, self.status, self.wait_s, self.headers = [], 200, 0.0, {}
        self.url = f"http://127.0.0.1:{self.server_port}/services/{SECRET}"

    def handle_error(self, *_: object) -> None:
        pass  # a client that did not wait


@pytest.fixture
def hook() -> Iterator[Hook]:
    server = Hook()
    thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
    thread.start()
    yield server
    server.shutdown()
    server.server_close()


class Inbox:
    """Keeps mails; refuses recipients of example.com."""

    def __init__(self) -> None:
        self.mails = []

    async def handle_RCPT(self, _server, _session, envelope, address, _options) -> str:  # noqa: N802
        if address.endswith("@example.com"):
            return "550 no such mailbox"
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, _server, _session, envelope) -> str:  # noqa: N802
        self.mails.append(envelope)
        return "250 OK"


class MailServer(Controller):
    """Serves SMTP on a free port."""

    def __init__(self, inbox: Inbox, **options) -> None:
        self._options = options
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        super().__init__(inbox, hostname="127.0.0.1", port=port)

    def factory(self) -> SMTP:
        return SMTP(self.handler, **self._options)


@pytest.fixture
def mail() -> Iterator:
    started = []

    def start(**options):
        server = MailServer(Inbox(), **options)
        server.start()
        started.append(server)
        return server

    yield start
    for server in started:
        server.stop()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory):
    """A server's TLS context for localhost; ``path`` is the authority that vouches for it: itself."""
    folder = tmp_path_factory.mktemp("tls")
    key, path = folder / "key.pem", folder / "cert.pem"
    command = ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]
    command += ["-keyout", str(key), "-out", str(path), "-days", "2", "-subj", "/CN=localhost"]
    command += ["-addext", "subjectAltName=DNS:localhost"]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    context = ServerContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path, key)
    context.path = str(path)
    return context


class ServerContext(ssl.SSLContext):
    """A context that knows where its certificate is."""

    path = ""


def test_a_webhook_gets_json_that_slack_understands(hook: Hook) -> None:
    parse_receiver(hook.url).send(NOTE)
    ((path, headers, content),) = hook.posts
    assert path == f"/services/{SECRET}" and headers["content-type"] == "application/json"
    assert content == {"version": "m:1", "raised": [], "cleared": [], "text": NOTE.text}


@pytest.mark.parametrize(
    ("status", "again"),
    [(500, True), (503, True), (429, True), (408, True), (302, False), (404, False), (410, False)],
)
def test_a_refusal_is_told_with_its_status_and_whether_to_try_again(
    hook: Hook, status: int, again: bool
) -> None:
    hook.status = status
    with pytest.raises(NotifyError, match=f"answered {status}") as caught:
        parse_receiver(hook.url).send(NOTE)
    assert caught.value.again is again and SECRET not in str(caught.value)


def test_a_receiver_says_how_long_to_wait(hook: Hook) -> None:
    hook.status, hook.headers = 429, {"retry-after": "17"}
    with pytest.raises(NotifyError) as caught:
        parse_receiver(hook.url).send(NOTE)
    assert caught.value.wait_s == 17


def test_a_slow_receiver_is_given_up(hook: Hook) -> None:
    hook.wait_s = 3.0
    begin = time.monotonic()
    with pytest.raises(NotifyError, match="ReadTimeout") as caught:
        parse_receiver(hook.url).send(NOTE, timeout_s=0.2)
    assert caught.value.again and time.monotonic() - begin < 2


def test_a_receiver_that_is_not_there_is_told_without_its_key() -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{unused.getsockname()[1]}/{SECRET}"
        with pytest.raises(NotifyError, match="ConnectError") as caught:
            parse_receiver(url).send(NOTE)
    assert caught.value.again and SECRET not in str(caught.value)


def test_nothing_that_logs_shows_the_address(hook: Hook, caplog: pytest.LogCaptureFixture) -> None:
    import httpx

    with caplog.at_level(logging.DEBUG):
        parse_receiver(hook.url).send(NOTE)
        assert SECRET not in caplog.text and "services" not in caplog.text
        httpx.post(hook.url.replace(SECRET, "others"), json={}, timeout=5)
    assert "others" in caplog.text  # what others ask is logged as before
    assert SECRET not in repr(parse_receiver(hook.url)) and SECRET not in parse_receiver(hook.url).name


def test_a_mail_is_sent_in_plain_to_a_relay_that_is_named_so(mail) -> None:
    server = mail()
    url = f"smtp://127.0.0.1:{server.port}?from=a@x.org&to=b@x.org,c@x.org&starttls=no"
    parse_receiver(url).send(NOTE)
    (sent,) = server.handler.mails
    assert (sent.mail_from, sent.rcpt_tos) == ("a@x.org", ["b@x.org", "c@x.org"])
    assert b"Subject: m: 1 alarm raised" in sent.content and b"Auto-Submitted: auto-generated" in sent.content


def test_a_server_without_starttls_gets_nothing_and_the_message_says_what_to_do(mail) -> None:
    server = mail()
    with pytest.raises(NotifyError, match=r"STARTTLS.*smtps://, or starttls=no") as caught:
        parse_receiver(f"smtp://u:pw@127.0.0.1:{server.port}?to=b@x.org").send(NOTE)
    assert not caught.value.again and server.handler.mails == []


def test_a_certificate_that_nobody_vouches_for_is_refused(mail, certificate) -> None:
    server = mail(tls_context=certificate)
    with pytest.raises(NotifyError, match="CERTIFICATE_VERIFY_FAILED") as caught:
        parse_receiver(f"smtp://127.0.0.1:{server.port}?to=b@x.org").send(NOTE)
    assert not caught.value.again and server.handler.mails == []


def test_a_certificate_of_ones_own_authority_is_taken_and_the_password_sent(
    mail, certificate, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", certificate.path)
    seen = []

    def check(_server, _session, _envelope, _mechanism, data) -> AuthResult:
        seen.append((data.login, data.password))
        return AuthResult(success=data.password == b"p@ss", handled=False)

    server = mail(tls_context=certificate, authenticator=check, auth_require_tls=True)
    address = f"localhost:{server.port}?to=b@x.org"
    parse_receiver(f"smtp://me%40x.org:p%40ss@{address}").send(NOTE)
    assert seen == [(b"me@x.org", b"p@ss")] and len(server.handler.mails) == 1
    with pytest.raises(NotifyError, match="user or password is refused") as caught:
        parse_receiver(f"smtp://me%40x.org:wrongpw@{address}").send(NOTE)
    assert not caught.value.again and "wrongpw" not in str(caught.value)


def test_recipients_that_are_refused_are_told(mail) -> None:
    server = mail()
    base = f"smtp://127.0.0.1:{server.port}?starttls=no&from=a@x.org&to="
    with pytest.raises(NotifyError, match="1 of the recipients"):
        parse_receiver(f"{base}b@example.com,c@x.org").send(NOTE)
    with pytest.raises(NotifyError, match="all recipients are refused"):
        parse_receiver(f"{base}b@example.com").send(NOTE)


def test_a_mail_server_that_says_nothing_is_given_up() -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        url = f"smtp://127.0.0.1:{silent.getsockname()[1]}?to=b@x.org&starttls=no"
        with pytest.raises(NotifyError, match="timed out") as caught:
            parse_receiver(url).send(NOTE, timeout_s=0.2)
    assert caught.value.again


@pytest.mark.parametrize(
    ("url", "told"),
    [
        ("hooks.slack.com/x", "begins with none of"),
        ("ftp://secret.host/x", "begins with none of"),
        ("https:///secret", "no host"),
        ("https://host:secret/x", "host or port"),
        ("https://[secret/x", "host or port"),
        ("https://ho\x07st/secret", "characters"),
        ("smtp://secret@host", "no to="),
        ("smtp://host?to=secret", "mail address"),
        ("smtp://host?to=a@x&from=secret", "mail address"),
        ("smtp://host?to=a@x&key=secret", "1 others"),
        ("smtp://host?to=a@x&starttls=secret", "yes or no"),
        ("smtp://u:secret@host?to=a@x&starttls=no", "in the open"),
    ],
)
def test_an_address_that_cannot_be_read_is_told_by_its_place_and_shows_no_secret(url: str, told: str) -> None:
    with pytest.raises(NotifyError, match=told) as caught:
        load_receivers({"TOOLKIT_NOTIFY_URLS": f"https://good.host/x\n{url}"})
    assert "address 2 of 2" in str(caught.value) and "secret" not in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_an_address_or_one_clear_error(text: str) -> None:
    try:
        receiver = parse_receiver(text)
    except NotifyError:
        return
    assert isinstance(receiver, (Webhook, Mailbox))


def test_ports_and_senders_have_defaults() -> None:
    assert load_receivers({}) == ()
    mailbox = parse_receiver("smtps://me%40x.org:pw@mail.x.org?to=b@x.org")
    assert (mailbox.port, mailbox.tls, mailbox.sender) == (465, "tls", "me@x.org")
    assert parse_receiver("smtp://mail.x.org?to=b@x.org").port == 587
    assert "pw" not in repr(mailbox) and "me@" not in repr(mailbox.name)
