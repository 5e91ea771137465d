"""What training saw of the first rows, as a hash a model column: anything that computes them otherwise shows."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.features.transform import Features

REPLAYED_ROWS = 1000


def record_columns(features: Features, columns: Mapping[str, np.ndarray | Sequence[Any]]) -> dict[str, str]:
    """Give the SHA-256 (16 hex digits) of each model column's float64 bits, for rows given as raw columns."""
    return record_matrix(features.names, features.matrix(columns))


def record_matrix(names: Sequence[str], matrix: np.ndarray) -> dict[str, str]:
    """Give the same of a matrix (n, number of names)."""
    return {
        name: hashlib.sha256(np.ascontiguousarray(matrix[:, index]).tobytes()).hexdigest()[:16]
        for index, name in enumerate(names)
    }
