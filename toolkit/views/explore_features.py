"""Features one by one and together: distributions by class, what tells the label, what goes together."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from toolkit.views.explore import NO_LABELS, NUMERIC, Dataset, Note
from toolkit.views.style import COLORS, DIVERGING, Plot, new_figure, show

_MOST_BARS = 12
_MOST_IN_HEATMAP = 40


def plot_feature(data: Dataset, name: str, by_class: bool = True) -> Plot:
    """Draw the distribution of a feature, a curve a class where labels are classes; shares, so classes compare."""
    groups = _groups(data, name, by_class)
    figure, axes = new_figure(7.4, 3.4)
    if data.kinds[name] in NUMERIC and data.kinds[name] != "boolean":
        _draw_histogram(axes, groups)
        axes.set_xlabel(name)
    else:
        _draw_bars(axes, groups)
    axes.set_ylabel("share of rows")
    if len(groups) > 1 and axes.get_legend_handles_labels()[0]:
        axes.legend()
    if not any(values.notna().any() for values in groups.values()):
        axes.text(0.5, 0.5, "every value is missing", transform=axes.transAxes, ha="center")
    return show(figure, f"distribution of {name}{' by class' if len(groups) > 1 else ''}")


def describe_feature(data: Dataset, name: str, by_class: bool = True) -> pd.DataFrame:
    """Give a feature's figures, a row a class: rows, missing, and quantiles or most frequent values."""
    rows = {}
    for group, values in _groups(data, name, by_class).items():
        facts: dict[str, Any] = {"rows": f"{len(values):,}", "missing": f"{values.isna().mean():.1%}"}
        if data.kinds[name] in NUMERIC:
            numbers = values.astype(float)
            quantiles = numbers.quantile([0, 0.25, 0.5, 0.75, 1])
            facts["mean"], facts["sd"] = f"{numbers.mean():.4g}", f"{numbers.std():.4g}"
            names = ("min", "25 %", "median", "75 %", "max")
            facts |= {label: f"{value:.4g}" for label, value in zip(names, quantiles, strict=True)}
        else:
            frequent = values.value_counts(normalize=True).head(3)
            facts["most frequent"] = ", ".join(f"{value} ({share:.0%})" for value, share in frequent.items())
        rows[group] = facts
    return pd.DataFrame.from_dict(rows, orient="index")


def measure_relation(data: Dataset) -> pd.DataFrame:
    """Measure how well each ordered feature alone tells the label, best first.

    For classes it is the area under the ROC curve of the feature as a score (Mann and Whitney's U), turned to be at
    least 0.5, and averaged over one class against the rest when there are more than two. For a regression it is
    Spearman's rank correlation. Rows without the feature or a label are left out.
    """
    if data.labels is None:
        return pd.DataFrame(columns=["measure", "value"])
    measure = _mean_auc if data.is_classification else _spearman
    name = "AUC" if data.is_classification else "Spearman's correlation"
    values = {feature: measure(data, feature) for feature in data.numeric}
    table = pd.DataFrame({"measure": name, "value": pd.Series(values, dtype=float)}).dropna()
    return table.sort_values("value", key=np.abs, ascending=False, kind="stable")


def plot_relation(data: Dataset, most: int = 20) -> Plot | Note:
    """Draw how well each feature alone tells the label, the best first."""
    if data.labels is None:
        return NO_LABELS
    table = measure_relation(data).head(most)[::-1]
    if table.empty:
        return Note("There is no ordered feature to relate to the label.")
    figure, axes = new_figure(7.4, 0.8 + 0.26 * len(table))
    base = 0.5 if data.is_classification else 0.0
    axes.barh(range(len(table)), table["value"] - base, left=base, color=COLORS[0], height=0.7)
    axes.set_yticks(range(len(table)), list(table.index))
    axes.set_xlim(*((0.5, 1.0) if data.is_classification else (-1.0, 1.0)))
    axes.grid(visible=False, axis="y")
    axes.set_xlabel(table["measure"].iloc[0])
    axes.set_title("How well a feature alone tells the label")
    return show(figure, "features by how well each alone tells the label")


def measure_correlations(data: Dataset) -> pd.DataFrame:
    """Measure Spearman's rank correlation of each pair of ordered features, alike ones side by side."""
    names = [name for name in data.numeric if data.rows[name].nunique() > 1]
    table = data.rows[names].astype(float).rank().corr()
    return table.iloc[(order := _order(table)), order] if len(names) > 2 else table


