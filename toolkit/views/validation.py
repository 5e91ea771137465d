"""Tables and plots of the notebook validate."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from matplotlib.figure import Figure

from toolkit.training.curves import measure_precision_recall, measure_roc
from toolkit.training.evaluate import SLICE_ROWS, Calibration, Evaluation, Slice, count_confusion
from toolkit.training.gates import Gate
from toolkit.views.stages import write_table
from toolkit.views.style import COLORS, INK, SEQUENTIAL, new_figure, write_figure


def table_metrics(evaluation: Evaluation, confidence: float) -> pd.DataFrame:
    """List the metrics with their intervals."""
    rows = {name: metric.to_dict() for name, metric in evaluation.metrics.items()}
    frame = pd.DataFrame.from_dict(rows, orient="index").rename_axis("metric").astype(float).round(4)
    return frame.rename(columns={"low": f"{confidence:.0%} from", "high": "to"})


def table_gates(gates: Sequence[Gate]) -> pd.DataFrame:
    """List the gates: passed or not, and why."""
    rows = [
        {"gate": gate.name, "passed": "yes" if gate.passed else "NO", "why": gate.message} for gate in gates
    ]
    pd.set_option("display.max_colwidth", None)  # the reason is there to be read to its end
    return pd.DataFrame(rows).set_index("gate")


def table_slices(slices: Sequence[Slice], metric: str) -> Any:
    """List the slices: how many rows each has, and the metric on them; a sentence if there is none."""
    if not slices:
        from IPython.display import Markdown

        return Markdown(
            f"There is no slice: no category or boolean column has a value in {SLICE_ROWS} test rows or more."
        )
    columns = ["feature", "value", "rows", metric]
    return pd.DataFrame([(s.feature, s.value, s.rows, round(s.metric, 4)) for s in slices], columns=columns)


def table_calibration(calibration: Calibration) -> pd.DataFrame:
    """List the groups of rows: what the model says on average, and what was true."""
    frame = pd.DataFrame(
        {"rows": calibration.rows, "predicted": calibration.predicted, "observed": calibration.observed}
    )
    return frame.set_axis(pd.RangeIndex(1, len(frame) + 1, name="group"))


def table_rows(evaluation: Evaluation) -> pd.DataFrame:
    """Give each test row's true and predicted label (or value)."""
    if evaluation.prediction.ndim == 1:
        return pd.DataFrame({"actual": evaluation.target, "predicted": evaluation.prediction}).rename_axis(
            "row"
        )
    names = np.asarray(evaluation.task.classes)
    predicted = names[evaluation.prediction.argmax(axis=1)]
    return pd.DataFrame({"actual": names[evaluation.target.astype(int)], "predicted": predicted}).rename_axis(
        "row"
    )


def plot_scores(evaluation: Evaluation) -> Figure:
    """Plot ROC and precision-recall curves; for regression the predicted value over the true one."""
    if evaluation.prediction.ndim == 1:
        return _plot_values(evaluation)
    figure, (left, right) = new_figure(7.2, 3.5, 1, 2)
    target, prediction, classes = evaluation.target, evaluation.prediction, evaluation.task.classes
    roc = measure_roc(target, prediction, classes)
    recalls = measure_precision_recall(target, prediction, classes)
    for name, color in zip(roc, _colors(len(roc)), strict=True):
        left.plot(*roc[name], color=color, label=name)
        right.step(*recalls[name], where="post", color=color, label=name)
    left.plot([0, 1], [0, 1], color=INK, linestyle=":", linewidth=1.2)
    left.set(xlabel="false positive rate", ylabel="true positive rate", title="ROC")
    right.set(xlabel="recall", ylabel="precision", title="Precision and recall", ylim=(0, 1.03))
    right.legend(loc="lower left", title="class" if len(roc) > 1 else "positive class")
    return figure


