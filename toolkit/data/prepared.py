"""Join rows with their labels, split them, and describe the task for the stages that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.data.label_tables import load_label_facts
from toolkit.data.schema import Schema, load_schema
from toolkit.data.splits import SPLITS, assign_splits, check_splits
from toolkit.data.table import get_columns, load_parquet
from toolkit.errors import DataError

SCHEMA = 1
LABEL = "label"


def load_inputs(raw: Path, labels: Path) -> tuple[pa.Table, Schema, pa.Table, dict[str, Any]]:
    """Read what collect and annotate wrote: the table, its schema, the labels, and the content of labels.json."""
    return (
        load_parquet(raw / "table.parquet"),
        load_schema(raw / "schema.json"),
        load_parquet(labels / "labels.parquet"),
        load_label_facts(labels / "labels.json"),
    )


def join_labels(table: pa.Table, labels: pa.Table, schema: Schema, kinds: Mapping[str, str]) -> pa.Table:
    """Give the rows that have a label, in the table's order: key, feature columns, ``label``.

    Raises
    ------
    DataError
        Labels are for rows that the table has not, no row has a label, or a feature has the name of the label.
    """
    if LABEL in kinds:
        raise DataError(
            f"A feature must not be called '{LABEL}', which is the resolved label's name. Rename the column."
        )
    unknown = sorted(set(labels[schema.key].to_pylist()) - set(table[schema.key].to_pylist()))
    if unknown:
        raise DataError(
            f"Every label must belong to a row of the table. {len(unknown)} of {labels.num_rows} do not, first "
            f"{', '.join(unknown[:5])}. Do collect.source and annotate.source belong together?"
        )
    place = pc.index_in(table[schema.key], labels[schema.key].combine_chunks())
    has = pc.is_valid(place)
    label = labels[LABEL].take(place.filter(has).combine_chunks())
    rows = table.filter(has).select([schema.key, *kinds])
    return rows.append_column(LABEL, label)


def select_features(schema: Schema, reserved: Sequence[str] = ()) -> dict[str, str]:
    """Give the kind of each feature column; ``reserved`` columns (the label's own) are none.

    Raises
    ------
    DataError
        No feature is left.
    """
    kinds = {name: kind for name, kind in schema.kinds.items() if name not in reserved}
    if not kinds:
        raise DataError(
            "The table must have at least one feature besides key, label and excluded columns, and has none."
        )
    return kinds


def split_rows(
    rows: pa.Table, key: str, classes: Sequence[str], shares: tuple[float, float], seed: int
) -> dict[str, pa.Table]:
    """Split rows into train, valid and test by their keys; ``shares`` are those of valid and test.

    Raises
    ------
    DataError
        A split is empty or lacks a class.
    """
    splits = assign_splits(rows[key].to_pylist(), *shares, seed)
    check_splits(list(splits), rows[LABEL].to_pylist(), classes)
    return {split: rows.filter(pa.array(splits == split)) for split in SPLITS}


def join_splits(
    tables: Mapping[str, pa.Table], names: Sequence[str], splits: Sequence[str]
) -> dict[str, np.ndarray]:
    """Give columns of several splits together, as NumPy arrays."""
    return get_columns(pa.concat_tables([tables[split] for split in splits]), names)


def describe_task(tables: Mapping[str, pa.Table], key: str, facts: Mapping[str, Any]) -> dict[str, Any]:
    """Give the content of task.json: binary, multiclass or regression, classes in order, rows per split.

    ``facts`` are those of labels.json.
    """
    classes = facts["classes"]
    kind = "regression" if facts["task"] == "regression" else "binary" if len(classes) == 2 else "multiclass"
    rows = {split: table.num_rows for split, table in tables.items()}
    return {"schema": SCHEMA, "task": kind, "classes": classes, "key": key, "label": LABEL, "rows": rows}


def measure_prepared(
    tables: Mapping[str, pa.Table], kinds: Mapping[str, str], classes: Sequence[str]
) -> dict[str, Any]:
    """Count rows per split, each class's share in it, and features: the stage's metrics."""
    metrics: dict[str, Any] = {
        "features": len(kinds),
        "rows": {s: table.num_rows for s, table in tables.items()},
    }
    for split, table in tables.items():
        counts = Counter(table[LABEL].to_pylist())
        if classes:
            metrics[f"{split}_share"] = {name: round(counts[name] / table.num_rows, 6) for name in classes}
    return metrics
