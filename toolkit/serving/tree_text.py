"""Checks one tree of a model in LightGBM's text format: its counts, its indices, its numbers, and that it is a tree."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import ModelError

CATEGORICAL, MISSING_NAN = 1, 2  # bits of decision_type: 0 categorical, 1 default left, 2-3 kind of missing
MAX_LEAVES = 131_072
WORD_BITS = 32  # of cat_threshold
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")  # what LightGBM's parser takes; Python's takes more
THRESHOLD = re.compile(
    rf"{NUMBER.pattern}|inf"
)  # a split of missing values from all others has no finite one
INTEGER = re.compile(r"-?\d+")
PER_TREE = ("num_leaves", "num_cat", "leaf_value", "is_linear", "shrinkage")
PER_LEAF = (
    "leaf_weight",
    "leaf_count",
)  # contributions are computed from the counts; LightGBM dies of a wrong word
PER_NODE = ("split_gain", "internal_value", "internal_weight", "internal_count")
SPLITS = ("split_feature", "threshold", "decision_type", "left_child", "right_child")
CATEGORIES = ("cat_boundaries", "cat_threshold")
KEYS = frozenset((*PER_TREE, *PER_LEAF, *PER_NODE, *SPLITS, *CATEGORIES))


@dataclass(frozen=True)
class Ranges:
    """What the head says of the features' values: least and most of each, NaN where it is not a range.

    ``categories`` has the categories of those that are one; a feature with neither is constant and never split on.
    """

    low: np.ndarray
    high: np.ndarray
    categories: dict[int, np.ndarray]


def check_tree(block: str, index: int, ranges: Ranges) -> np.ndarray:
    """Check one tree's block of text.

    Returns
    -------
    ndarray
        How often each feature is split on with a gain: what the model's importances count.

    Raises
    ------
    ModelError
        It is no tree over these features; names the tree and the key.
    """
    where = f"tree {index}"
    lines = block.split("\n")
    if lines[0] != f"Tree={index}" or not block.endswith("\n\n\n"):
        raise ModelError(f"{where} must begin with 'Tree={index}' and end with two empty lines.")
    pairs = parse_pairs(lines[1:], where, KEYS)
    leaves, categories = integer(pairs, "num_leaves", where), integer(pairs, "num_cat", where)
    if not 1 <= leaves <= MAX_LEAVES or not 0 <= categories < max(leaves, 1):
        raise ModelError(f"{where}: num_leaves={leaves} and num_cat={categories} are out of range.")
    if pairs.get("is_linear", "0") != "0":
        raise ModelError(f"{where}: linear trees are not supported.")
    _numbers(pairs, "leaf_value", where, leaves)
    if _numbers(pairs, "shrinkage", where, 1)[0] <= 0:
        raise ModelError(f"{where}: shrinkage must be above 0.")
    counted: np.ndarray = np.zeros(len(ranges.low), dtype=np.int64)
    if leaves == 1:
        return counted
    nodes = leaves - 1
    children = np.stack([integers(pairs, key, where, nodes) for key in ("left_child", "right_child")])
    _check_structure(children, leaves, where)
    _check_counts(pairs, children, where)
    split = _check_splits(pairs, nodes, categories, ranges, where)
    gained = _numbers(pairs, "split_gain", where, nodes) > 0
    for key in ("internal_value", "internal_weight"):
        _numbers(pairs, key, where, nodes)
    _numbers(pairs, "leaf_weight", where, leaves)
    np.add.at(counted, split[gained], 1)
    return counted


def _check_structure(children: np.ndarray, leaves: int, where: str) -> None:
    """Check that nodes and leaves form one tree: each reached exactly once, a parent before its children.

    A child is a node's number, or ``~leaf``. LightGBM numbers a node after its parent, so that no cycle is possible
    when every child's number is above its parent's.
    """
    nodes = leaves - 1
    parents = np.broadcast_to(np.arange(nodes), children.shape)
    inner = children >= 0
    reached = np.sort(children, axis=None)
    if (
        not np.array_equal(reached, np.concatenate([np.arange(-leaves, 0), np.arange(1, nodes)]))
        or (children[inner] <= parents[inner]).any()
    ):
        raise ModelError(f"{where}: left_child and right_child must reach each node and leaf exactly once.")


def _check_counts(pairs: dict[str, str], children: np.ndarray, where: str) -> None:
    """Check that each node has as many training rows as its two children together."""
    nodes = children.shape[1]
    inner = integers(pairs, "internal_count", where, nodes)
    outer = integers(pairs, "leaf_count", where, nodes + 1)
    rows = np.concatenate([inner, outer[::-1]])  # so that a leaf's ~number, counted from the end, finds it
    if (rows < 0).any() or not np.array_equal(rows[children].sum(axis=0), inner):
        raise ModelError(f"{where}: internal_count must be the sum of what both children have.")


def _check_splits(
    pairs: dict[str, str], nodes: int, categories: int, ranges: Ranges, where: str
) -> np.ndarray:
    split = integers(pairs, "split_feature", where, nodes)
    if split.min() < 0 or split.max() >= len(ranges.low):
        raise ModelError(f"{where}: split_feature must be between 0 and {len(ranges.low) - 1}.")
    threshold = _numbers(pairs, "threshold", where, nodes, THRESHOLD)
    decision = integers(pairs, "decision_type", where, nodes)
    if decision.min() < 0 or (decision >> 4).any() or ((decision >> 2) & 3 > MISSING_NAN).any():
        raise ModelError(f"{where}: decision_type must be between 0 and 11.")
    listed = (decision & CATEGORICAL) == 1
    low, high = ranges.low[split], ranges.high[split]
    inside = (threshold >= low) & ((threshold <= high) | np.isinf(threshold))
    if not inside[~listed].all():
        raise ModelError(
            f"{where}: threshold must be within feature_infos' range of the feature that it splits."
        )
    chosen = list(zip(split[listed].tolist(), threshold[listed].tolist(), strict=True))
    _check_categories(pairs, chosen, categories, ranges, where)
    return split


def _check_categories(
    pairs: dict[str, str], chosen: list[tuple[int, float]], categories: int, ranges: Ranges, where: str
) -> None:
    """Check the sets of categories that splits (feature, number of the set) name: bit fields of the feature's own."""
    if sorted(number for _, number in chosen) != list(range(categories)):
        raise ModelError(f"{where}: each categorical split must have its own of num_cat={categories} sets.")
    if not categories:
        return
    bounds = integers(pairs, "cat_boundaries", where, categories + 1)
    if bounds[0] != 0 or (np.diff(bounds) <= 0).any():
        raise ModelError(f"{where}: cat_boundaries must rise from 0.")
    words = integers(pairs, "cat_threshold", where, int(bounds[-1]))
    if words.min() < 0 or words.max() >= 2**WORD_BITS:
        raise ModelError(f"{where}: cat_threshold must hold unsigned {WORD_BITS}-bit words.")
    for feature, number in chosen:
        known = ranges.categories.get(feature)
        part = words[bounds[int(number)] : bounds[int(number) + 1]].astype("<u4")
        members = np.flatnonzero(np.unpackbits(part.view(np.uint8), bitorder="little"))
        if known is None or not len(members) or not np.isin(members, known).all():
            raise ModelError(f"{where}: a set of categories must hold some of its feature's, and no others.")


