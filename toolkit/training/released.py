"""The released model's predictions for the rows that the new one is judged on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from toolkit.columns import ParquetColumns
from toolkit.errors import ToolkitError
from toolkit.training.dataset import Prepared

FEWEST_ROWS = 30  # a comparison on fewer rows says nothing
FindTest = Callable[[Mapping[str, Any], Mapping[str, Any]], np.ndarray | None]


@dataclass(frozen=True, eq=False)
class Released:
    """What the released model predicts for the rows of test, and which of these it may be judged on.

    Attributes
    ----------
    prediction : ndarray
        Probabilities (n, classes) in the order of the task's classes, or values (n,).
    unseen : ndarray of bool (n,), optional
        The rows that it was not trained on; None: all.
    note : str
        Why these are not all, as a sentence; empty if they are.
    """

    prediction: np.ndarray
    unseen: np.ndarray | None = None
    note: str = ""


def predict_released(
    folder: Path, data: Prepared, load: Callable[[Path], Any], find_test: FindTest
) -> Released | str | None:
    """Predict the test split with the released model, from raw columns through its own features.

    Parameters
    ----------
    folder : Path
        Holds the files of a packaged model, or none of them.
    data : Prepared
        With the split test.
    load : callable
        Loads the model of a folder: :func:`toolkit.serving.model.load_released`. It is handed in because training knows
        nothing of serving.
    find_test : callable
        Tells from a split rule and columns which rows were in test: :func:`toolkit.data.split_rules.find_test_rows`.

    Returns
    -------
    Released, str or None
        A sentence if the model cannot predict these rows. None if the folder holds no model.
    """
    if not (folder / "manifest.json").exists():
        return None
    try:
        model = load(folder)
        if model.task != data.task.kind or set(model.classes) != set(data.task.classes):
            task = _name(data.task.kind, data.task.classes)
            return f"it predicts {_name(model.task, model.classes)}, and the task is {task}."
        predictions = model.predict(ParquetColumns([data["test"].path], list(model.inputs)))
    except ToolkitError as error:
        return str(error)
    if predictions.probabilities is None:
        prediction = np.asarray(predictions.values)
    else:
        prediction = predictions.probabilities[:, [model.classes.index(name) for name in data.task.classes]]
    return Released(prediction, *_find_unseen(model.signature.get("split") or {}, data, find_test))


def _find_unseen(
    rule: Mapping[str, Any], data: Prepared, find_test: FindTest
) -> tuple[np.ndarray | None, str]:
    """Find the rows of test that were in test as well when the released model was trained, and say why not all."""
    if rule == data.task.split:
        return None, ""
    rows = len(data["test"])
    if not rule:
        return (
            None,
            "By which rule the released model's rows were split is not on record: it may know some of these.",
        )
    table = pq.read_table(data["test"].path)
    unseen = find_test(rule, {name: table[name] for name in table.column_names})
    changed = ", ".join(
        sorted(key for key in {**rule, **data.task.split} if rule.get(key) != data.task.split.get(key))
    )
    note = f"Rows are split otherwise than when the released model was trained ({changed})"
    if unseen is None:
        return np.zeros(rows, dtype=bool), f"{note}, and which of these rows it knows cannot be told."
    if unseen.all():
        return None, ""
    return (
        unseen,
        f"{note}: of the {rows:,} rows of test, {int(unseen.sum()):,} are sure to be new to both models.",
    )


def _name(kind: str, classes: Any) -> str:
    return f"{kind} ({', '.join(classes)})" if classes else kind
