"""The features of the prepared data: what each is, what it looks like, what it does for the model, who uses it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq

from toolkit.artifacts import load_json
from toolkit.columns import iterate_columns
from toolkit.errors import FeatureError, suggest
from toolkit.features import Feature, Features, load_features
from toolkit.features.definition import FUNCTION
from toolkit.packaging.feature_models import find_models, load_features_of, load_texts, match_models
from toolkit.packaging.importance import is_earlier, load_gains
from toolkit.text_table import show_table

SAMPLE_ROWS = 50_000  # of the train split, the first ones, that statistics are of
TOP = 5  # categories that are named
EARLIER = "of an earlier model: data/prepared was made anew since. './run dvc repro train' trains on it."


@dataclass(frozen=True)
class Entry:
    """A feature as the catalog tells it.

    Attributes
    ----------
    kind : str
        number, integer, boolean, category, or of how many model columns it is.
    definition : str
        The text of a function that a person wrote.
    importance : float or None
        Its share of the gain of the trained model's splits; None before there is one.
    earlier : bool
        The importance is that of a model which was trained on other data than there are now.
    statistics : dict
        By model column: share of missing rows, and mean, sd, min, median, max, or the most frequent categories.
    rows, total : int
        The statistics are of the first ``rows`` of the train split's ``total``.
    models : tuple of str
        Tags of models that use a feature of this definition; "(other state)" is one that learnt other values.
    """

    name: str
    kind: str
    maker: str
    inputs: tuple[str, ...]
    meaning: str = ""
    unit: str = ""
    owner: str = ""
    definition: str = ""
    columns: tuple[str, ...] = ()
    importance: float | None = None
    earlier: bool = False
    statistics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    rows: int = 0
    total: int = 0
    models: tuple[str, ...] = ()


def load_catalog(root: Path) -> list[Entry]:
    """Read the catalog of a project.

    Raises
    ------
    FeatureError
        Nothing has been prepared yet.
    """
    prepared = root / "data" / "prepared"
    if not (prepared / "features.json").is_file():
        raise FeatureError(
            "data/prepared/features.json must exist and does not. Run './run dvc repro prepare' to fit the features."
        )
    features = load_features(prepared / "features.json")
    train = prepared / "train.parquet"
    matrix = features.matrix(next(iterate_columns(train, list(features.inputs), SAMPLE_ROWS)))
    total = pq.read_metadata(train).num_rows
    told = _load_columns(root)
    gains = load_gains(root / "models" / "train", features)
    earlier = gains is not None and is_earlier(root, features, matrix)
    used = list(find_models(root))
    ours = load_features_of("", prepared / "features.json")
    texts = load_texts(prepared / "definitions.py")
    entries, start = [], 0
    for feature in features.features:
        stop = start + len(feature.outputs)
        definition = feature.definition
        raw = told.get(definition.inputs[0], {}) if len(definition.inputs) == 1 else {}
        entries.append(
            Entry(
                feature.name,
                _tell_kind(feature, features),
                definition.maker,
                definition.inputs,
                definition.meaning or raw.get("meaning", ""),
                definition.unit or raw.get("unit", ""),
                definition.owner,
                texts.get(feature.name, "") if definition.maker == FUNCTION else "",
                feature.outputs,
                None if gains is None else sum(gains[start:stop]),
                earlier,
                _measure(feature, matrix[:, start:stop]),
                len(matrix),
                total,
                tuple(match_models(ours, feature.name, used)),
            )
        )
        start = stop
    return entries


def search_catalog(entries: Sequence[Entry], term: str) -> list[Entry]:
    """Find the features that have a term in their name, meaning, owner, unit, maker or raw columns."""
    wanted = term.casefold()
    return [
        entry
        for entry in entries
        if any(
            wanted in text.casefold()
            for text in (entry.name, entry.meaning, entry.owner, entry.unit, entry.maker, *entry.inputs)
        )
    ]


def find_entry(entries: Sequence[Entry], name: str) -> Entry:
    """Find a feature by its name, or by one of its model columns'.

    Raises
    ------
    FeatureError
        There is none of that name.
    """
    for entry in entries:
        if name == entry.name or name in entry.columns:
            return entry
    made = [entry.name for entry in entries if name in entry.inputs]
    if made:
        raise FeatureError(
            f"'{name}' must be a feature and is a column of the table. Made of it: {', '.join(made)}. Show one of them."
        )
    names = [entry.name for entry in entries]
    raise FeatureError(
        f"'{name}' must be a feature of data/prepared and is not.{suggest(name, names)} "
        "'toolkit features list' names them."
    )


def show_catalog(entries: Sequence[Entry], width: int = 0) -> str:
    """Give the features as a table, the most important first."""
    ranked = sorted(entries, key=lambda entry: (-(entry.importance or 0), entry.name))
    table = show_table(
        [
            {
                "feature": entry.name,
                "kind": entry.kind,
                "of": ", ".join(entry.inputs),
                "gain %": None if entry.importance is None else round(100 * entry.importance, 1),
                "missing %": round(100 * next(iter(entry.statistics.values()), {}).get("missing", 0.0), 1),
                "models": len(entry.models),
                "meaning": entry.meaning,
            }
            for entry in ranked
        ],
        width,
    )
    return table if not any(entry.earlier for entry in entries) else f"{table}\n\ngain % is {EARLIER}"


def show_entry(entry: Entry, width: int = 0) -> str:
    """Give all that is known of a feature."""
    part = f"the first {entry.rows:,} of {entry.total:,}" if entry.rows < entry.total else f"{entry.rows:,}"
    facts = {
        "feature": entry.name,
        "meaning": entry.meaning,
        "kind": entry.kind,
        "unit": entry.unit,
        "owner": entry.owner,
        "made by": f"{entry.maker} of {', '.join(entry.inputs)}",
        "importance": _tell_importance(entry),
        "models": ", ".join(entry.models) or "none",
        "statistics": f"of {part} train rows",
    }
    lines = [f"{name:<11} {text}" for name, text in facts.items() if text]
    names = list(dict.fromkeys(name for values in entry.statistics.values() for name in values))
    rows = [
        {"model column": column, "missing %": round(100 * values["missing"], 1)}
        | {name: values.get(name) for name in names if name != "missing"}
        for column, values in entry.statistics.items()
    ]
    text = ["", entry.definition] if entry.definition else []
    return "\n".join([*lines, "", show_table(rows, width), *text])


def as_plain(entry: Entry) -> dict[str, Any]:
    """Give an entry as values that JSON can hold."""
    return asdict(entry)


def _tell_importance(entry: Entry) -> str:
    if entry.importance is None:
        return ""
    return f"{entry.importance:.1%} of the gain {EARLIER if entry.earlier else 'of the trained model'}"


def _load_columns(root: Path) -> dict[str, Mapping[str, Any]]:
    path = root / "data" / "raw" / "schema.json"
    return {column["name"]: column for column in load_json(path)["columns"]} if path.is_file() else {}


def _tell_kind(feature: Feature, features: Features) -> str:
    if len(feature.outputs) != 1:
        return f"{len(feature.outputs)} numbers"
    if feature.categorical:
        return "category"
    if feature.definition.maker == FUNCTION:
        return feature.definition.returns
    return features.inputs[feature.definition.inputs[0]] if feature.definition.maker == "number" else "number"


def _measure(feature: Feature, matrix: np.ndarray) -> dict[str, dict[str, Any]]:
    found: dict[str, dict[str, Any]] = {}
    for index, name in enumerate(feature.outputs):
        column = matrix[:, index]
        known = column[~np.isnan(column)]
        values: dict[str, Any] = {"missing": float(np.isnan(column).mean()) if len(column) else 0.0}
        if feature.categorical:
            names = [*feature.state["categories"], *(["(rare)"] if feature.state.get("rare") else [])]
            top = Counter(known.astype(int).tolist()).most_common(TOP)
            values["most frequent"] = ", ".join(
                f"{names[code]} {count / len(column):.1%}" for code, count in top
            )
        elif len(known):
            low, middle, high = np.quantile(known, [0, 0.5, 1]).tolist()
            values |= {
                "mean": float(known.mean()),
                "sd": float(known.std()),
                "min": low,
                "median": middle,
                "max": high,
            }
        found[name] = values
    return found
