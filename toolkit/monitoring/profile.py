"""The reference profile: what training data and the model's scores looked like, as a few counts."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.errors import DriftError
from toolkit.monitoring.cell_fit import fit_cells, histogram_cells
from toolkit.monitoring.cells import CellGroup, Cells, Column, IntArray
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.dependence import measure_dependence
from toolkit.monitoring.profile_json import (
    cells_to_dict,
    parse_cells,
    parse_cells_list,
    scores_from_list,
    scores_to_list,
)
from toolkit.monitoring.shares import Shares

__all__ = [
    "Counts",
    "Profile",
    "fit_profile",
    "fit_scores",
    "load_profile",
    "scores_from_list",
    "scores_to_list",
]

SCHEMA = 1
SCORE_BINS = 20  # cells of the histogram of a class's probability


@dataclass(frozen=True)
class Profile:
    """Counts of the reference rows: per feature, of the true labels, and of the model's predictions.

    Attributes
    ----------
    features : tuple of Cells
        One for each raw feature, in the order of the training table.
    label : Cells or None
        The mix (or, for regression, the quantiles) of the true labels.
    predictions : tuple of Cells
        ``label``, the predicted one, and ``p_<class>`` for each class (only the second of two); for
        regression ``value``. Empty until :func:`fit_scores` has seen a model's predictions.

    Examples
    --------
    >>> profile = fit_profile({"size": [1.0, 2.0, 3.0, None]}, {"size": "number"}, bins=3)
    >>> profile.count({"size": [0.5, 2.5, None]}).features.tolist()
    [1, 0, 1, 1]
    """

    features: tuple[Cells, ...]
    label: Cells | None = None
    predictions: tuple[Cells, ...] = ()

    @property
    def rows(self) -> int:
        """Reference rows of the features."""
        return max((sum(cells.counts) for cells in self.features), default=0)

    @cached_property
    def id(self) -> str:
        """Sixteen hex digits that change with the profile: counts of different profiles never mix."""
        return hashlib.sha256(json.dumps(self.to_dict(), sort_keys=True).encode()).hexdigest()[:16]

    @cached_property
    def feature_group(self) -> CellGroup:
        """The features' cells in one array."""
        return CellGroup(self.features)

    @cached_property
    def prediction_group(self) -> CellGroup:
        """The predictions' cells in one array."""
        return CellGroup(self.predictions)

    def with_scores(self, scores: Sequence[Cells]) -> Profile:
        """Give the profile of the same features with the predictions of :func:`fit_scores`."""
        return replace(self, predictions=tuple(scores))

    def with_independent_rows(self) -> Profile:
        """Take rows for independent of those before them where that was not measured: nothing is learnt first then.

        Drift alarms still notice after some thousand rows where they depend on each other all the same.
        """

        def free(cells: Cells) -> Cells:
            if cells.design_effect is not None:
                return cells
            return replace(cells, design_effect=1.0, swing=(0.0,) * len(Shares(CellGroup([cells]))))

        label = None if self.label is None else free(self.label)
        return Profile(tuple(map(free, self.features)), label, tuple(map(free, self.predictions)))

    def count(self, columns: Mapping[str, Column], predictions: Mapping[str, Column] | None = None) -> Counts:
        """Count a block of rows.

        Parameters
        ----------
        columns : mapping
            The raw features by name, each a list or array of n values; None and NaN are missing. Columns that
            the profile does not know are passed over.
        predictions : mapping, optional
            ``label`` and ``p_<class>`` (or ``value``) of the same rows.

        Raises
        ------
        DriftError
            A column is missing, of another length, or not of its kind.
        """
        features = self.feature_group.count(columns)
        rows = int(features[self.feature_group.slice(0)].sum())
        scored: IntArray = np.zeros(self.prediction_group.size, dtype=np.int64)
        if predictions is not None and self.predictions:
            scored = self.prediction_group.count(predictions)
            scored_rows = int(scored[self.prediction_group.slice(0)].sum())
            if scored_rows != rows:
                raise DriftError(f"There must be one prediction per row. Got {scored_rows} for {rows} rows.")
        return Counts(self.id, rows, features, scored)

    def no_rows(self) -> Counts:
        """Give the counts of nothing: where a sum begins."""
        empty = np.zeros(self.feature_group.size, np.int64), np.zeros(self.prediction_group.size, np.int64)
        return Counts(self.id, 0, *empty)

    def check_counts(self, counts: Counts) -> None:
        """Check that counts are of this profile.

        Raises
        ------
        DriftError
            They are of another one.
        """
        sizes = self.feature_group.size, self.prediction_group.size
        if counts.profile != self.id or (len(counts.features), len(counts.predictions)) != sizes:
            raise DriftError(
                f"Counts must be of the reference profile {self.id}. Got those of {counts.profile}: "
                "they were counted for another model version."
            )

    def to_dict(self) -> dict[str, Any]:
        """Give the profile as values that JSON can hold."""
        return {
            "schema": SCHEMA,
            "features": [cells_to_dict(cells) for cells in self.features],
            "label": cells_to_dict(self.label) if self.label else None,
            "predictions": scores_to_list(self.predictions),
        }

    @classmethod
    def from_dict(cls, values: Any) -> Profile:
        """Take the profile from what :meth:`to_dict` gave.

        Raises
        ------
        DriftError
            It is something else; every finding is named.
        """
        if not isinstance(values, Mapping) or values.get("schema") != SCHEMA:
            found = values.get("schema") if isinstance(values, Mapping) else type(values).__name__
            raise DriftError(
                f'A reference profile must be a JSON object with "schema": {SCHEMA}. Got {found!r} instead. '
                "Run './run dvc repro package' to make it anew."
            )
        findings: list[str] = []
        features = parse_cells_list(values.get("features"), "features", findings)
        predictions = parse_cells_list(values.get("predictions", []), "predictions", findings)
        label = values.get("label")
        parsed_label = parse_cells(label, "label", findings) if label is not None else None
        if not features and not findings:
            findings.append("features: must have at least one")
        if findings:
            raise DriftError(
                "The reference profile is damaged:\n" + "\n".join(f"  {text}" for text in findings)
            )
        return cls(features, parsed_label, predictions)


