"""What training wrote of a model: its task, its classes, its features, and rows with the answers of then."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from toolkit.errors import ModelError

TASKS = ("binary", "multiclass", "regression")


def check_signature(value: Any) -> Mapping[str, Any]:
    """Check the content of signature.json, every fault at once; return it.

    Raises
    ------
    ModelError
        A key is missing or holds something else than it must.
    """
    if not isinstance(value, Mapping) or value.get("schema") != 1:
        raise ModelError("signature.json must be an object with \"schema\": 1. Run './run dvc repro train'.")
    faults = [f"'{key}' must be {wanted}" for key, wanted in _find_faults(value)]
    if faults:
        raise ModelError(f"signature.json: {'; '.join(faults)}. Run './run dvc repro train' to make it anew.")
    return value


def _find_faults(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    task, classes = value.get("task"), value.get("classes")
    least, most = {"binary": (2, 2), "multiclass": (2, float("inf")), "regression": (0, 0)}.get(
        task if isinstance(task, str) else "", (0, float("inf"))
    )
    test = value.get("self_test")
    rows, outputs = (test.get("rows"), test.get("outputs")) if isinstance(test, Mapping) else (None, None)
    holds = {
        ("task", f"one of {', '.join(TASKS)}"): task in TASKS,
        ("classes", "the names of the classes, as many as the task has"): _are_names(classes)
        and least <= len(classes or ()) <= most,
        ("features", "names that differ"): _are_names(value.get("features")) and bool(value["features"]),
        ("num_trees", "a whole number from 1"): type(value.get("num_trees")) is int
        and value["num_trees"] > 0,
        ("sha256", "the SHA-256 of model.txt"): _is_hash(value.get("sha256")),
        ("features_sha256", "the SHA-256 of features.json"): _is_hash(value.get("features_sha256")),
        ("self_test", "rows, and as many outputs"): _is_list(rows, Mapping)
        and _is_list(outputs, (int, float, list))
        and len(rows or ()) == len(outputs or ()),
    }
    return [key for key, held in holds.items() if not held]


def _is_list(value: Any, kind: type | tuple[type, ...]) -> bool:
    return isinstance(value, list) and bool(value) and all(isinstance(each, kind) for each in value)


def _are_names(value: Any) -> bool:
    if not isinstance(value, Sequence) or isinstance(value, str):
        return False
    return all(isinstance(each, str) for each in value) and len(set(value)) == len(value)


def _is_hash(value: Any) -> bool:
    return isinstance(value, str) and len(value) == 64 and not set(value) - set("0123456789abcdef")
