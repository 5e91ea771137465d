"""How the labels came about: counts, who agrees with whom, which labels are suspected to be wrong."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pandas as pd

from toolkit.views.explore_data import SUSPECTS, Dataset
from toolkit.views.explore_relation import NO_LABELS, measure_relation
from toolkit.views.explore_table import Note
from toolkit.views.style import Plot, new_figure, show


def describe_labels(data: Dataset) -> pd.DataFrame | Note:
    """Count labelled rows by class and by how they were settled; quantiles for a regression."""
    if data.labels is None:
        return NO_LABELS
    if not data.is_classification:
        return data.labels["label"].describe().to_frame().T
    table = pd.crosstab(data.labels["label"], data.labels["status"])
    table.index.name = table.columns.name = None
    table["rows"] = table.sum(axis=1)
    table["share"] = [f"{count / len(data.labels):.1%}" for count in table["rows"]]
    if "agreement" in data.labels:
        table["mean agreement"] = data.labels.groupby("label")["agreement"].mean().map("{:.1%}".format)
    return table


def describe_annotators(data: Dataset) -> pd.DataFrame | Note:
    """Count each annotator's rows, labels by class, and how often the settled label is theirs."""
    given = _answers(data)
    if data.labels is None:
        return NO_LABELS
    if given is None or given.empty:
        return Note("The labels come from a column: there are no annotators.")
    table = given.groupby("annotator").size().to_frame("rows")
    if data.is_classification:
        table = table.join(pd.crosstab(given["annotator"], given["label"]))
    settled = given.merge(data.labels[[data.key, "label"]], on=data.key, suffixes=("", "_settled"))
    same = settled["label"] == settled["label_settled"]
    table.index.name = None
    table["as settled"] = same.groupby(settled["annotator"]).mean().map("{:.1%}".format)
    return table


def measure_agreement(data: Dataset) -> pd.DataFrame:
    """Measure Cohen's kappa of each pair of annotators on the rows that both labelled.

    1 is agreement in everything, 0 what chance would give (Cohen, 1960). NaN where two share no row.
    """
    given = _answers(data)
    if given is None or given.empty:
        return pd.DataFrame()
    wide = given.pivot(index=data.key, columns="annotator", values="label")
    kappa = pd.DataFrame(np.eye(wide.shape[1]), index=wide.columns, columns=wide.columns)
    for one, other in combinations(wide.columns, 2):
        both = wide[[one, other]].dropna()
        kappa.loc[one, other] = kappa.loc[other, one] = _kappa(both[one], both[other])
    return kappa


def plot_agreement(data: Dataset) -> Plot | Note:
    """Draw the agreement of each pair of annotators (Cohen's kappa)."""
    if data.labels is None:
        return NO_LABELS
    kappa = measure_agreement(data) if data.is_classification else pd.DataFrame()
    if len(kappa) < 2:
        return Note("Agreement needs classes and two annotators on the same rows.")
    size = 1.6 + 0.75 * len(kappa)
    figure, axes = new_figure(size + 1.2, size)
    image = axes.imshow(kappa, vmin=0, vmax=1, cmap="viridis")
    axes.set_xticks(range(len(kappa)), kappa.columns, rotation=45, ha="right")
    axes.set_yticks(range(len(kappa)), kappa.index)
    axes.grid(visible=False)
    for (row, column), value in np.ndenumerate(kappa.to_numpy()):
        text = "–" if np.isnan(value) else f"{value:.2f}"
        axes.text(column, row, text, ha="center", va="center", color="black" if value > 0.55 else "white")
    figure.colorbar(image, ax=axes, label="Cohen's kappa", shrink=0.8)
    axes.set_title("Agreement of annotators")
    return show(figure, "Cohen's kappa of each pair of annotators as a heat map")


def describe_suspects(data: Dataset, most: int = 20, features: int = 2) -> pd.DataFrame | Note:
    """List the labels most likely to be wrong, with the values of the features that tell the classes best apart."""
    if data.suspects is None:
        return (
            NO_LABELS
            if data.labels is None
            else Note(f"{SUSPECTS} is not there: annotate did not look for any.")
        )
    if data.suspects.empty:
        return Note("No label is suspected to be wrong.")
    best = list(measure_relation(data).index[:features])
    shown = data.suspects.head(most)
    rows = data.take(list(shown[shown.columns[0]]), best).astype({data.key: str})
    table = shown.astype({shown.columns[0]: str}).merge(
        rows, left_on=shown.columns[0], right_on=data.key, how="left"
    )
    table = table.set_index(data.key)
    table.index.name = None
    return table.round(3)


def _answers(data: Dataset) -> pd.DataFrame | None:
    """Keep the newest answer of each annotator for each row, skipped ones left out; None before annotate ran."""
    if data.annotations is None:
        return None
    given = data.annotations.dropna(subset=["label"])
    if "created_at" in given:
        given = given.sort_values("created_at", kind="stable")
    return given.drop_duplicates([data.key, "annotator"], keep="last")


def _kappa(one: pd.Series, other: pd.Series) -> float:
    """Cohen's kappa: observed agreement beyond what the two distributions of labels give by chance."""
    if one.empty:
        return float("nan")
    observed = float((one == other).mean())
    first, second = one.value_counts(normalize=True), other.value_counts(normalize=True)
    chance = float(first.mul(second, fill_value=0).sum())
    return 1.0 if chance == 1 else (observed - chance) / (1 - chance)
