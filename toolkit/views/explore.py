"""What a person asks of a new table: its columns, what is missing, how labels came about, what tells them apart.

Works on what ``collect`` and ``annotate`` wrote. Large tables are read as an evenly spaced sample, and say so.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet

from toolkit.artifacts import load_json
from toolkit.errors import StageError
from toolkit.paths import project_root

SAMPLE_ROWS = 100_000
TABLE, SCHEMA = "data/raw/table.parquet", "data/raw/schema.json"
LABELS, ANNOTATIONS = "data/labels/labels.parquet", "data/labels/annotations.parquet"
SUSPECTS = "data/labels/suspects.parquet"
NUMERIC = ("number", "integer", "boolean")


@dataclass(frozen=True)
class Note:
    """A sentence in place of a table or plot that cannot be shown yet."""

    text: str

    def _repr_markdown_(self) -> str:
        return f"*{self.text}*"


NO_LABELS = Note(
    "There are no labels yet. Run `./run dvc repro annotate` to make them, then run this cell again."
)


@dataclass(frozen=True)
class Dataset:
    """The raw table with its labels as far as there are any.

    Attributes
    ----------
    rows : DataFrame
        Rows of the raw table (all, or a sample), with a column ``label`` if there are labels.
    total : int
        Rows in the file.
    key : str
        The column that names a row.
    kinds : dict
        Type of each feature: number, integer, boolean, category, text or time.
    columns : tuple
        Every column as schema.json describes it.
    labels, annotations, suspects : DataFrame or None
        What annotate wrote; None before it ran.
    """

    rows: pd.DataFrame
    total: int
    key: str
    kinds: dict[str, str]
    columns: tuple[dict[str, Any], ...]
    labels: pd.DataFrame | None = None
    annotations: pd.DataFrame | None = None
    suspects: pd.DataFrame | None = None

    @property
    def features(self) -> list[str]:
        """Names of the features, in the table's order."""
        return list(self.kinds)

    @property
    def numeric(self) -> list[str]:
        """Names of the features that have an order."""
        return [name for name, kind in self.kinds.items() if kind in NUMERIC]

    @property
    def is_classification(self) -> bool:
        """Whether labels are classes."""
        return self.labels is not None and not pd.api.types.is_numeric_dtype(self.labels["label"])

    @property
    def classes(self) -> list[str]:
        """The classes that occur, sorted."""
        return sorted(self.rows["label"].dropna().unique()) if self.is_classification else []

    @property
    def note(self) -> str:
        """Which part of the table this is."""
        if len(self.rows) == self.total:
            return f"all {self.total:,} rows"
        return f"a sample of {len(self.rows):,} of {self.total:,} rows, evenly spaced"


def load_dataset(root: Path | None = None, most_rows: int = SAMPLE_ROWS) -> Dataset:
    """Read the raw table, its schema and what is known of its labels.

    Parameters
    ----------
    root : Path, optional
        The project (default: the one around the working folder).
    most_rows : int
        Larger tables are sampled to so many rows, evenly spaced; memory stays within a batch and the sample.

    Raises
    ------
    StageError
        The raw table is missing, or a file cannot be read: says which command makes it.
    """
    root = root or project_root()
    if not (root / TABLE).exists() or not (root / SCHEMA).exists():
        raise StageError(f"{TABLE} must exist and does not. Run './run dvc repro collect' to make it.")
    schema = load_json(root / SCHEMA)
    rows, total = _load_sample(root / TABLE, most_rows)
    kinds = {column["name"]: column["type"] for column in schema["columns"] if column["role"] == "feature"}
    labels = _load_frame(root / LABELS)
    if labels is not None:
        rows = rows.drop(columns="label", errors="ignore").merge(
            labels[[labels.columns[0], "label"]].rename(columns={labels.columns[0]: schema["key"]}),
            on=schema["key"],
            how="left",
        )
        kinds.pop("label", None)
    return Dataset(
        rows,
        total,
        schema["key"],
        kinds,
        tuple(schema["columns"]),
        labels,
        _load_frame(root / ANNOTATIONS),
        _load_frame(root / SUSPECTS),
    )


