"""The fitted transform: raw columns in, the model's matrix out, one row or a million with the same bits."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.errors import FeatureError, suggest
from toolkit.features.declare import MAKERS, choose_defaults
from toolkit.features.definition import FUNCTION, KINDS, Definition, Input
from toolkit.features.definitions import load_packaged
from toolkit.features.encode import NotOfKindError, encode_column, is_missing, make_encoder, tell_wanted
from toolkit.features.functions import RowFault
from toolkit.features.makers import Maker, join_categories

Column = np.ndarray | Sequence[Any]
SCHEMA = 2
REFIT = "Run './run dvc repro prepare' to fit the features anew."


@dataclass(frozen=True)
class Feature:
    """A fitted feature: what defined it, and what it learnt from training rows."""

    definition: Definition
    state: Mapping[str, Any]
    outputs: tuple[str, ...]
    categorical: bool

    @property
    def name(self) -> str:
        """What it is called."""
        return self.definition.name


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
            raise FeatureError(f"Feature names must differ, and '{doubled[0]}' is there twice. Rename one.")
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
        self._steps = _plan_row(self._makers, list(self._encoders))

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
        _check_kinds(kinds)
        absent = [name for name in kinds if name not in columns]
        if absent:
            raise FeatureError(_absent_message(absent, columns, "the table's columns"))
        findings: list[str] = []
        zones = zoned if isinstance(zoned, Mapping) else dict.fromkeys(zoned, "UTC")
        inputs = {
            name: Input(name, kind, name in zones, zone=zones.get(name, "")) for name, kind in kinds.items()
        }
        claimed = {name for definition in definitions for name in definition.claims}
        wanted = [
            each
            for name, kind in kinds.items()
            if name not in claimed
            for each in choose_defaults(name, kind)
        ]
        for name in list(inputs):
            encoded = _encode(inputs[name], columns[name], findings)
            if encoded is not None:
                lacks = bool(is_missing(inputs[name].kind, encoded).any())
                inputs[name] = replace(inputs[name], missing=lacks)
            del encoded
        if findings:
            raise FeatureError("\n".join(findings))
        fitted = []
        for definition in (*wanted, *definitions):
            try:
                state = (known or {}).get(definition.name)
                fitted.append((definition, _fit(definition, columns, inputs) if state is None else state))
            except FeatureError as problem:
                findings.append(str(problem))
        if findings:
            raise FeatureError("\n".join(findings))
        used = {name for definition, _ in fitted for name in definition.inputs}
        code = next((definition.code for definition in definitions if definition.code), "")
        return cls(fitted, [each for name, each in inputs.items() if name in used], code)

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
        absent = [name for name in self.inputs if name not in columns]
        if absent:
            raise FeatureError(_absent_message(absent, columns, "the table's columns"))
        findings: list[str] = []
        encoded = {
            name: _encode(each, columns[name], findings, self._encoders[name], first_row)
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
        inputs = [
            {"name": each.name, "kind": each.kind, "missing": each.missing}
            | ({"zoned": True, "zone": each.zone} if each.zoned else {})
            for each in self._columns.values()
        ]
        features = [_describe(each) for each in self.features]
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
            inputs = [
                Input(
                    str(each["name"]),
                    str(each["kind"]),
                    bool(each.get("zoned")),
                    bool(each["missing"]),
                    str(each.get("zone", "")),
                )
                for each in value["inputs"]
            ]
            _check_kinds({each.name: each.kind for each in inputs})
            return cls(
                [(_parse_definition(each, functions), each["state"]) for each in value["features"]],
                inputs,
                str(value.get("code", "")),
            )
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
        findings = [_absent_message(absent, values, "the row's keys")] if absent else []
        for name, each in self._columns.items():
            try:
                self._encoders[name](values.get(name))
            except NotOfKindError as problem:
                findings.append(_kind_message(each, problem.value))
        return findings


def load_features(path: Path) -> Features:
    """Read the fitted transform from its JSON file, and definitions.py beside it if features were defined there."""
    value = load_json(path)
    code = value.get("code") if isinstance(value, Mapping) else ""
    definitions = load_packaged(path.with_name("definitions.py"), str(code)) if code else ()
    return Features.from_dict(value, definitions)


def _fit(
    definition: Definition, columns: Mapping[str, Column], inputs: Mapping[str, Input]
) -> dict[str, Any]:
    maker = MAKERS[definition.maker]
    unknown = [name for name in definition.inputs if name not in inputs]
    if unknown:
        raise definition.tell(
            f"feature '{definition.name}' takes '{unknown[0]}', which must be a column of the table and is not."
            f"{suggest(unknown[0], inputs)}"
        )
    used = [inputs[name] for name in definition.inputs]
    for each, kinds in zip(used, maker.takes, strict=False):
        if each.kind not in kinds:
            raise definition.tell(
                f"feature '{definition.name}' ({definition.maker}) takes {' or '.join(kinds)}, and '{each.name}' is "
                f"{each.kind}."
            )
    if not maker.learns:
        return {}
    encoded = [_encode(each, columns[each.name], []) for each in used]
    return maker.fit(definition, encoded, used)


def _encode(
    each: Input, column: Column, findings: list[str], encoder: Callable | None = None, first_row: int = 1
) -> Any:
    try:
        return encode_column(each.kind, encoder or make_encoder(each.kind, each.zoned), column)
    except NotOfKindError as problem:
        findings.append(f"row {first_row + problem.row}: {_kind_message(each, problem.value)}")
        return []


def _plan_row(makers: Sequence[Maker], names: list[str]) -> list[tuple[Callable, Callable | None]]:
    """Plan a single row: for each feature what takes its encoded values, and what computes it.

    Numbers are what they are encoded as; those that follow each other are taken at once, and so are categories.
    """
    steps: list[tuple[Callable, Callable | None]] = []
    for maker, some in groupby(makers, lambda each: each.definition.maker):
        group = list(some)
        places = [[names.index(name) for name in each.definition.inputs] for each in group]
        if maker == "number":
            steps.append((_taker([each[0] for each in places]), None))
        elif maker == "category":
            steps.append((_taker([each[0] for each in places]), join_categories(group)))
        else:
            steps += [(_taker(each), one.row) for each, one in zip(places, group, strict=True)]
    return steps


def _taker(places: list[int]) -> Callable[[Sequence[Any]], Sequence[Any]]:
    """Make what takes the values at ``places``; a slice where they follow each other, as it is quickest."""
    if places == list(range(places[0], places[0] + len(places))):
        return itemgetter(slice(places[0], places[0] + len(places)))
    return itemgetter(*places)


def _check_kinds(kinds: Mapping[str, str]) -> None:
    for name, kind in kinds.items():
        if kind not in KINDS:
            raise FeatureError(
                f"The kind of feature '{name}' must be one of {', '.join(KINDS)}. Got '{kind}'."
            )


def _describe(feature: Feature) -> dict[str, Any]:
    each = feature.definition
    known = {
        "name": each.name,
        "maker": each.maker,
        "inputs": list(each.inputs),
        "params": dict(each.params),
        "state": dict(feature.state),
    }
    told = {"meaning": each.meaning, "unit": each.unit, "owner": each.owner, "claims": list(each.claims)}
    return known | {key: value for key, value in told.items() if value}


def _parse_definition(value: Mapping[str, Any], functions: Mapping[str, Definition]) -> Definition:
    name = str(value["name"])
    if value["maker"] == FUNCTION and name in functions:
        return functions[name]
    meaning, unit, owner = (str(value.get(key, "")) for key in ("meaning", "unit", "owner"))
    inputs, claims = (tuple(map(str, value.get(key, ()))) for key in ("inputs", "claims"))
    return Definition(name, str(value["maker"]), inputs, value["params"], meaning, unit, owner, claims)


def _kind_message(each: Input, value: object) -> str:
    wanted = tell_wanted(each.kind, each.zoned)
    return f"feature '{each.name}' must be {wanted} or null (missing). Got {_show(value)} instead."


def _absent_message(absent: list[str], present: Mapping[str, object], where: str) -> str:
    names = ", ".join(f"'{name}'" for name in absent)
    hint = suggest(absent[0], [str(name) for name in present]) if len(absent) == 1 else ""
    if len(absent) == 1:
        return f"feature {names} must be among {where} and is not.{hint}"
    return f"{len(absent)} features must be among {where} and are not: {names}."


def _show(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."
