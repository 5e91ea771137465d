"""Learning the features from training rows: every column is checked first, then each definition is fitted."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any

from toolkit.errors import FeatureError, suggest
from toolkit.features.declare import MAKERS, choose_defaults
from toolkit.features.definition import Definition, Input
from toolkit.features.encode import is_missing
from toolkit.features.raw_columns import Column, check_kinds, check_present, encode_input

Fitted = list[tuple[Definition, Mapping[str, Any]]]


def fit_definitions(
    columns: Mapping[str, Column],
    kinds: Mapping[str, str],
    definitions: Sequence[Definition],
    zoned: Collection[str],
    known: Mapping[str, Mapping[str, Any]],
) -> tuple[Fitted, list[Input]]:
    """Give each feature with what it learnt, and the raw columns that are used; as ``Features.fit`` says.

    Raises
    ------
    FeatureError
        A column or a definition cannot be used: all findings.
    """
    check_kinds(kinds)
    check_present(kinds, columns)
    inputs = _look_at_columns(columns, kinds, zoned)
    claimed = {name for definition in definitions for name in definition.claims}
    wanted = [
        each for name, kind in kinds.items() if name not in claimed for each in choose_defaults(name, kind)
    ]
    findings: list[str] = []
    fitted: Fitted = []
    for definition in (*wanted, *definitions):
        try:
            _check_instants(definition, inputs)
            state = known.get(definition.name)
            fitted.append((definition, _fit(definition, columns, inputs) if state is None else state))
        except FeatureError as problem:
            findings.append(str(problem))
    if findings:
        raise FeatureError("\n".join(findings))
    used = {name for definition, _ in fitted for name in definition.inputs}
    return fitted, [each for name, each in inputs.items() if name in used]


def _look_at_columns(
    columns: Mapping[str, Column], kinds: Mapping[str, str], zoned: Collection[str]
) -> dict[str, Input]:
    """Check every value, one column at a time, and tell which columns lack some."""
    findings: list[str] = []
    zones = zoned if isinstance(zoned, Mapping) else dict.fromkeys(zoned, "UTC")
    inputs = {}
    for name, kind in kinds.items():
        each = Input(name, kind, name in zones, zone=zones.get(name, ""))
        encoded = encode_input(each, columns[name], findings)
        lacks = encoded is not None and bool(is_missing(kind, encoded).any())
        inputs[name] = replace(each, missing=lacks)
        del encoded
    if findings:
        raise FeatureError("\n".join(findings))
    return inputs


def _check_instants(definition: Definition, inputs: Mapping[str, Input]) -> None:
    for name in definition.instants:
        if name in inputs and inputs[name].kind == "time" and not inputs[name].zoned:
            raise definition.tell(
                f"feature '{definition.name}' takes '{name}', whose times have no offset: timestamp() and astimezone() "
                "would read them by the clock of the machine. Subtract another time, such as datetime(1970, 1, 1), or "
                "name the column's zone in the contract."
            )


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
                f"feature '{definition.name}' must have a column of {' or '.join(kinds)} there. Got '{each.name}', "
                f"which is {each.kind}."
            )
    if not maker.learns:
        return {}
    encoded = [encode_input(each, columns[each.name], []) for each in used]
    return maker.fit(definition, encoded, used)
