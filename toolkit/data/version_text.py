"""Versions of the data set and their differences as text for a terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from toolkit.data.version_diff import Diff
from toolkit.data.versions import Version, is_cached, load_record, load_tag
from toolkit.text_table import show_table

SHOWN_COLUMNS = 40


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
    labels = load_record(root, version, "data/labels/labels.json")
    task = load_record(root, version, "data/prepared/task.json")
    lines = [f"{name:<10} {_tell(value)}" for name, value in facts.items() if value not in ("", None)]
    lines += [f"{'hash':<10} {folder} md5:{digest}" for folder, digest in version.hashes.items()]
    lines += [f"{'part':<10} {part['name']} {part.get('hash', '')}" for part in source.get("parts", [])[:10]]
    if labels:
        lines.append(f"{'labels':<10} {labels['source']['path']} {labels['source']['hash']}")
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
    return "\n".join([*lines, "", show_table(columns, width)])


def show_diff(diff: Diff, older: Version, newer: Version, width: int = 0) -> str:
    """Give the differences of two versions, the largest first."""
    rows = diff.rows
    parts = [
        f"From {older.id} ({older.commit or 'workspace'}) to {newer.id} ({newer.commit or 'workspace'})",
        f"Rows: {rows['before']:,} to {rows['after']:,}; {rows['added']:,} added, {rows['removed']:,} removed, "
        f"{rows['changed']:,} changed",
    ]
    parts.append("Schema: the same" if not diff.schema else "Schema\n" + show_table(diff.schema, width))
    moved = [each for each in diff.columns if each["distance"] or each["changed"]]
    if moved:
        more = f"\nand {len(moved) - SHOWN_COLUMNS} more" if len(moved) > SHOWN_COLUMNS else ""
        parts.append(
            "Values, by distance of the distributions (0 to 1)\n"
            + show_table(moved[:SHOWN_COLUMNS], width)
            + more
        )
    else:
        parts.append("Values: the same")
    if diff.labels:
        label = diff.labels
        parts.append(
            f"Labels: {label['before']:,} to {label['after']:,}; {label['added']:,} added, "
            f"{label['removed']:,} removed, {label['changed']:,} changed\n"
            f"  before: {_mix(label['mix before'])}\n  after:  {_mix(label['mix after'])}"
        )
    if diff.splits:
        moves = (
            ", ".join(f"{count:,} from {name}" for name, count in diff.splits["moved"].items())
            or "no row moved"
        )
        sizes = " to ".join(
            " / ".join(f"{side[n]:,}" for n in ("train", "valid", "test"))
            for side in (diff.splits["before"], diff.splits["after"])
        )
        parts.append(f"Splits (train / valid / test): {sizes}; {moves}")
    return "\n\n".join(parts)


def _mix(mix: dict[str, Any]) -> str:
    return ", ".join(f"{name} {value:.4g}" if value is not None else name for name, value in mix.items())


def _tell(value: Any) -> str:
    return (
        f"{value:.6g}"
        if isinstance(value, float)
        else f"{value:,}"
        if isinstance(value, int) and not isinstance(value, bool)
        else str(value)
    )
