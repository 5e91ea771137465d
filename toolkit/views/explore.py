"""What a person asks first of a table: how large it is, what its columns hold, and what is odd about them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.errors import count_of
from toolkit.views.explore_arrays import take_quantiles
from toolkit.views.explore_bins import Bins, choose_bins
from toolkit.views.explore_data import ORDERED, Dataset, load_dataset, make_dataset
from toolkit.views.explore_table import (
    Markup,
    Note,
    Table,
    shorten,
    show,
    show_number,
    show_share,
    show_time,
)
from toolkit.views.explore_twins import find_twins

__all__ = ["Dataset", "Note", "Table", "describe_columns", "describe_dataset", "load_dataset", "make_dataset"]

_ENDS = ("smallest", "25%", "median", "75%", "largest")
_BARS = 24  # of the small distributions


def describe_dataset(data: Dataset) -> Table:
    """Summarize the table in a few lines: rows, columns by type, missing cells, repeated rows, labels."""
    kinds = pd.Series(data.kinds, dtype=object).value_counts()
    missing = sum(int(data.missing(name).sum()) for name in data.features)
    facts = {
        "rows": f"{data.total:,}",
        "features": f"{len(data.kinds)} ({', '.join(f'{count} {kind}' for kind, count in kinds.items())})",
        "key": data.key,
        "other columns": ", ".join(data.excluded) or "none",
        "missing values": f"{missing:,} ({show_share(missing, data.rows * len(data.kinds))})",
        "rows equal to another": _tell_repeated(data),
        "labelled rows": "none yet" if data.label is None else f"{int(data.labelled.sum()):,}",
    }
    for name in data.of_kind("time"):
        known = data.numbers(name)[~data.missing(name)]
        if len(known):
            facts[name] = f"{show_time(known.min())} to {show_time(known.max())}{data.clock(name)}"
    return Table(pd.DataFrame({"": facts}), data.tell())


def _tell_repeated(data: Dataset) -> str:
    """Count rows that are equal to another in all features, in the sample."""
    rows = pa.array(data.places)
    names = {f"c{place}": name for place, name in enumerate(data.features)}
    if not names:
        return "none"
    table = pa.table({short: data.column(name).take(rows) for short, name in names.items()})
    counts = table.group_by(list(names), use_threads=False).aggregate([([], "count_all")])["count_all"]
    repeated = pc.sum(counts.filter(pc.greater(counts, 1))).as_py() or 0
    return f"{repeated:,}" + ("" if len(rows) == data.total else f" ({data.sampled})")


def describe_columns(data: Dataset) -> Table:
    """Describe each feature: type, a small picture, what is missing, distinct values, range, and what is odd."""
    described = {shorten(name, 48): _describe_column(data, name) for name in data.features}
    for twin in find_twins(data):
        remarks = described[shorten(twin.name, 48)]
        remarks["remarks"] = "; ".join([twin.told, *filter(None, [remarks["remarks"]])])
    frame = pd.DataFrame.from_dict(described, orient="index")
    order = ["type", "distribution", "missing", "distinct", *_ENDS, "remarks"]
    return Table(frame.reindex(columns=order).dropna(axis=1, how="all"), data.tell())


def _describe_column(data: Dataset, name: str) -> dict[str, Any]:
    kind, missing = data.kinds[name], data.missing(name)
    facts: dict[str, Any] = {"type": kind, "missing": show_share(missing.sum(), data.rows)}
    known = int((~missing).sum())
    remarks = []
    if kind in ORDERED and kind != "boolean":
        values = data.ordered(name)
        distinct = int((np.diff(values) > 0).sum()) + 1 if len(values) else 0
        facts |= _describe_order(values, kind)
        remarks = _remark_order(values, kind, distinct)
    elif kind == "text":
        lengths = pc.utf8_length(data.texts(name)).drop_null().to_numpy(zero_copy_only=False).astype(float)
        distinct = pc.count_distinct(data.texts(name)).as_py()
        facts["distribution"] = _draw_bars(np.sort(lengths))
        remarks = [f"{np.median(lengths):.0f} characters, up to {lengths.max():,.0f}"] if known else []
    else:
        codes, names = data.codes(name)
        counts = np.bincount(codes[codes >= 0], minlength=len(names))
        distinct = len(names)
        facts["distribution"] = _draw_counts(counts)
        frequent = [
            f"{shorten(value, 24)} ({show_share(counts[at], known)})" for at, value in enumerate(names[:3])
        ]
        remarks = [", ".join(frequent)] if known else []
        remarks += (
            [f"{count_of((counts == 1).sum(), 'category')} with one row"] if (counts == 1).any() else []
        )
    oddities = [] if known else ["every value is missing"]
    oddities += ["constant"] if known and distinct == 1 else []
    oddities += (
        ["a value of its own in each row"]
        if kind not in ("number", "time") and 20 < known == distinct
        else []
    )
    return facts | {"distinct": distinct, "remarks": "; ".join([*oddities, *remarks]) or None}


def _describe_order(values: np.ndarray, kind: str) -> dict[str, Any]:
    ends = take_quantiles(values, (0, 0.25, 0.5, 0.75, 1)) if len(values) else np.full(5, np.nan)
    tell = show_time if kind == "time" else show_number
    shown = [tell(end) for end in ends]
    if kind == "time" and ends[-1] - ends[0] > 30 * 864e8:  # of months the days are enough
        shown = [text[:10] for text in shown]
    return dict(zip(_ENDS, shown, strict=True)) | {"distribution": _draw_bars(values, kind)}


def _remark_order(values: np.ndarray, kind: str, distinct: int) -> list[str]:
    if len(values) < 2 or distinct < 2:
        return []
    low, middle, high = take_quantiles(values, (0.25, 0.5, 0.75))
    reach = max(values[-1] - middle, middle - values[0])
    scale = ["picture on a log scale"] if _choose_bars(values, kind).log else []
    if high > low and reach > 50 * (high - low):
        return [f"heavy tail ({reach / (high - low):,.0f} × the middle half's width)", *scale]
    if high == low:
        return [f"{show_share((values == middle).sum(), len(values))} are {_tell(middle, kind)}"]
    return scale


def _tell(value: float, kind: str) -> str:
    return show_time(value) if kind == "time" else show(value)


def _choose_bars(values: np.ndarray, kind: str) -> Bins:
    """Choose the bins of the small distribution of sorted values; off a log scale without the outermost hundredths."""
    seen = np.append(values[:: max(1, len(values) // 20_000)], values[-1])
    bins = choose_bins(seen, _BARS, kind == "time")
    if bins.log or len(values) <= 100:
        return bins
    low, high = take_quantiles(values, (0.01, 0.99))
    return choose_bins(seen[(seen >= low) & (seen <= high)], _BARS, kind == "time") if low < high else bins


def _draw_bars(values: np.ndarray, kind: str = "integer") -> Markup:
    """Draw the distribution of sorted values."""
    if not len(values):
        return Markup("")
    edges = _choose_bars(values, kind).edges
    return _draw_counts(
        np.diff([*np.searchsorted(values, edges[:-1]), np.searchsorted(values, edges[-1], "right")])
    )


def _draw_counts(counts: np.ndarray) -> Markup:
    counts = counts[:_BARS]
    if not len(counts) or not counts.max():
        return Markup("")
    bars = "".join(
        f'<rect x="{place * 4}" y="{22 - height:.1f}" width="3" height="{height:.1f}"/>'
        for place, height in enumerate(counts / counts.max() * 21 + 1)
    )
    return Markup(
        f'<svg width="{_BARS * 4}" height="22" viewBox="0 0 {_BARS * 4} 22" aria-hidden="true" fill="currentColor" '
        f'style="opacity: .55">{bars}</svg>'
    )
