"""Put each row into train, valid or test by a hash of its key: where it is does not depend on other rows."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Sequence

import numpy as np

from toolkit.errors import DataError

SPLITS = ("train", "valid", "test")


def assign_split(key: str, valid_share: float, test_share: float, seed: int) -> str:
    """Give the split of a key; the seed salts the hash.

    A row keeps its split when rows are added or removed, and a test row stays one when ``valid_share`` changes.
    """
    digest = hashlib.blake2b(key.encode(), digest_size=8, salt=seed.to_bytes(16, "little")).digest()
    place = int.from_bytes(digest, "big") / 2**64
    if place < test_share:
        return "test"
    return "valid" if place < test_share + valid_share else "train"


def assign_splits(keys: Sequence[str], valid_share: float, test_share: float, seed: int) -> np.ndarray:
    """Give the split of each key, as an array of strings."""
    return np.array([assign_split(key, valid_share, test_share, seed) for key in keys], dtype=object)


def check_splits(splits: Sequence[str], labels: Sequence[object], classes: Sequence[str]) -> None:
    """Check that no split is empty and, for classes, that train and valid have each of them.

    Parameters
    ----------
    classes : sequence of str
        The classes in order; empty for regression.

    Raises
    ------
    DataError
        All findings.
    """
    rows = Counter(splits)
    pairs = Counter(zip(splits, labels, strict=True))
    advice = "Label more rows, or change prepare.valid_share, prepare.test_share or prepare.seed."
    findings = [
        f"The {split} split must have rows and has none. {advice}" for split in SPLITS if not rows[split]
    ]
    for split in SPLITS:
        absent = [name for name in classes if rows[split] and not pairs[split, name]]
        if absent:
            findings.append(
                f"The {split} split must have rows of every class and has none of {', '.join(absent)}. {advice}"
            )
    if findings:
        raise DataError("\n".join(findings))
