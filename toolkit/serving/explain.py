"""Why a prediction is what it is: what each feature adds to the model's raw score, from a base that all rows share.

The contributions are LightGBM's own (SHAP values by path-dependent TreeSHAP: Lundberg and others, "From local
explanations to global understanding with explainable AI for trees", 2020). They add up to the raw score: the log odds
of a binary model, one number a class of a multiclass one, the value itself of most regressions.

A model column that is made of several raw columns gives each of these an equal share of what it adds: nothing in the
model says which of them it came from.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from toolkit.errors import RequestError
from toolkit.features import Features
from toolkit.serving.faults import describe
from toolkit.serving.model import Model, Predictions
from toolkit.serving.rows import Column

OPTION, MOST = "top", 999_999


@dataclass(frozen=True)
class Explanations:
    """What was added to the raw scores of n rows.

    Attributes
    ----------
    scores : ndarray
        float64 (n, outputs): the model's raw scores.
    base : ndarray
        float64 (n, outputs): what every row starts from.
    features : ndarray
        float64 (n, outputs, features of the model).
    columns : ndarray
        float64 (n, outputs, raw columns): the same, summed by what the features are made of.
    """

    scores: np.ndarray
    base: np.ndarray
    features: np.ndarray
    columns: np.ndarray


class Explainer:
    """Explains rows with a loaded model."""

    def __init__(self, model: Model) -> None:
        self._model = model
        self._shares = share_features(model.features)
        self._outputs = explained_outputs(model)

    def measure(self, columns: Mapping[str, Column]) -> tuple[Predictions, Explanations]:
        """Predict and explain rows given as columns."""
        booster = self._model.booster
        matrix = self._model.features.matrix(columns, first_row=0)
        parts = booster.contribute(matrix)
        features = parts[:, :, :-1]
        explained = Explanations(booster.score(matrix), parts[:, :, -1], features, features @ self._shares)
        return self._model.interpret(booster.predict(matrix)), explained

    def render(self, predictions: Predictions, explained: Explanations, top: int | None = None) -> bytes:
        """Give the answer's bytes; ``top``: only so many features and columns a score, the rest as one sum."""
        names = list(self._model.features.names), list(self._model.inputs)
        rows = []
        for row, output in enumerate(predictions.rows()):
            scores = [
                {
                    **({"class": name} if name is not None else {}),
                    "score": explained.scores[row, place],
                    "base": explained.base[row, place],
                    "columns": _list(names[1], explained.columns[row, place], top),
                    "features": _list(names[0], explained.features[row, place], top),
                }
                for place, name in enumerate(self._outputs)
            ]
            rows.append({**output, "scores": scores})
        content = {"version": self._model.version, "explanations": rows}
        return orjson.dumps(content, option=orjson.OPT_SERIALIZE_NUMPY)


def explained_outputs(model: Model) -> tuple[str | None, ...]:
    """Name the class that each raw score speaks for: of two the positive one; None for regression."""
    if model.task == "regression":
        return (None,)
    return model.classes[1:] if model.task == "binary" else model.classes


def share_features(features: Features) -> np.ndarray:
    """Give the share of each raw column in each of the model's features: (features, raw columns), rows add up to 1."""
    places = {name: place for place, name in enumerate(features.inputs)}
    shares = np.zeros((len(features.names), len(places)))
    start = 0
    for each in features.features:
        inputs = dict.fromkeys(each.definition.inputs)
        for name in inputs:
            shares[start : start + len(each.outputs), places[name]] = 1 / len(inputs)
        start += len(each.outputs)
    return shares


def parse_top(query: bytes) -> int | None:
    """Read the query of ``POST /explain``: nothing, or ``top`` and a whole number.

    Raises
    ------
    RequestError
        It is something else.
    """
    if not query:
        return None
    match = re.fullmatch(rb"top=([1-9][0-9]{0,5})", query)
    if match is None:
        raise RequestError(
            f"/explain takes the option {OPTION}, a whole number from 1, such as ?{OPTION}=5. Got "
            f"'?{query[:80].decode('latin-1')}'."
        )
    return int(match[1])


def check_top(sent: Any, asked: int | None) -> int | None:
    """Give the option ``top``, sent beside the rows of the body or, else, asked for in the query.

    Raises
    ------
    RequestError
        It is no whole number from 1, or both are there.
    """
    if sent is None:
        return asked
    if asked is not None or type(sent) is not int or not 1 <= sent <= MOST:
        got = "it in the query, too" if asked is not None else describe(sent)
        raise RequestError(f"'{OPTION}' must be a whole number from 1 to {MOST}, given once. Got {got}.")
    return sent


def _list(names: list[str], parts: np.ndarray, top: int | None) -> dict[str, Any]:
    """Give what was added by name, the largest first; those beyond ``top`` as their number and sum."""
    order = np.argsort(-np.abs(parts), kind="stable")
    first = order if top is None else order[:top]
    listed: dict[str, Any] = {"added": {names[place]: parts[place] for place in first.tolist()}}
    rest = order[len(first) :]
    return listed | {"others": {"count": len(rest), "added": parts[rest].sum()}}