def plot_correlations(data: Dataset) -> Plot | Note:
    """Draw the correlations as a heat map; the features that tell the label best, where there are many."""
    table = measure_correlations(data)
    if len(table) < 2:
        return Note("Correlations need two ordered features that vary.")
    if len(table) > _MOST_IN_HEATMAP:
        kept = [name for name in measure_relation(data).index if name in table][:_MOST_IN_HEATMAP]
        kept = kept or list(table.index[:_MOST_IN_HEATMAP])
        table = table.loc[table.index.isin(kept), table.columns.isin(kept)]
    size = 2.2 + min(0.2 * len(table), 4.8)
    figure, axes = new_figure(size + 0.8, size)
    image = axes.imshow(table, vmin=-1, vmax=1, cmap=DIVERGING)
    axes.set_xticks(range(len(table)), table.columns, rotation=90)
    axes.set_yticks(range(len(table)), table.index)
    axes.tick_params(labelsize=8, length=0)
    axes.grid(visible=False)
    figure.colorbar(image, ax=axes, label="Spearman's correlation", shrink=0.7)
    axes.set_title("Features that go together")
    return show(figure, "rank correlations of the features as a heat map")


def _groups(data: Dataset, name: str, by_class: bool) -> dict[str, pd.Series]:
    if not by_class or not data.is_classification:
        return {"all rows": data.rows[name]}
    return {kind: data.rows.loc[data.rows["label"] == kind, name] for kind in data.classes}


def _draw_histogram(axes: Any, groups: dict[str, pd.Series]) -> None:
    numbers = {group: values.dropna().to_numpy(float) for group, values in groups.items()}
    numbers = {group: values[np.isfinite(values)] for group, values in numbers.items()}
    pooled = np.concatenate(list(numbers.values()))
    if not len(pooled):
        return
    edges = np.histogram_bin_edges(pooled, bins=min(60, max(10, round(len(pooled) ** 0.5))))
    for index, (group, values) in enumerate(numbers.items()):
        color = COLORS[index % len(COLORS)]
        weights = np.full(len(values), 1 / max(len(values), 1))
        axes.hist(values, edges, weights=weights, histtype="stepfilled", color=color, alpha=0.25)
        axes.hist(values, edges, weights=weights, histtype="step", color=color, linewidth=1.6, label=group)


def _draw_bars(axes: Any, groups: dict[str, pd.Series]) -> None:
    pooled = pd.concat(list(groups.values())).astype("string").value_counts()
    names = list(pooled.index[:_MOST_BARS])
    width = 0.8 / len(groups)
    for index, (group, values) in enumerate(groups.items()):
        shares = values.astype("string").value_counts(normalize=True).reindex(names, fill_value=0)
        places = np.arange(len(names)) + (index - (len(groups) - 1) / 2) * width
        axes.bar(places, shares.to_numpy(float), width, label=group, color=COLORS[index % len(COLORS)])
    axes.set_xticks(
        range(len(names)),
        names,
        rotation=30 if len(names) > 4 else 0,
        ha="right" if len(names) > 4 else "center",
    )
    axes.grid(visible=False, axis="x")


def _mean_auc(data: Dataset, feature: str) -> float:
    from scipy.stats import rankdata

    known = data.rows[[feature, "label"]].dropna()
    ranks, labels = rankdata(known[feature].astype(float)), known["label"].to_numpy()
    classes = data.classes[1:] if len(data.classes) == 2 else data.classes
    areas = [_auc(ranks, labels == name) for name in classes]
    return float(np.mean([max(area, 1 - area) for area in areas])) if areas else float("nan")


def _auc(ranks: np.ndarray, positive: np.ndarray) -> float:
    ours, others = int(positive.sum()), int((~positive).sum())
    if not ours or not others:
        return float("nan")
    return float((ranks[positive].sum() - ours * (ours + 1) / 2) / (ours * others))


def _spearman(data: Dataset, feature: str) -> float:
    known = data.rows[[feature, "label"]].dropna().astype(float)
    if len(known) < 3 or known.nunique().min() < 2:
        return float("nan")
    return float(known.rank().corr().to_numpy()[0, 1])


def _order(table: pd.DataFrame) -> list[int]:
    """Put alike features side by side: the leaves of an average-linkage tree over 1 - |correlation|."""
    from scipy.cluster.hierarchy import leaves_list, linkage
    from scipy.spatial.distance import squareform

    distance = 1 - table.abs().fillna(0).to_numpy()
    distance = np.clip((distance + distance.T) / 2, 0, None)
    np.fill_diagonal(distance, 0)
    return list(leaves_list(linkage(squareform(distance, checks=False), "average")))
