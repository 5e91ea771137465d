"""Keep the values of secret environment variables out of executed notebooks and messages."""

from __future__ import annotations

import base64
import html
import json
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from itertools import accumulate
from typing import Any
from urllib.parse import quote, quote_plus

SHORTEST = 6  # a shorter value would be found by chance, and scrubbing would eat ordinary text
_ANSI = re.compile(r"\x1b\[[0-9;]*m")


class Scrubber:
    """Replaces secrets, by the names of the variables that hold them, with ``[NAME]``.

    A value is found as it stands and as JSON, Python, HTML, URLs, hexadecimal and Base64 write it (alone or inside
    a longer encoded text); also across the pieces of a stream and across the colours of a traceback. A value that
    was cut short, wrapped over lines, compressed, encrypted or drawn is not found.

    Parameters
    ----------
    secrets : Mapping of str to str
        Values by variable name. Values of fewer than six characters are left alone; ``too_short`` names them.
    """

    def __init__(self, secrets: Mapping[str, str]) -> None:
        self.too_short = tuple(name for name, value in secrets.items() if 0 < len(value.strip()) < SHORTEST)
        self._names: dict[str, str] = {}
        for name, value in secrets.items():
            for form in _forms(value.strip()):
                if len(form) >= SHORTEST:
                    self._names.setdefault(form, name)
        longest_first = sorted(self._names, key=len, reverse=True)
        self._pattern = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def scrub_text(self, text: str) -> str:
        """Give a text without secrets."""
        return self.scrub_pieces([text])[0]

    def scrub_pieces(self, pieces: list[str]) -> list[str]:
        """Give the pieces of one text without secrets, also those that begin in one piece and end in another."""
        if self._pattern is None:
            return pieces
        whole = "".join(pieces)
        plain, origins = _without_colours(whole)
        cuts = [
            (_origin(found.start(), origins), _origin(found.end() - 1, origins) + 1, self._names[found[0]])
            for found in self._pattern.finditer(plain)
        ]
        if not cuts:
            return pieces
        starts = [0, *accumulate(len(piece) for piece in pieces)]
        return [_cut(piece, start, cuts) for piece, start in zip(pieces, starts, strict=False)]

    def scrub_cell(self, cell: Any) -> None:
        """Scrub a cell in place: its streams as one text each, then every text in it."""
        if self._pattern is None:
            return
        for name in ("stdout", "stderr"):
            streams = [output for output in cell.get("outputs", []) if output.get("name") == name]
            texts = self.scrub_pieces([output.text for output in streams])
            for output, text in zip(streams, texts, strict=True):
                output.text = text
        for output in cell.get("outputs", []):
            if output.output_type == "error":
                output.traceback = self.scrub_pieces(list(output.traceback))
        cell.update(self.scrub_value(dict(cell)))

    def scrub_value(self, value: Any) -> Any:
        """Scrub every text, key or value, in nested lists and mappings; the containers keep their types."""
        if self._pattern is None:
            return value
        if isinstance(value, str):
            return self.scrub_text(value)
        if isinstance(value, list | tuple):
            return [self.scrub_value(item) for item in value]
        if isinstance(value, Mapping):
            items = {self.scrub_value(key): self.scrub_value(item) for key, item in value.items()}
            return type(value)(items)  # type: ignore[call-arg]  # dict and NotebookNode both take one
        return value


def _forms(value: str) -> Iterator[str]:
    """Yield the ways in which a value may be written."""
    texts = [value, *(line.strip() for line in value.splitlines() if len(line.strip()) >= 2 * SHORTEST)]
    for text in texts:
        yield from (text, repr(text)[1:-1], html.escape(text))
        yield from (json.dumps(text)[1:-1], json.dumps(text, ensure_ascii=False)[1:-1])
        for encoded in (quote(text, safe=""), quote(text), quote_plus(text)):
            yield encoded
            yield re.sub(r"%[0-9A-F]{2}", lambda found: found[0].lower(), encoded)
        raw = text.encode()
        yield from (raw.hex(), raw.hex().upper())
        yield from _base64_forms(raw)


def _base64_forms(raw: bytes) -> Iterator[str]:
    """Yield the characters that a value always gives in Base64, for each of its three alignments (RFC 4648)."""
    for offset in range(3):
        padded = b"\0" * offset + raw
        first = -(-offset * 8 // 6)  # characters before it hold bits of what came earlier
        last = len(padded) * 8 // 6  # characters after it hold bits of what follows
        for encode in (base64.b64encode, base64.urlsafe_b64encode):
            yield encode(padded).decode()[first:last]


def _without_colours(text: str) -> tuple[str, tuple[list[int], list[int]]]:
    """Give a text without ANSI colours, and where its parts come from: starts in it, starts in the original."""
    plain, here, there, end = [], [0], [0], 0
    for found in _ANSI.finditer(text):
        plain.append(text[end : found.start()])
        end = found.end()
        here.append(here[-1] + len(plain[-1]))
        there.append(end)
    plain.append(text[end:])
    return "".join(plain), (here, there)


def _origin(index: int, origins: tuple[list[int], list[int]]) -> int:
    here, there = origins
    part = bisect_right(here, index) - 1
    return there[part] + index - here[part]


def _cut(piece: str, start: int, cuts: list[tuple[int, int, str]]) -> str:
    """Take the cuts, places in the whole text, out of the piece that begins at ``start``."""
    kept, at = [], 0
    for first, last, name in cuts:
        low, high = max(first - start, 0), min(last - start, len(piece))
        if low >= high:
            continue
        kept.append(piece[at:low])
        if first >= start:
            kept.append(f"[{name}]")
        at = high
    return "".join([*kept, piece[at:]])
