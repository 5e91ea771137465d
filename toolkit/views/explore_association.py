"""What goes together: correlations of numbers, and the association of any two columns on one scale."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.data.association import (
    count_pairs,
    measure_correlation_ratio,
    measure_cramers_v,
    measure_pearson,
    measure_spearman,
    rank,
)
from toolkit.views.explore_data import ORDERED, Dataset
from toolkit.views.explore_relation import measure_relation
from toolkit.views.explore_table import Note, Table, shorten, shorten_all
from toolkit.views.explore_words import measure_lengths
from toolkit.views.style import DIVERGING, FADING, Plot, draw_heat, new_figure, show

_MOST = 40  # features in a heat map
_MOST_CODES = 200  # categories that are told apart; the rest are one


def measure_correlations(data: Dataset, method: str = "spearman") -> pd.DataFrame:
    """Measure the correlation of each pair of features with an order, on the rows that have both.

    ``method`` spearman is of ranks (on the sample: a stable part of large tables), pearson of the values of all rows.
    """
    names = _choose(data, data.of_kind(*ORDERED))
    names = [name for name in names if _varies(data.numbers(name))]
    rows = data.places if method == "spearman" else slice(None)
    matrix = np.stack([data.numbers(name)[rows] for name in names]).T if names else np.zeros((0, 0))
    found = measure_spearman(matrix) if method == "spearman" else measure_pearson(matrix)
    table = pd.DataFrame(found, names, names)
    return _put_alike_together(table)


def measure_associations(data: Dataset) -> pd.DataFrame:
    """Measure the association of each pair of features of any kind: 0 for none, 1 if one decides the other.

    Between ordered ones it is the absolute rank correlation (Spearman), between categories Cramér's V, between a
    category and an ordered one the correlation ratio of its ranks; the latter two corrected for chance. A text counts
    by its length.
    """
    names = _choose(data, [name for name in data.features if _is_usable(data, name)])
    ordered = [name for name in names if data.kinds[name] != "category"]
    numbers = {name: _sample_numbers(data, name) for name in ordered}
    ranks = {name: rank(values) for name, values in numbers.items()}
    codes = {
        name: np.minimum(data.codes(name)[0][data.places], _MOST_CODES)
        for name in names
        if name not in numbers
    }
    found = pd.DataFrame(np.eye(len(names)), names, names)
    if ordered:
        found.loc[ordered, ordered] = np.abs(measure_spearman(np.stack([numbers[n] for n in ordered]).T))
    for place, name in enumerate(codes):
        for other in list(codes)[:place]:
            value = measure_cramers_v(count_pairs(codes[name], codes[other]))
            found.loc[name, other] = found.loc[other, name] = value
        for other in ordered:
            value = measure_correlation_ratio(ranks[other], codes[name])
            found.loc[name, other] = found.loc[other, name] = value
    return _put_alike_together(found)


def plot_correlations(data: Dataset, method: str = "spearman") -> Plot | Note:
    """Draw the correlations of ordered features as a heat map; alike ones stand side by side."""
    table = measure_correlations(data, method)
    if len(table) < 2:
        return Note("Correlations need two ordered features that vary.")
    title = "Spearman's correlation" if method == "spearman" else "Pearson's correlation"
    rows = data.sampled if method == "spearman" else data.tell()
    return _plot(table, data.kinds, title, rows, signed=True)


def plot_associations(data: Dataset) -> Plot | Note:
    """Draw the association of features of all kinds as a heat map; alike ones stand side by side."""
    table = measure_associations(data)
    if len(table) < 2:
        return Note("Associations need two features that vary.")
    return _plot(table, data.kinds, "association", data.sampled, signed=False)


def describe_pairs(data: Dataset, most: int = 15) -> Table | Note:
    """List the pairs of features that go together most."""
    table = measure_associations(data)
    values = table.to_numpy().copy()
    values[np.tril_indices(len(values))] = np.nan
    flat = np.where(np.isnan(values), -1.0, values).ravel()
    order = np.argsort(-flat, kind="stable")[:most]
    pairs = [divmod(int(at), len(table)) for at in order if flat[at] >= 0]
    if not pairs:
        return Note("There are no two features that vary.")
    names = list(table.index)
    frame = pd.DataFrame(
        [
            {
                "feature": shorten(names[one], 40),
                "and": shorten(names[other], 40),
                "association": float(values[one, other]),
                "measured by": _tell_measure(data.kinds[names[one]], data.kinds[names[other]]),
            }
            for one, other in pairs
        ],
        index=range(1, len(pairs) + 1),
    )
    return Table(frame, data.sampled)


def _tell_measure(one: str, other: str) -> str:
    categories = (one == "category") + (other == "category")
    measure = ("Spearman's correlation", "correlation ratio of ranks", "Cramér's V")[categories]
    return measure + (" (length of text)" if "text" in (one, other) else "")


def _plot(table: pd.DataFrame, kinds: dict[str, str], title: str, rows: str, *, signed: bool) -> Plot:
    names = shorten_all([f"{name} (length)" if kinds[name] == "text" else name for name in table.index], 26)
    size, room = 2.0 + min(0.2 * len(table), 4.8), 0.06 * max(map(len, names))
    figure, axes = new_figure(size + room + 1.2, size + room)
    low, colors = (-1, DIVERGING) if signed else (0, FADING)
    image = draw_heat(axes, table.to_numpy().round(4), (names, names), vmin=low, vmax=1, cmap=colors)
    axes.tick_params(labelsize=8 if len(table) <= 30 else 7)
    figure.colorbar(image, ax=axes, label=title, shrink=0.7)
    axes.set_title("Features that rise and fall together" if signed else "Features that go together")
    figure.supxlabel(rows, fontsize=8)
    return show(figure, f"{title} of the features as a heat map")


def _choose(data: Dataset, names: list[str]) -> list[str]:
    """Choose the features of a heat map: those that tell the label best, where there are too many."""
    if len(names) <= _MOST:
        return names
    best = [name for name in measure_relation(data).index if name in set(names)] or names
    kept = set(best[:_MOST])
    return [name for name in names if name in kept]


def _varies(values: np.ndarray) -> bool:
    known = values[~np.isnan(values)]
    return bool(len(known)) and known.min() < known.max()


def _is_usable(data: Dataset, name: str) -> bool:
    if data.kinds[name] == "category":
        return len(data.codes(name)[1]) > 1
    return _varies(_sample_numbers(data, name))


def _sample_numbers(data: Dataset, name: str) -> np.ndarray:
    values = measure_lengths(data, name) if data.kinds[name] == "text" else data.numbers(name)
    return values[data.places]


def _put_alike_together(table: pd.DataFrame) -> pd.DataFrame:
    """Order by the leaves of an average-linkage tree over 1 - |association|."""
    if len(table) < 3:
        return table
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - table.abs().fillna(0).to_numpy()
    distance = np.clip((distance + distance.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    order = leaves_list(linkage(squareform(distance, checks=False), "average"))
    return table.iloc[order, order]
