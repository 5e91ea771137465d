"""The fitted features as values for JSON: what features.json holds, and back."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from toolkit.features.definition import FUNCTION, Definition, Input
from toolkit.features.raw_columns import check_kinds

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


def describe_inputs(inputs: Iterable[Input]) -> list[dict[str, Any]]:
    """Give the raw columns as values for JSON."""
    return [
        {"name": each.name, "kind": each.kind, "missing": each.missing}
        | ({"zoned": True, "zone": each.zone} if each.zoned else {})
        for each in inputs
    ]


def describe_feature(feature: Feature) -> dict[str, Any]:
    """Give a feature as values for JSON; a function is known by its name in definitions.py."""
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


def parse_inputs(values: Sequence[Mapping[str, Any]]) -> list[Input]:
    """Read the raw columns back.

    Raises
    ------
    FeatureError
        One is of a kind that there is not.
    """
    inputs = [
        Input(
            str(each["name"]),
            str(each["kind"]),
            bool(each.get("zoned")),
            bool(each["missing"]),
            str(each.get("zone", "")),
        )
        for each in values
    ]
    check_kinds({each.name: each.kind for each in inputs})
    return inputs


def parse_definition(value: Mapping[str, Any], functions: Mapping[str, Definition]) -> Definition:
    """Read what defined a feature back; of a function, the definition in the file."""
    name = str(value["name"])
    if value["maker"] == FUNCTION and name in functions:
        return functions[name]
    meaning, unit, owner = (str(value.get(key, "")) for key in ("meaning", "unit", "owner"))
    inputs, claims = (tuple(map(str, value.get(key, ()))) for key in ("inputs", "claims"))
    return Definition(name, str(value["maker"]), inputs, value["params"], meaning, unit, owner, claims)
