"""A certificate that no client would take is refused at the start, with the reason."""

import ssl
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from tests.certificates import write_pair
from toolkit.errors import ModelError
from toolkit.serving.tls import (
    Renewal,
    check_pair,
    find_pair,
    make_client_context,
    make_server_context,
    shake_hands,
)

NOW = datetime.now(UTC)


def test_a_pair_is_found_in_settings_and_the_environment(monkeypatch, tmp_path):
    assert find_pair({}, tmp_path) is None
    assert find_pair({"tls_certificate": "", "tls_key": ""}, tmp_path) is None
    settings = {"tls_certificate": "a.pem", "tls_key": "/b.pem"}
    assert [str(path) for path in find_pair(settings, tmp_path)] == [f"{tmp_path}/a.pem", "/b.pem"]
    monkeypatch.setenv("TOOLKIT_TLS_KEY", "/c.pem")
    assert str(find_pair(settings, tmp_path)[1]) == "/c.pem"
    monkeypatch.setenv("TOOLKIT_TLS_KEY", "")
    with pytest.raises(ModelError, match=r"package\.tls_key"):
        find_pair(settings, tmp_path)


@pytest.mark.parametrize("kind", ["elliptic", "rsa"])
def test_a_good_pair_passes_and_tells_its_end(tmp_path, kind):
    pair = write_pair(tmp_path, kind=kind)
    assert abs(check_pair(*pair) - datetime.now(UTC) - timedelta(days=30)) < timedelta(minutes=5)


def test_an_expired_certificate_and_one_of_the_future_are_refused(tmp_path):
    for begin in (NOW - timedelta(days=31), NOW + timedelta(days=1)):
        with pytest.raises(ModelError, match="must be valid now and is not: certificate"):
            check_pair(*write_pair(tmp_path, begin=begin))


def test_a_key_of_another_certificate_is_refused(tmp_path):
    (tmp_path / "other").mkdir()
    certificate, _ = write_pair(tmp_path)
    _, key = write_pair(tmp_path / "other")
    with pytest.raises(ModelError, match="must belong to the certificate"):
        check_pair(certificate, key)


def test_what_is_no_pair_of_pem_files_is_refused(tmp_path):
    certificate, key = write_pair(tmp_path)
    text = tmp_path / "text"
    text.write_text("no certificate")
    missing = tmp_path / "missing"
    for pair, words in [
        ((text, key), "must be PEM files"),
        ((certificate, text), "must be PEM files"),
        ((missing, key), "No such file"),
        ((certificate, missing), "No such file"),
        ((tmp_path, key), "Is a directory"),
    ]:
        with pytest.raises(ModelError, match=words):
            check_pair(*pair)


def test_a_key_with_a_password_is_refused(tmp_path):
    with pytest.raises(ModelError, match="must not need a password"):
        check_pair(*write_pair(tmp_path, password=b"secret"))


def test_old_versions_and_weak_ciphers_are_refused(tmp_path):
    certificate, key = write_pair(tmp_path, kind="rsa")
    server = make_server_context(certificate, key)
    for ciphers in ("AES128-GCM-SHA256", "ECDHE-RSA-AES128-SHA", "DHE-RSA-AES128-GCM-SHA256"):
        client = make_client_context(certificate)
        client.maximum_version = ssl.TLSVersion.TLSv1_2
        client.set_ciphers(ciphers)
        with pytest.raises(ssl.SSLError):
            shake_hands(server, client)
    client = make_client_context(certificate)
    client.maximum_version = ssl.TLSVersion.TLSv1_2
    assert shake_hands(server, client)["notAfter"]


def test_a_renewed_certificate_is_shown_and_a_wrong_one_is_not(tmp_path, caplog):
    pair = write_pair(tmp_path)
    server, old = make_server_context(*pair), pair[0].read_bytes()
    renewal = Renewal(server, *pair)
    renewal.check()
    assert show(server) == ssl.PEM_cert_to_DER_cert(old.decode())
    first_key = pair[1].read_bytes()
    write_pair(tmp_path)
    pair[1].write_bytes(first_key)  # written one after the other: for a moment they do not belong together
    renewal.check()
    renewal.check()
    assert show(server) == ssl.PEM_cert_to_DER_cert(old.decode())
    assert caplog.text.count("The new certificate is not taken: The TLS key must belong") == 1
    write_pair(tmp_path)
    renewal.check()
    assert (
        show(server)
        == ssl.PEM_cert_to_DER_cert(pair[0].read_text())
        != ssl.PEM_cert_to_DER_cert(old.decode())
    )


def show(server):
    """Give the certificate that a server shows, in bytes."""
    to_server, to_client = ssl.MemoryBIO(), ssl.MemoryBIO()
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    client = context.wrap_bio(to_client, to_server)
    other = server.wrap_bio(to_server, to_client, server_side=True)
    for _ in range(4):
        for side in (client, other):
            with suppress(ssl.SSLWantReadError):
                side.do_handshake()
    return client.getpeercert(binary_form=True)
