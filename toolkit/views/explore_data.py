"""The table that is explored, with its labels: a column is read when a view asks for it, and kept.

A table of up to ``MOST_ROWS`` rows is there in full; of a larger one a stable sample is. What is dear to compute is
computed on at most ``SAMPLE_ROWS`` rows. Each view says how many rows it is from.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from numpy.typing import NDArray

from toolkit.artifacts import load_json
from toolkit.data.association import FloatArray
from toolkit.data.schema import load_schema
from toolkit.errors import StageError
from toolkit.paths import project_root
from toolkit.views.explore_arrays import (
    IntArray,
    as_float,
    as_one,
    as_text,
    encode,
    find_missing,
    is_number,
    sort_known,
)

MOST_ROWS, SAMPLE_ROWS = 2_000_000, 100_000
TABLE, SCHEMA = "data/raw/table.parquet", "data/raw/schema.json"
LABELS, ANNOTATIONS = "data/labels/labels.parquet", "data/labels/annotations.parquet"
SUSPECTS, FACTS = "data/labels/suspects.parquet", "data/labels/labels.json"
ORDERED = ("number", "integer", "boolean", "time")  # kinds whose values have an order
LABEL = "label"


@dataclass(frozen=True, eq=False)
class Dataset:
    """The rows that are explored.

    Attributes
    ----------
    read : callable
        Gives a column of the table by name, as Arrow.
    rows, total : int
        Rows that are here, and rows of the table they are from.
    key : str
        The column that names a row.
    kinds : dict
        Type of each feature: number, integer, boolean, category, text or time.
    excluded : dict
        Type of each column that is no feature.
    label : Array or None
        Of each row, null where there is none; strings are classes, numbers a regression's values.
    labels, annotations, suspects : DataFrame or None
        What annotate wrote; None before it ran.
    part : str
        What the rows are a part of, where a view must say so, as in "train".
    order : sequence of str
        Classes in the order in which they are shown.
    """

    read: Callable[[str], pa.ChunkedArray]
    rows: int
    total: int
    key: str
    kinds: dict[str, str]
    excluded: dict[str, str] = field(default_factory=dict)
    label: pa.Array | None = None
    labels: pd.DataFrame | None = None
    annotations: pd.DataFrame | None = None
    suspects: pd.DataFrame | None = None
    part: str = ""
    order: Sequence[str] = ()
    _kept: dict[tuple[str, str], Any] = field(default_factory=dict, repr=False)

    @property
    def features(self) -> list[str]:
        """Names of the features, in the table's order."""
        return list(self.kinds)

    def of_kind(self, *kinds: str) -> list[str]:
        """Names of the features of some kinds."""
        return [name for name, kind in self.kinds.items() if kind in kinds]

    def kind(self, name: str) -> str:
        """Type of a column, be it a feature or not."""
        return self.kinds.get(name) or self.excluded.get(name, "text")

    @property
    def is_classification(self) -> bool:
        """Whether labels are classes."""
        return self.label is not None and pa.types.is_string(self.label.type)

    @cached_property
    def classes(self) -> list[str]:
        """The classes that occur: in params.yaml's order, so that each has its colour everywhere; others sorted."""
        found = set(pc.unique(self.label).to_pylist()) - {None} if self.is_classification else set()
        return [name for name in self.order if name in found] + sorted(found - set(self.order))

    @cached_property
    def targets(self) -> NDArray[Any]:
        """Of each row the number of its class (-1: none), or a regression's value (NaN: none)."""
        if self.label is None:
            return np.full(self.rows, np.nan)
        if not self.is_classification:
            return as_float(self.label)
        places = pc.index_in(self.label, pa.array(self.classes, self.label.type)).fill_null(-1)
        return places.to_numpy(zero_copy_only=False)

    @cached_property
    def labelled(self) -> NDArray[np.bool_]:
        """Which rows have a label."""
        return self.targets >= 0 if self.is_classification else ~np.isnan(self.targets)

    @cached_property
    def places(self) -> NDArray[np.int64]:
        """The rows of the sample that dear views take: in order, the same every time."""
        return choose_rows(self.rows, SAMPLE_ROWS)

    def column(self, name: str) -> pa.Array:
        """Give a column as one Arrow array."""
        return self._keep("column", name, lambda: as_one(self.read(name)))

    def numbers(self, name: str) -> FloatArray:
        """Give a column with an order as floats, NaN where missing; a time as microseconds since 1970."""
        return self._keep("numbers", name, lambda: as_float(self.column(name)))

    def ordered(self, name: str) -> FloatArray:
        """Give the values of a column with an order, the smallest first; missing ones are left out."""
        return self._keep("ordered", name, lambda: sort_known(self.numbers(name)))

    def clock(self, name: str) -> str:
        """Name the clock that a time column is shown by, after a blank: UTC for instants; nothing for wall times."""
        return " UTC" if getattr(self.column(name).type, "tz", None) else ""

    def texts(self, name: str) -> pa.Array:
        """Give a column as text, null where missing."""
        return self._keep("texts", name, lambda: as_text(self.column(name)))

    def codes(self, name: str) -> tuple[IntArray, list[str]]:
        """Give a column as numbers of its distinct values (-1: missing), the most frequent first, and those."""
        return self._keep("codes", name, lambda: encode(self.texts(name)))

    def missing(self, name: str) -> NDArray[np.bool_]:
        """Which rows lack a value."""
        return self._keep("missing", name, lambda: find_missing(self.column(name)))

    def take(self, keys: Sequence[Any], names: Sequence[str]) -> pd.DataFrame:
        """Give columns of the rows with these keys, in the keys' order; rows that are not here are left out."""
        wanted = pa.array([str(key) for key in keys], pa.string())
        places = pc.index_in(wanted, as_text(self.column(self.key))).drop_null()
        columns = {name: self.column(name).take(places) for name in (self.key, *names)}
        return pa.table(columns).to_pandas()

    def tell(self, rows: int | None = None) -> str:
        """Say which rows a view is from."""
        count = self.rows if rows is None else rows
        of = f" of {self.part}" if self.part else ""
        return (
            f"from all {count:,} rows{of}"
            if count == self.total
            else f"from {count:,} of {self.total:,} rows{of}"
        )

    @property
    def sampled(self) -> str:
        """Say that a view is from the sample."""
        return self.tell(len(self.places))

    def _keep(self, what: str, name: str, make: Callable[[], Any]) -> Any:
        if (what, name) not in self._kept:
            self._kept[what, name] = make()
        return self._kept[what, name]