def plot_calibration(calibration: Calibration, evaluation: Evaluation) -> Figure:
    """Plot what was true over what the model says; on the dotted line the two agree."""
    figure, axes = new_figure(4.2, 3.6)
    low = min(calibration.predicted.min(), calibration.observed.min())
    high = max(calibration.predicted.max(), calibration.observed.max())
    if evaluation.prediction.ndim == 2:
        low, high = 0.0, 1.0
    axes.plot([low, high], [low, high], color=INK, linestyle=":", linewidth=1.2)
    sizes = 20 + 100 * calibration.rows / calibration.rows.max()
    axes.plot(calibration.predicted, calibration.observed, color=COLORS[0], linewidth=1)
    axes.scatter(calibration.predicted, calibration.observed, s=sizes, color=COLORS[0])
    axes.set(xlabel="predicted, mean of group", ylabel="observed", title="Calibration")
    return figure


def plot_mistakes(evaluation: Evaluation) -> Figure:
    """Plot the counts of true and predicted classes; for regression the error over the predicted value."""
    return _plot_errors(evaluation) if evaluation.prediction.ndim == 1 else _plot_confusion(evaluation)


def write_plots(folder: Path, evaluation: Evaluation, calibration: Calibration) -> None:
    """Write the plots as SVG for people, and their points as CSV for ``dvc plots``."""
    write_figure(plot_scores(evaluation), folder / "scores.svg", alt="what the model says, and what is true")
    write_figure(plot_calibration(calibration, evaluation), folder / "calibration.svg", alt="calibration")
    write_table(folder / "calibration.csv", table_calibration(calibration))
    write_table(folder / "predicted.csv", table_rows(evaluation))
    write_figure(plot_mistakes(evaluation), folder / "mistakes.svg", alt="where the model errs")


def _plot_values(evaluation: Evaluation) -> Figure:
    figure, axes = new_figure(4.6, 4.2)
    ends = [
        min(evaluation.target.min(), evaluation.prediction.min()),
        max(evaluation.target.max(), evaluation.prediction.max()),
    ]
    axes.plot(ends, ends, color=INK, linestyle=":", linewidth=1.2)
    axes.plot(evaluation.target, evaluation.prediction, "o", color=COLORS[0], markersize=4, alpha=0.6)
    axes.set(xlabel="true value", ylabel="predicted value", title="Predicted and true values")
    return figure


def _plot_confusion(evaluation: Evaluation) -> Figure:
    """Colour is the share of the true class."""
    counts = count_confusion(evaluation.target, evaluation.prediction)
    classes = evaluation.task.classes
    size = 1.6 + 0.75 * len(classes)
    figure, axes = new_figure(size + 1.2, size)
    shares = counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)
    axes.imshow(shares, cmap=SEQUENTIAL, vmin=0, vmax=1)
    for row, column in np.ndindex(*counts.shape):
        color = "black" if shares[row, column] > 0.5 else "white"
        axes.text(column, row, f"{counts[row, column]}", ha="center", va="center", color=color)
    axes.grid(visible=False)
    axes.set_xticks(range(len(classes)), classes)
    axes.set_yticks(range(len(classes)), classes)
    axes.set(xlabel="predicted", ylabel="true", title="Confusion")
    return figure


def _plot_errors(evaluation: Evaluation) -> Figure:
    figure, axes = new_figure(4.6, 3.6)
    axes.axhline(0, color=INK, linestyle=":", linewidth=1.2)
    errors = evaluation.prediction - evaluation.target
    axes.plot(evaluation.prediction, errors, "o", color=COLORS[0], markersize=4, alpha=0.6)
    axes.set(xlabel="predicted value", ylabel="predicted less true value", title="Errors")
    return figure


def _colors(count: int) -> list[Any]:
    if count <= len(COLORS):
        return list(COLORS[:count])
    import matplotlib as mpl

    return [mpl.colormaps[SEQUENTIAL](index / (count - 1)) for index in range(count)]
