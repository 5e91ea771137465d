"""Which models were made with a feature of the same definition: the packaged, the released, each Bento in the store."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json
from toolkit.errors import ToolkitError
from toolkit.features.definition import FUNCTION
from toolkit.features.definition_source import measure_source
from toolkit.packaging.bento import store_path


@dataclass(frozen=True)
class Model:
    """The features of a model: by name as features.json has them, and the code that computes each function."""

    tag: str
    features: Mapping[str, Mapping[str, Any]]
    code: Mapping[str, str]


def find_models(root: Path) -> Iterator[Model]:
    """Give the models of a project, each once; those whose features cannot be read are left out."""
    store = store_path(root) / "bentos"
    places = [root / "models/package/features.json", root / "released/features.json"]
    places += sorted(store.glob("*/*/src/models/package/features.json")) if store.is_dir() else []
    tags = {place: tag for place in places if place.is_file() and (tag := _load_tag(place))}
    released, seen = tags.get(root / "released/features.json"), set()
    for place, tag in tags.items():
        if tag in seen:
            continue
        seen.add(tag)
        try:
            yield load_features_of(f"{tag} (released)" if tag == released else tag, place)
        except (ToolkitError, AttributeError, KeyError, TypeError):
            continue  # damaged, or of another version of the toolkit: no reason not to tell of the others


def load_features_of(tag: str, place: Path) -> Model:
    """Read the features that a model was made with from its features.json, and the definitions beside it."""
    described = load_json(place)["features"]
    features = {each["name"]: each for each in described if {"maker", "state"} <= set(each)}
    return Model(tag, features, _load_code(place.with_name("definitions.py")))


def match_models(ours: Model, name: str, models: Sequence[Model]) -> Iterator[str]:
    """Name the models that have our feature ``name`` by the same definition, whatever is said of it for people."""
    known = ours.features[name]
    for model in models:
        theirs = model.features.get(name)
        if theirs is None or any(theirs.get(key) != known.get(key) for key in ("maker", "inputs", "params")):
            continue
        if known["maker"] == FUNCTION and model.code.get(name) != ours.code.get(name):
            continue
        yield model.tag if theirs["state"] == known["state"] else f"{model.tag} (other state)"


def load_texts(path: Path) -> dict[str, str]:
    """Give the text of each function of a definitions file; none if it is not there."""
    functions = [node for node in _parse(path).body if isinstance(node, ast.FunctionDef)]
    lines = path.read_text(encoding="utf-8-sig").split("\n") if functions else []
    starts = [min([node.lineno, *(each.lineno for each in node.decorator_list)]) - 1 for node in functions]
    return {
        node.name: "\n".join(lines[start : node.end_lineno])
        for node, start in zip(functions, starts, strict=True)
    }


def _load_tag(place: Path) -> str:
    path = place.with_name("tag.txt")
    return path.read_text(encoding="utf-8").strip() if path.is_file() else ""


def _load_code(path: Path) -> dict[str, str]:
    """Give the hash of each function of a definitions file, with all that it refers to there."""
    tree = _parse(path)
    return {
        node.name: measure_source(tree, node.name) for node in tree.body if isinstance(node, ast.FunctionDef)
    }


def _parse(path: Path) -> ast.Module:
    try:
        return ast.parse(path.read_bytes() if path.is_file() else b"")
    except (SyntaxError, ValueError):
        return ast.Module([], [])
