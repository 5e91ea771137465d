"""Split the labelled rows, and describe the task for the stages that follow."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from toolkit.columns import get_columns
from toolkit.data.join import LABEL
from toolkit.data.splits import SPLITS, assign_splits, check_splits
from toolkit.errors import FeatureError
from toolkit.features import Features

SCHEMA = 1


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


def check_missing(features: Features, splits: Mapping[str, pa.Table]) -> None:
    """Check that no feature lacks values in valid or test that it never lacked in train.

    LightGBM takes a missing value as 0 where training had none, so the scores of such rows would be wrong unseen.

    Raises
    ------
    FeatureError
        Names each such feature, with how many rows of which split lack it.
    """
    found = []
    for column in features.inputs:
        lacking = {name: splits[name][column].null_count for name in ("valid", "test")}
        if column not in features.nullable and any(lacking.values()):
            where = " and ".join(f"{count} of {name}" for name, count in lacking.items() if count)
            found.append(f"feature '{column}' has a value in every row of train and lacks it in {where}.")
    if found:
        found.append(
            "A model cannot learn what a missing value means from rows that have none. Exclude these features "
            "(collect.exclude), fill them in the source, or draw other splits (prepare.seed)."
        )
        raise FeatureError("\n".join(found))


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
