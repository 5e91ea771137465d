"""What differs between two versions of the data set: columns, rows, values, labels, splits."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.data.schema import Schema, parse_schema
from toolkit.data.versions import Version, find_file, load_record
from toolkit.errors import DataError

SPLITS = ("train", "valid", "test")
TOLD = (
    "type",
    "role",
    "unit",
    "zone",
    "optional",
    "personal",
    "minimum",
    "maximum",
    "allowed",
)  # by the contract


@dataclass(frozen=True)
class Diff:
    """The differences of two versions; parts that one of them has not are empty.

    Attributes
    ----------
    schema : list of dict
        column, what changed, before, after.
    rows : dict
        Rows of each; keys added, removed, and kept with a changed value; of each kept column, how many values changed.
    columns : list of dict
        Of each column in both: values changed in kept rows, distance of the distributions, and a mean or the share
        missing of each. The distance is the largest difference of the cumulative shares (Kolmogorov-Smirnov) for
        numbers, times and lengths of texts, and half the sum of the differences of the shares (total variation) for
        categories; both go from 0 to 1, and are those of the tables, not estimates from a sample.
    labels, splits : dict
        Rows labelled, added, removed and changed labels, class mix; rows that moved from split to split.
    """

    schema: list[dict[str, Any]]
    rows: dict[str, int]
    columns: list[dict[str, Any]]
    labels: dict[str, Any]
    splits: dict[str, Any]


def diff_versions(root: Path, older: Version, newer: Version) -> Diff:
    """Compare two versions; both must be in DVC's cache.

    Raises
    ------
    DataError
        A file is not in the cache, or the versions have keys of other names.
    """
    schemas = [_load_schema(root, version) for version in (older, newer)]
    paths = [find_file(root, version, "data/raw/table.parquet") for version in (older, newer)]
    if schemas[0].key != schemas[1].key:
        raise DataError(
            f"Both versions must have the same key to be compared row by row. {older.id} has '{schemas[0].key}' and "
            f"{newer.id} '{schemas[1].key}'."
        )
    place, rows = _match_keys(paths, schemas[0].key)
    shared = [
        column.name for column in schemas[0].columns if column.name in {c.name for c in schemas[1].columns}
    ]
    changed = np.zeros(int(place.valid.sum()), dtype=bool)
    columns = []
    for name in shared:
        if name == schemas[0].key:
            continue
        before, after = (pq.read_table(path, columns=[name], partitioning=None)[name] for path in paths)
        differ = place.compare(before, after)
        changed |= differ
        columns.append({"column": name, "changed": int(differ.sum()), **_compare_values(before, after)})
    rows["changed"] = int(changed.sum())
    columns.sort(key=lambda each: (-each["distance"], -each["changed"], each["column"]))
    return Diff(
        _compare_schemas(*schemas),
        rows,
        columns,
        _diff_labels(root, older, newer),
        _diff_splits(root, older, newer),
    )


@dataclass(frozen=True)
class _Places:
    """Where each row of the newer table is in the older one; ``valid`` where it is at all."""

    at: np.ndarray
    valid: np.ndarray

    def compare(self, before: pa.ChunkedArray, after: pa.ChunkedArray) -> np.ndarray:
        """Tell of each kept row whether its value differs."""
        old = before.combine_chunks().take(pa.array(self.at[self.valid]))
        new = after.combine_chunks().filter(pa.array(self.valid))
        if old.type != new.type:
            old, new = old.cast(pa.string()), new.cast(pa.string())
        same = pc.or_kleene(pc.equal(old, new), pc.and_(pc.is_null(old), pc.is_null(new))).fill_null(False)
        return ~same.to_numpy(zero_copy_only=False)


def _match_keys(paths: list[Path], key: str) -> tuple[_Places, dict[str, int]]:
    old, new = (pq.read_table(path, columns=[key], partitioning=None)[key].combine_chunks() for path in paths)
    at = pc.index_in(new, value_set=old)
    valid = at.is_valid().to_numpy(zero_copy_only=False)
    kept = int(valid.sum())
    rows = {"before": len(old), "after": len(new), "added": len(new) - kept, "removed": len(old) - kept}
    return _Places(at.fill_null(0).to_numpy(zero_copy_only=False), valid), rows


def _load_schema(root: Path, version: Version) -> Schema:
    import json

    return parse_schema(
        json.loads(find_file(root, version, "data/raw/schema.json").read_text(encoding="utf-8"))
    )


def _compare_schemas(older: Schema, newer: Schema) -> list[dict[str, Any]]:
    before, after = ({column.name: column for column in schema.columns} for schema in (older, newer))
    found = [
        {"column": name, "what": "removed", "before": before[name].type, "after": ""}
        for name in before
        if name not in after
    ]
    found += [
        {"column": name, "what": "added", "before": "", "after": after[name].type}
        for name in after
        if name not in before
    ]
    for name in before:
        if name not in after:
            continue
        for what in TOLD:
            old, new = getattr(before[name], what), getattr(after[name], what)
            if old != new:
                found.append({"column": name, "what": what, "before": _tell(old), "after": _tell(new)})
        gone, come = (
            set(a.categories or ()) - set(b.categories or ())
            for a, b in ((before[name], after[name]), (after[name], before[name]))
        )
        if before[name].categories is not None and after[name].categories is not None and (gone or come):
            found.append(
                {
                    "column": name,
                    "what": "categories",
                    "before": _tell(sorted(gone)),
                    "after": _tell(sorted(come)),
                }
            )
    return found


def _compare_values(before: pa.ChunkedArray, after: pa.ChunkedArray) -> dict[str, Any]:
    missing = {
        f"missing % {when}": round(100 * column.null_count / max(len(column), 1), 2)
        for when, column in (("before", before), ("after", after))
    }
    if _is_named(before.type) or _is_named(after.type):
        return {
            "distance": _measure_variation(before, after),
            "mean before": None,
            "mean after": None,
            **missing,
        }
    numbers = [_as_numbers(column) for column in (before, after)]
    means = [float(values.mean()) if len(values) else None for values in numbers]
    if pa.types.is_temporal(before.type):
        means = [None, None]
    return {"distance": _measure_gap(*numbers), "mean before": means[0], "mean after": means[1], **missing}


def _is_named(kind: pa.DataType) -> bool:
    return pa.types.is_string(kind) or pa.types.is_boolean(kind)


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


def _diff_labels(root: Path, older: Version, newer: Version) -> dict[str, Any]:
    try:
        tables = [
            pq.read_table(find_file(root, v, "data/labels/labels.parquet"), partitioning=None)
            for v in (older, newer)
        ]
    except DataError:
        return {}
    keys = [next(name for name in table.column_names if name != "label") for table in tables]
    maps = [
        dict(zip(table[key].to_pylist(), table["label"].to_pylist(), strict=True))
        for table, key in zip(tables, keys, strict=True)
    ]
    kept = maps[0].keys() & maps[1].keys()
    mixes: list[dict[str, Any]] = [
        {str(name): round(count / len(labels), 4) for name, count in sorted(Counter(labels.values()).items())}
        if labels and isinstance(next(iter(labels.values())), str)
        else {"mean": float(np.mean(list(labels.values()))) if labels else None}
        for labels in maps
    ]
    return {
        "before": len(maps[0]),
        "after": len(maps[1]),
        "added": len(maps[1].keys() - kept),
        "removed": len(maps[0].keys() - kept),
        "changed": sum(maps[0][key] != maps[1][key] for key in kept),
        "mix before": mixes[0],
        "mix after": mixes[1],
    }


def _diff_splits(root: Path, older: Version, newer: Version) -> dict[str, Any]:
    tasks = [load_record(root, version, "data/prepared/task.json") for version in (older, newer)]
    if not all(tasks):
        return {}
    sides: list[Mapping[str, str]] = []
    for version, task in zip((older, newer), tasks, strict=True):
        found: dict[str, str] = {}
        for split in SPLITS:
            path = find_file(root, version, f"data/prepared/{split}.parquet")
            found |= dict.fromkeys(
                pq.read_table(path, columns=[task["key"]], partitioning=None)[task["key"]].to_pylist(), split
            )
        sides.append(found)
    moves = Counter((sides[0][key], sides[1][key]) for key in sides[0].keys() & sides[1].keys())
    return {
        "before": tasks[0]["rows"],
        "after": tasks[1]["rows"],
        "moved": {f"{old} to {new}": count for (old, new), count in sorted(moves.items()) if old != new},
    }


def _tell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:8])) + (f" and {len(value) - 8} more" if len(value) > 8 else "")
    return "" if value is None else str(value)
