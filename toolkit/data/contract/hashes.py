"""64-bit hashes of a column's values, and which of them came before: 8 or 16 bytes a value, whatever its length.

The hash is this module's own (multiply and shift over words of 8 bytes, as in FNV and MurmurHash3's finaliser), so that
a batch is hashed by NumPy with no Python object per row. Two of n values share one by chance with a probability of
about n^2 / 2^65: three in a million for ten million values. It is the same on every machine, and no protection against
somebody who wants two values to collide.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

_SEED = np.uint64(0x9E3779B97F4A7C15)
_MULTIPLY = np.uint64(0xFF51AFD7ED558CCD)
_SHIFT = np.uint64(32)
_NULL = np.uint64(0x2545F4914F6CDD1D)
RECENT = 16  # batches that are looked through one by one before they are merged

Hashes = np.ndarray[Any, np.dtype[np.uint64]]
Rows = np.ndarray[Any, np.dtype[np.int64]]
_NOTHING: tuple[Hashes, Rows] = np.empty(0, dtype=np.uint64), np.empty(0, dtype=np.int64)


def hash_column(values: pa.Array) -> Hashes:
    """Hash each value (n,); missing ones have a hash of their own."""
    if kinds.is_string(values.type) or kinds.is_large_string(values.type):
        hashed = _hash_texts(values.cast(pa.large_string()))
    else:
        if kinds.is_timestamp(values.type):
            values = values.cast(pa.int64())
        elif kinds.is_boolean(values.type):
            values = values.cast(pa.uint8())
        numbers = pc.fill_null(values, 0).to_numpy(zero_copy_only=False)
        # 0.0 makes -0.0 the same as 0.0
        words = numbers + 0.0 if numbers.dtype.kind == "f" else numbers.astype(np.int64)
        hashed = _mix(np.full(len(words), _SEED), words.view(np.uint64))
    if values.null_count:
        hashed[values.is_null().to_numpy(zero_copy_only=False)] = _NULL
    return hashed


def hash_rows(columns: Iterable[pa.Array], rows: int) -> Hashes:
    """Hash each row of some columns (n,)."""
    hashed = np.full(rows, _SEED)
    for column in columns:
        hashed = _mix(hashed, hash_column(column))
    return hashed


class Seen:
    """Remembers hashes over batches and tells those that came before."""

    def __init__(self) -> None:
        self._sorted: Hashes = np.empty(0, dtype=np.uint64)
        self._recent: list[Hashes] = []

    def add(self, hashes: Hashes) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """Tell which hashes (n,) are equal to an earlier one, of this batch or of one before."""
        order = np.argsort(hashes, kind="stable")  # neighbours are looked up in turn, which is quicker by far
        ordered = hashes[order]
        found = np.zeros(len(hashes), dtype=bool)
        found[1:] = ordered[1:] == ordered[:-1]
        for known in (self._sorted, *self._recent):
            if len(known):
                place = np.minimum(np.searchsorted(known, ordered), len(known) - 1)
                found |= known[place] == ordered
        self._recent.append(ordered[~found])
        if len(self._recent) >= RECENT:
            # Sorted runs one after another: the stable sort merges them.
            self._sorted = np.sort(np.concatenate([self._sorted, *self._recent]), kind="stable")
            self._recent = []
        again = np.empty(len(hashes), dtype=bool)
        again[order] = found
        return again


class FirstRows:
    """Remembers the row in which each hash came first."""

    def __init__(self) -> None:
        self._sorted = _NOTHING
        self._recent: list[tuple[Hashes, Rows]] = []

    def add(self, hashes: Hashes, rows: Rows) -> Rows:
        """Give the row (from 1) in which each hash (n,) came first, or 0 if that is its own row in ``rows``."""
        order = np.argsort(hashes, kind="stable")
        ordered, own = hashes[order], rows[order]
        begins = np.ones(len(ordered), dtype=bool)  # equal hashes are a run, whose first row begins it
        begins[1:] = ordered[1:] != ordered[:-1]
        first = own[np.maximum.accumulate(np.where(begins, np.arange(len(ordered)), 0))]
        first[begins] = 0
        for known, at in (self._sorted, *self._recent):
            if len(known):
                place = np.minimum(np.searchsorted(known, ordered), len(known) - 1)
                found = known[place] == ordered
                first[found] = at[place[found]]
        new = first == 0
        self._recent.append((ordered[new], own[new]))
        if len(self._recent) >= RECENT:
            runs = [self._sorted, *self._recent]
            known, at = (np.concatenate(arrays) for arrays in zip(*runs, strict=True))
            merged = np.argsort(known, kind="stable")
            self._sorted, self._recent = (known[merged], at[merged]), []
        earlier = np.empty_like(first)
        earlier[order] = first
        return earlier


def _hash_texts(values: pa.Array) -> Hashes:
    _, offsets, data = values.buffers()
    ends = np.frombuffer(offsets, dtype=np.int64)[values.offset : values.offset + len(values) + 1]
    bytes_ = np.frombuffer(data, dtype=np.uint8) if data is not None else np.empty(0, dtype=np.uint8)
    bytes_ = np.concatenate([bytes_[ends[0] : ends[-1]], np.zeros(8, dtype=np.uint8)])
    starts, lengths = ends[:-1] - ends[0], np.diff(ends)
    words = np.lib.stride_tricks.as_strided(  # the 8 bytes that begin at each byte
        bytes_, shape=(len(bytes_) - 7, 8), strides=(1, 1)
    )
    hashed = _mix(np.full(len(values), _SEED), lengths.astype(np.uint64))
    rows = np.flatnonzero(lengths > 0)
    at = 0
    while len(rows):
        word = np.ascontiguousarray(words[starts[rows] + at]).view("<u8").ravel()
        left = np.minimum(lengths[rows] - at, 8).astype(np.uint64)
        word &= np.uint64(0xFFFFFFFFFFFFFFFF) >> ((np.uint64(8) - left) * np.uint64(8))
        hashed[rows] = _mix(hashed[rows], word)
        at += 8
        rows = rows[lengths[rows] > at]
    return hashed


def _mix(hashed: Hashes, words: Hashes) -> Hashes:
    mixed = (hashed ^ words) * _MULTIPLY
    mixed ^= mixed >> _SHIFT
    mixed *= _SEED
    mixed ^= mixed >> _SHIFT
    return mixed
