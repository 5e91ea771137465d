"""What differs between the schemas of two versions: what the contract says, and what the rows showed."""

from __future__ import annotations

from typing import Any

from toolkit.data.schema import Column, Schema

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
    "meaning",
    "missing",
)


def compare_schemas(older: Schema, newer: Schema) -> list[dict[str, Any]]:
    """List what differs, as column, what, before and after: by the contract, and in range, categories, missing rows."""
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
        ranges = [_tell_range(column) for column in (before[name], after[name])]
        if ranges[0] != ranges[1]:
            found.append({"column": name, "what": "range", "before": ranges[0], "after": ranges[1]})
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


def _tell_range(column: Column) -> str:
    if column.min is None or column.max is None:
        return ""
    return " to ".join(
        f"{end:.6g}" if isinstance(end, float) else str(end) for end in (column.min, column.max)
    )


def _tell(value: Any) -> str:
    if isinstance(value, list | tuple):
        return ", ".join(map(str, value[:8])) + (f" and {len(value) - 8} more" if len(value) > 8 else "")
    return "" if value is None else str(value)
