"""Bearer tokens: who may ask the service, by RFC 6750."""

from __future__ import annotations

import base64
import hmac
import os
import re
from collections.abc import Iterable, Mapping
from pathlib import Path

from toolkit.errors import ModelError, RequestError

VARIABLE, FILE_VARIABLE = "TOOLKIT_TOKEN", "TOOLKIT_TOKEN_FILE"
MIN_LENGTH = 16  # of random letters and digits: far beyond trying all
TOKEN = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # what RFC 6750 lets a header carry
ADVICE = "Make one: python -c 'import secrets; print(secrets.token_urlsafe(32))'."


class Guard:
    """Lets requests with one of the tokens pass, or all where there are none.

    Parameters
    ----------
    tokens : iterable of str
        Each is as good as the others, so that a new one can be handed out before the old one is taken away.
    """

    def __init__(self, tokens: Iterable[str] = ()) -> None:
        self._tokens = tuple(token.encode() for token in tokens)

    def check(self, headers: Mapping[bytes, bytes]) -> None:
        """Refuse a request without one of the tokens; how long that takes tells nothing of them.

        Raises
        ------
        RequestError
            401, which never repeats what was sent.
        """
        if not self._tokens:
            return
        given = read_credentials(headers.get(b"authorization", b""))
        matches = [hmac.compare_digest(given, token) for token in self._tokens]  # all of them, always
        if not any(matches):
            raise RequestError(
                "The request must have the header 'Authorization: Bearer TOKEN' with a token of this service.",
                401,
                "unauthorized",
            )


def read_credentials(header: bytes) -> bytes:
    """Give the token of an Authorization header: as Bearer, or as Basic's password, which is what a browser sends."""
    scheme, _, given = header.partition(b" ")
    given = given.strip()
    if scheme.lower() == b"bearer":
        return given
    if scheme.lower() != b"basic":
        return b""
    try:
        return base64.b64decode(given, validate=True).partition(b":")[2]
    except ValueError:
        return b""


def load_tokens(environment: Mapping[str, str] = os.environ) -> list[str]:
    """Read the tokens: TOOLKIT_TOKEN, or a file of them that TOOLKIT_TOKEN_FILE names; blanks and lines part them.

    Raises
    ------
    ModelError
        Either is there and holds no token, or one that is too short or cannot stand in a header. A service that was
        meant to be closed must not start open.
    """
    if VARIABLE in environment and FILE_VARIABLE in environment:
        raise ModelError(f"One of {VARIABLE} and {FILE_VARIABLE} must be set. Got both.")
    if VARIABLE in environment:
        return parse_tokens(environment[VARIABLE], VARIABLE)
    if FILE_VARIABLE in environment:
        path = Path(environment[FILE_VARIABLE])
        try:
            return parse_tokens(path.read_text(encoding="utf-8"), f"{FILE_VARIABLE} ({path})")
        except (OSError, UnicodeDecodeError) as error:
            reason = error.strerror if isinstance(error, OSError) else "it is no text"
            raise ModelError(
                f"{FILE_VARIABLE} must name a file that can be read. {path}: {reason}."
            ) from None
    return []


def parse_tokens(text: str, source: str) -> list[str]:
    """Split tokens and check each; messages name ``source`` and never a token.

    Raises
    ------
    ModelError
        See :func:`load_tokens`.
    """
    tokens = text.split()
    if not tokens:
        raise ModelError(f"{source} must hold a token and is empty. Unset it to serve everyone. {ADVICE}")
    for number, token in enumerate(tokens, 1):
        which = f"token {number} of {source}" if len(tokens) > 1 else f"the token in {source}"
        if len(token) < MIN_LENGTH:
            raise ModelError(
                f"A token must have {MIN_LENGTH} characters or more, and {which} has {len(token)}. {ADVICE}"
            )
        if not TOKEN.fullmatch(token):
            raise ModelError(
                f"A token must be of letters, digits and -._~+/ alone, and {which} is not. {ADVICE}"
            )
    return tokens
