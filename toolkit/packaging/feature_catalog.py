"""The features of the prepared data: what each is, what it looks like, what it does for the model, who uses it."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json
from toolkit.columns import iterate_columns
from toolkit.errors import FeatureError, suggest
from toolkit.features import Feature, Features, load_features
from toolkit.packaging.bento import store_path
from toolkit.text_table import show_table

SAMPLE_ROWS = 50_000  # of the train split, the first ones, that statistics are of
TOP = 5  # categories that are named


@dataclass(frozen=True)
class Entry:
    """A feature as the catalog tells it.

    Attributes
    ----------
    kind : str
        number, category, or of how many model columns it is.
    importance : float or None
        Its share of the gain of the trained model's splits; None before there is one.
    statistics : dict
        By model column: share of missing rows, and mean, sd, min, median, max, or the most frequent categories.
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
    columns: tuple[str, ...] = ()
    importance: float | None = None
    statistics: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
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
    columns = next(iterate_columns(prepared / "train.parquet", list(features.inputs), SAMPLE_ROWS))
    matrix = features.matrix(columns)
    told = _load_columns(root)
    gains = load_gains(root / "models" / "train", features)
    used = list(_find_models(root))
    described = {each["name"]: each for each in features.to_dict()["features"]}
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
                feature.outputs,
                None if gains is None else sum(gains[start:stop]),
                _measure(feature, matrix[:, start:stop]),
                tuple(_match(described[feature.name], used)),
            )
        )
        start = stop
    return entries


def load_gains(folder: Path, features: Features) -> list[float] | None:
    """Read each model column's share of the gain from the model's text; None if it is not a model of these features."""
    path = folder / "model.txt"
    if not path.is_file() or load_json(folder / "signature.json")["features"] != list(features.names):
        return None
    totals = [0.0] * len(features.names)
    text = path.read_text(encoding="utf-8")
    pairs = zip(
        re.findall(r"^split_feature=(.*)$", text, re.M),
        re.findall(r"^split_gain=(.*)$", text, re.M),
        strict=True,
    )
    for indexes, gains in pairs:
        for index, gain in zip(indexes.split(), gains.split(), strict=True):
            totals[int(index)] += float(gain)
    whole = sum(totals)
    return [total / whole if whole else 0.0 for total in totals]


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
    names = [entry.name for entry in entries]
    raise FeatureError(
        f"'{name}' must be a feature of data/prepared and is not.{suggest(name, names)} "
        "'toolkit features list' names them."
    )


def show_catalog(entries: Sequence[Entry], width: int = 0) -> str:
    """Give the features as a table, the most important first."""
    ranked = sorted(entries, key=lambda entry: (-(entry.importance or 0), entry.name))
    return show_table(
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


def show_entry(entry: Entry, width: int = 0) -> str:
    """Give all that is known of a feature."""
    facts = {
        "feature": entry.name,
        "meaning": entry.meaning,
        "kind": entry.kind,
        "unit": entry.unit,
        "owner": entry.owner,
        "made by": f"{entry.maker} of {', '.join(entry.inputs)}",
        "importance": "" if entry.importance is None else f"{entry.importance:.1%} of the model's gain",
        "models": ", ".join(entry.models) or "none",
    }
    lines = [f"{name:<11} {text}" for name, text in facts.items() if text]
    rows = [{"model column": name, **values} for name, values in entry.statistics.items()]
    return "\n".join([*lines, "", show_table(rows, width)])


def as_plain(entry: Entry) -> dict[str, Any]:
    """Give an entry as values that JSON can hold."""
    return asdict(entry)


def _load_columns(root: Path) -> dict[str, Mapping[str, Any]]:
    path = root / "data" / "raw" / "schema.json"
    return {column["name"]: column for column in load_json(path)["columns"]} if path.is_file() else {}


def _tell_kind(feature: Feature, features: Features) -> str:
    if len(feature.outputs) != 1:
        return f"{len(feature.outputs)} numbers"
    if feature.categorical:
        return "category"
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


def _find_models(root: Path) -> Iterator[tuple[str, dict[str, dict[str, Any]]]]:
    """Give the tag and the features by name of the packaged model, the released one, and each Bento in the store."""
    inside = "src/models/package/features.json"
    places = [root / "models/package/features.json", root / "released/features.json"]
    store = store_path(root) / "bentos"
    places += sorted(store.glob(f"*/*/{inside}")) if store.is_dir() else []
    seen = set()
    for place in places:
        tag = place.with_name("tag.txt")
        if not place.is_file() or not tag.is_file():
            continue
        name = tag.read_text(encoding="utf-8").strip()
        if place == root / "released/features.json":
            name = f"{name} (released)"
        if name not in seen:
            seen.add(name)
            yield (
                name,
                {each["name"]: each for each in load_json(place).get("features", []) if "maker" in each},
            )


def _match(
    ours: Mapping[str, Any], models: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]]
) -> Iterator[str]:
    """Name the models that have a feature of the same definition."""
    for tag, features in models:
        theirs = features.get(ours["name"])
        if theirs is None or any(theirs.get(key) != ours.get(key) for key in ("maker", "inputs", "params")):
            continue
        yield tag if theirs["state"] == ours["state"] else f"{tag} (other state)"
