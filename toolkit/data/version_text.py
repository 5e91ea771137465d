"""Versions of the data set and their differences as text for a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.data.version_diff import Diff
from toolkit.data.version_labels import SPLITS, measure_splits
from toolkit.data.versions import Version, is_cached, load_record, load_tag
from toolkit.text_table import show_table

SHOWN_COLUMNS = 40
SHOWN_CHANGES = 10  # pairs of classes


def describe_version(root: Path, version: Version) -> dict[str, Any]:
    """Give what a list says of a version, as plain values."""
    schema = load_record(root, version, "data/raw/schema.json")
    task = load_record(root, version, "data/prepared/task.json")
    labels = load_record(root, version, "data/labels/labels.json")
    rows = task.get("rows", {})
    return {
        "version": version.id,
        "time": version.time[:16].replace("T", " "),
        "commit": version.commit or "not committed",
        "workspace": version.current,
        "source": version.source,
        "rows": schema.get("rows"),
        "columns": len(schema["columns"]) if schema else None,
        "labelled": sum(labels["statuses"].values()) if labels else None,
        "splits": " / ".join(str(rows[name]) for name in ("train", "valid", "test")) if rows else "",
        "models": [load_tag(root, package) for package in version.models],
        "cached": is_cached(root, version),
    }


def show_versions(root: Path, versions: list[Version], width: int = 0) -> str:
    """Give the versions as a table, the newest first."""
    rows = []
    for version in versions:
        facts = describe_version(root, version)
        mark = "*" if facts.pop("workspace") else ""
        rows.append({**facts, "version": facts["version"] + mark, "models": ", ".join(facts["models"])})
    notes = ["* in the workspace"]
    if any(version.current and not version.commit for version in versions):
        notes.append("Commit dvc.lock to keep the version of the workspace.")
    return "\n".join([show_table(rows, width), *notes])


def show_version(root: Path, version: Version, width: int = 0) -> str:
    """Give all that is known of a version."""
    facts = describe_version(root, version)
    facts["models"] = ", ".join(facts["models"]) or "none"
    facts["subject"] = version.subject
    schema = load_record(root, version, "data/raw/schema.json")
    source = load_record(root, version, "data/raw/source.json")
    task = load_record(root, version, "data/prepared/task.json")
    lines = [f"{name:<10} {_tell(value)}" for name, value in facts.items() if value not in ("", None)]
    lines += [f"{'hash':<10} {folder} md5:{digest}" for folder, digest in version.hashes.items()]
    lines += [f"{'made of':<10} {path} md5:{digest}" for path, digest in version.inputs.items()]
    lines += [f"{'part':<10} {part['name']} {part.get('hash', '')}" for part in source.get("parts", [])[:10]]
    if task:
        lines.append(
            f"{'split by':<10} {', '.join(f'{key} {value}' for key, value in task.get('split', {}).items())}"
        )
    columns = [
        {
            "column": column["name"],
            "type": column["type"],
            "role": column["role"],
            "missing": column.get("missing", 0),
            "from": _tell(column.get("min", "")),
            "to": _tell(column.get("max", "")),
            "categories": ", ".join(column.get("categories", [])[:6]),
            "meaning": column.get("meaning", ""),
        }
        for column in schema.get("columns", [])
    ]
    tables = [show_table(rows, width) for rows in (measure_splits(root, version), columns) if rows]
    return "\n\n".join(["\n".join(lines), *tables])


def show_diff(diff: Diff, older: Version, newer: Version, width: int = 0) -> str:
    """Give the differences of two versions, the largest first."""
    if older.id == newer.id:
        return f"Both are {older.id}: nothing differs. 'toolkit data list' names the other versions."
    parts = [f"From {older.id} ({older.commit or 'workspace'}) to {newer.id} ({newer.commit or 'workspace'})"]
    if diff.same:
        parts.append(f"The same in both: {', '.join(diff.same)}")
    if diff.rows:
        parts += _show_raw(diff, width)
    if diff.labels:
        parts.append(_show_labels(diff.labels))
    if diff.splits:
        parts.append(_show_splits(diff.splits))
    return "\n\n".join(parts)


def _show_raw(diff: Diff, width: int) -> list[str]:
    rows = diff.rows
    told = "the keys are other columns, so that rows cannot be matched"
    if "added" in rows:
        told = f"{rows['added']:,} added, {rows['removed']:,} removed, {rows['changed']:,} changed"
    parts = [f"Rows: {rows['before']:,} to {rows['after']:,}; {told}"]
    parts.append("Schema: the same" if not diff.schema else "Schema\n" + show_table(diff.schema, width))
    moved = [each for each in diff.columns if each["distance"] or each["changed"]]
    if moved:
        more = f"\nand {len(moved) - SHOWN_COLUMNS} more" if len(moved) > SHOWN_COLUMNS else ""
        parts.append(
            "Values, by distance of the distributions (0 to 1)\n"
            + show_table([_leave_out(each, "kind") for each in moved[:SHOWN_COLUMNS]], width)
            + more
        )
    else:
        parts.append(f"Values: {_tell_unmoved(diff)}")
    return parts


def _leave_out(entry: dict[str, Any], key: str) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name != key}


def _tell_unmoved(diff: Diff) -> str:
    """Say why no value is told to differ."""
    if not diff.columns:
        return "nothing to compare, as no column but the key is in both"
    if "added" not in diff.rows:
        return "distributed the same"
    kept = diff.rows["after"] - diff.rows["added"]
    return "the same" if kept else "distributed the same; no row is in both"


def _show_labels(labels: dict[str, Any]) -> str:
    lines = [
        f"Labels: {labels['before']:,} to {labels['after']:,}; {labels['added']:,} added, {labels['removed']:,} "
        f"removed, {labels['changed']:,} changed"
    ]
    lines += [
        f"  {each['before']} to {each['after']}: {each['rows']:,}"
        for each in labels["changes"][:SHOWN_CHANGES]
    ]
    if len(labels["changes"]) > SHOWN_CHANGES:
        lines.append(f"  and {len(labels['changes']) - SHOWN_CHANGES} more kinds of change")
    return "\n".join(
        [*lines, f"  before: {_mix(labels['mix before'])}", f"  after:  {_mix(labels['mix after'])}"]
    )


def _show_splits(splits: dict[str, Any]) -> str:
    moves = ", ".join(f"{count:,} from {name}" for name, count in splits["moved"].items()) or "no row moved"
    before, after, added = (
        " / ".join(f"{side.get(name, 0):,}" for name in SPLITS)
        for side in (splits["before"], splits["after"], splits["added"])
    )
    return (
        f"Splits (train / valid / test): {before} to {after}; {added} rows are new, {splits['removed']:,} gone\n"
        f"  between splits: {moves}"
    )


def _mix(mix: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" if value is not None else name for name, value in mix.items())


def _tell(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    return (
        f"{value:.6g}" if isinstance(value, float) else f"{value:,}" if isinstance(value, int) else str(value)
    )
