"""One feature at a time: its distribution, by class or over a regression's label, whatever its kind."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from toolkit.data.association import FloatArray, cut
from toolkit.errors import count_of
from toolkit.views.explore_bins import choose_bins
from toolkit.views.explore_data import ORDERED, Dataset
from toolkit.views.explore_table import Table, shorten, shorten_all, show_number, show_share, show_time
from toolkit.views.explore_words import measure_lengths
from toolkit.views.style import COLORS, FADING, Plot, draw_heat, new_figure, show

_MOST_CURVES = 6  # classes whose curves can be told apart
_MOST_ROWS = 25  # classes that have a row of their own
_MOST_BARS = 12

Groups = dict[str, NDArray[Any]]  # rows (a mask or positions) by name


def group_rows(data: Dataset, most: int = _MOST_CURVES) -> Groups:
    """Give the rows of each class, the rarest together where there are too many; all rows without classes."""
    if not data.classes:
        return {"all rows": np.ones(data.rows, bool)}
    counts = np.bincount(data.targets[data.targets >= 0], minlength=len(data.classes))
    order = np.argsort(-counts, kind="stable")
    kept = sorted(order if len(order) <= most else order[: most - 1])
    groups: Groups = {shorten(data.classes[place], 24): data.targets == place for place in kept}
    if len(kept) < len(order):
        groups[count_of(len(order) - len(kept), "other class")] = data.labelled & ~np.isin(data.targets, kept)
    return groups


def plot_feature(data: Dataset, name: str, by_class: bool = True) -> Plot:
    """Draw the distribution of a feature: as shares, so that classes compare; beside it a regression's label."""
    kind = data.kinds[name]
    regression = data.label is not None and not data.is_classification
    ordered = kind in ORDERED and kind != "boolean"
    split = by_class and bool(data.classes)
    crowded = split and len(data.classes) > _MOST_CURVES
    groups = group_rows(data, _MOST_ROWS if crowded else _MOST_CURVES) if split else _all_rows(data)
    height = max(3.4, 1.2 + 0.24 * len(groups)) if crowded else 3.6
    figure, grid = new_figure(
        8.6 if regression else 7.4, height, columns=2 if regression else 1, squeeze=False
    )
    axes = grid.flat[0]
    if ordered or kind == "text":
        values = measure_lengths(data, name) if kind == "text" else data.numbers(name)
        draw = _draw_ranges if crowded else draw_histogram
        told = shorten(name, 60) + (": characters" if kind == "text" else "")
        draw(axes, {group: values[rows] for group, rows in groups.items()}, kind == "time", told)
        if regression:
            _draw_label(grid.flat[1], values, data.targets, kind == "time")
            grid.flat[1].set_xlabel(axes.get_xlabel().partition("\n")[0])
            if axes.get_xscale() == "log":
                set_log(grid.flat[1])
    else:
        codes, names = data.codes(name)
        (_draw_shares if crowded else draw_bars)(axes, codes, names, groups)
        axes.set_title(shorten(name, 60))
        if regression:
            _draw_label_by_category(grid.flat[1], codes, names, data.targets)
    if len(groups) > 1 and not crowded and axes.get_legend_handles_labels()[0]:
        axes.legend()
    if data.missing(name).all():
        axes.text(0.5, 0.5, "every value is missing", transform=axes.transAxes, ha="center")
    figure.supxlabel(data.tell(), fontsize=8)
    return show(figure, f"distribution of {name}{' by class' if split and len(groups) > 1 else ''}")


