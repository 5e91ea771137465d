"""Tokens are compared whole, may be several, and a wrong setting refuses to start without showing a token."""

import base64

import pytest

from toolkit.errors import ModelError, RequestError
from toolkit.serving.guard import Guard, load_tokens

OLD, NEW = "old-token-0123456789", "new-token-0123456789"


@pytest.mark.parametrize("token", [OLD, NEW])
@pytest.mark.parametrize("scheme", ["Bearer", "bearer"])
def test_each_token_passes(scheme, token):
    Guard([OLD, NEW]).check({b"authorization": f"{scheme} {token}".encode()})


@pytest.mark.parametrize(
    "header",
    [
        b"",
        b"Bearer",
        b"Bearer ",
        f"Basic {OLD}".encode(),
        f"Bearer {OLD}x".encode(),
        f"Bearer {OLD[:-1]}".encode(),
        OLD.encode(),
        f"Bearer {OLD} {NEW}".encode(),
        b"Bearer \xff\xfe",
    ],
)
def test_anything_else_is_refused_and_not_repeated(header):
    with pytest.raises(RequestError) as caught:
        Guard([OLD, NEW]).check({b"authorization": header})
    assert caught.value.status == 401
    assert OLD[:-1] not in str(caught.value)


def test_without_tokens_everyone_passes():
    Guard().check({})


def test_tokens_come_from_the_variable_or_a_file(tmp_path):
    file = tmp_path / "token"
    file.write_text(f"{OLD}\n{NEW}\n")
    assert load_tokens({}) == []
    assert load_tokens({"TOOLKIT_TOKEN": f" {OLD} {NEW}"}) == [OLD, NEW]
    assert load_tokens({"TOOLKIT_TOKEN_FILE": str(file)}) == [OLD, NEW]


@pytest.mark.parametrize(
    ("environment", "words"),
    [
        ({"TOOLKIT_TOKEN": ""}, "is empty"),
        ({"TOOLKIT_TOKEN": " \n"}, "is empty"),
        ({"TOOLKIT_TOKEN": "short"}, "has 5"),
        ({"TOOLKIT_TOKEN": f"{OLD} short"}, "token 2 of TOOLKIT_TOKEN has 5"),
        ({"TOOLKIT_TOKEN": "with,comma,0123456789"}, "letters, digits"),
        ({"TOOLKIT_TOKEN": "grüße-0123456789abc"}, "letters, digits"),
        ({"TOOLKIT_TOKEN": OLD, "TOOLKIT_TOKEN_FILE": "x"}, "Got both"),
        ({"TOOLKIT_TOKEN_FILE": "/nowhere/token"}, "No such file"),
        ({"TOOLKIT_TOKEN_FILE": ""}, "Is a directory"),
    ],
)
def test_a_wrong_setting_refuses_to_start(environment, words):
    with pytest.raises(ModelError) as caught:
        load_tokens(environment)
    assert words in str(caught.value)
    assert OLD not in str(caught.value) and "comma" not in str(caught.value)


def test_a_browser_may_send_the_token_as_a_password() -> None:
    guard = Guard(["a" * 20])
    for user in ("", "anyone"):
        guard.check({b"authorization": b"Basic " + base64.b64encode(f"{user}:{'a' * 20}".encode())})
    for given in (
        b"Basic",
        b"Basic !!!",
        b"Basic " + base64.b64encode(b"a" * 20),
        b"Basic " + base64.b64encode(b"x:y"),
    ):
        with pytest.raises(RequestError):
            guard.check({b"authorization": given})
