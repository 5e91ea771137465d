"""Join the raw table with its labels; say which columns are features."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from toolkit.data.labelled import LABEL
from toolkit.data.schema import Schema, load_schema
from toolkit.data.table import load_parquet
from toolkit.errors import DataError


def load_raw(folder: Path) -> tuple[pa.Table, Schema]:
    """Read what collect wrote: the table and its schema."""
    return load_parquet(folder / "table.parquet"), load_schema(folder / "schema.json")


def select_features(
    schema: Schema, reserved: Sequence[str] = (), classes: Sequence[str] = ()
) -> dict[str, str]:
    """Give the kind of each feature column.

    Parameters
    ----------
    schema : Schema
        Of the raw table.
    reserved : sequence of str
        Columns that hold the label itself, which are no features.
    classes : sequence of str
        Of the task; empty for a regression. The predicted table has a column for each.

    Raises
    ------
    DataError
        No feature is left, or the key or a feature has the name of a column that labels or predictions get.
    """
    kinds = {name: kind for name, kind in schema.kinds.items() if name not in reserved}
    if not kinds:
        raise DataError(
            "The table must have at least one feature besides key, label and excluded columns, and has none."
        )
    outputs = {LABEL, "true_label", "version", *([f"p_{name}" for name in classes] or ["value"])}
    taken = [name for name in (schema.key, *kinds) if name in outputs]
    if taken:
        raise DataError(
            f"The key and the features must not be called as a column of the predicted table: "
            f"{', '.join(sorted(outputs))}. Got {', '.join(taken)}. Rename the column, or add it to collect.exclude."
        )
    return kinds


def join_labels(
    table: pa.Table, labels: pa.Table, key: str, columns: Sequence[str] | Mapping[str, str]
) -> pa.Table:
    """Give the rows that have a label, in the table's order: key, ``columns``, ``label``.

    Raises
    ------
    DataError
        Labels are for rows that the table has not.
    """
    unknown = sorted(set(labels[key].to_pylist()) - set(table[key].to_pylist()))
    if unknown:
        raise DataError(
            f"Every label must belong to a row of the table. {len(unknown)} of {labels.num_rows} do not, first "
            f"{', '.join(unknown[:5])}. Do collect.source and annotate.source belong together?"
        )
    place = pc.index_in(table[key], labels[key].combine_chunks())
    has = pc.is_valid(place)
    label = labels[LABEL].take(place.filter(has).combine_chunks())
    return table.filter(has).select([key, *columns]).append_column(LABEL, label)