def describe_feature(data: Dataset, name: str, by_class: bool = True) -> Table:
    """Give a feature's figures, a row a class: rows, missing, and quantiles or most frequent values."""
    kind = data.kinds[name]
    groups = group_rows(data, _MOST_ROWS) if by_class and data.classes else _all_rows(data)
    rows = {}
    for group, chosen in groups.items():
        count = int(chosen.sum())
        facts: dict[str, Any] = {
            "rows": count,
            "missing": show_share(data.missing(name)[chosen].sum(), count),
        }
        if kind in ("category", "boolean"):
            codes, names = data.codes(name)
            counts = np.bincount(codes[chosen & (codes >= 0)], minlength=len(names))
            top = [at for at in np.argsort(-counts, kind="stable")[:3] if counts[at]]
            told = [f"{shorten(names[at], 28)} ({show_share(counts[at], counts.sum())})" for at in top]
            rows[group] = facts | {"distinct": int((counts > 0).sum()), "most frequent": ", ".join(told)}
            continue
        values = (measure_lengths(data, name) if kind == "text" else data.numbers(name))[chosen]
        rows[group] = facts | describe_numbers(values[~np.isnan(values)], kind)
    note = f"characters of the texts, {data.tell()}" if kind == "text" else data.tell()
    return Table(pd.DataFrame.from_dict(rows, orient="index"), note)


def describe_numbers(values: FloatArray, kind: str) -> dict[str, str]:
    """Give mean, standard deviation and quantiles of known values, as they are shown."""
    if not len(values):
        return {}
    tell = show_time if kind == "time" else show_number
    facts = {} if kind == "time" else {"mean": show_number(values.mean()), "sd": show_number(values.std())}
    names = ("smallest", "25%", "median", "75%", "largest")
    return facts | dict(zip(names, map(tell, np.quantile(values, [0, 0.25, 0.5, 0.75, 1])), strict=True))


def _all_rows(data: Dataset) -> Groups:
    return {"all rows": np.ones(data.rows, bool)}


def draw_histogram(axes: Any, groups: dict[str, FloatArray], time: bool, name: str = "") -> None:
    """Draw the shares of each group's values over common bins, named on the axis with how it was drawn."""
    known = {group: values[~np.isnan(values)] for group, values in groups.items()}
    pooled = np.concatenate(list(known.values()))
    axes.set_xlabel(name)
    if not len(pooled):
        return
    bins = choose_bins(pooled, time=time)
    shown = as_dates(bins.edges) if time else bins.edges
    for index, (group, values) in enumerate(known.items()):
        shares = np.histogram(values, bins.edges)[0] / max(len(values), 1)
        color = COLORS[index % len(COLORS)]
        axes.stairs(shares, shown, fill=True, color=color, alpha=0.25)
        axes.stairs(shares, shown, color=color, linewidth=1.6, label=group)
    axes.set_ylabel("share of rows")
    axes.set_ylim(bottom=0)
    if time:
        set_dates(axes)
    if bins.log:
        set_log(axes)
        axes.set_xlabel(f"{name} (log scale)")
    if bins.outside:
        tell = show_time if time else show_number
        told = f"{count_of(bins.outside, 'value')} beyond this axis, which would reach "
        told += f"from {tell(pooled.min())} to {tell(pooled.max())}"
        axes.set_xlabel(f"{name}\n({told})")


def _draw_ranges(axes: Any, groups: dict[str, FloatArray], time: bool, name: str = "") -> None:
    """Draw a line from the 5 % to the 95 % quantile of each group, thick in its middle half, a dot at the median."""
    known = {group: values[~np.isnan(values)] for group, values in groups.items()}
    names = list(known)[::-1]
    for place, group in enumerate(names):
        if not len(known[group]):
            continue
        ends = np.quantile(known[group], [0.05, 0.25, 0.5, 0.75, 0.95])
        shown = as_dates(ends) if time else ends
        axes.hlines(place, shown[0], shown[4], color=COLORS[0], linewidth=1)
        axes.hlines(place, shown[1], shown[3], color=COLORS[0], linewidth=5)
        axes.plot([shown[2]], [place], "o", color=COLORS[1], markersize=5, zorder=3)
    axes.set_yticks(range(len(names)), shorten_all(names, 28))
    axes.set_title("median, middle half, and 5% to 95% of each class", fontsize=9)
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(name)
    pooled = np.concatenate([*known.values(), np.zeros(0)])
    if time:
        set_dates(axes)
    elif len(pooled) and choose_bins(pooled).log:
        set_log(axes)
        axes.set_xlabel(f"{name} (log scale)")


