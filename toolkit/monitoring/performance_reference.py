"""What a model did on held-out rows, packaged with it: the figure, the errors, and the calibration of its scores."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from toolkit.artifacts import load_json
from toolkit.errors import DriftError
from toolkit.metrics import list_metrics
from toolkit.monitoring.calibration import Table, fit_tables, parse_table, table_to_dict
from toolkit.monitoring.cells import Cells
from toolkit.monitoring.intervals import measure_performance
from toolkit.monitoring.outcomes import fit_outcome_profile
from toolkit.monitoring.performance import CONFIDENCE, Performance
from toolkit.monitoring.profile import Profile

SCHEMA = 1
FloatArray = NDArray[np.float64]


@dataclass(frozen=True, eq=False)
class PerformanceReference:
    """What live rows are compared with.

    Attributes
    ----------
    performance : Performance
        The gates' metric on the held-out rows.
    outcomes : Profile
        Their errors (:func:`toolkit.monitoring.outcomes.fit_outcome_profile`), for a detector of group ``performance``.
    tables : tuple of Table
        Their calibration (:func:`toolkit.monitoring.calibration.fit_tables`), for
        :func:`toolkit.monitoring.estimate.estimate_performance`.
    """

    performance: Performance
    outcomes: Profile
    tables: tuple[Table, ...]

    @property
    def metric(self) -> str:
        """The gates' metric."""
        return self.performance.metric

    def check_profile(self, profile: Profile) -> None:
        """Check that it was made with the cells of a profile's predictions; else DriftError."""
        sizes = {cells.name: cells.size - 1 for cells in profile.predictions}
        if strange := [table.column for table in self.tables if sizes.get(table.column) != len(table.rows)]:
            raise DriftError(
                f"The calibration of {', '.join(strange)} must be by the cells of the reference profile and is not. "
                "Run './run dvc repro package' to make both anew."
            )

    def to_dict(self) -> dict[str, Any]:
        """Give it as values that JSON can hold."""
        figure = self.performance.to_dict()
        return {
            "schema": SCHEMA,
            **{name: figure[name] for name in ("metric", "value", "low", "high", "confidence", "rows")},
            "outcomes": self.outcomes.to_dict(),
            "calibration": [table_to_dict(table) for table in self.tables],
        }

    @classmethod
    def from_dict(cls, values: Any) -> PerformanceReference:
        """Take it from what :meth:`to_dict` gave.

        Raises
        ------
        DriftError
            It is something else; the message says what.
        """
        if not isinstance(values, Mapping) or values.get("schema") != SCHEMA:
            found = values.get("schema") if isinstance(values, Mapping) else type(values).__name__
            raise DriftError(
                f'It must be a JSON object with "schema": {SCHEMA}. Got {found!r} instead. '
                "Run './run dvc repro package' to make it anew."
            )
        tables = values.get("calibration")
        if not isinstance(tables, list) or not tables:
            raise DriftError("calibration must be a list of at least one table.")
        return cls(
            _parse_figure(values),
            Profile.from_dict(values.get("outcomes")),
            tuple(parse_table(table, f"calibration[{index}]") for index, table in enumerate(tables)),
        )


def fit_reference(
    target: FloatArray,
    prediction: FloatArray,
    classes: Sequence[str],
    predictions: Sequence[Cells],
    *,
    metric: str,
    confidence: float = CONFIDENCE,
) -> PerformanceReference:
    """Describe what the model did on held-out rows.

    Parameters
    ----------
    target, prediction : ndarray
        Class indexes (n,) and probabilities (n, classes), or true and predicted values (n,). The rows must be of the
        split ``test``: on ``valid``, by which training chose when to stop, the model looks better than it is.
    classes : sequence of str
        In the order of the columns; empty for regression.
    predictions : sequence of Cells
        Of the model's scores (:func:`toolkit.monitoring.profile.fit_scores`), which live rows are counted by.
    metric : str
        The gates'.
    confidence : float
        Of its interval.
    """
    value, low, high = measure_performance(metric, target, prediction, confidence)
    if math.isnan(value):
        raise DriftError(f"{metric} is not defined on the held-out rows: they do not have every class.")
    return PerformanceReference(
        Performance(metric, value, low, high, confidence, len(target)),
        fit_outcome_profile(target, prediction, classes),
        fit_tables(target, prediction, classes, predictions),
    )


def load_reference(path: Path) -> PerformanceReference:
    """Read it from a JSON file; a DriftError names the file and what is wrong in it."""
    try:
        return PerformanceReference.from_dict(load_json(path))
    except DriftError as error:
        raise DriftError(f"{path}: {error}") from None


def _parse_figure(values: Mapping[str, Any]) -> Performance:
    metric, rows = values.get("metric"), values.get("rows")
    if metric not in (*list_metrics("binary"), *list_metrics("regression")):
        raise DriftError(f"metric must be one that the toolkit knows. Got {metric!r} instead.")
    numbers = [values.get(name) for name in ("value", "low", "high", "confidence")]
    finite = all(isinstance(number, int | float) and math.isfinite(number) for number in numbers)
    if not finite or type(rows) is not int or rows < 1:
        raise DriftError("value, low, high and confidence must be finite numbers, and rows a number from 1.")
    value, low, high, confidence = (float(number) for number in numbers if number is not None)
    return Performance(str(metric), value, low, high, confidence, rows)
