"""The fitted transform: raw columns in, the model's matrix out, one row or a million with the same bits."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.errors import FeatureError, suggest
from toolkit.features.encode import KINDS, WANTED, NotOfKindError, encode_column, make_encoder

Column = np.ndarray | Sequence[Any]
SCHEMA = 1
REFIT = "Run './run dvc repro prepare' to fit the features anew."


@dataclass(frozen=True)
class Feature:
    """A raw column that the model uses: its kind, its categories by code, whether training rows lacked it."""

    name: str
    kind: str
    categories: tuple[str, ...] = ()
    missing: bool = False

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise FeatureError(
                f"The kind of feature '{self.name}' must be one of {', '.join(KINDS)}. Got '{self.kind}'."
            )
        if len(set(self.categories)) != len(self.categories):
            raise FeatureError(
                f"The categories of feature '{self.name}' must differ, and some do not. {REFIT}"
            )


class Features:
    """Raw columns to the float64 matrix that the model is trained on and asked with.

    A number, integer or boolean is itself; a category is the position of its text among the sorted
    categories of the training rows. What is missing, or was unseen, is NaN, which LightGBM takes as missing.

    >>> columns = {"size": [1.5, None], "shape": ["round", "flat"]}
    >>> features = Features.fit(columns, {"size": "number", "shape": "category"})
    >>> features.row({"size": 2, "shape": "round"})
    array([2., 1.])
    >>> features.matrix({"size": [2.0, 3.0], "shape": ["round", "oval"]})
    array([[ 2.,  1.],
           [ 3., nan]])
    """

    def __init__(self, features: Sequence[Feature]) -> None:
        if not features:
            raise FeatureError("There must be at least one feature and there is none. Check collect.exclude.")
        self.features = tuple(features)
        self.names = tuple(feature.name for feature in features)
        if len(set(self.names)) != len(self.names):
            raise FeatureError(f"Feature names must differ, and some do not. {REFIT}")
        self.inputs = {feature.name: feature.kind for feature in features}
        self.categorical = tuple(
            index for index, feature in enumerate(features) if feature.kind == "category"
        )
        self._encoders = [
            (feature.name, make_encoder(feature.kind, feature.categories)) for feature in features
        ]

    @classmethod
    def fit(cls, columns: Mapping[str, Column], kinds: Mapping[str, str]) -> Features:
        """Learn the features from training rows, in the order of ``kinds``.

        Parameters
        ----------
        columns : Mapping
            The raw columns by name, of equal length; others than those in ``kinds`` are not looked at.
        kinds : Mapping
            number, integer, boolean or category, by name.

        Raises
        ------
        FeatureError
            A column is missing, or a value is not of its kind (all columns' first findings).
        """
        learnt = [Feature(name, kind, _learn_categories(name, kind, columns)) for name, kind in kinds.items()]
        matrix = cls(learnt).matrix(columns)
        lacks = np.isnan(matrix).any(axis=0)
        return cls([replace(f, missing=bool(lack)) for f, lack in zip(learnt, lacks, strict=True)])

    def matrix(self, columns: Mapping[str, Column]) -> np.ndarray:
        """Transform columns of n rows into a float64 matrix (n, k), C order.

        Raises
        ------
        FeatureError
            A column is missing or of another length, or a value is not of its kind: each column's first.
        """
        absent = [name for name in self.names if name not in columns]
        if absent:
            raise FeatureError(_absent_message(absent, columns, "the table's columns"))
        lengths = {name: len(columns[name]) for name in self.names}
        rows = lengths[self.names[0]]
        if len(set(lengths.values())) > 1:
            raise FeatureError(f"All columns must have the same number of rows. Got {lengths} instead.")
        out = np.empty((rows, len(self.names)), dtype=np.float64)
        findings = []
        for index, (name, encoder) in enumerate(self._encoders):
            try:
                out[:, index] = encode_column(self.features[index].kind, encoder, columns[name])
            except NotOfKindError as problem:
                findings.append(f"row {problem.row}: {self._kind_message(index, problem.value)}")
        if findings:
            raise FeatureError("\n".join(findings))
        return out

    def row(self, values: Mapping[str, object]) -> np.ndarray:
        """Transform one row, given as the values that JSON gives, into a float64 vector (k,).

        Bit-equal to the same row of :meth:`matrix`. Keys that are no feature are not looked at.

        Raises
        ------
        FeatureError
            A feature is absent (null means missing, absent is a mistake), or a value is not of its kind: all
            findings.
        """
        try:
            return np.array([encoder(values[name]) for name, encoder in self._encoders], dtype=np.float64)
        except (KeyError, NotOfKindError):
            raise FeatureError("\n".join(self._findings(values))) from None

    def _findings(self, values: Mapping[str, object]) -> list[str]:
        absent = [name for name in self.names if name not in values]
        findings = [_absent_message(absent, values, "the row's keys")] if absent else []
        for index, (name, encoder) in enumerate(self._encoders):
            try:
                encoder(values.get(name))
            except NotOfKindError as problem:
                findings.append(self._kind_message(index, problem.value))
        return findings

    def _kind_message(self, index: int, value: object) -> str:
        feature = self.features[index]
        wanted = WANTED[feature.kind]
        return f"feature '{feature.name}' must be {wanted} or null (missing). Got {_show(value)} instead."

    def to_dict(self) -> dict[str, Any]:
        """Give the transform as plain values for JSON."""
        features = [
            {"name": f.name, "kind": f.kind, "missing": f.missing}
            | ({"categories": list(f.categories)} if f.kind == "category" else {})
            for f in self.features
        ]
        return {"schema": SCHEMA, "features": features}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any]) -> Features:
        """Rebuild the transform from :meth:`to_dict`.

        Raises
        ------
        FeatureError
            The value has another schema version or shape.
        """
        if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
            raise FeatureError(f'Fitted features must have "schema": {SCHEMA} and have not. {REFIT}')
        try:
            return cls([_parse_feature(feature) for feature in value["features"]])
        except (KeyError, TypeError, AttributeError):
            raise FeatureError(
                f"Fitted features must each have name, kind and missing, and do not. {REFIT}"
            ) from None


def _parse_feature(value: Mapping[str, Any]) -> Feature:
    categories = tuple(map(str, value.get("categories", ())))
    return Feature(str(value["name"]), str(value["kind"]), categories, bool(value["missing"]))


def load_features(path: Path) -> Features:
    """Read the fitted transform from its JSON file."""
    return Features.from_dict(load_json(path))


def _learn_categories(name: str, kind: str, columns: Mapping[str, Column]) -> tuple[str, ...]:
    if kind != "category" or name not in columns:
        return ()
    return tuple(sorted({str(value) for value in columns[name] if isinstance(value, str)}))


def _absent_message(absent: list[str], present: Mapping[str, object], where: str) -> str:
    names = ", ".join(f"'{name}'" for name in absent)
    hint = suggest(absent[0], [str(name) for name in present]) if len(absent) == 1 else ""
    if len(absent) == 1:
        return f"feature {names} must be among {where} and is not.{hint}"
    return f"{len(absent)} features must be among {where} and are not: {names}."


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
