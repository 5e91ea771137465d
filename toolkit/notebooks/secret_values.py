"""Parameter values that look like secrets: parameters are stored in notebooks, params.yaml and dvc.lock."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from toolkit.errors import ParamsError

# Names whose text is a secret, and names under which a random-looking text is one.
_TELLING = re.compile(
    r"(^|_)(passw(or)?d|passphrase|pwd|secrets?|tokens?|api_?keys?|access_?keys?|private_?keys?|credentials?)(_|$)"
)
_HINTING = re.compile(r"(^|_)(key|auth|login|session|cookie|bearer|sas|pat)(_|$)")
_KINDS: tuple[tuple[str, re.Pattern[str]], ...] = tuple(
    (kind, re.compile(pattern))
    for kind, pattern in (
        ("a URL with a password", r"\b[a-z][a-z0-9+.-]*://[^\s/:@]*:[^\s/@]+@"),
        (
            "a URL with a token",
            r"(?i)[?&](access_?token|token|api_?key|key|password|secret|sig|signature|x-amz-signature)=[^&\s]{8,}",
        ),
        (
            "a connection string with a password",
            r"(?i)(^|[;\s])(password|pwd|accountkey|sharedaccesskey)=[^;\s]{3,}",
        ),
        ("a JSON web token", r"\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*"),
        ("an AWS key", r"\b(AKIA|ASIA)[A-Z0-9]{16}\b"),
        ("a GitHub token", r"\b(gh[pousr]_[A-Za-z0-9]{30,}|github_pat_[A-Za-z0-9_]{20,})"),
        ("a GitLab token", r"\bglpat-[A-Za-z0-9_-]{20,}"),
        ("a Slack token", r"\bxox[abeoprs]-[A-Za-z0-9-]{10,}"),
        ("a Google key", r"\bAIza[A-Za-z0-9_-]{35}"),
        ("a Hugging Face token", r"\bhf_[A-Za-z0-9]{30,}"),
        ("a service's secret key", r"\b([sr]k_(live|test)_[A-Za-z0-9]{16,}|sk-[A-Za-z0-9_-]{20,})"),
        ("a package index token", r"\b(npm_[A-Za-z0-9]{36}|pypi-[A-Za-z0-9_-]{40,})"),
        ("an authorization header", r"(?i)^\s*(bearer|basic|token)\s+[A-Za-z0-9._~+/=-]{12,}\s*$"),
        ("a private key", r"-----BEGIN [A-Z ]*PRIVATE KEY( BLOCK)?-----"),
    )
)
_HEX = re.compile(r"[0-9a-fA-F]{32,}")
_WORD = re.compile(r"[A-Za-z0-9+/_=-]+")


def check_no_secrets(values: Mapping[str, Any], known: Mapping[str, str], origin: str) -> None:
    """Check that no value looks like a secret; ``known`` are the secrets of the environment by variable.

    Raises
    ------
    ParamsError
        Values that do: a line each, which names the key and never the value.
    """
    findings = []
    for key, value in values.items():
        for name, text in _texts(str(key), value):
            kind = find_secret(name, text, known)
            if kind:
                findings.append(
                    f"{origin}{name}: must not look like a secret, and it looks like {kind}. Parameters are stored "
                    "in notebooks, params.yaml and dvc.lock. Put it into an environment variable, name that under "
                    "runner.secrets in params.yaml, and read it with os.environ where it is used."
                )
    if findings:
        raise ParamsError("\n".join(findings))


def find_secret(name: str, text: str, known: Mapping[str, str]) -> str:
    """Say what kind of secret a text looks like; empty when it looks like none.

    >>> find_secret("source", "postgresql://reader:hunter2@db/table", {})
    'a URL with a password'
    >>> find_secret("source", "data/raw/table.parquet", {})
    ''
    """
    for variable, secret in known.items():
        if len(secret.strip()) >= 6 and secret.strip() in text:
            return f"the value of {variable}"
    for kind, pattern in _KINDS:
        if pattern.search(text):
            return kind
    label = name.rpartition(".")[2].lower()
    if _TELLING.search(label) and text.strip():
        return "what its name says"
    if _HINTING.search(label) and (_HEX.fullmatch(text) or _is_random(text, 20)):
        return "a token"
    return "a random key" if _is_random(text, 32) else ""


def _is_random(text: str, shortest: int) -> bool:
    """Whether a text looks drawn at random: long, one word, every kind of character, and nearly all different ones."""
    if len(text) < shortest or not _WORD.fullmatch(text):
        return False
    kinds = [sum(test(character) for character in text) for test in (str.isupper, str.islower, str.isdigit)]
    return min(kinds) >= 2 and _entropy(text) >= 0.8 * math.log2(min(len(text), 64))


def _entropy(text: str) -> float:
    """Compute the Shannon entropy of a text's characters, in bits a character."""
    counts = Counter(text).values()
    return -sum(count / len(text) * math.log2(count / len(text)) for count in counts)


def _texts(name: str, value: Any) -> Iterator[tuple[str, str]]:
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, Mapping):
        for key, item in value.items():
            yield from _texts(f"{name}.{key}", item)
    elif isinstance(value, list | tuple):
        for item in value:
            yield from _texts(name, item)
