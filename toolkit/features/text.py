"""Numbers out of a text: how it is written, and which words are in it."""

from __future__ import annotations

import math
import re
import zlib
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Any

from toolkit.features.definition import Definition, Input
from toolkit.features.makers import NAN, Maker, State

WORD = re.compile(r"\w\w+")  # as scikit-learn's vectorizers: words of two letters and more
STATISTICS = ("characters", "words", "digit share", "capital share", "punctuation share")
_ASCII = [chr(code) for code in range(128)]
DIGITS, CAPITALS, LETTERS_AND_BLANKS = (
    "".join(filter(test, _ASCII)).encode()
    for test in (str.isdigit, str.isupper, lambda sign: sign.isalnum() or sign.isspace())
)
PRUNED_TERMS = 1_000_000  # so many are counted at a time; the memory of a fit does not grow with the rows


class TextStatistics(Maker):
    """Length, number of words, and shares of digits, capitals and punctuation among the characters."""

    takes = (("text", "category"),)
    learns = False

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self.outputs = tuple(f"{definition.name}: {name}" for name in STATISTICS)

    def row(self, *values: Any) -> Sequence[float]:
        """Count the characters of one text."""
        text = values[0]
        if text is None:
            return (NAN,) * len(STATISTICS)
        length = len(text)
        if not length:
            return (0.0,) * len(STATISTICS)
        digits, capitals, others = count_signs(text)
        return (float(length), float(len(text.split())), digits / length, capitals / length, others / length)


class TextHash(Maker):
    """Counts of a text's terms in ``buckets``; which one, says the CRC-32 of the term: nothing is learnt."""

    takes = (("text", "category"),)
    learns = False

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self._buckets = int(definition.params["buckets"])
        self._ngrams = tuple(definition.params["ngrams"])
        self.outputs = tuple(f"{definition.name}: bucket {index}" for index in range(self._buckets))

    def row(self, *values: Any) -> Sequence[float]:
        """Count the terms of one text."""
        if values[0] is None:
            return (NAN,) * self._buckets
        counts = [0.0] * self._buckets
        for term in find_terms(values[0], *self._ngrams):
            counts[zlib.crc32(term.encode("utf-8", "surrogatepass")) % self._buckets] += 1.0
        return counts


class TfIdf(Maker):
    """Weights of the ``terms`` that most training texts have: count times inverse document frequency, of length 1.

    Method: scikit-learn's TfidfVectorizer with its defaults (smoothed idf, Euclidean norm) and this vocabulary.
    """

    takes = (("text", "category"),)

    def __init__(self, definition: Definition, state: State, inputs: Sequence[Input]) -> None:
        super().__init__(definition, state, inputs)
        self._ngrams = tuple(definition.params["ngrams"])
        self._place = {term: index for index, term in enumerate(state["terms"])}
        self._idf = tuple(state["idf"])
        self.outputs = tuple(f"{definition.name}: {term}" for term in state["terms"])

    @classmethod
    def fit(cls, definition: Definition, columns: Sequence[Any], inputs: Sequence[Input]) -> dict[str, Any]:
        """Choose the terms, in alphabetical order; one that every text or only one has tells nothing."""
        low, high = definition.params["ngrams"]
        counts: Counter[str] = Counter()
        texts = 0
        for text in columns[0]:
            if text is not None:
                texts += 1
                counts.update(set(find_terms(text, low, high)))
                if len(counts) > PRUNED_TERMS:
                    counts = Counter({term: count for term, count in counts.items() if count > 1})
        known = [term for term, count in counts.items() if 1 < count < texts]
        best = sorted(known, key=lambda term: (-counts[term], term))[: int(definition.params["terms"])]
        terms = sorted(best)
        return {"terms": terms, "idf": [math.log((1 + texts) / (1 + counts[term])) + 1 for term in terms]}

    def row(self, *values: Any) -> Sequence[float]:
        """Weigh the terms of one text."""
        if values[0] is None:
            return (NAN,) * len(self._idf)
        get, idf = self._place.get, self._idf
        weights = [0.0] * len(idf)
        counts: dict[int, int] = {}
        for term in find_terms(values[0], *self._ngrams):
            place = get(term)
            if place is not None:
                counts[place] = counts.get(place, 0) + 1
        if counts:
            total = 0.0
            for place, count in counts.items():
                weights[place] = weight = count * idf[place]
                total += weight * weight
            length = math.sqrt(total)
            for place in counts:
                weights[place] /= length
        return weights


def count_signs(text: str) -> tuple[int, int, int]:
    """Count a text's digits, capitals, and other signs that are neither letter nor blank.

    ASCII is counted by leaving out what is looked for, in a tenth of the time of a loop over the characters.

    >>> count_signs("Order 66, NOW!"), count_signs("\u00d6rder 66, NOW\u2026")
    ((2, 4, 2), (2, 4, 2))
    """
    if text.isascii():
        raw = text.encode("ascii")
        size = len(raw)
        digits, capitals = size - len(raw.translate(None, DIGITS)), size - len(raw.translate(None, CAPITALS))
        return digits, capitals, len(raw.translate(None, LETTERS_AND_BLANKS))
    digits = capitals = others = 0
    for sign in text:
        if sign.isdigit():
            digits += 1
        elif sign.isupper():
            capitals += 1
        elif not sign.isalnum() and not sign.isspace():
            others += 1
    return digits, capitals, others


def find_terms(text: str, low: int, high: int) -> Iterable[str]:
    """Give the runs of ``low`` to ``high`` words of a text, in lower case.

    >>> list(find_terms("Not a bug, a feature", 1, 2))
    ['not', 'bug', 'feature', 'not bug', 'bug feature']
    """
    words = WORD.findall(text.lower())
    if high == 1:
        return words
    return [
        " ".join(words[first : first + size])
        for size in range(low, high + 1)
        for first in range(len(words) - size + 1)
    ]
