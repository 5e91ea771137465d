"""Tables that the notebooks of several stages show: the rows they got, the files they wrote."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from toolkit.artifacts import write_text
from toolkit.training.dataset import Prepared


def table_splits(data: Prepared) -> pd.DataFrame:
    """Count the rows of each split, and the share of each class (or mean and spread of the label)."""
    rows = {}
    for name, split in data.splits.items():
        row: dict[str, Any] = {"rows": len(split)}
        if data.task.classes:
            row |= {label: f"{(split.target == i).mean():.1%}" for i, label in enumerate(data.task.classes)}
        else:
            row |= {"mean": split.target.mean(), "standard deviation": split.target.std()}
        rows[name] = row
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("split")


def write_table(path: Path, frame: pd.DataFrame) -> None:
    """Write a table with its index as CSV, floats as their shortest exact text."""
    write_text(path, frame.to_csv(lineterminator="\n"))


def table_outputs(record: dict[str, Any]) -> pd.DataFrame:
    """List what the stage has written, path and hash, from its lineage record."""
    return pd.DataFrame({"hash": record["outputs"]}).rename_axis("output")
