"""Secrets disappear in every form and split, and nothing else does."""

from __future__ import annotations

import base64
import html
import json
import re
from itertools import pairwise
from urllib.parse import quote, quote_plus

import pytest
from hypothesis import given
from hypothesis import strategies as st
from nbformat.v4 import new_code_cell, new_output

from toolkit.notebooks.scrub import SHORTEST, Scrubber

SECRET = 'tok/en+"9&\\é<x>'
SCRUBBER = Scrubber({"API_KEY": SECRET})
secrets = st.text(min_size=SHORTEST, max_size=40).filter(lambda text: len(text.strip()) >= SHORTEST)


@pytest.mark.parametrize(
    "form",
    [
        SECRET,
        json.dumps(SECRET)[1:-1],
        json.dumps(SECRET, ensure_ascii=False)[1:-1],
        repr(SECRET)[1:-1],
        html.escape(SECRET),
        quote(SECRET),
        quote(SECRET, safe=""),
        re.sub("%..", lambda found: found[0].lower(), quote(SECRET, safe="")),
        quote_plus(SECRET),
        SECRET.encode().hex(),
        SECRET.encode().hex().upper(),
    ],
)
def test_each_way_of_writing_a_secret_is_found(form: str) -> None:
    assert SCRUBBER.scrub_text(f"before {form} after") == "before [API_KEY] after"


@given(secrets, st.binary(max_size=5), st.binary(max_size=5))
def test_secret_inside_base64_loses_every_character_that_it_alone_decides(
    secret: str, before: bytes, after: bytes
) -> None:
    secret = secret.strip()
    for encode in (base64.b64encode, base64.urlsafe_b64encode):
        encoded = encode(before + secret.encode() + after).decode()
        scrubbed = Scrubber({"KEY": secret}).scrub_text(encoded)
        assert "[KEY]" in scrubbed
        assert len(scrubbed.replace("[KEY]", "").rstrip("=")) <= (len(before) + len(after)) * 8 / 6 + 4


@given(secrets, st.lists(st.integers(0, 60), max_size=6), st.text(max_size=10), st.text(max_size=10))
def test_secret_in_pieces_is_gone_from_the_joined_text(
    secret: str, places: list[int], before: str, after: str
) -> None:
    text = f"{before}{secret}{after}"
    cuts = sorted({0, len(text), *(min(place, len(text)) for place in places)})
    pieces = [text[low:high] for low, high in pairwise(cuts)] or [text]
    scrubbed = Scrubber({"A": secret}).scrub_pieces(pieces)
    assert len(scrubbed) == len(pieces)
    assert "".join(scrubbed) == Scrubber({"A": secret}).scrub_text(text)
    assert secret.strip() not in "".join(scrubbed).replace("[A]", "")


def test_secret_broken_by_colours_is_found() -> None:
    coloured = "\x1b[31m'tok\x1b[0m/en+\x1b[1;32m\"9&\\é<x>' rest\x1b[0m"
    assert SCRUBBER.scrub_text(coloured) == "\x1b[31m'[API_KEY]' rest\x1b[0m"


@given(st.text(max_size=200))
def test_other_text_stays_as_it_is(text: str) -> None:
    scrubber = Scrubber({"KEY": "Ω-not-in-any-text-Ω"})
    assert scrubber.scrub_text(text) == text


def test_secret_split_by_a_display_is_found() -> None:
    first, second = (
        new_output("stream", name="stdout", text="a tok/en+"),
        new_output("stream", name="stdout", text='"9&\\é<x> b'),
    )
    shown = new_output(
        "display_data", data={"application/json": {SECRET: [SECRET, 1]}, "text/html": html.escape(SECRET)}
    )
    cell = new_code_cell(f"print({SECRET!r})", outputs=[first, shown, second])
    SCRUBBER.scrub_cell(cell)
    assert [cell.outputs[0].text, cell.outputs[2].text] == ["a [API_KEY]", " b"]
    assert cell.outputs[1].data == {
        "application/json": {"[API_KEY]": ["[API_KEY]", 1]},
        "text/html": "[API_KEY]",
    }
    assert cell.source == "print('[API_KEY]')"


def test_longest_secret_wins_and_short_ones_are_reported() -> None:
    scrubber = Scrubber({"A": "abcdef", "B": "abcdefgh", "C": "abc", "D": ""})
    assert scrubber.scrub_text("abcdefgh abcdef abc") == "[B] [A] abc"
    assert scrubber.too_short == ("C",)


def test_lines_of_a_long_secret_are_found_one_by_one() -> None:
    key = "-----BEGIN KEY-----\nMIIEvQIBADANBgkqhkiG9w0\nAQEFAASCBKcwggSjAgEAAoI\n"
    assert Scrubber({"PEM": key}).scrub_text("  MIIEvQIBADANBgkqhkiG9w0\n") == "  [PEM]\n"


def test_without_secrets_nothing_is_copied() -> None:
    cell = new_code_cell("x", outputs=[])
    Scrubber({}).scrub_cell(cell)
    assert cell.source == "x"
