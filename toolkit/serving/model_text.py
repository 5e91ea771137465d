"""Checks a model in LightGBM's text format before LightGBM reads it.

LightGBM trusts its input: damaged text kills the process, hangs it, or predicts silently wrong (CVE-2026-92786).
Here every count, index and number is checked, each tree must really be one, and lengths must agree. The format
is the one that LightGBM's ``Booster.save_model`` writes (version v4): a head of ``key=value`` lines, a block a tree,
``end of trees``, then importances and parameters, which prediction does not read.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import ModelError

CATEGORICAL, MISSING_NAN = 1, 2  # bits of decision_type: 0 categorical, 1 default left, 2-3 kind of missing
MAX_LEAVES = 131_072
END_OF_TREES = "end of trees"
NUMBER = re.compile(r"-?\d+(\.\d+)?([eE][-+]?\d+)?")  # what LightGBM's parser takes; Python's takes more
THRESHOLD = re.compile(
    rf"{NUMBER.pattern}|inf"
)  # a split of missing values from all others has no finite one
INTEGER = re.compile(r"-?\d+")
INFO = re.compile(rf"none|\[{NUMBER.pattern}:{NUMBER.pattern}\]|-?\d+(:-?\d+)*")
UNUSED_PER_LEAF = (
    "leaf_weight",
    "leaf_count",
)  # not used to predict, but LightGBM dies of a wrong word in them
UNUSED_PER_NODE = ("split_gain", "internal_value", "internal_weight", "internal_count")


@dataclass(frozen=True)
class ModelHead:
    """What the head of the text says: how many trees, outputs and features, and how they are called."""

    trees: int
    outputs: int
    objective: str
    features: tuple[str, ...]


def check_model_text(data: bytes, features: Sequence[str] | None = None) -> ModelHead:
    """Check the text of a model and return what its head says.

    Parameters
    ----------
    data : bytes
        The whole file.
    features : sequence of str, optional
        The features it must have, in order.

    Raises
    ------
    ModelError
        The text is damaged or is not what LightGBM writes; names the tree and the key.
    """
    try:
        text = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise ModelError(f"The model's text must be UTF-8 and is not: {error}.") from None
    if "\0" in text:
        raise ModelError("The model's text must not hold a zero byte.")
    start = text.find("\n\nTree=0\n")
    end = text.find(f"\n{END_OF_TREES}\n")
    if not text.startswith("tree\n") or start < 0 or end < start:
        raise ModelError(
            "The model's text must begin with 'tree', hold 'Tree=0' and end its trees with 'end of trees'. "
            "It may have been cut short: make it anew."
        )
    head = _parse_pairs(text[:start].split("\n")[1:], "the head")
    blocks = text[start + 2 : end + 1].encode()
    sizes = _integers(head, "tree_sizes", "the head")
    if sizes.sum() != len(blocks) or (sizes <= 0).any():
        raise ModelError(
            f"tree_sizes must add up to the {len(blocks)} bytes of the trees, and give {sizes.sum()}."
        )
    outputs = _integer(head, "num_tree_per_iteration", "the head")
    last_feature = _integer(head, "max_feature_idx", "the head")
    names = tuple(head.get("feature_names", "").split(" "))
    if outputs < 1 or len(sizes) % outputs or _integer(head, "num_class", "the head") != outputs:
        raise ModelError(
            f"{len(sizes)} trees must be a multiple of num_tree_per_iteration, and num_class equal it."
        )
    if len(names) != last_feature + 1 or len(head.get("feature_infos", "").split(" ")) != len(names):
        raise ModelError(
            f"feature_names and feature_infos must each hold max_feature_idx + 1 = {last_feature + 1} entries."
        )
    if not all(map(INFO.fullmatch, head["feature_infos"].split(" "))):
        raise ModelError("feature_infos must be 'none', '[low:high]' or the categories, for each feature.")
    if features is not None and names != tuple(features):
        raise ModelError("The model's feature_names must be those of its signature, in order.")
    offset = 0
    for index, size in enumerate(sizes):
        _check_tree(blocks[offset : offset + int(size)].decode(), index, last_feature)
        offset += int(size)
    return ModelHead(len(sizes), outputs, head.get("objective", ""), names)


def _check_tree(block: str, index: int, last_feature: int) -> None:
    where = f"tree {index}"
    lines = block.split("\n")
    if lines[0] != f"Tree={index}" or not block.endswith("\n\n\n"):
        raise ModelError(f"{where} must begin with 'Tree={index}' and end with two empty lines.")
    pairs = _parse_pairs(lines[1:], where)
    leaves = _integer(pairs, "num_leaves", where)
    categories = _integer(pairs, "num_cat", where)
    if not 1 <= leaves <= MAX_LEAVES or not 0 <= categories < max(leaves, 1):
        raise ModelError(f"{where}: num_leaves={leaves} and num_cat={categories} are out of range.")
    if pairs.get("is_linear", "0") != "0":
        raise ModelError(f"{where}: linear trees are not supported.")
    _numbers(pairs, "leaf_value", where, leaves)
    if _numbers(pairs, "shrinkage", where, 1)[0] <= 0:
        raise ModelError(f"{where}: shrinkage must be above 0.")
    if leaves == 1:
        return
    nodes = leaves - 1
    for key in (*UNUSED_PER_LEAF, *UNUSED_PER_NODE):
        _numbers(pairs, key, where, nodes if key in UNUSED_PER_NODE else leaves)
    split = _integers(pairs, "split_feature", where, nodes)
    if split.min() < 0 or split.max() > last_feature:
        raise ModelError(f"{where}: split_feature must be between 0 and {last_feature}.")
    threshold = _numbers(pairs, "threshold", where, nodes, THRESHOLD)
    decision = _integers(pairs, "decision_type", where, nodes)
    if decision.min() < 0 or (decision >> 4).any() or ((decision >> 2) & 3 > MISSING_NAN).any():
        raise ModelError(f"{where}: decision_type must be between 0 and 11.")
    children = np.stack([_integers(pairs, key, where, nodes) for key in ("left_child", "right_child")])
    _check_structure(children, leaves, where)
    _check_categories(pairs, threshold[(decision & CATEGORICAL) == 1], categories, where)


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


def _check_categories(pairs: dict[str, str], threshold: np.ndarray, categories: int, where: str) -> None:
    if len(threshold) != categories:
        raise ModelError(f"{where}: num_cat={categories} must equal its {len(threshold)} categorical splits.")
    if not categories:
        return
    bounds = _integers(pairs, "cat_boundaries", where, categories + 1)
    if bounds[0] != 0 or (np.diff(bounds) <= 0).any():
        raise ModelError(f"{where}: cat_boundaries must rise from 0.")
    words = _integers(pairs, "cat_threshold", where, int(bounds[-1]))
    if words.min() < 0 or words.max() >= 2**32:
        raise ModelError(f"{where}: cat_threshold must hold unsigned 32-bit words.")
    if not np.array_equal(np.sort(threshold), np.arange(categories)):
        raise ModelError(f"{where}: each categorical split must have its own set of categories.")


def _parse_pairs(lines: Sequence[str], where: str) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for line in lines:
        key, equals, value = line.partition("=")
        if not line or (not equals and line == "average_output"):
            continue
        if not equals or key in pairs:
            raise ModelError(f"{where}: '{line[:40]}' must be a line 'key=value' with a key of its own.")
        pairs[key] = value
    return pairs


def _integer(pairs: dict[str, str], key: str, where: str) -> int:
    return int(_integers(pairs, key, where, 1)[0])


def _integers(pairs: dict[str, str], key: str, where: str, count: int | None = None) -> np.ndarray:
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
