"""Findings as a list of sentences."""

from __future__ import annotations

from collections.abc import Sequence


class Sentences:
    """Sentences in a list, as Markdown."""

    def __init__(self, sentences: Sequence[str], none: str) -> None:
        self._lines = [f"- {_escape(sentence)}" for sentence in sentences] or [f"*{none}*"]

    def _repr_markdown_(self) -> str:
        return "\n".join(self._lines)

    def __repr__(self) -> str:
        return "\n".join(self._lines)


def _escape(sentence: str) -> str:
    """Keep Markdown from reading marks in names and values: a name like a_b_c has no emphasis."""
    for mark in "\\`*_<[|$":
        sentence = sentence.replace(mark, f"\\{mark}")
    return sentence
