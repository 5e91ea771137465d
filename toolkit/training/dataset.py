"""The prepared tables as what LightGBM wants: a matrix and numeric labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.errors import ModelError
from toolkit.features import Features, load_features

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("train", "valid", "test")
TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Task:
    """What is predicted: ``kind`` is binary, multiclass or regression; ``classes`` is empty for regression."""

    kind: str
    classes: tuple[str, ...]
    key: str
    label: str = "label"


@dataclass(frozen=True, eq=False)
class Split:
    """One split: the raw table, the model's matrix (rows, features) and the target (class index or value)."""

    name: str
    table: pa.Table
    matrix: np.ndarray
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.target)


@dataclass(frozen=True, eq=False)
class Prepared:
    """The folder data/prepared: its task, its fitted features, and the splits that were asked for."""

    task: Task
    features: Features
    splits: dict[str, Split]

    def __getitem__(self, name: str) -> Split:
        return self.splits[name]


def load_prepared(folder: Path, *names: str) -> Prepared:
    """Read the splits ``names`` of a prepared folder.

    Raises
    ------
    ModelError
        A split is missing, empty, lacks a column, or has a label that the task does not allow.
    """
    task = load_task(folder / "task.json")
    features = load_features(folder / "features.json")
    return Prepared(task, features, {name: _load_split(folder, name, task, features) for name in names})


def load_task(path: Path) -> Task:
    """Read task.json."""
    value = load_json(path)
    task = Task(value["task"], tuple(value.get("classes") or ()), value["key"], value.get("label", "label"))
    if task.kind not in TASKS:
        raise ModelError(f"{path.name}: 'task' must be one of {', '.join(TASKS)}. Got '{task.kind}' instead.")
    if task.kind != "regression" and len(task.classes) < 2:
        raise ModelError(f"{path.name}: 'classes' must name two or more. Got {list(task.classes)} instead.")
    return task


def read_columns(table: pa.Table, inputs: dict[str, str]) -> dict[str, Any]:
    """Give the raw feature columns of a table as the fitted features take them.

    Parameters
    ----------
    table : pyarrow.Table
    inputs : dict
        Kind of each column: ``number``, ``integer``, ``boolean`` or ``category``.

    Returns
    -------
    dict
        For each column float64 with NaN where a value is missing; for a category a list of texts and None.
    """
    missing = [name for name in inputs if name not in table.column_names]
    if missing:
        raise ModelError(f"The table must have the feature columns {', '.join(missing)} and does not.")
    return {name: _column(table.column(name), kind) for name, kind in inputs.items()}


def encode_target(labels: Sequence[Any], task: Task, where: str) -> np.ndarray:
    """Turn labels into class indexes (classification) or check that values are finite (regression)."""
    if task.kind == "regression":
        values = np.asarray([np.nan if label is None else label for label in labels], dtype=np.float64)
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise ModelError(
                f"{where}: every label must be a finite number. Row {bad[0]} has {labels[bad[0]]!r}."
            )
        return values
    index = {name: number for number, name in enumerate(task.classes)}
    unknown = sorted({str(label) for label in labels if label not in index})
    if unknown:
        raise ModelError(
            f"{where}: labels must be among {', '.join(task.classes)}. Got also {', '.join(unknown[:5])}."
        )
    return np.asarray([index[label] for label in labels], dtype=np.float64)


def _load_split(folder: Path, name: str, task: Task, features: Features) -> Split:
    import pyarrow.parquet as pq

    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise ModelError(f"{path} must exist and does not. Run './run dvc repro prepare' to make it.")
    table = pq.read_table(path)
    if task.label not in table.column_names:
        raise ModelError(f"{path.name} must have the label column '{task.label}' and does not.")
    if table.num_rows == 0:
        raise ModelError(
            f"{path.name} must have rows and has none. Change prepare.{name}_share or label more rows."
        )
    target = encode_target(table.column(task.label).to_pylist(), task, path.name)
    return Split(name, table, features.matrix(read_columns(table, dict(features.inputs))), target)


def _column(column: pa.ChunkedArray, kind: str) -> Any:
    import pyarrow as pa

    if kind == "category":
        return column.cast(pa.string()).to_pylist()
    if pa.types.is_boolean(column.type):
        column = column.cast(pa.int8())
    return np.asarray(column.cast(pa.float64()).to_numpy(zero_copy_only=False), dtype=np.float64)