def _load_sample(path: Path, most_rows: int) -> tuple[pd.DataFrame, int]:
    try:
        with pyarrow.parquet.ParquetFile(path) as file:
            total = file.metadata.num_rows
            if total <= most_rows:
                return file.read().to_pandas(), total
            wanted = np.linspace(0, total - 1, most_rows).astype(np.int64)
            parts, first = [], 0
            for batch in file.iter_batches():
                low, high = np.searchsorted(wanted, [first, first + len(batch)])
                parts.append(batch.take(pa.array(wanted[low:high] - first)))
                first += len(batch)
            return pa.Table.from_batches(parts).to_pandas(), total
    except (OSError, pa.ArrowException) as error:
        raise StageError(
            f"{path.name} must be readable as Parquet. {error}. Make it anew with './run'."
        ) from None


def _load_frame(path: Path) -> pd.DataFrame | None:
    """Read a table of annotate's in full: a sample of it would not be of the same rows."""
    return _load_sample(path, sys.maxsize)[0] if path.exists() else None


def describe_dataset(data: Dataset) -> pd.DataFrame:
    """Summarize the table in a few lines: rows, columns by type, missing cells, duplicates, labels."""
    kinds = pd.Series(data.kinds).value_counts() if data.kinds else pd.Series(dtype=int)
    cells = data.rows[data.features]
    facts = {
        "rows": f"{data.total:,}" + ("" if len(data.rows) == data.total else f" (shown: {data.note})"),
        "features": f"{len(data.kinds)} ({', '.join(f'{count} {kind}' for kind, count in kinds.items())})",
        "key": data.key,
        "excluded": ", ".join(c["name"] for c in data.columns if c["role"] == "excluded") or "none",
        "missing cells": f"{int(cells.isna().sum().sum()):,} ({cells.isna().to_numpy().mean():.2%})",
        "rows equal to another": f"{int(cells.duplicated(keep=False).sum()):,}",
        "labelled rows": "none yet" if data.labels is None else f"{len(data.labels):,}",
    }
    return pd.DataFrame({"": facts})


def describe_columns(data: Dataset) -> pd.DataFrame:
    """Describe each feature: type, missing share, distinct values, and its range or its most frequent values."""
    described = {name: _describe_column(data.rows[name], kind) for name, kind in data.kinds.items()}
    return pd.DataFrame.from_dict(described, orient="index")


def _describe_column(values: pd.Series, kind: str) -> dict[str, Any]:
    facts: dict[str, Any] = {
        "type": kind,
        "missing": f"{values.isna().mean():.1%}",
        "distinct": values.nunique(),
    }
    if kind in NUMERIC:
        quantiles = values.astype(float).quantile([0, 0.25, 0.5, 0.75, 1])
        names = ("min", "25 %", "median", "75 %", "max")
        return facts | {name: f"{value:.4g}" for name, value in zip(names, quantiles, strict=True)}
    frequent = values.value_counts().head(3)
    return facts | {"most frequent": ", ".join(f"{value} ({count})" for value, count in frequent.items())}


def describe_missing(data: Dataset) -> pd.DataFrame | Note:
    """Count missing values by feature, and by class where there are labels: missing may tell the class."""
    missing = data.rows[data.features].isna()
    worst = missing.sum().sort_values(ascending=False, kind="stable")
    worst = worst[worst > 0]
    if worst.empty:
        return Note(f"No value is missing in {data.note}.")
    table = pd.DataFrame({"missing": worst, "share": [f"{count / len(missing):.1%}" for count in worst]})
    for name in data.classes:
        of_class = missing.loc[data.rows["label"] == name, list(worst.index)].mean()
        table[f"share in {name}"] = [f"{share:.1%}" for share in of_class]
    return table
