"""Write the labelled rows as three tables, and describe the task for the stages that follow."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.columns import BLOCK_ROWS
from toolkit.data.labelled import LABEL, LabelledRows
from toolkit.data.splits import SPLITS
from toolkit.errors import FeatureError
from toolkit.features import Features

SCHEMA = 1
PROGRESS_ROWS = 1_000_000


def write_splits(
    rows: LabelledRows, codes: np.ndarray, columns: Sequence[str], folder: Path
) -> dict[str, Path]:
    """Write train.parquet, valid.parquet and test.parquet, a block of rows at a time; give their paths.

    Each holds the key, ``columns`` and ``label``, in the order of the raw table.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = {split: folder / f"{split}.parquet" for split in SPLITS}
    writers: list[_GroupWriter] = []
    told = 0
    for block, plain in rows.batches([rows.schema.key, *columns]):
        batch = plain.append_column(LABEL, rows.show_labels(block))
        writers = writers or [_GroupWriter(path, batch.schema) for path in paths.values()]
        for code, writer in enumerate(writers):
            writer.add(batch.filter(pa.array(codes[block] == code)))
        if block.stop // PROGRESS_ROWS > told:
            told = block.stop // PROGRESS_ROWS
            print(f"{block.stop:,} of {len(rows):,} rows written")
    for writer in writers:
        writer.close()
    return paths


class _GroupWriter:
    """Writes a Parquet file in row groups of 65,536 rows, however many come at a time."""

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self._schema = schema.remove_metadata()
        self._writer = pq.ParquetWriter(path, self._schema, compression="zstd")
        self._waiting: list[pa.RecordBatch] = []
        self._rows = 0

    def add(self, batch: pa.RecordBatch) -> None:
        self._waiting.append(batch.replace_schema_metadata(None))
        self._rows += batch.num_rows
        while self._rows >= BLOCK_ROWS:
            table = self._take()
            self._writer.write_table(table.slice(0, BLOCK_ROWS))
            rest = table.slice(BLOCK_ROWS)
            self._waiting, self._rows = rest.to_batches(), rest.num_rows

    def close(self) -> None:
        if self._rows:
            self._writer.write_table(self._take())
        self._writer.close()

    def _take(self) -> pa.Table:
        return pa.Table.from_batches(self._waiting, self._schema).combine_chunks()


def check_missing(features: Features, paths: Mapping[str, Path]) -> None:
    """Check that no column that the features need lacks values in valid or test that it never lacked in train.

    LightGBM takes a missing value as 0 where training had none, so the scores of such rows would be wrong unseen.

    Raises
    ------
    FeatureError
        Names each such column, with how many rows of which split lack it.
    """
    found = []
    for name in (name for name in features.inputs if name not in features.nullable):
        lacking = {split: count_missing(paths[split], name) for split in ("valid", "test")}
        if any(lacking.values()):
            where = " and ".join(f"{count} of {split}" for split, count in lacking.items() if count)
            found.append(f"feature '{name}' has a value in every row of train and lacks it in {where}.")
    if found:
        found.append(
            "A model cannot learn what a missing value means from rows that have none. Exclude these features "
            "(collect.exclude), fill them in the source, or draw other splits (prepare.seed)."
        )
        raise FeatureError("\n".join(found))


def count_missing(path: Path, name: str) -> int:
    """Count the rows of a Parquet file that lack a value in a column; NaN is none."""
    column = pq.read_table(path, columns=[name], partitioning=None)[name]
    nan = (pc.sum(pc.is_nan(column)).as_py() or 0) if pa.types.is_floating(column.type) else 0
    return column.null_count + nan


def describe_task(
    rows: Mapping[str, int], key: str, facts: Mapping[str, Any], rule: Mapping[str, Any]
) -> dict[str, Any]:
    """Give the content of task.json: binary, multiclass or regression, classes in order, rows by split, split rule.

    ``facts`` are those of labels.json.
    """
    classes = facts["classes"]
    kind = "regression" if facts["task"] == "regression" else "binary" if len(classes) == 2 else "multiclass"
    return {
        "schema": SCHEMA,
        "task": kind,
        "classes": classes,
        "key": key,
        "label": LABEL,
        "rows": dict(rows),
        "split": dict(rule),
    }


def measure_prepared(
    counts: np.ndarray, classes: Sequence[str], features: int, leaks: Mapping[str, bool], idle: int = 0
) -> dict[str, Any]:
    """Count rows per split, each class's share in it, features (and idle ones), and leaks: the stage's metrics."""
    rows = counts.sum(axis=1)
    metrics: dict[str, Any] = {
        "features": features,
        "idle_features": idle,
        "rows": {split: int(count) for split, count in zip(SPLITS, rows, strict=True)},
        "leaks": sum(leaks.values()),
    }
    for split, row in zip(SPLITS, counts, strict=True):
        if classes:
            shares = row / max(row.sum(), 1)
            metrics[f"{split}_share"] = {
                name: round(float(share), 6) for name, share in zip(classes, shares, strict=True)
            }
    return metrics
