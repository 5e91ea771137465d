"""Try a definition on rows of the train split, without any stage: what the feature would be."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.artifacts import load_json
from toolkit.columns import get_columns
from toolkit.data.schema import load_schema
from toolkit.errors import FeatureError
from toolkit.features import Definition, Features, check_definitions

MOST_ROWS = 50_000
AGAIN_ROWS = 500  # that are computed a second time


@dataclass(frozen=True)
class TrainRows:
    """The train split that the stage prepare wrote, read a few columns at a time.

    Attributes
    ----------
    path : Path
        train.parquet.
    total : int
        Its rows.
    kinds : mapping
        Kind by name of the raw columns that requests will have.
    others : mapping
        Why other columns of the raw table are none that requests will have.
    zoned : mapping
        Zone by name of the times that have one.
    classes : tuple of str
        Of the label; empty for a regression.
    """

    path: Path
    total: int
    kinds: Mapping[str, str]
    others: Mapping[str, str]
    zoned: Mapping[str, str]
    classes: tuple[str, ...]

    def read(self, names: Sequence[str]) -> pa.Table:
        """Read columns and the label, of ``MOST_ROWS`` evenly spaced rows if there are more."""
        table = pq.read_table(self.path, columns=[*dict.fromkeys(names), "label"], partitioning=None)
        if self.total <= MOST_ROWS:
            return table
        return table.take(np.linspace(0, self.total - 1, MOST_ROWS).astype(np.int64))


@dataclass(frozen=True, eq=False)
class Trial:
    """A feature as the sampled rows give it.

    Attributes
    ----------
    definition : Definition
    features : Features
        The definition alone, fitted on these rows.
    rows : pyarrow.Table
        Its raw columns and the label.
    matrix : ndarray
        float64 (rows, its model columns).
    total : int
        Rows of the train split.
    classes : tuple of str
    """

    definition: Definition
    features: Features
    rows: pa.Table
    matrix: np.ndarray
    total: int
    classes: tuple[str, ...]


def load_train_rows(root: Path) -> TrainRows:
    """Find the train split of a project.

    Raises
    ------
    FeatureError
        There is none yet.
    """
    path, schema_path = root / "data/prepared/train.parquet", root / "data/raw/schema.json"
    if not path.is_file() or not schema_path.is_file():
        raise FeatureError(
            "A feature is tried on the train split, which is not there yet. Run './run dvc repro prepare' once to "
            "make it."
        )
    schema, task = load_schema(schema_path), load_json(path.with_name("task.json"))
    file = pq.read_metadata(path)
    present = set(pq.read_schema(path).names)
    kinds = {name: kind for name, kind in schema.kinds.items() if name in present}
    others = {
        column.name: "excluded (collect.exclude)" if column.role == "excluded" else "the label"
        for column in schema.columns
        if column.name not in kinds
    }
    others |= {schema.key: "the key", "label": "the label"}
    zoned = {name: zone for name, zone in schema.zoned.items() if name in kinds}
    return TrainRows(path, file.num_rows, kinds, others, zoned, tuple(task.get("classes") or ()))


def try_definitions(definitions: Sequence[Definition], rows: TrainRows) -> list[Trial]:
    """Compute features on rows of the train split.

    Raises
    ------
    FeatureError
        A definition cannot be computed from what requests will have, or fails for a row.
    """
    check_definitions(definitions, rows.kinds, rows.others)
    return [_try(each, rows) for each in definitions]


def _try(definition: Definition, rows: TrainRows) -> Trial:
    sample = rows.read(definition.inputs)
    columns = get_columns(sample, dict.fromkeys(definition.inputs))
    kinds = {column: rows.kinds[column] for column in columns}
    zoned = {column: zone for column, zone in rows.zoned.items() if column in columns}
    alone = replace(definition, claims=definition.inputs)  # its columns get no feature of their own here
    features = Features.fit(columns, kinds, [alone], zoned)
    matrix = features.matrix(columns)
    _check_same(features, columns, matrix)
    return Trial(definition, features, sample, matrix, rows.total, rows.classes)


def _check_same(features: Features, columns: Mapping[str, np.ndarray], matrix: np.ndarray) -> None:
    """Check that some rows, last to first, get the values again that they have in the table: no chance, no memory."""
    places = np.linspace(0, len(matrix) - 1, min(AGAIN_ROWS, len(matrix))).astype(np.int64)[::-1]
    again = features.matrix({name: values[places] for name, values in columns.items()})
    differ = np.flatnonzero((again.view(np.int64) != matrix[places].view(np.int64)).any(axis=1))
    if len(differ):
        place, feature = int(places[differ[0]]), features.features[0].definition
        row = ", ".join(f"{name}={columns[name][place]!s:.60}" for name in dict.fromkeys(feature.inputs))
        first, second = matrix[place].tolist(), again[differ[0]].tolist()
        raise feature.tell(
            f"feature '{feature.name}' must give a row the same value every time, or training and service would "
            f"differ. For {row} it gave {first[0]:.6g} and then {second[0]:.6g}. Make it of the row's values alone: no "
            "chance, no clock, nothing kept between calls."
        )
