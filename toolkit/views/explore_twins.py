"""Columns that say the same: one is the other times a factor, in the same order, or under other names."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from toolkit.data.association import FloatArray, measure_spearman, rank
from toolkit.views.explore_data import ORDERED, Dataset, choose_rows
from toolkit.views.explore_table import show_number
from toolkit.views.explore_time import tell_span

_ROWS = 2_000  # that are enough to rule nearly every pair out
_ALIKE = 0.999  # rank correlation on these from which a pair is looked at in full
_ROUNDED = 0.005  # of the middle half's width that rounding may change
_FEWEST = 20  # rows that are not of the most frequent value: fewer may agree by chance


@dataclass(frozen=True)
class Twin:
    """A feature that says what an earlier one does, and how: ``told`` follows on its name."""

    name: str
    other: str
    told: str


def find_twins(data: Dataset) -> list[Twin]:
    """Find the features that add nothing to an earlier one; each is told once, in the table's order.

    Of those with an order: a multiple, with or without something added (up to rounding), or the same order of the
    rows. Of categories: each value of one is one value of the other. Of texts: the same texts.
    """
    return data._keep("twins", "", lambda: _find_twins(data))


def _find_twins(data: Dataset) -> list[Twin]:
    found: dict[str, Twin] = {}
    for twin in (*_compare_ordered(data), *_compare_categories(data), *_compare_texts(data)):
        if twin.other not in found:
            found.setdefault(twin.name, twin)
    return sorted(found.values(), key=lambda twin: data.features.index(twin.name))


def _compare_ordered(data: Dataset) -> Iterator[Twin]:
    names = [name for name in data.of_kind(*ORDERED) if _varies(data.numbers(name)[data.places])]
    if len(names) < 2:
        return
    few = data.places[choose_rows(len(data.places), _ROWS)]
    alike = np.abs(measure_spearman(np.stack([data.numbers(name)[few] for name in names]).T)) >= _ALIKE
    for one, other in np.argwhere(np.triu(alike, 1)).tolist():
        first, second = (data.numbers(names[place])[data.places] for place in (one, other))
        times = [data.kinds[names[place]] == "time" for place in (one, other)]
        told = tell_relation(first, second, names[one], all(times)) if times[0] == times[1] else ""
        if told:
            yield Twin(names[other], names[one], told)


def tell_relation(first: FloatArray, second: FloatArray, name: str, time: bool = False) -> str:
    """Tell how the second column follows from the first, whose name is given; '' if it does not.

    Examples
    --------
    >>> celsius = np.linspace(-20, 40, 200)
    >>> tell_relation(celsius, celsius * 1.8 + 32, "celsius")
    "is 1.8 times 'celsius' plus 32"
    """
    both = ~np.isnan(first) & ~np.isnan(second)
    x, y = first[both], second[both]
    if not (_varies(x) and _varies(y)):
        return ""
    only = "" if len(x) == np.sum(~np.isnan(first)) == np.sum(~np.isnan(second)) else " where both are known"
    middle = x.mean()
    factor = float(((x - middle) * (y - y.mean())).sum() / ((x - middle) ** 2).sum())
    plus = float(y.mean() - factor * middle)
    low, high = np.quantile(y, [0.25, 0.75])
    room = _ROUNDED * float(high - low) if high > low else 1e-9 * float(np.ptp(y))
    if np.abs(y - factor * x - plus).max() <= room:
        return _tell_line(factor, plus, room, name, time) + only
    if abs(measure_spearman(np.column_stack([x, y]))[0, 1]) > 1 - 1e-9:
        way = "the same" if np.corrcoef(rank(x), rank(y))[0, 1] > 0 else "the opposite"
        return f"puts the rows in {way} order as '{name}'{only}"
    return ""


def _tell_line(factor: float, plus: float, room: float, name: str, time: bool) -> str:
    whole = abs(factor - 1) < 1e-4
    if abs(plus) <= 2 * room:
        return f"is the same as '{name}'" if whole else f"is {show_number(factor)} times '{name}'"
    if time:
        span = tell_span(abs(plus))
        return f"is '{name}' {'plus' if plus > 0 else 'minus'} {span}" if whole else f"follows from '{name}'"
    scaled = f"'{name}'" if whole else f"{show_number(factor)} times '{name}'"
    return f"is {scaled} {'plus' if plus > 0 else 'minus'} {show_number(abs(plus))}"


def _varies(values: FloatArray) -> bool:
    """Whether enough rows differ from the most frequent value, which is the median where it is that of most."""
    known = values[~np.isnan(values)]
    return bool(len(known)) and int((known != np.sort(known)[len(known) // 2]).sum()) >= _FEWEST


def _compare_categories(data: Dataset) -> Iterator[Twin]:
    seen: dict[bytes, list[str]] = {}
    for name in data.of_kind("category"):
        codes, values = data.codes(name)
        counts = np.bincount(codes[codes >= 0], minlength=len(values))
        if len(values) < 2 or counts[1:].sum() < _FEWEST or len(values) > 0.9 * counts.sum():
            continue
        alike = seen.setdefault(counts.tobytes(), [])  # the most frequent come first: twins have equal counts
        for other in alike:
            theirs, others = data.codes(other)
            same = np.unique(codes.astype(np.int64) * (len(values) + 1) + theirs)
            if ((codes < 0) == (theirs < 0)).all() and len(same) == len(values) + bool((codes < 0).any()):
                equal = values == others and (codes == theirs).all()
                yield Twin(
                    name, other, f"is the same as '{other}'" if equal else f"is '{other}' under other names"
                )
                break
        alike.append(name)


def _compare_texts(data: Dataset) -> Iterator[Twin]:
    names = data.of_kind("text")
    for place, name in enumerate(names):
        same = (other for other in names[:place] if data.texts(name).equals(data.texts(other)))
        if (other := next(same, "")) and not data.missing(name).all():
            yield Twin(name, other, f"is the same as '{other}'")