def load_profile(path: Path) -> Profile:
    """Read a profile from a JSON file; a DriftError names the file and what is wrong in it."""
    try:
        return Profile.from_dict(load_json(path))
    except DriftError as error:
        raise DriftError(f"{path}: {error}") from None


def fit_profile(
    columns: Mapping[str, Column],
    kinds: Mapping[str, str],
    bins: int,
    labels: Column | None = None,
    times: Column | None = None,
) -> Profile:
    """Describe reference rows.

    Parameters
    ----------
    columns : mapping
        Raw values by feature name, m of each; None and NaN are missing.
    kinds : mapping
        Kind by feature name (number, integer, boolean, category, text); these are described, in this order. Texts are
        described by their length. Those of kind time are left out: a time always moves on.
    bins : int
        Quantile bins per number.
    labels : sequence, optional
        True labels of the same rows: texts for classification, numbers for regression.
    times : sequence, optional
        When each row was (datetime64, or numbers that grow with time; NaT and NaN: not known). Then it is measured how
        rows depend on those before them, and drift alarms need not learn that from live rows.

    Raises
    ------
    DriftError
        There are no features or rows, a column is missing or not of its kind.
    """
    if not kinds:
        raise DriftError(
            "A reference profile needs at least one feature. Got none: check which columns are excluded."
        )
    kinds = {name: kind for name, kind in kinds.items() if kind != "time"}
    missing = [name for name in kinds if name not in columns]
    if missing:
        raise DriftError(f"The reference rows must have the columns {', '.join(missing)} and do not.")
    order = None if times is None else _sort_times(times)
    features, lengths = [], set() if times is None else {len(times)}
    for name, kind in kinds.items():  # a column of many rows is read once, and is not kept
        values = columns[name]
        lengths.add(len(values))
        if len(lengths) == 1:
            features.append(_describe(name, kind, values, bins, order))
    if lengths == {0} or len(lengths) > 1:
        raise DriftError(
            f"A reference profile needs columns of one length with at least one row. Got {sorted(lengths)}."
        )
    label = None
    if labels is not None:
        texts = any(isinstance(value, str) for value in labels)
        label = _describe("label", "category" if texts else "number", labels, bins, order)
    return Profile(tuple(features), label)


def _describe(name: str, kind: str, values: Column, bins: int, order: IntArray | None) -> Cells:
    cells = fit_cells(name, kind, values, bins)
    return cells if order is None else measure_dependence(cells, values, order)


def _sort_times(times: Column) -> IntArray:
    """Positions of the rows whose time is known, the earliest first."""
    found = np.asarray(times)
    known = ~(np.isnat(found) if found.dtype.kind == "M" else np.isnan(found))
    return np.argsort(found, kind="stable")[: np.count_nonzero(known)]


def fit_scores(scores: Any, classes: Sequence[str] = (), bins: int = SCORE_BINS) -> tuple[Cells, ...]:
    """Describe a model's predictions on reference rows.

    Parameters
    ----------
    scores : array
        Probabilities, shape (n, number of classes); for two classes also (n,), of the second. For regression
        (no ``classes``) the predicted values, shape (n,).
    classes : sequence of str
        In the order of the columns of ``scores``; empty for regression.
    bins : int
        Cells per class (equal width) or quantile bins of the values.

    Returns
    -------
    tuple of Cells
        For :meth:`Profile.with_scores`, and for JSON by :func:`scores_to_list`.
    """
    values = np.asarray(scores, dtype=np.float64)
    if not classes:
        return (fit_cells("value", "number", values, bins),)
    if values.ndim == 1 and len(classes) == 2:
        values = np.column_stack([1 - values, values])
    if values.ndim != 2 or values.shape[1] != len(classes):
        raise DriftError(
            f"Probabilities must have a column for each of {', '.join(classes)}. Got shape {values.shape}."
        )
    predicted = [classes[index] for index in values.argmax(axis=1)]
    told = range(len(classes))[1 if len(classes) == 2 else 0 :]  # of two classes one tells all
    label = fit_cells("label", "category", predicted, bins)
    return (label, *(histogram_cells(f"p_{classes[index]}", values[:, index], bins) for index in told))
