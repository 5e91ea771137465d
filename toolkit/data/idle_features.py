"""Features that tell nothing of held-out rows though they told something of the training rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np

from toolkit.data.splits import find_step
from toolkit.feature_values import load_values, read_sample
from toolkit.features import Features
from toolkit.features.stored import Feature
from toolkit.params import Prepare

CHANCE = (
    1e-6  # of a feature being alike in all held-out rows by chance; tables have thousands of features at most
)
MOST_ROWS = 50_000  # of each held-out split that are looked at


def find_idle(features: Features, train: np.ndarray, held_out: np.ndarray, params: Prepare) -> list[str]:
    """Find features with one and the same value (or none) in all held-out rows, where training rows differ.

    A model would learn from such a feature what it can use for no other row. The usual case: the history of a
    customer, and splits by customer, so that no held-out customer has any.

    Parameters
    ----------
    features : Features
        Fitted on train.
    train, held_out : ndarray
        Model columns (n, k) and (m, k) of rows of train, and of valid or test.
    params : Prepare
        Say how rows were split.

    Returns
    -------
    list of str
        A sentence a feature, with what to do.
    """
    told, start = [], 0
    for feature in features.features:
        end = start + len(feature.outputs)
        if all(_is_idle(train[:, at], held_out[:, at]) for at in range(start, end)) and end > start:
            what = "has no value" if np.isnan(held_out[:, start:end]).all() else "is the same"
            told.append(f"Feature '{feature.name}' {what} in all held-out rows. {_tell_why(feature, params)}")
        start = end
    return told


def read_held_out(
    features: Features, paths: Mapping[str, Path], folder: Path, rows: Mapping[str, int]
) -> np.ndarray:
    """Give the model columns of rows of valid and test, at most ``MOST_ROWS`` of each, evenly spaced.

    Parameters
    ----------
    features : Features
        Fitted on train.
    paths, folder
        The tables of the splits, and ``data/prepared``, where kept values are.
    rows : mapping
        Number of rows of each split.
    """
    return np.concatenate(
        [
            read_sample(features, paths[split], load_values(folder, split), find_step(rows[split], MOST_ROWS))
            for split in ("valid", "test")
        ]
    )


def _is_idle(train: np.ndarray, held_out: np.ndarray) -> bool:
    """Say whether a column is alike in all held-out rows, and hardly could be if they were as the training rows."""
    if not len(held_out) or not len(train):
        return False
    first = held_out[0]
    alike = np.isnan if np.isnan(first) else lambda values: values == first
    if not alike(held_out).all():
        return False
    share = np.count_nonzero(alike(train)) / len(train)
    return share < 1 and (share == 0 or len(held_out) * math.log(share) < math.log(CHANCE))


def _tell_why(feature: Feature, params: Prepare) -> str:
    if params.split == "group" and params.group in feature.definition.inputs:
        return (
            f"It is computed from '{params.group}', and prepare.split: group leaves no row of a held-out group in "
            "train. Leave the feature out, or split by time."
        )
    return "What a model learns from it is of no use there: see how it is computed, or leave it out."
