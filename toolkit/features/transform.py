"""The fitted transform: raw columns in, the model's matrix out, one row or a million with the same bits."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.errors import FeatureError
from toolkit.features.declare import MAKERS
from toolkit.features.definition import Definition, Input
from toolkit.features.definitions import load_packaged
from toolkit.features.encode import NotOfKindError, make_encoder
from toolkit.features.fitting import fit_definitions
from toolkit.features.functions import RowFault
from toolkit.features.makers import Maker
from toolkit.features.raw_columns import Column, check_present, encode_input, tell_absent, tell_kind
from toolkit.features.row_plan import plan_row
from toolkit.features.stored import (
    REFIT,
    SCHEMA,
    Feature,
    describe_feature,
    describe_inputs,
    parse_definition,
    parse_inputs,
)


class Features:
    """Raw columns to the float64 matrix that the model is trained on and asked with.

    Each raw column gets what its kind is given (a category its code, a time its parts, a text its statistics and
    TF-IDF weights) unless a definition stands for it; definitions add more. What is missing, or was unseen, is NaN,
    which LightGBM takes as missing.

    >>> columns = {"size": [1.5, None], "shape": ["round", "flat"]}
    >>> features = Features.fit(columns, {"size": "number", "shape": "category"})
    >>> features.row({"size": 2, "shape": "round"})
    array([2., 1.])
    >>> features.matrix({"size": [2.0, 3.0], "shape": ["round", "oval"]})
    array([[ 2.,  1.],
           [ 3., nan]])

    Attributes
    ----------
    features : tuple of Feature
    names : tuple of str
        The model's columns.
    inputs : dict
        Kind by name of the raw columns that a row must have.
    nullable, zoned : frozenset of str
        Raw columns that may be missing, because some training rows lacked them; times that have an offset.
    categorical : tuple of int
        The model's columns that hold codes of categories.
    code : str
        SHA-256 of the file that defined features; empty if none did.
    """

    def __init__(
        self,
        features: Sequence[tuple[Definition, Mapping[str, Any]]],
        inputs: Sequence[Input],
        code: str = "",
    ) -> None:
        if not features:
            raise FeatureError("There must be at least one feature and there is none. Check collect.exclude.")
        self._columns = {each.name: each for each in inputs}
        if len(self._columns) < len(inputs):
            raise FeatureError(f"The names of raw columns must differ, and some do not. {REFIT}")
        self._makers = [self._make(definition, state) for definition, state in features]
        self.features = tuple(
            Feature(maker.definition, maker.state, maker.outputs, maker.categorical) for maker in self._makers
        )
        self.names = tuple(name for maker in self._makers for name in maker.outputs)
        if not self.names:
            raise FeatureError(
                "There must be a feature that differs among the training rows and there is none. Define one."
            )
        doubled = sorted({name for name in self.names if self.names.count(name) > 1})
        if doubled:
            last = next(maker for maker in reversed(self._makers) if doubled[0] in maker.outputs)
            raise last.definition.tell(
                f"Feature names must differ, and '{doubled[0]}' is there twice. Rename one."
            )
        self.inputs = {each.name: each.kind for each in inputs}
        self.nullable = frozenset(each.name for each in inputs if each.missing)
        self.zoned = frozenset(each.name for each in inputs if each.zoned)
        self.code = code
        starts = np.cumsum([0, *(len(maker.outputs) for maker in self._makers)]).tolist()
        self.categorical = tuple(
            start for start, maker in zip(starts, self._makers, strict=False) if maker.categorical
        )
        self._places = list(zip(starts, starts[1:], self._makers, strict=False))
        self._encoders = {each.name: make_encoder(each.kind, each.zoned) for each in inputs}
        self._pairs = list(self._encoders.items())
        self._steps = plan_row(self._makers, list(self._encoders))

    @classmethod
    def fit(
        cls,
        columns: Mapping[str, Column],
        kinds: Mapping[str, str],
        definitions: Sequence[Definition] = (),
        zoned: Collection[str] = (),
        known: Mapping[str, Mapping[str, Any]] | None = None,
    ) -> Features:
        """Learn the features from training rows.

        Parameters
        ----------
        columns : Mapping
            The raw columns by name, of equal length; read one at a time. Others than those in ``kinds`` are not
            looked at.
        kinds : Mapping
            number, integer, boolean, category, text or time, by name; their order is the model's.
        definitions : sequence of Definition
            What is made besides, or instead, of the columns as they are; from ``load_definitions``.
        zoned : collection of str, or mapping
            The times whose values have an offset; a mapping gives the IANA name of the zone whose clocks they are read
            by, others are read in UTC.
        known : mapping, optional
            What definitions learnt from these very rows before, by name: they are not fitted again.

        Raises
        ------
        FeatureError
            A column is missing, or a value is not of its kind (all columns' first findings); a definition cannot be
            fitted.
        """
        fitted, inputs = fit_definitions(columns, kinds, definitions, zoned, known or {})
        code = next((definition.code for definition in definitions if definition.code), "")
        return cls(fitted, inputs, code)

    def find_categories(self) -> dict[str, tuple[str, ...]]:
        """Give the categories of the training rows, by raw column, of those that are known by their categories."""
        known = [each for each in self.features if each.definition.maker == "category"]
        return {
            each.definition.inputs[0]: tuple(sorted((*each.state["categories"], *each.state.get("rare", ()))))
            for each in known
        }

    def only(self, name: str) -> Features:
        """Give the transform of one feature alone."""
        feature = next(each for each in self.features if each.name == name)
        inputs = [self._columns[column] for column in dict.fromkeys(feature.definition.inputs)]
        return Features([(feature.definition, feature.state)], inputs, self.code)

    def matrix(
        self,
        columns: Mapping[str, Column],
        known: Mapping[str, np.ndarray] | None = None,
        first_row: int = 1,
    ) -> np.ndarray:
        """Transform columns of n rows into a float64 matrix (n, k), C order.

        ``known`` has the model columns (n, j) of features, by name, that need not be computed.
        ``first_row`` is what messages call the first of the rows: 1 for a table, 0 for the rows of a request.

        Raises
        ------
        FeatureError
            A column is missing or of another length, or a value is not of its kind: each column's first.
        """
        check_present(self.inputs, columns)
        findings: list[str] = []
        encoded = {
            name: encode_input(each, columns[name], findings, self._encoders[name], first_row)
            for name, each in self._columns.items()
        }
        if findings:
            raise FeatureError("\n".join(findings))
        lengths = {name: len(values) for name, values in encoded.items()}
        if len(set(lengths.values())) > 1:
            raise FeatureError(f"All columns must have the same number of rows. Got {lengths} instead.")
        out = np.empty((next(iter(lengths.values())), len(self.names)), dtype=np.float64)
        for start, end, maker in self._places:
            given = (known or {}).get(maker.definition.name)
            if given is None:
                try:
                    given = maker.columns([encoded[name] for name in maker.definition.inputs])
                except RowFault as fault:
                    raise fault.at(first_row) from None
            out[:, start:end] = given
        return out

    def row(self, values: Mapping[str, object]) -> np.ndarray:
        """Transform one row, given as the values that JSON gives, into a float64 vector (k,).

        Bit-equal to the same row of :meth:`matrix`. Keys that are no feature are not looked at.

        Raises
        ------
        FeatureError
            A raw column is absent (null means missing, absent is a mistake), or a value is not of its kind: all
            findings.
        """
        try:
            encoded = [encode(values[name]) for name, encode in self._pairs]
        except (KeyError, NotOfKindError):
            raise FeatureError("\n".join(self._findings(values))) from None
        out: list[float] = []
        for take, compute in self._steps:
            out += take(encoded) if compute is None else compute(*take(encoded))
        return np.array(out, dtype=np.float64)

    def to_dict(self) -> dict[str, Any]:
        """Give the transform as plain values for JSON."""
        features = [describe_feature(each) for each in self.features]
        inputs = describe_inputs(self._columns.values())
        return {"schema": SCHEMA, "code": self.code, "inputs": inputs, "features": features}

    @classmethod
    def from_dict(cls, value: Mapping[str, Any], definitions: Sequence[Definition] = ()) -> Features:
        """Rebuild the transform from :meth:`to_dict`; ``definitions`` has the functions among its features.

        Raises
        ------
        FeatureError
            The value has another schema version or shape, or a function is not there.
        """
        if not isinstance(value, Mapping) or value.get("schema") != SCHEMA:
            raise FeatureError(f'Fitted features must have "schema": {SCHEMA} and have not. {REFIT}')
        functions = {each.name: each for each in definitions}
        try:
            inputs = parse_inputs(value["inputs"])
            fitted = [(parse_definition(each, functions), each["state"]) for each in value["features"]]
            return cls(fitted, inputs, str(value.get("code", "")))
        except (KeyError, TypeError, AttributeError, IndexError):
            raise FeatureError(
                f"Fitted features must each have name, maker, inputs and state. {REFIT}"
            ) from None

    def _make(self, definition: Definition, state: Mapping[str, Any]) -> Maker:
        if definition.maker not in MAKERS:
            raise FeatureError(
                f"The maker of feature '{definition.name}' must be one of {', '.join(MAKERS)}. Got "
                f"'{definition.maker}'. {REFIT}"
            )
        return MAKERS[definition.maker](
            definition, state, [self._columns[name] for name in definition.inputs]
        )

    def _findings(self, values: Mapping[str, object]) -> list[str]:
        absent = [name for name in self.inputs if name not in values]
        findings = [tell_absent(absent, values, "the row's keys")] if absent else []
        for name, each in self._columns.items():
            try:
                self._encoders[name](values.get(name))
            except NotOfKindError as problem:
                findings.append(tell_kind(each, problem.value))
        return findings


def load_features(path: Path) -> Features:
    """Read the fitted transform from its JSON file, and definitions.py beside it if features were defined there."""
    value = load_json(path)
    code = value.get("code") if isinstance(value, Mapping) else ""
    definitions = load_packaged(path.with_name("definitions.py"), str(code)) if code else ()
    return Features.from_dict(value, definitions)