def load_dataset(root: Path | None = None, most_rows: int = MOST_ROWS) -> Dataset:
    """Open the raw table, its schema and what is known of its labels.

    Parameters
    ----------
    root : Path, optional
        The project (default: the one around the working folder).
    most_rows : int
        Of a larger table a sample of so many rows is explored.

    Raises
    ------
    StageError
        The raw table is missing, or a file cannot be read: says which command makes it.
    """
    root = root or project_root()
    if not (root / TABLE).exists() or not (root / SCHEMA).exists():
        raise StageError(f"{TABLE} must exist and does not. Run './run dvc repro collect' to make it.")
    schema = load_schema(root / SCHEMA)
    total = int(_reading(root / TABLE, lambda path: pq.read_metadata(path).num_rows))
    chosen = choose_rows(total, most_rows) if total > most_rows else None

    def read(name: str) -> pa.ChunkedArray:
        table = _reading(root / TABLE, lambda path: pq.read_table(path, columns=[name], partitioning=None))
        return table[name] if chosen is None else table[name].take(pa.array(chosen))

    labels = _load_frame(root / LABELS)
    facts = load_json(root / FACTS) if (root / FACTS).exists() else {}
    reserved = {LABEL, *facts.get("reserved", ())}
    kinds = {name: kind for name, kind in schema.kinds.items() if labels is None or name not in reserved}
    return Dataset(
        read,
        total if chosen is None else len(chosen),
        total,
        schema.key,
        kinds,
        {column.name: column.type for column in schema.columns if column.role == "excluded"},
        None if labels is None else _match_labels(as_one(read(schema.key)), root / LABELS),
        labels,
        _load_frame(root / ANNOTATIONS),
        _load_frame(root / SUSPECTS),
        order=facts.get("classes", ()),
    )


def make_dataset(
    table: pa.Table,
    kinds: Mapping[str, str],
    key: str,
    total: int | None = None,
    *,
    part: str = "",
    order: Sequence[str] = (),
) -> Dataset:
    """Explore a table in memory, whose labels are in its column ``label`` if it has one.

    Parameters
    ----------
    table : Table
        Rows, all or a sample.
    kinds : mapping
        Type of each feature.
    key : str
        The column that names a row.
    total : int, optional
        Rows that the table is a sample of.
    part : str
        What the rows are a part of, as in "train".
    order : sequence of str
        Classes in the order in which they are shown.
    """
    label = as_one(table[LABEL]) if LABEL in table.column_names else None
    if label is not None:
        label = as_text(label) if not is_number(label.type) else label
    rows = table.num_rows if total is None else total
    return Dataset(
        lambda name: table[name],
        table.num_rows,
        rows,
        key,
        dict(kinds),
        label=label,
        part=part,
        order=order,
    )


def choose_rows(total: int, most: int) -> NDArray[np.int64]:
    """Choose rows: one at random in each of ``most`` equal stretches, always the same; all if there are no more."""
    if total <= most:
        return np.arange(total, dtype=np.int64)
    edges = np.linspace(0, total, most + 1).astype(np.int64)
    chance = np.random.default_rng(0).random(most)
    return edges[:-1] + (chance * np.diff(edges)).astype(np.int64)


def _match_labels(keys: pa.Array, path: Path) -> pa.Array:
    """Give each key its label, null where it has none."""
    labels = _reading(path, lambda file: pq.read_table(file, partitioning=None))
    values = as_one(labels[LABEL])
    values = values if is_number(values.type) else as_text(values)
    return values.take(pc.index_in(as_text(keys), as_text(as_one(labels[labels.column_names[0]]))))


def _reading(path: Path, read: Callable[[Path], Any]) -> Any:
    try:
        return read(path)
    except (OSError, pa.ArrowException) as error:
        raise StageError(
            f"{path.name} must be readable as Parquet. {error}. Make it anew with './run'."
        ) from None


def _load_frame(path: Path) -> pd.DataFrame | None:
    read: Callable[[Path], pa.Table] = lambda file: pq.read_table(file, partitioning=None)  # noqa: E731
    return _reading(path, read).to_pandas() if path.exists() else None
