"""The packaged model: verified before it is loaded, then the same numbers for one row, many rows and a batch.

Loading goes through five gates, so that a damaged file stops the start and never answers a request: the hashes of the
manifest, the version over them, and the signature (:mod:`toolkit.serving.manifest`); a check of the model's text
(:mod:`toolkit.serving.model_text`); a first load with self-test in a process of its own
(:mod:`toolkit.serving.probe`); the self-test again in this one; and that all files are of one model.
"""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

import toolkit
from toolkit.artifacts import load_json, measure_sha256
from toolkit.errors import ModelError, ToolkitError
from toolkit.features import Features, load_features
from toolkit.serving.booster import Booster
from toolkit.serving.manifest import MODEL_FILES, check_manifest, check_tag
from toolkit.serving.model_text import check_head, check_model_text
from toolkit.serving.rules import NO_RULES, Rules, load_rules
from toolkit.serving.signature import check_signature

PROBE_TIMEOUT_S = 120
TOLERANCE = 1e-12  # relative; exp() of another machine's C library may differ in the last bit


@dataclass(frozen=True)
class Predictions:
    """What the model says about n rows.

    Parameters
    ----------
    classes : tuple of str
        The classes in the order of ``probabilities``' columns; empty for regression.
    probabilities : ndarray, optional
        float64 (n, number of classes); None for regression.
    values : ndarray, optional
        float64 (n,) for regression; None for classification.
    """

    classes: tuple[str, ...]
    probabilities: np.ndarray | None
    values: np.ndarray | None

    def __len__(self) -> int:
        return len(self.values if self.values is not None else self.codes)

    @cached_property
    def codes(self) -> np.ndarray:
        """Index of the most probable class per row; the first of equals."""
        if self.probabilities is None:
            raise ModelError("A regression predicts values and has no classes.")
        return self.probabilities.argmax(axis=1)

    @property
    def labels(self) -> list[str]:
        """The most probable class per row."""
        return [self.classes[code] for code in self.codes.tolist()]

    def part(self, part: slice) -> Predictions:
        """Those of some of the rows."""
        if self.values is not None:
            return Predictions(self.classes, None, self.values[part])
        return Predictions(self.classes, np.asarray(self.probabilities)[part], None)

    def rows(self) -> list[dict[str, Any]]:
        """Each row's output as an answer has it: ``{"label", "probabilities"}``, or ``{"value"}``; floats are exact."""
        if self.probabilities is None:
            return [{"value": value} for value in np.asarray(self.values).tolist()]
        probabilities = (dict(zip(self.classes, row, strict=True)) for row in self.probabilities.tolist())
        return [
            {"label": label, "probabilities": row}
            for label, row in zip(self.labels, probabilities, strict=True)
        ]


@dataclass(frozen=True)
class Model:
    """A loaded model with its features; made by :func:`load_model`."""

    folder: Path
    features: Features
    booster: Booster
    task: str
    classes: tuple[str, ...]
    version: str
    signature: Mapping[str, Any] = field(repr=False)
    settings: Mapping[str, Any] = field(repr=False)
    manifest: Mapping[str, Any] = field(repr=False)
    rules: Rules = field(default=NO_RULES, repr=False)

    @property
    def inputs(self) -> Mapping[str, str]:
        """Raw columns that a row must have, with their kinds."""
        return self.features.inputs

    @property
    def nullable(self) -> frozenset[str]:
        """Raw columns that may be null, because some were in training."""
        return self.features.nullable

    @property
    def zoned(self) -> frozenset[str]:
        """Raw columns that are times with an offset; other times have none."""
        return self.features.zoned

    def predict(self, columns: Mapping[str, Sequence[Any] | np.ndarray], first_row: int = 1) -> Predictions:
        """Predict n rows given as columns by name; missing values are NaN or None.

        ``first_row`` is what messages call the first row: 1 for a table, 0 for a request.
        """
        used = {name: columns[name] for name in self.inputs}
        return self.interpret(self.booster.predict(self.features.matrix(used, first_row=first_row)))

    def predict_rows(self, rows: Sequence[Mapping[str, Any]]) -> Predictions:
        """Predict rows given as mappings from column to value."""
        if len(rows) == 1:
            return self.interpret(self.booster.predict(self.features.row(rows[0])[np.newaxis, :]))
        return self.predict({name: [row[name] for row in rows] for name in self.inputs}, first_row=0)

    def interpret(self, raw: np.ndarray) -> Predictions:
        """Give what the booster's outputs (n, outputs) say."""
        if self.task == "regression":
            return Predictions((), None, raw[:, 0])
        if self.task == "binary":
            raw = np.concatenate([1.0 - raw, raw], axis=1)
        return Predictions(self.classes, raw, None)


def load_model(folder: Path, threads: int = 0) -> Model:
    """Load a packaged model after verifying it.

    Parameters
    ----------
    folder : Path
        ``models/package``, or the same inside a Bento; with a gate report, without which no service starts.
    threads : int
        Threads for many rows; 0 for LightGBM's own choice.

    Raises
    ------
    ModelError
        A file is missing or is not the one that was packaged, the model's text is damaged, it does not give the
        outputs that were recorded when it was trained, or a file is of another model.
    """
    from toolkit.serving.one_model import check_one_model  # needs pydantic, which the first load does without

    manifest = check_manifest(folder)
    check_tag(folder, manifest)
    model = _load_proved(folder, threads, manifest)
    check_one_model(model)
    return model


