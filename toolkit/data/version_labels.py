"""What differs between the labels and the splits of two versions."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.artifacts import load_json
from toolkit.data.keyed_rows import Match, count_pairs, count_values, find_differences, read_column
from toolkit.data.versions import Version, find_file
from toolkit.errors import DataError

SPLITS = ("train", "valid", "test")
SHOWN_CLASSES = 12  # and the number of rows, in a table of splits


def diff_labels(root: Path, older: Version, newer: Version) -> dict[str, Any]:
    """Count the labels that were added, removed and changed, with the mix of classes or the mean of each version."""
    paths = [find_file(root, version, "data/labels/labels.parquet") for version in (older, newer)]
    keys = [read_column(path, pq.read_schema(path).names[0]) for path in paths]
    labels = [read_column(path, "label") for path in paths]
    match = Match(*keys)
    before, after = match.old(labels[0]), match.new(labels[1])
    differs = find_differences(before, after)
    changes = count_pairs(before.filter(differs), after.filter(differs)) if _is_class(labels) else []
    return {
        "before": len(keys[0]),
        "after": len(keys[1]),
        "added": match.added,
        "removed": match.removed,
        "changed": pc.sum(differs).as_py() or 0,
        "changes": changes,
        "mix before": _measure_mix(labels[0]),
        "mix after": _measure_mix(labels[1]),
    }


def diff_splits(root: Path, older: Version, newer: Version) -> dict[str, Any]:
    """Count the rows of each split, those new to it, and those that moved from one to another."""
    tasks = [load_json(find_file(root, version, "data/prepared/task.json")) for version in (older, newer)]
    old, new = (
        _read_splits(root, version, task) for version, task in zip((older, newer), tasks, strict=True)
    )
    match = Match(old["key"], new["key"])
    before, after = match.old(old["split"]), match.new(new["split"])
    moved = find_differences(before, after)
    pairs = count_pairs(before.filter(moved), after.filter(moved))
    added = count_values(match.new_only(new["split"]))
    return {
        "before": tasks[0]["rows"],
        "after": tasks[1]["rows"],
        "added": {split: added.get(split, 0) for split in SPLITS},
        "removed": match.removed,
        "moved": {f"{pair['before']} to {pair['after']}": pair["rows"] for pair in pairs},
    }


def measure_splits(root: Path, version: Version) -> list[dict[str, Any]]:
    """Count the rows of each split, with the share of each class or the mean of the labels; empty if not to be had."""
    try:
        paths = {name: find_file(root, version, f"data/prepared/{name}.parquet") for name in SPLITS}
    except DataError:
        return []
    mixes = {}
    for name, path in paths.items():
        if "label" not in pq.read_schema(path).names:
            return []
        labels = read_column(path, "label")
        mix = _measure_mix(labels)
        shares = {f"{each} %": round(100 * share, 2) for each, share in mix.items()}
        mixes[name] = {"rows": len(labels), **(shares if _is_class([labels]) else mix)}
    named = list(dict.fromkeys(key for mix in mixes.values() for key in mix))[:SHOWN_CLASSES]
    return [{"split": name, **{key: mix.get(key, 0.0) for key in named}} for name, mix in mixes.items()]


def _read_splits(root: Path, version: Version, task: Mapping[str, Any]) -> pa.Table:
    parts = []
    for split in SPLITS:
        path = find_file(root, version, f"data/prepared/{split}.parquet")
        keys = read_column(path, task["key"]).cast(pa.large_string())
        parts.append(pa.table({"key": keys, "split": pa.repeat(split, len(keys))}))
    return pa.concat_tables(parts)


def _is_class(labels: list[pa.ChunkedArray]) -> bool:
    return not any(pa.types.is_floating(each.type) for each in labels)


def _measure_mix(labels: pa.ChunkedArray) -> dict[str, Any]:
    if not _is_class([labels]):
        return {"mean": pc.mean(labels).as_py()}
    return {name: round(count / len(labels), 4) for name, count in sorted(count_values(labels).items())}
