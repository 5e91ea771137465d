"""The prepared tables as what LightGBM wants: a matrix and numeric labels."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.columns import BLOCK_ROWS, ParquetColumns
from toolkit.errors import ModelError, quote
from toolkit.feature_values import iterate_matrix, load_values
from toolkit.features import Features, load_features

if TYPE_CHECKING:
    import pyarrow as pa

SPLITS = ("train", "valid", "test")
TASKS = ("binary", "multiclass", "regression")


@dataclass(frozen=True)
class Task:
    """What is predicted: ``kind`` is binary, multiclass or regression; ``classes`` is empty for regression.

    ``split`` is the rule by which rows are in train, valid or test; empty if it is not on record.
    """

    kind: str
    classes: tuple[str, ...]
    key: str
    label: str = "label"
    split: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class Split:
    """One split: its Parquet file, the features of the model, and the target (class index or value) of each row.

    ``table`` and ``matrix`` (rows, features) are read whole when they are first asked for; :meth:`blocks` gives the
    matrix piece by piece.
    """

    name: str
    path: Path
    features: Features
    target: np.ndarray

    def __len__(self) -> int:
        return len(self.target)

    @cached_property
    def table(self) -> pa.Table:
        """The raw table."""
        import pyarrow.parquet as pq

        return pq.read_table(self.path)

    @cached_property
    def matrix(self) -> np.ndarray:
        """The model's matrix."""
        return np.concatenate(list(self.blocks()))

    def blocks(self, rows: int = 0) -> Iterator[np.ndarray]:
        """Give the matrix in blocks of rows, in order, without holding it whole; what prepare kept is only read."""
        return iterate_matrix(
            self.features, self.path, load_values(self.path.parent, self.name), rows or BLOCK_ROWS
        )


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
    classes, split = tuple(value.get("classes") or ()), value.get("split") or {}
    task = Task(value["task"], classes, value["key"], value.get("label", "label"), split)
    if task.kind not in TASKS:
        raise ModelError(f"{path.name}: 'task' must be one of {', '.join(TASKS)}. Got '{task.kind}' instead.")
    if task.kind != "regression" and len(task.classes) < 2:
        raise ModelError(f"{path.name}: 'classes' must name two or more. Got {list(task.classes)} instead.")
    return task


def encode_target(labels: Sequence[Any] | np.ndarray, task: Task, where: str) -> np.ndarray:
    """Turn labels into class indexes (classification) or check that values are finite (regression)."""
    if task.kind == "regression":
        values = np.asarray(labels, dtype=np.float64)  # None becomes NaN
        bad = np.flatnonzero(~np.isfinite(values))
        if len(bad):
            raise ModelError(
                f"{where}: every label must be a finite number. Row {bad[0] + 1} has {labels[bad[0]]!r}."
            )
        return values
    index = {name: number for number, name in enumerate(task.classes)}
    unknown = sorted({str(label) for label in labels if label not in index})
    if unknown:
        raise ModelError(
            f"{where}: labels must be among {quote(task.classes)}. Got also {quote(unknown, 5)}."
        )
    return np.fromiter((index[label] for label in labels), dtype=np.float64, count=len(labels))


def _load_split(folder: Path, name: str, task: Task, features: Features) -> Split:
    path = folder / f"{name}.parquet"
    if not path.is_file():
        raise ModelError(f"{path} must exist and does not. Run './run dvc repro prepare' to make it.")
    labels = ParquetColumns([path])
    if task.label not in labels:
        raise ModelError(f"{path.name} must have the label column '{task.label}' and does not.")
    values = labels[task.label]
    if not len(values):
        raise ModelError(
            f"{path.name} must have rows and has none. Change prepare.{name}_share or label more rows."
        )
    lacking = [column for column in features.inputs if column not in labels]
    if lacking:
        raise ModelError(f"{path.name} must have the feature columns {', '.join(lacking)} and does not.")
    return Split(name, path, features, encode_target(values, task, path.name))