def load_released(folder: Path) -> Model:
    """Load the model of the folder ``released``, which holds what the model computes and no report on it."""
    return _load_proved(folder, 0, check_manifest(folder, MODEL_FILES))


def _load_proved(folder: Path, threads: int, manifest: Mapping[str, Any]) -> Model:
    _probe(folder)
    model = load_unproved(folder, threads, manifest)
    check_self_test(model)
    return model


def load_unproved(folder: Path, threads: int = 0, manifest: Mapping[str, Any] | None = None) -> Model:
    """Load the model in this process, trusting its files but not its text."""
    signature = check_signature(load_json(folder / "signature.json"))
    text = (folder / "model.txt").read_bytes()
    if hashlib.sha256(text).hexdigest() != signature["sha256"]:
        raise ModelError(
            f"{folder}/model.txt must be the file that training wrote (its SHA-256 differs from signature.json's)."
        )
    features = _load_features(folder / "features.json", signature["features_sha256"])
    task, classes = signature["task"], tuple(signature["classes"])
    head = check_model_text(text)
    check_head(head, task, len(classes))
    if tuple(signature["features"]) != tuple(features.names) or len(head.features) != len(features.names):
        raise ModelError(
            "The features of signature.json, features.json and model.txt must be the same, in order, and are not."
        )
    if head.trees != signature["num_trees"]:
        raise ModelError(
            f"model.txt must hold the {signature['num_trees']} trees of its signature and has {head.trees}."
        )
    settings = load_json(folder / "settings.json") if (folder / "settings.json").is_file() else {}
    rules = load_rules(folder / "contract.json") if (folder / "contract.json").is_file() else NO_RULES
    tag = folder / "tag.txt"
    version = tag.read_text(encoding="utf-8").strip() if tag.is_file() else "unversioned"
    return Model(
        folder,
        features,
        Booster(text, threads),
        task,
        classes,
        version,
        signature,
        settings,
        manifest or {},
        rules,
    )


def _load_features(path: Path, digest: str) -> Features:
    if measure_sha256(path) != digest:
        raise ModelError(
            f"{path} must be the file that the model was trained with (its SHA-256 differs from signature.json's)."
        )
    try:
        return load_features(path)
    except (KeyError, TypeError, ValueError, AttributeError, IndexError) as error:
        raise ModelError(
            f"{path} must hold fitted features and does not ({error!r}). Run './run dvc repro prepare'."
        ) from None


def check_self_test(model: Model) -> None:
    """Check that the rows recorded at training give the outputs recorded then.

    Raises
    ------
    ModelError
        An output differs by more than a relative 1e-12, or there is no self-test.
    """
    test = model.signature.get("self_test") or {}
    rows, expected = test.get("rows"), test.get("outputs")
    if not rows or not expected:
        raise ModelError("signature.json must hold a self-test (rows and outputs). Train the model anew.")
    absent = sorted({name for row in rows for name in model.inputs if name not in row})
    if absent:
        raise ModelError(
            f"signature.json's self-test rows must have all features and lack {', '.join(absent)}."
        )
    got = model.predict_rows(rows)
    outputs = np.asarray(got.values if got.probabilities is None else got.probabilities)
    wanted = np.asarray(expected, dtype=float)
    if (
        got.probabilities is not None and wanted.ndim == 1
    ):  # binary, given as the positive class's probability
        outputs = got.probabilities[:, 1]
    if wanted.shape != outputs.shape or not np.allclose(outputs, wanted, rtol=TOLERANCE, atol=TOLERANCE):
        raise ModelError(
            f"The model must give the outputs recorded when it was trained, {wanted.tolist()}, and gives "
            f"{outputs.tolist()}. It is damaged, or made by an incompatible version of LightGBM."
        )


def _probe(folder: Path) -> None:
    """Load and test the model in a process of its own: one that crashes or hangs takes nothing with it."""
    code_root = str(Path(toolkit.__file__).resolve().parents[1])
    paths = [code_root, *filter(None, [os.environ.get("PYTHONPATH")])]
    try:
        done = subprocess.run(
            [sys.executable, "-m", "toolkit.serving.probe", str(folder)],
            env={**os.environ, "PYTHONPATH": os.pathsep.join(paths)},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            timeout=PROBE_TIMEOUT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise ModelError(f"{folder}/model.txt must load and does not within {PROBE_TIMEOUT_S} s.") from None
    if done.returncode < 0:
        raise ModelError(f"{folder}/model.txt must load and killed its process (signal {-done.returncode}).")
    if done.returncode:
        message = done.stderr.decode(errors="replace").strip()
        try:
            raise ModelError(json.loads(message.splitlines()[-1])["error"])
        except (ValueError, KeyError, TypeError, IndexError):
            raise ToolkitError(f"The model's first load failed: {message[-2000:]}") from None
