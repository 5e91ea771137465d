"""Tables and plots of the notebook annotate."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit.data.agreement import AnnotatorRecord, PairAgreement
from toolkit.data.annotations import Annotation
from toolkit.data.label_book import Statuses
from toolkit.data.label_quality import Quality
from toolkit.views.style import COLORS, INK, new_figure, new_note

MOST_CLASSES_IN_PLOT = 12  # cells of a larger confusion matrix carry no figures


def table_annotations(annotations: Sequence[Annotation], rows: int = 5) -> pd.DataFrame:
    """Show the first annotations."""
    names = ["key", "annotator", "label", "task_id", "created_at", "lead_time"]
    return pd.DataFrame([{name: getattr(a, name) for name in names} for a in annotations[:rows]])


def table_statuses(found: Statuses, classes: Sequence[str]) -> pd.DataFrame:
    """Count rows by how they got their label, and by class; then those that got none."""
    columns = list(classes) or ["value"]
    statuses = ("agreed", "majority", "tie", "unlabelled")
    cells = {
        status: {column: found.counts.get((status, column), 0) for column in columns} for status in statuses
    }
    frame = pd.DataFrame.from_dict(cells, orient="index").rename_axis("status")
    frame["rows"] = frame.sum(axis=1)
    frame.loc["tie", "rows"] = found.ties
    frame.loc["unlabelled", "rows"] = found.unlabelled
    return frame


def table_annotators(records: Sequence[AnnotatorRecord]) -> pd.DataFrame:
    """List each annotator's answers, and how many of them the row's label confirms."""
    rows = {
        record.annotator: {
            "answers": record.answers,
            "skipped": record.skipped,
            "with others": record.checked,
            "confirmed": _percent(record.agreeing),
            "median seconds": "" if record.seconds is None else f"{record.seconds:.1f}",
        }
        for record in records
    }
    return pd.DataFrame.from_dict(rows, orient="index").rename_axis("annotator")


def table_pairs(pairs: Sequence[PairAgreement]) -> pd.DataFrame:
    """List the agreement of each two annotators; kappa is 1 for full agreement, 0 for chance."""
    rows = [
        (
            f"{p.first} and {p.second}",
            p.rows,
            _percent(p.observed),
            "" if p.kappa is None else f"{p.kappa:.3f}",
        )
        for p in pairs
    ]
    return pd.DataFrame(rows, columns=["pair", "rows", "same answer", "Cohen's kappa"]).set_index("pair")


def plot_confusion(records: Sequence[AnnotatorRecord], classes: Sequence[str]) -> Figure:
    """Plot, for each annotator, the share of each label's rows (down) that got each answer (across)."""
    shown = [record for record in records if record.confusion]
    if not shown:
        return new_note("No row has answers of several annotators that could be compared by class.")
    height = max(2.2, 0.35 * len(classes) + 1.4)
    figure, grid = new_figure(max(3.0, 2.9 * len(shown)), height, columns=len(shown), squeeze=False)
    for place, (axes, record) in enumerate(zip(grid[0], shown, strict=True)):
        counts = np.array(
            [[record.confusion.get((label, answer), 0) for answer in classes] for label in classes]
        )
        shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
        axes.imshow(shares, cmap="Blues", vmin=0, vmax=1)
        ticks = range(len(classes))
        axes.set(title=record.annotator, xlabel="answer", xticks=ticks, yticks=ticks)
        axes.set_xticklabels(classes, rotation=90 if len(classes) > 3 else 0)
        axes.set_yticklabels(classes if place == 0 else [])
        axes.set_ylabel("label" if place == 0 else "")
        axes.grid(visible=False)
        if len(classes) <= MOST_CLASSES_IN_PLOT:
            for row, column in np.ndindex(*counts.shape):
                color = "white" if shares[row, column] > 0.5 else "black"
                axes.text(
                    column, row, str(counts[row, column]), ha="center", va="center", color=color, fontsize=9
                )
    return figure


def table_suspects(quality: Quality, rows: int = 10) -> pd.DataFrame:
    """List the most suspect labels, with the label that the models expect."""
    order = [row for row in np.argsort(-quality.scores, kind="stable") if quality.suspected[row]][:rows]
    return pd.DataFrame(
        {
            "row": [quality.keys[row] for row in order],
            "given": [quality.given[row] for row in order],
            "likely": [quality.likely[row] for row in order],
            "score": [f"{quality.scores[row]:.3f}" for row in order],
        },
        index=pd.RangeIndex(1, len(order) + 1, name="rank"),
    )


def plot_scores(quality: Quality, wrong: np.ndarray | None) -> Figure:
    """Plot every label's score in order of rank; known wrong labels stand out, suspects are left of the line."""
    order = np.argsort(-quality.scores, kind="stable")
    ranks = np.arange(1, len(order) + 1)
    figure, axes = new_figure(7.0, 3.0)
    axes.plot(ranks, quality.scores[order], ".", color=COLORS[0], markersize=4, label="label")
    if wrong is not None:
        hit = wrong[order]
        axes.plot(
            ranks[hit],
            quality.scores[order][hit],
            "o",
            color=COLORS[1],
            markersize=4,
            label="known to be wrong",
        )
    count = int(quality.suspected.sum())
    axes.axvline(count + 0.5, color=INK, linestyle=":", label=f"{count} suspects")
    axes.set(xlabel="rank", ylabel="score", title="How suspect each label is", ylim=(-0.03, 1.03))
    axes.legend()
    return figure


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"
