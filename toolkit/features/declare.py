"""The built-in features that a definitions file may declare, each assigned to a name."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.errors import FeatureError
from toolkit.features.dates import Dates
from toolkit.features.definition import FUNCTION, Definition
from toolkit.features.functions import Function
from toolkit.features.groups import GroupStatistic
from toolkit.features.history import History
from toolkit.features.makers import Category, Maker, Number
from toolkit.features.mark import check_texts
from toolkit.features.text import TextHash, TextStatistics, TfIdf

MAKERS: Mapping[str, type[Maker]] = {
    "number": Number,
    "category": Category,
    "dates": Dates,
    "text_stats": TextStatistics,
    "text_hash": TextHash,
    "tfidf": TfIdf,
    "group": GroupStatistic,
    "history": History,
    FUNCTION: Function,
}
MOST_COLUMNS = 10_000  # of a text: each is a column of the model's matrix, eight bytes a row
TERMS = 50  # of a text column that nobody has defined a feature of: enough to tell topics apart, few enough to read


def number(column: str, **about: str) -> Definition:
    """Take a number, an integer or a boolean as it is."""
    return _declare("number", (column,), {}, (column,), about)


def category(column: str, rare: int = 0, **about: str) -> Definition:
    """Take a category as LightGBM's native kind; those with fewer than ``rare`` training rows share one code."""
    return _declare("category", (column,), {"rare": _whole("rare", rare, 0)}, (column,), about)


def dates(column: str, parts: Sequence[str] = (), zone: str = "", **about: str) -> Definition:
    """Take parts of a time, on the clock of ``zone`` (IANA name) where the column has offsets; () chooses."""
    if not isinstance(parts, list | tuple) or len(set(map(str, parts))) < len(parts):
        raise FeatureError(
            f'parts must be a list, each once, such as ["hour", "weekday"]. Got {parts!r:.60} instead.'
        )
    check_texts({"zone": zone})
    return _declare("dates", (column,), {"parts": list(parts), "zone": zone}, (column,), about)


def text_stats(column: str, **about: str) -> Definition:
    """Take a text's length, words, and shares of digits, capitals and punctuation."""
    return _declare("text_stats", (column,), {}, (column,), about)


def text_hash(column: str, buckets: int = 64, ngrams: tuple[int, int] = (1, 1), **about: str) -> Definition:
    """Count a text's terms in ``buckets`` by their hash; ``ngrams`` are the fewest and most words of a term."""
    params = {"buckets": _whole("buckets", buckets, 1, MOST_COLUMNS), "ngrams": _span(ngrams)}
    return _declare("text_hash", (column,), params, (column,), about)


def tfidf(column: str, terms: int = 100, ngrams: tuple[int, int] = (1, 1), **about: str) -> Definition:
    """Weigh the ``terms`` that most training texts have by TF-IDF."""
    params = {"terms": _whole("terms", terms, 1, MOST_COLUMNS), "ngrams": _span(ngrams)}
    return _declare("tfidf", (column,), params, (column,), about)


def mean_by(value: str, group: str, **about: str) -> Definition:
    """Take the mean of ``value`` over the training rows of the same group."""
    return _group("mean", value, group, about)


def std_by(value: str, group: str, **about: str) -> Definition:
    """Take the standard deviation (rows less one) of ``value`` over the training rows of the same group."""
    return _group("std", value, group, about)


def min_by(value: str, group: str, **about: str) -> Definition:
    """Take the smallest ``value`` of the training rows of the same group."""
    return _group("min", value, group, about)


def max_by(value: str, group: str, **about: str) -> Definition:
    """Take the largest ``value`` of the training rows of the same group."""
    return _group("max", value, group, about)


def count_by(value: str, group: str, **about: str) -> Definition:
    """Count the training rows of the same group that have a ``value``."""
    return _group("count", value, group, about)


def last_before(value: str, group: str, time: str, window_s: float = 0, **about: str) -> Definition:
    """Take the last ``value`` in the group before the row's time, within ``window_s`` seconds (0: ever)."""
    return _history("last", (group, time, value), window_s, about)


def mean_before(value: str, group: str, time: str, window_s: float = 0, **about: str) -> Definition:
    """Take the mean ``value`` in the group before the row's time, within ``window_s`` seconds (0: ever)."""
    return _history("mean", (group, time, value), window_s, about)


def count_before(group: str, time: str, window_s: float = 0, **about: str) -> Definition:
    """Count the rows of the group before the row's time, within ``window_s`` seconds (0: ever)."""
    return _history("count", (group, time), window_s, about)


def since_last(group: str, time: str, **about: str) -> Definition:
    """Take the seconds since the group's last row before this one."""
    return _history("since", (group, time), 0, about)


def choose_defaults(column: str, kind: str) -> tuple[Definition, ...]:
    """Give the features of a raw column that no definition stands for."""
    if kind in ("number", "integer", "boolean"):
        found = [number(column)]
    elif kind == "text":
        words = tfidf(column, TERMS)
        found = [text_stats(column), Definition(f"{column} words", words.maker, words.inputs, words.params)]
    else:
        found = [category(column) if kind == "category" else dates(column)]
    return tuple(
        Definition(each.name or column, each.maker, each.inputs, each.params, claims=(column,))
        for each in found
    )


def _group(statistic: str, value: str, group: str, about: Mapping[str, Any]) -> Definition:
    return _declare("group", (value, group), {"statistic": statistic}, (), about)


def _history(
    statistic: str, columns: tuple[str, ...], window_s: float, about: Mapping[str, Any]
) -> Definition:
    number = isinstance(window_s, (int, float)) and not isinstance(window_s, bool)
    if not number or not (window_s == 0 or 1e-6 <= window_s < 1e10):
        raise FeatureError(
            f"window_s must be seconds, from 0.000001 to 10,000,000,000, or 0 (ever). Got {window_s!r} instead."
        )
    return _declare("history", columns, {"statistic": statistic, "window_s": window_s}, (), about)


def _declare(
    maker: str,
    inputs: tuple[str, ...],
    params: dict[str, Any],
    claims: tuple[str, ...],
    about: Mapping[str, Any],
) -> Definition:
    for column in inputs:
        if not isinstance(column, str) or not column:
            raise FeatureError(
                f"A built-in feature takes names of columns, as texts. Got {column!r:.60} instead."
            )
    unknown = [key for key in about if key not in ("meaning", "unit", "owner", "replaces")]
    if unknown:
        raise FeatureError(
            f"A feature takes meaning, unit, owner and replaces besides. Got '{unknown[0]}' instead."
        )
    check_texts({key: text for key, text in about.items() if key != "replaces"}, about.get("replaces", ()))
    named = {key: text for key, text in about.items() if key != "replaces"}
    return Definition("", maker, inputs, params, claims=(*claims, *about.get("replaces", ())), **named)


def _whole(name: str, value: int, least: int, most: int = 0) -> int:
    if type(value) is not int or value < least or (most and value > most):
        span = f"from {least} to {most:,}" if most else f"from {least} on"
        raise FeatureError(f"{name} must be a whole number {span}. Got {value!r:.40} instead.")
    return value


def _span(ngrams: Sequence[int]) -> list[int]:
    if (
        not isinstance(ngrams, list | tuple)
        or len(ngrams) != 2
        or not all(type(size) is int for size in ngrams)
        or not 1 <= ngrams[0] <= ngrams[1] <= 5
    ):
        raise FeatureError(
            f"ngrams must be the fewest and most words of a term, 1 to 5. Got {ngrams!r} instead."
        )
    return list(ngrams)
