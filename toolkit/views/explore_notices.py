"""What a person should know of the table before anything else, in a sentence each."""

from __future__ import annotations

from collections.abc import Iterator

import pyarrow.compute as pc

from toolkit.views.explore_data import Dataset
from toolkit.views.explore_relation import measure_relation
from toolkit.views.explore_table import Note, Sentences, show_share
from toolkit.views.explore_twins import find_twins

_MOSTLY = 0.5  # a share of missing values from which a column is named
_TOLD = 0.8  # a share of the label that one feature tells from which it is named


def list_notices(data: Dataset) -> Sentences | Note:
    """List what is worth knowing: columns that say the same, say nothing, lack most values, or tell the label."""
    sentences = [*_tell_twins(data), *_tell_idle(data), *_tell_lacking(data), *_tell_giveaways(data)]
    if not sentences:
        return Note(
            "Nothing: no two features say the same, none is constant or mostly missing, none alone tells the label."
        )
    return Sentences(tuple(sentences), data.tell())


def _tell_twins(data: Dataset) -> Iterator[str]:
    for twin in find_twins(data):
        yield f"'{twin.name}' {twin.told}: one of the two is enough (collect.exclude)."


def _tell_idle(data: Dataset) -> Iterator[str]:
    for name in data.features:
        if data.missing(name).all():
            yield f"'{name}' is missing in every row."
        elif pc.count_distinct(data.column(name).take(data.places[:2000])).as_py() <= 1:
            known = data.column(name).drop_null()
            if pc.count_distinct(known).as_py() == 1:
                rest = " wherever it is known" if len(known) < data.rows else " in every row"
                yield f"'{name}' has the same value{rest}."


def _tell_lacking(data: Dataset) -> Iterator[str]:
    for name in data.features:
        missing = int(data.missing(name).sum())
        if _MOSTLY * data.rows <= missing < data.rows:
            yield f"'{name}' is missing in {show_share(missing, data.rows)} of the rows."


def _tell_giveaways(data: Dataset) -> Iterator[str]:
    told = measure_relation(data)["told"]
    for name, share in told[told >= _TOLD].items():
        yield f"'{name}' alone tells {show_share(share)} of the label: is it known before the label is?"