def parse_pairs(lines: Sequence[str], where: str, keys: frozenset[str]) -> dict[str, str]:
    """Parse lines ``key=value``, each key one of ``keys`` and once; empty lines are passed over."""
    pairs: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not line or (not equals and line == "average_output" and line in keys):
            continue
        if not equals or key in pairs or key not in keys:
            raise ModelError(
                f"{where}: '{line[:40]}' must be a line 'key=value' with a known key of its own."
            )
        pairs[key] = value
    return pairs


def integer(pairs: dict[str, str], key: str, where: str) -> int:
    """Read the one whole number of a key."""
    return int(integers(pairs, key, where, 1)[0])


def integers(pairs: dict[str, str], key: str, where: str, count: int | None = None) -> np.ndarray:
    """Read the whole numbers of a key, ``count`` of them."""
    try:
        values = np.array([int(word) for word in _words(pairs[key], INTEGER)], dtype=np.int64)
    except (KeyError, ValueError, OverflowError):
        raise ModelError(f"{where}: {key} must be whole numbers, separated by one blank.") from None
    if count is not None and len(values) != count:
        raise ModelError(f"{where}: {key} must have {count} values and has {len(values)}.")
    return values


def _words(line: str, pattern: re.Pattern[str]) -> list[str]:
    words = line.split(" ")
    if not all(map(pattern.fullmatch, words)):
        raise ValueError(line)
    return words


def _numbers(
    pairs: dict[str, str], key: str, where: str, count: int, form: re.Pattern[str] = NUMBER
) -> np.ndarray:
    try:
        values = np.array([float(word) for word in _words(pairs[key], form)])
    except (KeyError, ValueError):
        raise ModelError(f"{where}: {key} must be numbers, separated by one blank.") from None
    if len(values) != count or not (np.isfinite(values) | (form is THRESHOLD)).all():
        raise ModelError(f"{where}: {key} must have {count} finite values and has {len(values)}.")
    return values
