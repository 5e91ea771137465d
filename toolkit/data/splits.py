"""Put rows into train, valid or test by a hash: where a row is does not depend on other rows."""

from __future__ import annotations

import hashlib

import numpy as np
import pyarrow as pa

from toolkit.errors import DataError

SPLITS = ("train", "valid", "test")
TRAIN, VALID, TEST = range(3)  # their codes
NAMED = 10  # classes that a message names
ADVICE = "Label more rows, or change prepare.valid_share, prepare.test_share or prepare.seed."


def assign_split(key: str, valid_share: float, test_share: float, seed: int) -> str:
    """Give the split of a key; the seed salts the hash.

    A row keeps its split when rows are added or removed, and a test row stays one when ``valid_share`` changes.
    """
    place = measure_places(pa.array([key]), seed)
    return SPLITS[place_splits(place, valid_share, test_share)[0]]


def measure_places(values: pa.Array | pa.ChunkedArray, seed: int) -> np.ndarray:
    """Place texts between 0 and 1 by their hash (BLAKE2b of 8 bytes, salted by the seed); float64 (n,)."""
    salt = seed.to_bytes(16, "little")
    digests = b"".join(
        hashlib.blake2b(value.encode(), digest_size=8, salt=salt).digest()
        for chunk in (values.chunks if isinstance(values, pa.ChunkedArray) else [values])
        for value in chunk.to_pylist()
    )
    return np.frombuffer(digests, dtype=">u8").astype(np.float64) / 2**64


def place_splits(places: np.ndarray, valid_share: float, test_share: float) -> np.ndarray:
    """Give the code of the split (int8) that each place between 0 and 1 falls into."""
    valid = np.where(places < test_share + valid_share, np.int8(VALID), np.int8(TRAIN))
    return np.where(places < test_share, np.int8(TEST), valid)


def count_splits(codes: np.ndarray, labels: np.ndarray, classes: int) -> np.ndarray:
    """Count rows by split and class (3, max(classes, 1)); ``labels`` are class indexes, or anything without classes."""
    width = max(classes, 1)
    places = codes.astype(np.int64) * width + (labels if classes else 0)
    return np.bincount(places, minlength=3 * width).reshape(3, width)


def check_splits(counts: np.ndarray, classes: tuple[str, ...], advice: str = ADVICE) -> None:
    """Check that no split is empty and, for classes, that each split has rows of each of them.

    Parameters
    ----------
    counts : ndarray of int (3, classes)
        Rows of train, valid and test by class.
    classes : tuple of str
        The classes in order; empty for regression.
    advice : str
        What to do about it, which depends on how rows are split.

    Raises
    ------
    DataError
        All findings.
    """
    findings = [
        f"The {split} split must have rows and has none. {advice}"
        for split, rows in zip(SPLITS, counts.sum(axis=1), strict=True)
        if not rows
    ]
    totals = counts.sum(axis=0)
    rare = [index for index in range(len(classes)) if totals[index] < len(SPLITS)]
    for index in rare:
        where = [split for split, rows in zip(SPLITS, counts[:, index], strict=True) if not rows]
        findings.append(
            f"Every class must have at least {len(SPLITS)} labelled rows, one a split. '{classes[index]}' has "
            f"{totals[index]}, and none in {', '.join(where)}: label more rows of it, or give them another class."
        )
    for split, rows in zip(SPLITS, counts, strict=True):
        absent = [name for index, name in enumerate(classes) if not rows[index] and index not in rare]
        if absent and rows.sum():
            more = f" and {len(absent) - NAMED} more" if len(absent) > NAMED else ""
            findings.append(
                f"The {split} split must have rows of every class and has none of {', '.join(absent[:NAMED])}{more}. "
                f"{advice}"
            )
    if findings:
        raise DataError("\n".join(findings))


def sample_split(codes: np.ndarray, code: int, most: int) -> np.ndarray:
    """Give the places of at most so many rows of a split, evenly spaced."""
    places = np.flatnonzero(codes == code)
    return places[:: find_step(len(places), most)]


def find_step(count: int, most: int) -> int:
    """Give the distance between rows of a sample of at most so many."""
    return max(-(-count // most), 1)
