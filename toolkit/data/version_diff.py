"""What differs between two versions of the data set: columns, rows, values, labels, splits."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.artifacts import load_json
from toolkit.data.keyed_rows import Match, find_differences, read_column
from toolkit.data.schema import Schema, parse_schema
from toolkit.data.schema_diff import compare_schemas
from toolkit.data.version_labels import SPLITS, diff_labels, diff_splits
from toolkit.data.versions import FOLDERS, PREPARED, Version, check_files, find_file

RAW_TABLE = "data/raw/table.parquet"
FILES = {
    "data/raw": ("data/raw/schema.json", RAW_TABLE),
    "data/labels": ("data/labels/labels.parquet",),
    PREPARED: (f"{PREPARED}/task.json", *(f"{PREPARED}/{split}.parquet" for split in SPLITS)),
}


@dataclass(frozen=True)
class Diff:
    """The differences of two versions; parts that are the same in both, or that one of them has not, are empty.

    Attributes
    ----------
    same : list of str
        Folders whose hash is the same.
    schema : list of dict
        column, what changed, before, after.
    rows : dict
        Rows of each; keys added, removed, and kept with a changed value (if the key is the same column in both).
    columns : list of dict
        Of each column in both: values changed in kept rows, how it is compared (number, time, text, category),
        distance of the distributions, and a mean or the share missing of each. The distance is the largest difference
        of the cumulative shares (Kolmogorov-Smirnov) for numbers, times and lengths of texts, and half the sum of the
        differences of the shares (total variation) for categories; both go from 0 to 1, and are those of the tables,
        not estimates from a sample.
    labels, splits : dict
        Rows labelled, added, removed and changed labels, class mix; rows new to each split, or moved between splits.
    """

    same: list[str]
    schema: list[dict[str, Any]]
    rows: dict[str, int]
    columns: list[dict[str, Any]]
    labels: dict[str, Any]
    splits: dict[str, Any]


def diff_versions(root: Path, older: Version, newer: Version) -> Diff:
    """Compare two versions; a folder whose hash is the same in both is not read.

    Raises
    ------
    DataError
        Files are not in the cache.
    """
    differ = [name for name in FOLDERS if older.hashes.get(name) != newer.hashes.get(name)]
    differ = [name for name in differ if name in older.hashes and name in newer.hashes]
    check_files(root, {path: (older, newer) for name in differ for path in FILES[name]})
    same = [name for name in FOLDERS if name in older.hashes and name not in differ and name in newer.hashes]
    diff = Diff(same, [], {}, [], {}, {})
    if "data/raw" in differ:
        diff = _diff_raw(diff, root, older, newer)
    if "data/labels" in differ:
        diff = replace(diff, labels=diff_labels(root, older, newer))
    if PREPARED in differ:
        diff = replace(diff, splits=diff_splits(root, older, newer))
    return diff


def read_values(root: Path, versions: tuple[Version, ...], name: str, kind: str) -> list[pa.ChunkedArray]:
    """Read a column of some versions as it is compared: of a text, the lengths."""
    columns = [read_column(find_file(root, each, RAW_TABLE), name) for each in versions]
    return [pc.utf8_length(column) for column in columns] if kind == "text" else columns


def _diff_raw(diff: Diff, root: Path, older: Version, newer: Version) -> Diff:
    schemas = [_load_schema(root, version) for version in (older, newer)]
    paths = [find_file(root, version, RAW_TABLE) for version in (older, newer)]
    key, rows = schemas[0].key, {"before": schemas[0].rows, "after": schemas[1].rows}
    match = None  # where the keys are other columns, nothing says which rows are the same
    if key == schemas[1].key:
        match = Match(*(read_column(path, key) for path in paths))
        rows |= {"added": match.added, "removed": match.removed}
    types = {column.name: column.type for column in schemas[0].columns}
    columns, changed = [], None
    for column in schemas[1].columns:
        if column.name not in types or column.name == key:
            continue
        values = [read_column(path, column.name) for path in paths]
        told: dict[str, Any] = {"column": column.name, "changed": None}
        if match is not None:
            differs = find_differences(match.old(values[0]), match.new(values[1]))
            told["changed"] = pc.sum(differs).as_py() or 0
            changed = differs if changed is None else pc.or_(changed, differs)
        kind = _find_kind(values, {column.type, types[column.name]})
        measured = [pc.utf8_length(each) for each in values] if kind == "text" else values
        columns.append({**told, "kind": kind, **_compare_values(measured[0], measured[1], kind)})
    if match is not None:
        rows["changed"] = (pc.sum(changed).as_py() or 0) if changed is not None else 0
    columns.sort(key=lambda each: (-each["distance"], -(each["changed"] or 0), each["column"]))
    return replace(diff, schema=compare_schemas(*schemas), rows=rows, columns=columns)


def _load_schema(root: Path, version: Version) -> Schema:
    return parse_schema(load_json(find_file(root, version, "data/raw/schema.json")))


def _find_kind(values: list[pa.ChunkedArray], types: set[str]) -> str:
    """Tell how a column is compared."""
    if types == {"text"}:
        return "text"
    if any(_is_named(column.type) for column in values):
        return "category"
    return "time" if any(pa.types.is_temporal(column.type) for column in values) else "number"


def _compare_values(before: pa.ChunkedArray, after: pa.ChunkedArray, kind: str) -> dict[str, Any]:
    missing = {
        f"missing % {when}": round(100 * column.null_count / max(len(column), 1), 2)
        for when, column in (("before", before), ("after", after))
    }
    means: list[float | None] = [None, None]
    if kind == "category":
        distance = _measure_variation(before, after)
    else:
        numbers = [_as_numbers(column) for column in (before, after)]
        distance = _measure_gap(*numbers)
        if kind != "time":
            means = [float(values.mean()) if len(values) else None for values in numbers]
    return {"distance": distance, "mean before": means[0], "mean after": means[1], **missing}


def _is_named(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_boolean(kind)


def _as_numbers(column: pa.ChunkedArray) -> np.ndarray:
    if pa.types.is_temporal(column.type):
        column = column.cast(pa.timestamp("us", tz=getattr(column.type, "tz", None))).cast(pa.int64())
    values = column.drop_null().to_numpy().astype(np.float64)
    return values[~np.isnan(values)]


def _measure_gap(old: np.ndarray, new: np.ndarray) -> float:
    """Measure the largest difference of two cumulative distributions (the statistic of Kolmogorov and Smirnov)."""
    if not len(old) or not len(new):
        return float(len(old) != len(new))
    old, new = np.sort(old), np.sort(new)
    at = np.concatenate([old, new])
    gap = np.searchsorted(old, at, "right") / len(old) - np.searchsorted(new, at, "right") / len(new)
    return round(float(np.abs(gap).max()), 6)


def _measure_variation(old: pa.ChunkedArray, new: pa.ChunkedArray) -> float:
    """Measure half the sum of the differences of the shares (total variation), missing values being one of them."""
    shares = []
    for column in (old, new):
        counted = pc.value_counts(column.cast(pa.string()))
        pairs = zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True)
        shares.append({name: count / max(len(column), 1) for name, count in pairs})
    names = set(shares[0]) | set(shares[1])
    return round(sum(abs(shares[0].get(name, 0.0) - shares[1].get(name, 0.0)) for name in names) / 2, 6)
