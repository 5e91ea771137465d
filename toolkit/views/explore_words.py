"""Words of text columns: how long the texts are, which words are frequent, which differ by class."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from toolkit.data.association import FloatArray, IntArray, count_pairs, measure_information
from toolkit.views.explore_data import Dataset
from toolkit.views.explore_table import Note, Table, shorten, show_share

_APART = r"[\s\p{P}\p{Z}\p{C}]+"  # what stands between words: blanks and punctuation in any script
_MOST_WORDS = 300  # that are looked at one by one
_SHORTEST = 2  # characters of a word, unless it is no letter or digit of the Latin script


@dataclass(frozen=True)
class Words:
    """The most frequent words of a column in the sample, and the rows that each occurs in.

    ``holds[place]`` are positions within the sample.
    """

    names: tuple[str, ...]
    holds: tuple[NDArray[np.int64], ...]
    rows: int


def measure_lengths(data: Dataset, name: str) -> FloatArray:
    """Count the characters of each text; NaN where it is missing."""
    return pc.utf8_length(data.texts(name)).cast(pa.float64()).to_numpy(zero_copy_only=False)


def find_words(data: Dataset, name: str) -> Words:
    """Find the words that occur in most rows of the sample, written small."""
    return data._keep("words", name, lambda: _find_words(data, name))


def _find_words(data: Dataset, name: str) -> Words:
    texts = pc.utf8_lower(data.texts(name).take(pa.array(data.places)))
    lists = pc.split_pattern_regex(texts, _APART)
    words, rows = pc.list_flatten(lists), pc.list_parent_indices(lists)
    encoded = words.dictionary_encode()
    names = np.array([*encoded.dictionary.to_pylist(), ""], dtype=object)[:-1]
    usable = np.array([len(word) >= _SHORTEST or ord((word or "a")[0]) > 0x2FF for word in names], bool)
    codes = encoded.indices.to_numpy(zero_copy_only=False).astype(np.int64)
    pairs = np.unique(codes * len(texts) + rows.to_numpy(zero_copy_only=False))  # once a row
    word, row = np.divmod(pairs, max(len(texts), 1))
    counts = np.bincount(word, minlength=len(names)) * usable
    order = sorted(np.flatnonzero(counts).tolist(), key=lambda place: (-counts[place], names[place]))
    chosen = order[:_MOST_WORDS]
    first = np.searchsorted(word, [*chosen], side="left")
    last = np.searchsorted(word, [*chosen], side="right")
    holds = tuple(row[low:high] for low, high in zip(first, last, strict=True))
    return Words(tuple(names[place] for place in chosen), holds, len(texts))


def describe_words(data: Dataset, name: str, most: int = 15) -> Table | Note:
    """List the words that tell most about the label, or the most frequent ones where there are no classes.

    A share is of the rows (of a class) whose text has the word.
    """
    words = find_words(data, name)
    if not words.names:
        return Note(f"No text of {name} has a word.")
    targets = data.targets[data.places]
    if not data.classes:
        shares = {word: len(rows) / words.rows for word, rows in zip(words.names, words.holds, strict=True)}
        frame = pd.DataFrame({"rows": {shorten(word): show_share(share) for word, share in shares.items()}})
        return Table(frame.head(most), f"the most frequent words, {data.sampled}")
    told = measure_words(words, targets)
    frequent = np.bincount(targets[targets >= 0].astype(int), minlength=len(data.classes))
    shown = np.sort(np.argsort(-frequent, kind="stable")[:6])
    entries = {}
    for place in np.argsort(-told, kind="stable")[:most]:
        holds = np.bincount(
            targets[words.holds[place]][targets[words.holds[place]] >= 0].astype(int), minlength=len(frequent)
        )
        entry = {"rows": show_share(len(words.holds[place]), words.rows)}
        entry |= {f"in {shorten(data.classes[at], 20)}": show_share(holds[at], frequent[at]) for at in shown}
        entries[shorten(words.names[place])] = entry
    frame = pd.DataFrame.from_dict(entries, orient="index")
    return Table(
        frame, f"the words that differ most by class, of the {len(words.names)} most frequent, {data.sampled}"
    )


def measure_words(words: Words, targets: IntArray) -> FloatArray:
    """Measure the information in bits that each word's presence gives about a label given as codes (-1: none)."""
    return np.array([measure_information(_cross(rows, words.rows, targets)) for rows in words.holds])


def _cross(rows: NDArray[np.int64], total: int, targets: IntArray) -> FloatArray:
    present = np.zeros(total, np.int64)
    present[rows] = 1
    return count_pairs(present, targets.astype(np.int64))
