"""Labelled rows on disk, made of columns: what the tests of splits, checks and prepared tables begin with."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.data.describe import infer_schema
from toolkit.data.labelled import LabelledRows, match_labels
from toolkit.data.leaks.finding import Splits
from toolkit.data.split_rules import assign_rows
from toolkit.params import Prepare

KEY = "id"


def make_rows(
    folder: Path,
    columns: Mapping[str, Any],
    labels: Sequence[Any] | None = None,
    keys: Sequence[str] | None = None,
    group_rows: int = 100,
    exclude: Sequence[str] = (),
) -> LabelledRows:
    """Write columns as a raw table, and give its rows with their labels (a and b by turns if none are given)."""
    size = len(next(iter(columns.values())))
    names = [f"r{row}" for row in range(size)] if keys is None else list(keys)
    table = pa.table({KEY: names, **columns})
    path = folder / "table.parquet"
    pq.write_table(table, path, row_group_size=group_rows)
    given = ["ab"[row % 2] for row in range(size)] if labels is None else list(labels)
    known = [row for row, label in enumerate(given) if label is not None]
    answers = pa.table({KEY: [names[row] for row in known], "label": [given[row] for row in known]})
    classes = sorted({label for label in given if isinstance(label, str)})
    return match_labels(path, infer_schema(table, KEY, exclude), answers, KEY, classes)


def make_splits(rows: LabelledRows, codes: np.ndarray | None = None, **params: Any) -> Splits:
    """Give what the checks look at; split by hash unless codes are given."""
    settings = Prepare.model_validate(params)
    kinds = {name: kind for name, kind in rows.schema.kinds.items() if name != settings.split_column}
    return Splits(rows, assign_rows(rows, settings).codes if codes is None else codes, kinds, settings)