def draw_bars(axes: Any, codes: NDArray[Any], names: list[str], groups: Groups) -> None:
    """Draw the share of each group's rows in the first categories, the others together, and missing ones."""
    kept = names[:_MOST_BARS]
    rest = len(names) - len(kept)
    labels = [*shorten_all(kept, 30), *([f"{rest:,} other categories"] if rest else [])]
    if (codes < 0).any():
        labels.append("missing")
    height = 0.8 / len(groups)
    for index, (group, rows) in enumerate(groups.items()):
        chosen = codes[rows]
        counts = np.bincount(np.clip(chosen[chosen >= 0], 0, len(kept)), minlength=len(kept) + 1)
        values = [*counts[: len(kept)], *([counts[len(kept)]] if rest else [])]
        if (codes < 0).any():
            values.append((chosen < 0).sum())
        places = np.arange(len(labels)) + (index - (len(groups) - 1) / 2) * height
        axes.barh(
            places,
            np.array(values) / max(len(chosen), 1),
            height,
            label=group,
            color=COLORS[index % len(COLORS)],
        )
    axes.set_yticks(range(len(labels)), labels)
    axes.invert_yaxis()
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of rows")


def _draw_shares(axes: Any, codes: NDArray[Any], names: list[str], groups: Groups) -> None:
    """Draw, for each class, the share of its rows in each category as a heat map."""
    kept = names[:_MOST_BARS]
    table = np.array(
        [
            np.bincount(codes[rows & (codes >= 0)], minlength=len(names))[: len(kept)] / rows.sum()
            for rows in groups.values()
        ]
    )
    shown = shorten_all(list(groups), 28), shorten_all(kept, 24)
    image = draw_heat(axes, table.round(4), shown, aspect="auto", cmap=FADING, vmin=0)
    axes.set_xticks(range(len(kept)), shown[1], rotation=45, ha="right")
    axes.figure.colorbar(image, ax=axes, label="share of the class")


def _draw_label(axes: Any, values: FloatArray, targets: FloatArray, time: bool) -> None:
    """Draw the label's median and middle half over bins of the feature of about equally many rows."""
    known = ~np.isnan(values) & ~np.isnan(targets)
    if not known.any():
        return
    bins = cut(values[known], 20)
    found = [(values[known][bins == at], targets[known][bins == at]) for at in np.unique(bins)]
    places = np.array([np.median(inside) for inside, _ in found])
    ends = np.array([np.quantile(label, [0.25, 0.5, 0.75]) for _, label in found])
    shown = as_dates(places) if time else places
    axes.fill_between(shown, ends[:, 0], ends[:, 2], color=COLORS[0], alpha=0.25, linewidth=0)
    axes.plot(shown, ends[:, 1], "o-", color=COLORS[0], markersize=4)
    axes.set_title("label: median and middle half", fontsize=9)
    if time:
        set_dates(axes)


def _draw_label_by_category(axes: Any, codes: NDArray[Any], names: list[str], targets: FloatArray) -> None:
    kept = names[:_MOST_BARS]
    _draw_ranges(axes, {name: targets[codes == place] for place, name in enumerate(kept)}, False, "label")
    axes.set_title("label: median, middle half, 5% to 95%", fontsize=9)


def as_dates(microseconds: NDArray[Any]) -> NDArray[np.datetime64]:
    """Turn microseconds since 1970 into dates that matplotlib draws."""
    return np.asarray(microseconds).astype(np.int64).astype("datetime64[us]")


def set_log(axes: Any) -> None:
    """Make the x axis logarithmic, its powers of ten written out."""
    from matplotlib.ticker import FuncFormatter, NullFormatter

    axes.set_xscale("log")
    tell = FuncFormatter(lambda value, _: f"{value:,.0f}" if 1 <= value < 1e7 else f"{value:g}")
    axes.xaxis.set_major_formatter(tell)
    axes.xaxis.set_minor_formatter(NullFormatter())


def set_dates(axes: Any) -> None:
    """Mark dates on the x axis so that they do not run into each other."""
    from matplotlib.dates import AutoDateLocator, ConciseDateFormatter

    locator = AutoDateLocator(maxticks=8)
    axes.xaxis.set_major_locator(locator)
    axes.xaxis.set_major_formatter(ConciseDateFormatter(locator))
