"""Weights of words equal scikit-learn's; hashes are the same in every process; statistics are what they say."""

import subprocess
import sys
import zlib

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.feature_extraction.text import CountVectorizer, TfidfVectorizer

from toolkit.features import Definition, Features, text_hash, text_stats, tfidf
from toolkit.features.text import STATISTICS, count_signs

TEXTS = [
    "The quick brown fox jumps over the lazy dog",
    "A quick refund, please: the dog is broken!",
    "Refund refund REFUND now",
    "I want my money back, I want it now",
    "Grüße aus Köln, the invoice is broken",
    "",
    "x y z",
]


def name(definition: Definition, label: str) -> Definition:
    return Definition(label, definition.maker, definition.inputs, definition.params, claims=definition.claims)


@pytest.mark.parametrize("ngrams", [(1, 1), (1, 2), (2, 3)])
def test_tf_idf_is_scikit_learns(ngrams: tuple[int, int]) -> None:
    features = Features.fit({"t": TEXTS}, {"t": "text"}, [name(tfidf("t", 15, ngrams), "t")])
    terms = [label.removeprefix("t: ") for label in features.names]
    ours = features.matrix({"t": [*TEXTS, "the lazy refund of money is now broken"]})
    peer = TfidfVectorizer(vocabulary=terms, ngram_range=ngrams).fit(TEXTS)
    theirs = peer.transform([*TEXTS, "the lazy refund of money is now broken"]).toarray()
    np.testing.assert_allclose(ours, theirs, rtol=1e-12, atol=1e-15)
    assert ours.any()


def test_terms_are_those_that_most_texts_have_but_not_all() -> None:
    texts = ["every red", "every red blue", "every blue red", "every once"]
    features = Features.fit({"t": texts}, {"t": "text"}, [name(tfidf("t", 2), "t")])
    assert features.names == ("t: blue", "t: red")


def test_a_hash_is_crc_32_in_every_process() -> None:
    features = Features.fit({"t": TEXTS}, {"t": "text"}, [name(text_hash("t", 16), "t")])
    row = features.row({"t": "Refund now, refund"})
    expected = np.zeros(16)
    for term in ("refund", "now", "refund"):
        expected[zlib.crc32(term.encode()) % 16] += 1
    assert row.tolist() == expected.tolist()
    script = (
        "from toolkit.features import *; features = Features.fit({'t': ['a']}, {'t': 'text'}, [text_hash('t', 16)]); "
        "print(features.row({'t': 'Refund now, refund'}).tolist())"
    )
    other = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert other.stdout.strip() == str(row.tolist())


def test_hashed_counts_add_up_to_the_number_of_terms() -> None:
    features = Features.fit({"t": TEXTS}, {"t": "text"}, [name(text_hash("t", 8, (1, 2)), "t")])
    peer = CountVectorizer(ngram_range=(1, 2)).fit(TEXTS).transform(TEXTS)
    np.testing.assert_array_equal(
        features.matrix({"t": TEXTS}).sum(axis=1), np.asarray(peer.sum(axis=1)).ravel()
    )


def test_statistics_are_those_of_the_text() -> None:
    features = Features.fit({"t": TEXTS}, {"t": "text"}, [name(text_stats("t"), "t")])
    assert features.names == tuple(f"t: {each}" for each in STATISTICS)
    assert features.row({"t": "Hi! No 42?"}).tolist() == [10.0, 3.0, 0.2, 0.2, 0.2]
    assert features.row({"t": ""}).tolist() == [0.0] * 5
    assert np.isnan(features.row({"t": None})).all()


@given(st.text() | st.text(st.characters(max_codepoint=127)))
def test_signs_are_counted_alike_in_ascii_and_beyond(text: str) -> None:
    digits = sum(sign.isdigit() for sign in text)
    capitals = sum(sign.isupper() for sign in text)
    others = sum(not sign.isalnum() and not sign.isspace() and not sign.isupper() for sign in text)
    assert count_signs(text) == (digits, capitals, others)
