"""Checks a model in LightGBM's text format before LightGBM reads it.

LightGBM trusts its input: damaged text kills the process, hangs it, or predicts silently wrong (CVE-2026-92786).
Here every count, index and number is checked, each tree must really be one (:mod:`toolkit.serving.tree_text`), and
what the text says twice must agree. The format is the one that LightGBM's ``Booster.save_model`` writes (version v4):
a head of ``key=value`` lines, a block a tree, ``end of trees``, then importances and parameters, which prediction does
not read. A number changed into another that could stand there is seen by the file's hash alone.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from toolkit.errors import ModelError
from toolkit.serving.tree_text import NUMBER, Ranges, check_tree, integer, integers, parse_pairs

END_OF_TREES = "end of trees"
INFO = re.compile(rf"none|\[{NUMBER.pattern}:{NUMBER.pattern}\]|-?\d+(:-?\d+)*")
TAIL = re.compile(
    r"\nfeature_importances:\n(?P<importances>(?:.+=\d+\n)*)"
    r"\nparameters:\n(?:\[\w+: .*\]\n)+\nend of parameters\n(?:\npandas_categorical:.*\n)?"
)
ZERO = 1.01e-35  # LightGBM tells zero from missing at 1e-35, of any feature, whatever its range
REQUIRED = (
    "version",
    "num_class",
    "num_tree_per_iteration",
    "label_index",
    "max_feature_idx",
    "objective",
    "feature_names",
    "feature_infos",
    "tree_sizes",
)
KEYS = frozenset((*REQUIRED, "average_output", "monotone_constraints"))


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
    if "\0" in text or "\r" in text:
        raise ModelError("The model's text must not hold a zero byte or a carriage return.")
    start = text.find("\n\nTree=0\n")
    end = text.find(f"\n{END_OF_TREES}\n")
    if not text.startswith("tree\n") or start < 0 or end < start:
        raise ModelError(
            "The model's text must begin with 'tree', hold 'Tree=0' and end its trees with 'end of trees'. "
            "It may have been cut short: make it anew."
        )
    pairs = parse_pairs(text[:start].split("\n")[1:], "the head", KEYS)
    head, ranges = _read_head(pairs)
    if features is not None and head.features != tuple(features):
        raise ModelError("The model's feature_names must be those of its signature, in order.")
    blocks = text[start + 2 : end + 1].encode()
    counted = _check_trees(blocks, integers(pairs, "tree_sizes", "the head"), ranges)
    _check_tail(text[end + len(END_OF_TREES) + 2 :], dict(zip(head.features, counted.tolist(), strict=True)))
    return head


def check_head(head: ModelHead, task: str, classes: int) -> None:
    """Check that a model's text is of a task: its objective says how scores become answers.

    Raises
    ------
    ModelError
        It is of another task, or of another number of classes.
    """
    objective = {"binary": "binary sigmoid:1", "multiclass": f"multiclass num_class:{classes}"}.get(
        task, task
    )
    outputs = classes if task == "multiclass" else 1
    if head.outputs != outputs or head.objective != objective:
        raise ModelError(
            f"model.txt must have {outputs} output(s) and the objective '{objective}' for the task '{task}' of its "
            f"signature. Got {head.outputs} and '{head.objective[:80]}'."
        )


def _read_head(pairs: dict[str, str]) -> tuple[ModelHead, Ranges]:
    absent = [key for key in REQUIRED if key not in pairs]
    if absent or pairs["version"] != "v4":
        raise ModelError(f"The head must be of version v4 and have all of its keys; not there: {absent}.")
    sizes = integers(pairs, "tree_sizes", "the head")
    outputs = integer(pairs, "num_tree_per_iteration", "the head")
    last_feature = integer(pairs, "max_feature_idx", "the head")
    names, infos = tuple(pairs["feature_names"].split(" ")), pairs["feature_infos"].split(" ")
    if outputs < 1 or len(sizes) % outputs or integer(pairs, "num_class", "the head") != outputs:
        raise ModelError(
            f"{len(sizes)} trees must be a multiple of num_tree_per_iteration, and num_class equal it."
        )
    if len(names) != last_feature + 1 or len(infos) != len(names) or len(set(names)) != len(names):
        raise ModelError(
            f"feature_names and feature_infos must each hold max_feature_idx + 1 = {last_feature + 1} entries."
        )
    return ModelHead(len(sizes), outputs, pairs["objective"], names), _read_ranges(infos)


def _read_ranges(infos: Sequence[str]) -> Ranges:
    low, high, categories = np.full(len(infos), np.nan), np.full(len(infos), np.nan), {}
    for index, info in enumerate(infos):
        if not INFO.fullmatch(info):
            raise ModelError(
                "feature_infos must be 'none', '[low:high]' or the categories, for each feature."
            )
        if info.startswith("["):
            low[index], high[index] = map(float, info[1:-1].split(":"))
            if not -np.inf < low[index] <= high[index] < np.inf:
                raise ModelError(f"feature_infos: {info[:80]} must be a range of finite numbers.")
        elif info != "none":
            categories[index] = np.array([float(word) for word in info.split(":")])
    return Ranges(np.minimum(low, -ZERO), np.maximum(high, ZERO), categories)


def _check_trees(blocks: bytes, sizes: np.ndarray, ranges: Ranges) -> np.ndarray:
    if (sizes <= 0).any() or sum(sizes.tolist()) != len(blocks):
        raise ModelError(
            f"tree_sizes must add up to the {len(blocks)} bytes of the trees, and give {sum(sizes.tolist())}."
        )
    counted: np.ndarray = np.zeros(len(ranges.low), dtype=np.int64)
    offset = 0
    for index, size in enumerate(sizes.tolist()):
        counted += check_tree(blocks[offset : offset + size].decode(errors="replace"), index, ranges)
        offset += size
    return counted


def _check_tail(tail: str, counted: dict[str, int]) -> None:
    """Check what follows the trees: the importances count the splits once more."""
    found = TAIL.fullmatch(tail)
    if not found:
        raise ModelError(
            "After the trees must follow importances and parameters, to 'end of parameters'. "
            "The file may have been cut short: make it anew."
        )
    pairs = [line.rpartition("=") for line in found["importances"].splitlines()]
    importances = {name: int(count) for name, _, count in pairs}
    if importances != {name: count for name, count in counted.items() if count}:
        raise ModelError("feature_importances must count each feature's splits in the trees and do not.")
