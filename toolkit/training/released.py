"""The released model's predictions for the rows that the new one is judged on."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.columns import ParquetColumns
from toolkit.errors import ToolkitError
from toolkit.training.dataset import Prepared


def predict_released(folder: Path, data: Prepared, load: Callable[[Path], Any]) -> np.ndarray | str | None:
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

    Returns
    -------
    ndarray, str or None
        Probabilities (n, classes) in the order of the task's classes, or values (n,). A sentence if the model cannot
        predict these rows. None if the folder holds no model.
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
        return np.asarray(predictions.values)
    return predictions.probabilities[:, [model.classes.index(name) for name in data.task.classes]]


def _name(kind: str, classes: Any) -> str:
    return f"{kind} ({', '.join(classes)})" if classes else kind
