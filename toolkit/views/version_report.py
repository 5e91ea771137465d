"""The difference of two versions of the data set as one HTML page, with the distributions that changed most."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from html import escape
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from toolkit.artifacts import write_text
from toolkit.data.version_diff import Diff, read_values
from toolkit.data.version_labels import SPLITS
from toolkit.data.versions import Version
from toolkit.errors import count_of
from toolkit.views.explore_arrays import as_float, as_one, as_text, encode
from toolkit.views.explore_features import describe_numbers, draw_bars, draw_histogram
from toolkit.views.explore_table import Table, shorten, show_share
from toolkit.views.page import inline_svg, render_page
from toolkit.views.style import Plot, new_figure, show

MOST_PLOTS = 12
MOST_CHANGES = 20  # pairs of classes
MEASURES = {"category": "half the sum of the differences of the shares"}
LARGEST_GAP = "largest difference of the cumulative shares"


def write_diff_page(path: Path, root: Path, diff: Diff, older: Version, newer: Version) -> None:
    """Write the page of a difference, whole or not at all; the same versions give the same bytes.

    Parameters
    ----------
    path : Path
        The .html file.
    root : Path
        The project, in whose DVC cache the columns are that are drawn.
    diff : Diff
        What :func:`~toolkit.data.version_diff.diff_versions` found.
    older, newer : Version
        The versions, the one that is called "before" first.
    """
    body = [_tell_versions(older, newer)]
    if older.id == newer.id:
        body.append("<p>Both are the same version: nothing differs.</p>")
    elif diff.same:
        body.append(f"<p>The same in both: {escape(', '.join(diff.same))}.</p>")
    if diff.rows:
        body += [_section("Rows", _table_rows(diff.rows)), _section("Schema", _table_schema(diff.schema))]
    if diff.labels:
        body.append(_section("Labels", *_show_labels(diff.labels)))
    if diff.splits:
        body.append(_section("Splits", *_show_splits(diff.splits)))
    if diff.rows:
        body.append(_section("Values", _table_columns(diff.columns)))
        body += [_show_column(root, entry, older, newer) for entry in _choose_columns(diff.columns)]
    write_text(path, render_page(f"Data, from {older.id} to {newer.id}", "\n".join(body)))


def _section(title: str, *parts: str) -> str:
    return "\n".join([f"<h2>{escape(title)}</h2>", *parts])


def _tell_versions(older: Version, newer: Version) -> str:
    rows = {
        word: {
            "version": version.id,
            "commit": version.commit or "workspace",
            "subject": version.subject,
            "time": version.time[:16].replace("T", " "),
            "source": version.source,
        }
        for word, version in (("before", older), ("after", newer))
    }
    return _html(pd.DataFrame.from_dict(rows, orient="index"))


def _html(frame: pd.DataFrame, note: str = "") -> str:
    """Give a table as HTML, without columns in which nothing is said."""
    said = [name for name in frame.columns if (frame[name].notna() & (frame[name] != "")).any()]
    return Table(frame[said], note).to_html()


def _table_rows(rows: Mapping[str, int]) -> str:
    note = "" if "added" in rows else "the keys are other columns, so that rows cannot be matched"
    return _html(pd.DataFrame([rows], index=["rows"]), note)


def _table_schema(schema: Sequence[Mapping[str, Any]]) -> str:
    if not schema:
        return '<p class="quiet">The same in both.</p>'
    note = "range and categories are those that the rows showed; of categories, those that are gone and those that came"
    return _html(pd.DataFrame(schema).set_index("column").rename_axis(None), note)


def _show_labels(labels: Mapping[str, Any]) -> list[str]:
    counts = {name: labels[name] for name in ("before", "after", "added", "removed", "changed")}
    parts = [_html(pd.DataFrame([counts], index=["labelled rows"]))]
    before, after = labels["mix before"], labels["mix after"]
    names = list(dict.fromkeys([*before, *after]))
    if names == ["mean"]:
        rows = {"mean": {"before": before["mean"], "after": after["mean"]}}
        return [*parts, _html(pd.DataFrame.from_dict(rows, orient="index"))]
    names.sort(key=lambda name: (-max(before.get(name) or 0, after.get(name) or 0), name))
    mix = {name: _compare(before.get(name) or 0, after.get(name) or 0) for name in names}
    parts.append(_html(pd.DataFrame.from_dict(mix, orient="index"), "share of the labelled rows, by class"))
    if labels["changes"]:
        rest = len(labels["changes"]) - MOST_CHANGES
        more = f"; {count_of(rest, 'rarer change')} not shown" if rest > 0 else ""
        changes = labels["changes"][:MOST_CHANGES]
        names = [f"{change['before']} to {change['after']}" for change in changes]
        frame = pd.DataFrame({"rows": [change["rows"] for change in changes]}, index=names)
        parts.append(_html(frame, f"labels that changed{more}"))
    return parts


def _show_splits(splits: Mapping[str, Any]) -> list[str]:
    rows = {
        name: {
            "before": splits["before"].get(name, 0),
            "after": splits["after"].get(name, 0),
            "new": splits["added"].get(name, 0),
        }
        for name in SPLITS
    }
    gone = f"rows, by split; {count_of(splits['removed'], 'row')} gone"
    parts = [_html(pd.DataFrame.from_dict(rows, orient="index"), gone)]
    if not splits["moved"]:
        return [*parts, "<p>No row moved between splits.</p>"]
    moved = {name: {"rows": count} for name, count in splits["moved"].items()}
    return [*parts, _html(pd.DataFrame.from_dict(moved, orient="index"), "rows that moved between splits")]


def _table_columns(columns: Sequence[Mapping[str, Any]]) -> str:
    if not columns:
        return '<p class="quiet">No column but the key is in both.</p>'
    note = (
        "distance of the distributions, from 0 to 1: of numbers, times and lengths of texts the largest difference of "
        "the cumulative shares (Kolmogorov-Smirnov), of categories half the sum of the differences of the shares "
        "(total variation)"
    )
    return _html(pd.DataFrame(columns).set_index("column").rename_axis(None), note)


def _choose_columns(columns: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    """Choose the columns to draw, those whose distributions changed most; ``columns`` come in that order."""
    return [entry for entry in columns if entry["distance"]][:MOST_PLOTS]


def _show_column(root: Path, entry: Mapping[str, Any], older: Version, newer: Version) -> str:
    name, kind = entry["column"], entry["kind"]
    before, after = (as_one(each) for each in read_values(root, (older, newer), name, kind))
    draw = _draw_categories if kind == "category" else _draw_numbers
    plot, table = draw(name, kind, {"before": before, "after": after})
    told = f"distance {entry['distance']:.3g}: {MEASURES.get(kind, LARGEST_GAP)}"
    return _section(shorten(name, 80), f'<p class="quiet">{told}</p>', inline_svg(plot, name), table)


def _compare(before: float, after: float) -> dict[str, str]:
    change = f"{100 * (after - before):+.1f} points"
    return {"before": show_share(before), "after": show_share(after), "change": change}


def _draw_numbers(name: str, kind: str, versions: Mapping[str, pa.Array]) -> tuple[Plot, str]:
    values = {version: as_float(column) for version, column in versions.items()}
    figure, axes = new_figure(7.4, 3.2)
    told = shorten(name, 60) + (": characters" if kind == "text" else "")
    draw_histogram(axes, values, kind == "time", told)
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
    rows = {
        version: {
            "rows": len(each),
            "missing": show_share(np.isnan(each).sum(), len(each)),
            **describe_numbers(each[~np.isnan(each)], kind),
        }
        for version, each in values.items()
    }
    table = _html(pd.DataFrame.from_dict(rows, orient="index"))
    return show(figure, f"distribution of {name} in both versions"), table


def _draw_categories(name: str, _: str, versions: Mapping[str, pa.Array]) -> tuple[Plot, str]:
    """Draw the shares of the categories, those that changed most first where there are many."""
    before, after = (as_text(column) for column in versions.values())
    codes, names = encode(pa.concat_arrays([before, after]))
    sides = {"before": slice(0, len(before)), "after": slice(len(before), None)}
    shares = [
        np.bincount(codes[side][codes[side] >= 0], minlength=len(names)) / max(len(codes[side]), 1)
        for side in sides.values()
    ]
    order = np.argsort(-np.abs(shares[1] - shares[0]), kind="stable")
    place = np.append(np.argsort(order), -1)  # the last for -1, a missing value
    shown = min(len(names), 12) + 1
    figure, axes = new_figure(7.4, 1.1 + 0.34 * shown)
    draw_bars(axes, place[codes], [names[at] for at in order], sides)  # type: ignore[arg-type]
    axes.legend()
    rows = {names[at]: _compare(shares[0][at], shares[1][at]) for at in order[:MOST_PLOTS]}
    rest = len(names) - len(rows)
    absent = [float(np.mean(codes[side] < 0)) if len(codes[side]) else 0.0 for side in sides.values()]
    rows |= {"missing": _compare(absent[0], absent[1])} if any(absent) and "missing" not in rows else {}
    note = f"share of the rows; {count_of(rest, 'category')} that changed less not shown" if rest > 0 else ""
    table = _html(pd.DataFrame.from_dict(rows, orient="index"), note)
    return show(figure, f"shares of the categories of {name} in both versions"), table
