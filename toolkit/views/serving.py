"""Tables and plots of the notebooks package and predict."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
from matplotlib.figure import Figure

from toolkit.serving.model import Model
from toolkit.views.style import COLORS, new_figure

HISTOGRAM_BINS = 20
WHAT = {
    "model.txt": "the model, LightGBM text",
    "signature.json": "its features, classes, self-test",
    "features.json": "the fitted transform",
    "profile.json": "reference for drift: features and scores",
    "contract.json": "ranges and categories that requests may have",
    "gates.json": "the gates it passed",
    "settings.json": "limits of the service",
    "lineage.json": "every stage before, by hash",
}


def table_package(model: Model) -> pd.DataFrame:
    """List the files of a package: what each is, its size in bytes and its SHA-256."""
    files = model.manifest["files"]
    rows = [  # the first digits tell files apart; `toolkit lineage` has all
        {
            "file": name,
            "what": WHAT.get(name, ""),
            "bytes": (model.folder / name).stat().st_size,
            "sha256": digest[:16],
        }
        for name, digest in files.items()
    ]
    return pd.DataFrame(rows).set_index("file")


def table_gates(gates: Mapping[str, Any]) -> pd.DataFrame:
    """List the gates, their limits and whether they were passed."""
    columns = ["name", "value", "limit", "passed"]
    return pd.DataFrame(gates["gates"], columns=columns).set_index("name")


def table_bento(model: Model, bento: Path) -> pd.Series:
    """Show the Bento's tag and what is in it: number of files and their size, without what the build adds."""
    source = bento / "src"
    sizes = [
        path.stat().st_size for path in source.rglob("*") if path.is_file() and path.name != "build.json"
    ]
    values = {"tag": model.version, "files": len(sizes), "kB": round(sum(sizes) / 1000), "task": model.task}
    return pd.Series(values, name="Bento")


def table_head(predictions: pa.Table, rows: int = 5) -> pd.DataFrame:
    """Show the first predictions: the key, what was predicted, and the true label if there is one."""
    features = set(predictions.column_names[: _outputs_begin(predictions)])
    frame = predictions.slice(0, rows).to_pandas()
    keep = [name for name in frame.columns if name not in features or name == frame.columns[0]]
    return frame[keep]


def table_counts(predictions: pa.Table) -> pd.DataFrame:
    """Count the predicted labels (and true ones); for regression, the quantiles of the values."""
    frame = predictions.to_pandas()
    if "label" not in frame:
        names = [name for name in ("value", "true_label") if name in frame]
        return frame[names].describe().round(6)
    counts = {"predicted": frame["label"].value_counts()}
    if "true_label" in frame:
        counts["true"] = frame["true_label"].value_counts()
    return pd.DataFrame(counts).fillna(0).astype(int).sort_index().rename_axis("label")


def plot_scores(predictions: pa.Table, classes: tuple[str, ...]) -> Figure:
    """Plot the histogram of the last class's probability (of each, if there are more than two), or of the values."""
    figure, axes = new_figure(7.0, 3.0)
    if not classes:
        axes.hist(predictions["value"].to_numpy(), bins=HISTOGRAM_BINS, color=COLORS[0])
        axes.set(xlabel="predicted value", ylabel="rows", title="Predicted values")
        return figure
    edges = np.linspace(0, 1, HISTOGRAM_BINS + 1)
    shown = classes[-1:] if len(classes) == 2 else classes
    for color, name in zip(COLORS, shown, strict=False):
        axes.hist(
            predictions[f"p_{name}"].to_numpy(),
            bins=edges,
            histtype="step",
            linewidth=1.8,
            color=color,
            label=name,
        )
    axes.set(
        xlabel="probability",
        ylabel="rows",
        title=f"Probability of {shown[0]}" if len(shown) == 1 else "Probabilities",
    )
    if len(shown) > 1:
        axes.legend()
    return figure


def summarize_predictions(predictions: pa.Table) -> dict[str, Any]:
    """Measure what a metrics file holds: rows, rows by label, and the share that equals the true label."""
    frame = predictions.to_pandas()
    summary: dict[str, Any] = {"rows": len(frame)}
    if "label" not in frame:
        summary |= {
            "mean": float(frame["value"].mean()),
            "standard_deviation": float(frame["value"].std(ddof=0)),
        }
    else:
        summary["by_label"] = {
            name: int(count) for name, count in sorted(frame["label"].value_counts().items())
        }
    if "true_label" in frame and "label" in frame:
        known = frame["true_label"].notna()
        if known.any():
            summary["accuracy"] = float((frame["label"] == frame["true_label"])[known].mean())
    return summary


def summarize_package(model: Model) -> dict[str, Any]:
    """Measure what a metrics file holds: size of the package, trees and features of the model."""
    files = model.manifest["files"]
    return {
        "bytes": sum((model.folder / name).stat().st_size for name in files),
        "files": len(files),
        "features": len(model.inputs),
        "trees": model.signature["num_trees"],
    }


def table_outputs(record: Mapping[str, Any]) -> pd.Series:
    """List what the stage has written, with the hash of each."""
    return pd.Series(record["outputs"], name="hash").rename_axis("output")


def _outputs_begin(predictions: pa.Table) -> int:
    names = predictions.column_names
    return names.index("label" if "label" in names else "value")
