"""Train one LightGBM model with early stopping, and keep its learning curves."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import lightgbm as lgb
import numpy as np

from toolkit.artifacts import write_text
from toolkit.columns import BLOCK_ROWS
from toolkit.errors import ModelError
from toolkit.params import Train
from toolkit.training.dataset import Prepared, Split, Task
from toolkit.training.parameters import OBJECTIVES, SWEEPABLE, build_booster_params


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained model: its text (the trees up to the best round only), the model read back from it, its curves.

    ``curves`` has the loss on ``train`` and ``valid`` after each round; ``best_iteration`` counts from 1.
    """

    text: str
    booster: lgb.Booster
    metric: str
    curves: dict[str, np.ndarray]
    best_iteration: int
    baseline: float


def train_model(data: Prepared, params: Train) -> Trained:
    """Train on the split ``train`` until the loss on ``valid`` has not fallen for ``params.patience`` rounds.

    The model is written as text and read back before anything is computed with it, so that what is reported here
    is what the stored file gives.

    Raises
    ------
    ModelError
        A split cannot be learnt from (see :func:`check_learnable`).
    """
    train, valid, task = data["train"], data["valid"], data.task
    check_learnable(train, task)
    values = {name: getattr(params, name) for name in ("learning_rate", *SWEEPABLE)}
    settings = build_booster_params(task.kind, len(task.classes), values, params.seed)
    names = clean_names(data.features.names)
    first = build_dataset(train, settings, names, data.features.categorical)
    second = lgb.Dataset([Blocks(valid)], label=valid.target, reference=first, params=settings)
    history: dict[str, dict[str, list[float]]] = {}
    booster = lgb.train(
        settings,
        first,
        num_boost_round=params.max_rounds,
        valid_sets=[first, second],
        valid_names=["train", "valid"],
        callbacks=[lgb.record_evaluation(history), lgb.early_stopping(params.patience, verbose=False)],
    )
    _, measured, metric = OBJECTIVES[task.kind]
    curves = {name: np.asarray(history[name][measured]) for name in ("train", "valid")}
    best = int(np.argmin(curves["valid"])) + 1
    text = booster.model_to_string(num_iteration=best)
    baseline = measure_baseline(train.target, valid.target, task)
    return Trained(text, lgb.Booster(model_str=text), metric, curves, best, baseline)


def build_dataset(
    split: Split, settings: dict, names: Sequence[str], categorical: Sequence[int]
) -> lgb.Dataset:
    """Bin a split for LightGBM, block by block: the matrix is never whole in memory."""
    return lgb.Dataset(
        [Blocks(split)],
        label=split.target,
        feature_name=list(names),
        categorical_feature=list(categorical),
        params=settings,
    )


class Blocks(lgb.Sequence):
    """The rows of a split in the form that LightGBM bins from: looked at one by one (its sample), then in blocks.

    LightGBM asks in ascending order, twice; only the block that holds the rows asked for is kept.
    """

    batch_size = BLOCK_ROWS

    def __init__(self, split: Split) -> None:
        self.split = split
        self._blocks = split.blocks()
        self._first, self._block = 0, next(self._blocks)

    def __len__(self) -> int:
        return len(self.split)

    def __getitem__(self, index: Any) -> np.ndarray:
        if not isinstance(index, slice):
            return self._find(index)[index - self._first]
        start, stop, _ = index.indices(len(self))
        parts = []
        while start < stop:
            block = self._find(start)[start - self._first : stop - self._first]
            parts.append(block)
            start += len(block)
        return parts[0] if len(parts) == 1 else np.concatenate(parts)

    def _find(self, row: int) -> np.ndarray:
        if row < self._first:
            self._blocks = self.split.blocks()
            self._first, self._block = 0, next(self._blocks)
        while row >= self._first + len(self._block):
            self._first += len(self._block)
            self._block = next(self._blocks)
        return self._block


def write_model(path: Path, trained: Trained) -> None:
    """Write the model in LightGBM's text format."""
    write_text(path, trained.text)


def clean_names(names: Sequence[str]) -> list[str]:
    """Give names that LightGBM takes: it refuses JSON's special characters and blanks.

    >>> clean_names(["mean radius", "mean:radius", "x"])
    ['mean_radius', 'mean_radius_1', 'x']
    """
    taken: list[str] = []
    for index, name in enumerate(names):
        clean = re.sub(r"[^A-Za-z0-9_.-]+", "_", name) or "_"
        while clean in taken:
            clean = f"{clean}_{index}"
        taken.append(clean)
    return taken


def check_learnable(train: Split, task: Task) -> None:
    """Check that there is something to learn and to stop by.

    Raises
    ------
    ModelError
        All reasons at once: labels of one kind only, a class without training rows, features that are all constant.
    """
    findings = []
    if task.kind == "regression":
        if np.ptp(train.target) == 0:
            findings.append(f"every label of train is {train.target[0]:g}")
    else:
        counts = np.bincount(train.target.astype(int), minlength=len(task.classes))
        findings += [
            f"class '{name}' has no row in train"
            for name, count in zip(task.classes, counts, strict=True)
            if not count
        ]
    if len(find_constant(train.blocks())) == len(train.features.names):
        findings.append("every feature is constant or missing throughout train")
    if findings:
        raise ModelError(
            "The training data must be learnable. " + "; ".join(findings) + ". Look at the prepare notebook."
        )


def find_constant(blocks: Iterable[np.ndarray]) -> list[int]:
    """List the columns (indexes) that have one value, or none, in all rows: no tree can split on them."""
    low, high, present, rows = np.inf, -np.inf, 0, 0
    for block in blocks:
        known = ~np.isnan(block)
        low = np.minimum(low, np.where(known, block, np.inf).min(axis=0))
        high = np.maximum(high, np.where(known, block, -np.inf).max(axis=0))
        present, rows = present + known.sum(axis=0), rows + len(block)
    # A column that is missing in some rows and constant in the others still tells them apart.
    return [int(index) for index in np.flatnonzero((low >= high) & ((present == rows) | (present == 0)))]


def measure_baseline(train: np.ndarray, valid: np.ndarray, task: Task) -> float:
    """Compute the loss on ``valid`` of a model that knows only the labels' mix (or mean) of ``train``."""
    if task.kind == "regression":
        return float(np.sqrt(np.mean((valid - train.mean()) ** 2)))
    shares = np.bincount(train.astype(int), minlength=len(task.classes)) / len(train)
    return float(-np.log(np.clip(shares[valid.astype(int)], 1e-15, 1)).mean())
