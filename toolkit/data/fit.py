"""Fit the features of the train split, with the definitions that params.yaml names, and write them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from toolkit.artifacts import write_json, write_text
from toolkit.data.schema import Schema
from toolkit.feature_values import ValueCache
from toolkit.features import Features, check_definitions, load_definitions

NONE = "# No feature was defined by a person: each column got what its type is given.\n"


def fit_features(
    train: Mapping[str, np.ndarray],
    schema: Schema,
    kinds: Mapping[str, str],
    *,
    definitions: Path | None = None,
    name: str = "",
    reserved: Sequence[str] = (),
    cache: ValueCache | None = None,
) -> Features:
    """Fit features on the train split.

    Parameters
    ----------
    train : Mapping
        Its raw columns; may be read one at a time.
    schema : Schema
        Of the raw table: which columns requests will not have, and the zones of times.
    kinds : Mapping
        Kind of each raw column that is a feature.
    definitions : Path, optional
        The file that defines features besides.
    name : str
        What messages call that file, as params.yaml does.
    reserved : sequence of str
        Columns that hold the label.
    cache : ValueCache, optional
        Knows what functions learnt from the same rows before.

    Raises
    ------
    FeatureError
        The file cannot be read, or a definition cannot be computed from what requests will have.
    """
    found = load_definitions(definitions, name) if definitions else ()
    others = {
        column.name: "excluded (collect.exclude)" for column in schema.columns if column.role == "excluded"
    }
    others |= {schema.key: "the key", "label": "the label", **dict.fromkeys(reserved, "the label")}
    check_definitions(found, kinds, others)
    known = {each.name: state for each in found if cache and (state := cache.find_state(each)) is not None}
    return Features.fit(train, kinds, found, schema.zoned, known)


def write_features(folder: Path, features: Features, definitions: Path | None = None) -> None:
    """Write features.json, and beside it the file that defines features (or one that says that none does)."""
    write_json(folder / "features.json", features.to_dict())
    source = (
        definitions.read_bytes().decode("utf-8") if definitions else NONE
    )  # line ends and all: its hash is kept
    write_text(folder / "definitions.py", source)
