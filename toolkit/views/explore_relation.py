"""What tells the label: each feature alone, of whatever kind, on one scale."""

from __future__ import annotations

import numpy as np
import pandas as pd

from toolkit.data.association import (
    FloatArray,
    IntArray,
    count_pairs,
    cut,
    measure_auc,
    measure_entropy,
    measure_information,
    measure_spearman,
    rank,
)
from toolkit.data.leaks.giveaway import score_bins
from toolkit.views.explore_data import ORDERED, Dataset
from toolkit.views.explore_table import Note, Table, shorten, shorten_all, show_share
from toolkit.views.explore_words import find_words, measure_lengths, measure_words
from toolkit.views.style import COLORS, Plot, new_figure, show

NO_LABELS = Note(
    "There are no labels yet. Run `./run dvc repro annotate` to make them, then run this cell again."
)
_MOST_CATEGORIES = 50


def measure_relation(data: Dataset) -> pd.DataFrame:
    """Measure how well each feature alone tells the label, best first.

    ``told`` is the share of the label's entropy that the feature tells (the uncertainty coefficient: mutual
    information over entropy, corrected for chance). Numbers and times are cut into 20 bins of equally many rows,
    a regression's label into 10; a missing value is a bin; of categories the 50 most frequent count; a text tells
    what its length or its best word does. Beside it, for features with an order, and the length or word that a
    text is told by: for classes the area under the ROC curve, turned to be at least 0.5 and averaged over one class
    against the rest, weighted by rows; for a regression Spearman's correlation. A category's area is that of each
    class's share in it, each half of the rows predicted from the other. Rows without a label are left out.

    Returns
    -------
    DataFrame
        Columns kind, told, AUC or Spearman (NaN where there is no order), by.
    """
    measure = "AUC" if data.is_classification else "Spearman"
    if data.label is None or not data.labelled.any():
        return pd.DataFrame(columns=["kind", "told", measure, "by"])
    return data._keep("relation", "", lambda: _measure_relation(data, measure))


def _measure_relation(data: Dataset, measure: str) -> pd.DataFrame:
    places = data.places[data.labelled[data.places]]
    values = data.targets[places]
    targets = values.astype(np.int64) if data.is_classification else cut(values, 10)
    whole = measure_entropy(np.bincount(targets).astype(float))
    entries = {}
    for name, kind in data.kinds.items():
        told, by, numbers = _measure_told(data, name, places, targets)
        if numbers is not None:
            order = _measure_order(data, numbers, values)
        else:
            order = _measure_categories(data, name, places, targets)
        entries[name] = {"kind": kind, "told": told / whole if whole else 0.0, measure: order, "by": by}
    table = pd.DataFrame.from_dict(entries, orient="index")
    return table.sort_values("told", ascending=False, kind="stable") if len(table) else table


def _measure_told(
    data: Dataset, name: str, places: IntArray, targets: IntArray
) -> tuple[float, str, FloatArray | None]:
    """Measure the bits that a feature tells, by what of it, and give what of that has an order."""
    kind = data.kinds[name]
    if kind == "text":
        numbers = measure_lengths(data, name)[places]
        told = measure_information(count_pairs(cut(numbers), targets))
        words, by = find_words(data, name), "its length"
        rows = np.searchsorted(data.places, places)
        whole = np.full(words.rows, -1, np.int64)
        whole[rows] = targets
        each = measure_words(words, whole) if words.names else np.zeros(0)
        if len(each) and each.max() > told:
            best = int(each.argmax())
            told, by = float(each[best]), f"the word '{shorten(words.names[best], 24)}'"
            numbers = np.isin(rows, words.holds[best]).astype(float)
        return told, by, numbers
    if kind in ORDERED and kind != "boolean":
        numbers = data.numbers(name)[places]
        return measure_information(count_pairs(cut(numbers), targets)), "", numbers
    codes = np.minimum(data.codes(name)[0][places], _MOST_CATEGORIES) + 1  # a missing value is one more
    flags = data.numbers(name)[places] if kind == "boolean" else None
    return measure_information(count_pairs(codes, targets)), "", flags


def _measure_order(data: Dataset, numbers: FloatArray, targets: FloatArray) -> float:
    known = ~np.isnan(numbers)
    if not data.is_classification:
        return float(measure_spearman(np.column_stack([numbers[known], targets[known]]))[0, 1])
    ranks, labels = rank(numbers[known]), targets[known]
    classes = [1] if len(data.classes) == 2 else range(len(data.classes))
    areas = [(measure_auc(ranks, labels == place), (labels == place).sum()) for place in classes]
    turned = [(max(area, 1 - area), rows) for area, rows in areas if not np.isnan(area)]
    scores, rows = np.transpose(turned) if turned else np.full((2, 1), np.nan)
    return float(np.average(scores, weights=rows))


def _measure_categories(data: Dataset, name: str, places: IntArray, targets: IntArray) -> float:
    """Measure the AUC of a class's share in each category, as the check giveaway does; NaN for a regression."""
    if not data.is_classification or len(data.classes) < 2:
        return float("nan")
    classes = [1] if len(data.classes) == 2 else range(len(data.classes))
    half = np.random.default_rng(0).permutation(len(places)) % 2
    hits = np.stack([targets == place for place in classes]).astype(float)
    return score_bins(data.codes(name)[0][places] + 1, hits, half, True)[0]


def describe_relation(data: Dataset) -> Table | Note:
    """List how well each feature alone tells the label."""
    table = measure_relation(data)
    if data.label is None:
        return NO_LABELS
    frame = table.assign(told=[show_share(told) for told in table["told"]])
    frame = frame.rename(columns={"told": "share of the label told"}, index=lambda name: shorten(name, 48))
    frame = frame.assign(by=frame["by"].replace("", None))  # a column of nothing is left out
    return Table(frame.dropna(axis=1, how="all"), data.sampled)


def plot_relation(data: Dataset, most: int = 20) -> Plot | Note:
    """Draw how well each feature alone tells the label, the best first."""
    table = measure_relation(data).head(most)[::-1]
    if data.label is None:
        return NO_LABELS
    if table.empty or (data.is_classification and len(data.classes) < 2):
        return Note("Nothing can tell a label that has one value, or without a feature.")
    figure, axes = new_figure(7.4, 1.1 + 0.26 * len(table))
    axes.barh(range(len(table)), table["told"].round(6), color=COLORS[0], height=0.7)
    names = shorten_all(
        [
            f"{name}: {by}" if by else name
            for name, by in zip(map(str, table.index), table["by"], strict=True)
        ],
        44,
    )
    axes.set_yticks(range(len(table)), names)
    axes.set_xlim(0, min(1.0, max(float(table["told"].max()) * 1.08, 0.01)))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel("share of the label's entropy that the feature tells")
    axes.set_title("How well a feature alone tells the label")
    figure.supxlabel(data.sampled, fontsize=8)
    return show(figure, "features by how well each alone tells the label")
