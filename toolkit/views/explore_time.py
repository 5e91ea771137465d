"""Time: how many rows a period has, how the label and a feature change, and where rows are missing."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.data.association import FloatArray
from toolkit.errors import count_of
from toolkit.views.explore_data import ORDERED, Dataset
from toolkit.views.explore_features import as_dates, group_rows, set_dates
from toolkit.views.explore_table import Note, Table, shorten, show_share, show_time
from toolkit.views.explore_words import measure_lengths
from toolkit.views.style import COLORS, Plot, new_figure, show

PERIODS = {"minute": "m", "hour": "h", "day": "D", "week": "W", "month": "M", "year": "Y"}
_MOST_PERIODS = 150  # the finest period with no more of them is taken
_MOST_DRAWN = 5_000
_FEWEST = 5  # rows of a period whose shares or median are drawn
_NO_TIMES = Note("There is no column of type time.")


@dataclass(frozen=True)
class Periods:
    """Rows by period: ``starts`` of each period in order without a gap, and the period of each row (-1: no time)."""

    unit: str
    starts: NDArray[np.datetime64]
    codes: NDArray[np.int64]

    @property
    def counts(self) -> NDArray[np.int64]:
        """Rows of each period."""
        return np.bincount(self.codes[self.codes >= 0], minlength=len(self.starts))


def find_times(data: Dataset) -> list[str]:
    """Name the columns that are times: features first, then other columns."""
    others = [name for name, kind in data.excluded.items() if kind == "time"]
    return [name for name in [*data.of_kind("time"), *others] if not data.missing(name).all()]


def count_periods(data: Dataset, time: str, unit: str = "") -> Periods:
    """Put each row into its period; without a unit the finest that gives at most 150.

    A unit that gives more than 5,000 is too fine to be drawn: the next that does not is taken.
    """
    values = data.numbers(time)
    known = ~np.isnan(values)
    dates = as_dates(np.where(known, values, 0))
    low, high = dates[known].min(), dates[known].max()
    units = list(PERIODS)[list(PERIODS).index(unit) :] if unit else list(PERIODS)
    most = _MOST_DRAWN if unit else _MOST_PERIODS
    sizes = {name: _count(low, high, PERIODS[name]) for name in units}
    chosen = next((name for name in units if sizes[name] <= most), units[-1])
    letter = PERIODS[chosen]
    first = low.astype(f"datetime64[{letter}]")
    codes = (dates.astype(f"datetime64[{letter}]") - first).astype(np.int64)
    return Periods(chosen, first + np.arange(sizes[chosen]), np.where(known, codes, -1))


def _count(low: Any, high: Any, letter: str) -> int:
    unit = f"datetime64[{letter}]"
    return int((high.astype(unit) - low.astype(unit)).astype(int)) + 1


def describe_times(data: Dataset) -> Table | Note:
    """Describe each time column: first, last, the usual step, and its longest gaps."""
    names = find_times(data)
    if not names:
        return _NO_TIMES
    rows = {shorten(name, 48): _describe_time(data, name) for name in names}
    return Table(pd.DataFrame.from_dict(rows, orient="index"), data.tell())


def _describe_time(data: Dataset, name: str) -> dict[str, Any]:
    values, clock = np.sort(data.numbers(name)[~data.missing(name)]), data.clock(name)
    steps = np.diff(values)
    moving = steps[steps > 0]
    facts: dict[str, Any] = {
        "first": show_time(values[0]) + clock,
        "last": show_time(values[-1]) + clock,
        "missing": show_share(data.missing(name).sum(), data.rows),
        "at a time of another row": show_share((steps == 0).sum() + (len(moving) > 0), len(values))
        if (steps == 0).any()
        else "none",
    }
    if not len(moving):
        return facts | {"usual step": "", "longest gaps": ""}
    longest = np.argsort(-steps, kind="stable")[:2]
    gaps = [f"{tell_span(steps[at])} from {show_time(values[at])}{clock}" for at in longest if steps[at] > 0]
    return facts | {"usual step": tell_span(float(np.median(moving))), "longest gaps": "; ".join(gaps)}


def tell_span(microseconds: float) -> str:
    """Tell a length of time in its largest fitting unit."""
    for size, unit in (
        (365.25 * 864e8, "years"),
        (864e8, "days"),
        (36e8, "hours"),
        (6e7, "minutes"),
        (1e6, "s"),
    ):
        if microseconds >= 2 * size or (unit == "s" and microseconds >= size):
            return f"{microseconds / size:,.3g} {unit}"
    return f"{microseconds / 1000:,.3g} ms"


def plot_time(data: Dataset, time: str = "", feature: str = "", unit: str = "") -> Plot | Note:
    """Draw rows by period, the label by period, and a feature by period, one below the other.

    Parameters
    ----------
    time : str
        The time column (default: the first).
    feature : str
        A feature to follow: a number's median and middle half, a category's most frequent values, else its share of
        missing values.
    unit : str
        minute, hour, day, week, month or year (default: the finest that gives at most 150 periods).
    """
    names = find_times(data)
    if not names:
        return _NO_TIMES
    time = time or names[0]
    periods = count_periods(data, time, unit)
    panels = 1 + (data.label is not None) + bool(feature)
    figure, grid = new_figure(8.6, 0.7 + 2.0 * panels, rows=panels, sharex=True, squeeze=False)
    _draw_counts(grid.flat[0], periods)
    if data.label is not None:
        _draw_label(grid.flat[1], data, periods)
    if feature:
        _draw_feature(grid.flat[panels - 1], data, periods, feature)
    set_dates(grid.flat[-1])
    grid.flat[-1].set_xlabel(shorten(time, 60) + data.clock(time))
    figure.supxlabel(data.tell(), fontsize=8)
    drawn = ["rows", *(["label"] if data.label is not None else []), *([feature] if feature else [])]
    return show(figure, f"{', '.join(drawn)} by {periods.unit} of {time}")


def describe_periods(data: Dataset, time: str = "", unit: str = "") -> Table | Note:
    """Count rows by period, and give each class's share or the label's median; periods without a row are told."""
    names = find_times(data)
    if not names:
        return _NO_TIMES
    periods = count_periods(data, time or names[0], unit)
    counts = periods.counts
    frame = pd.DataFrame({"rows": counts}, index=[str(start) for start in periods.starts])
    if data.classes:
        for group, rows in group_rows(data).items():
            shares = np.bincount(periods.codes[rows & (periods.codes >= 0)], minlength=len(counts))
            labelled = np.bincount(periods.codes[data.labelled & (periods.codes >= 0)], minlength=len(counts))
            frame[group] = [
                show_share(part, whole) if whole else "" for part, whole in zip(shares, labelled, strict=True)
            ]
    empty = int((counts == 0).sum())
    return Table(frame, f"{empty:,} of {count_of(len(counts), periods.unit)} without a row; {data.tell()}")


def _draw_counts(axes: Any, periods: Periods) -> None:
    counts = periods.counts
    edges = np.append(periods.starts, periods.starts[-1] + 1).astype("datetime64[us]")
    axes.stairs(counts, edges, fill=True, color=COLORS[0], alpha=0.6)
    axes.set_ylim(bottom=0)
    axes.set_ylabel("rows")
    empty = counts == 0
    for start, end in _find_runs(empty):
        axes.axvspan(edges[start], edges[end], color=COLORS[1], alpha=0.25, linewidth=0)
    gaps = f", {int(empty.sum()):,} without a row (marked)" if empty.any() else ""
    axes.set_title(f"Rows by {periods.unit}{gaps}")


def _find_runs(flags: NDArray[np.bool_]) -> list[tuple[int, int]]:
    changes = np.flatnonzero(np.diff(np.concatenate([[0], flags.astype(int), [0]])))
    return list(zip(changes[::2].tolist(), changes[1::2].tolist(), strict=True))[:200]


def _draw_label(axes: Any, data: Dataset, periods: Periods) -> None:
    if not data.classes:
        _draw_quantiles(axes, data.targets, periods)
        axes.set_title("Label: median and middle half")
        return
    inside = data.labelled & (periods.codes >= 0)
    labelled = np.bincount(periods.codes[inside], minlength=len(periods.starts))
    groups = list(group_rows(data).items())
    groups = groups[-1:] if len(groups) == 2 else groups  # of two classes one says it all
    for index, (group, rows) in enumerate(groups):
        counts = np.bincount(periods.codes[rows & inside], minlength=len(periods.starts))
        shares = np.where(labelled >= _FEWEST, counts / np.maximum(labelled, 1), np.nan)
        _draw_line(axes, periods, shares, COLORS[index % len(COLORS)], group)
    _finish_shares(axes, "share of the rows")
    axes.set_title("Label by period")


def _draw_feature(axes: Any, data: Dataset, periods: Periods, name: str) -> None:
    kind = data.kind(name)
    axes.set_title(shorten(name, 60))
    if kind in ORDERED and kind != "boolean":
        _draw_quantiles(axes, data.numbers(name), periods)
        return
    if kind == "text":
        _draw_quantiles(axes, measure_lengths(data, name), periods)
        axes.set_ylabel("characters")
        return
    codes, names = data.codes(name)
    counts = np.maximum(periods.counts, 1)
    for place, value in enumerate(names[:5]):
        rows = np.bincount(periods.codes[(codes == place) & (periods.codes >= 0)], minlength=len(counts))
        shares = np.where(periods.counts >= _FEWEST, rows / counts, np.nan)
        _draw_line(axes, periods, shares, COLORS[place], shorten(value, 28))
    _finish_shares(axes, "share of the rows")


def _draw_quantiles(axes: Any, values: FloatArray, periods: Periods) -> None:
    known = ~np.isnan(values) & (periods.codes >= 0)
    codes, values = periods.codes[known], values[known]
    order = np.argsort(codes, kind="stable")
    codes, values = codes[order], values[order]
    bounds = np.searchsorted(codes, np.arange(len(periods.starts) + 1))
    ends = np.full((len(periods.starts), 3), np.nan)
    for place, (first, last) in enumerate(pairwise(bounds)):
        if last - first >= _FEWEST:
            ends[place] = np.quantile(values[first:last], [0.25, 0.5, 0.75])
    dates = periods.starts.astype("datetime64[us]")
    axes.fill_between(dates, ends[:, 0], ends[:, 2], color=COLORS[0], alpha=0.25, linewidth=0)
    _draw_line(axes, periods, ends[:, 1], COLORS[0], "")


def _draw_line(axes: Any, periods: Periods, values: FloatArray, color: str, label: str) -> None:
    mark = "o-" if len(values) <= 40 else "-"
    axes.plot(
        periods.starts.astype("datetime64[us]"), values, mark, color=color, markersize=3, label=label or None
    )


def _finish_shares(axes: Any, name: str) -> None:
    axes.set_ylabel(name)
    axes.set_ylim(bottom=0)
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="center left", bbox_to_anchor=(1.0, 0.5))
