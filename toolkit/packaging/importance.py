"""What each feature does for the trained model, and whether that model is one of the present data."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import numpy as np

from toolkit.artifacts import load_json, measure_sha256
from toolkit.features import Features
from toolkit.features.recorded import REPLAYED_ROWS, record_matrix
from toolkit.pipeline import load_lock


def load_gains(folder: Path, features: Features) -> list[float] | None:
    """Read each model column's share of the gain from the model's text; None if it is not a model of these features."""
    path, signature = folder / "model.txt", folder / "signature.json"
    if not path.is_file() or not signature.is_file():
        return None
    if load_json(signature).get("features") != list(features.names):
        return None
    text = path.read_text(encoding="utf-8")
    if "\nend of trees" not in text:  # cut short
        return None
    totals = [0.0] * len(features.names)
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


def is_earlier(root: Path, features: Features, matrix: np.ndarray) -> bool:
    """Tell whether models/train was trained on other data than data/prepared has now.

    It was if dvc.lock has another hash of data/prepared for the stage train than for prepare, if features.json is
    another file, or if the first rows of the train split, in ``matrix``, are not those of its training.
    """
    signature = load_json(root / "models/train/signature.json")
    if signature.get("features_sha256") != measure_sha256(root / "data/prepared/features.json"):
        return True
    if signature.get("replay") != record_matrix(features.names, matrix[:REPLAYED_ROWS]):
        return True
    lock = load_lock(root)
    made = _find_hash(lock.get("prepare", {}).get("outs", []))
    used = _find_hash(lock.get("train", {}).get("deps", []))
    return bool(made and used and made != used)


def _find_hash(entries: list[dict[str, Any]]) -> str:
    return next((str(each.get("md5", "")) for each in entries if each.get("path") == "data/prepared"), "")
