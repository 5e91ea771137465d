"""Which labels are probably wrong? Out-of-fold predictions and annotators' disagreement rank them together."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.columns import get_columns
from toolkit.data.agreement import Answer
from toolkit.data.contract.hashes import hash_column
from toolkit.data.labelled import LABEL, LabelledRows
from toolkit.data.out_of_fold import predict_classes, predict_values
from toolkit.data.table import as_strings
from toolkit.errors import AnnotationError, quote, suggest
from toolkit.features import Features

# Annotators see the same row and often err together, so an answer is no independent witness: each counts a tenth.
VOTE_WEIGHT = 0.1
LEAST = 1e-6  # probabilities are kept this far from 0 and 1
FAR_OFF = 3.5  # regression: suspected beyond so many robust standard deviations (Iglewicz and Hoaglin 1993)
MAD_SCALE = 1.4826  # makes the median absolute deviation a standard deviation for normal errors
DECIMALS = 6
SUSPECT_ROWS = 20_000  # labels that are looked at; of more a sample
LEAST_OF_CLASS = 50


@dataclass(frozen=True, eq=False)
class Quality:
    """Each labelled row's probability of being wrong, in the rows' order.

    Attributes
    ----------
    keys, given, likely : sequences
        The row, its label, and the label that the models expect (for regression their value).
    scores : ndarray of float
        From 0 to 1, higher is more suspect: a rank, no calibrated probability.
    suspected : ndarray of bool
        Whether the label is suspected to be wrong.
    """

    keys: Sequence[str]
    given: Sequence[Answer]
    likely: Sequence[Answer]
    scores: np.ndarray
    suspected: np.ndarray


def measure_quality(
    rows: pa.Table,
    key: str,
    kinds: Mapping[str, str],
    answers: Mapping[str, Mapping[str, Answer]],
    params: Any,
) -> Quality:
    """Score each labelled row.

    For classes, a row is suspected by confident learning (Northcutt, Jiang and Chuang 2021, as cleanlab does it) on
    out-of-fold probabilities; its score joins the models' odds against the label with its annotators' votes, each
    weighed by how often that annotator is outvoted. For a regression, by the size of the out-of-fold residual.

    Parameters
    ----------
    rows : pyarrow.Table
        Key, feature columns and ``label``.
    answers : mapping
        Each row's answers by annotator.
    params : Annotate
        The stage's section: task, classes, folds and seed are used.

    Raises
    ------
    AnnotationError
        There are fewer than two classes, or fewer rows of a class (or in all, for a regression) than folds.
    """
    columns = get_columns(rows, kinds)
    features = Features.fit(columns, kinds)
    keys, given = rows[key].to_pylist(), rows[LABEL].to_pylist()
    if params.task == "regression":
        values = np.array(given, dtype=float)
        predicted = predict_values(features, features.matrix(columns), values, params.folds, params.seed)
        scores, suspected = _score_residuals(values - predicted)
        return Quality(keys, given, predicted.tolist(), scores, suspected)
    _check_counts(given, params.classes, params.folds)
    names = sorted(set(given))
    classes = np.array([names.index(label) for label in given])
    chances = predict_classes(features, features.matrix(columns), classes, params.folds, params.seed)
    likely = [names[index] for index in chances.argmax(axis=1)]
    votes = _measure_votes(keys, given, answers)
    scores = _score_classes(chances[np.arange(len(classes)), classes], votes)
    return Quality(keys, given, likely, scores, _find_suspects(classes, chances))


def choose_labels(keys: pa.ChunkedArray, labels: pa.ChunkedArray, most: int = SUSPECT_ROWS) -> np.ndarray:
    """Give the places of the labels that are looked at: all, or of more than ``most`` those whose keys hash lowest.

    Each class has its share of them, and at least 50 rows, so that rare ones can be learnt. The same rows are chosen
    every time, and mostly when the table has grown.
    """
    if len(keys) <= most:
        return np.arange(len(keys))
    hashes = np.concatenate([hash_column(chunk) for chunk in keys.chunks])
    if not pa.types.is_string(labels.type):
        return np.sort(np.argsort(hashes, kind="stable")[:most])
    classes = labels.combine_chunks().dictionary_encode().indices.to_numpy()
    order = np.lexsort((hashes, classes))
    counts = np.bincount(classes)
    wanted = np.maximum(counts * most // len(keys), np.minimum(counts, LEAST_OF_CLASS))
    starts = np.cumsum(counts) - counts
    return np.sort(
        np.concatenate([order[start : start + size] for start, size in zip(starts, wanted, strict=True)])
    )


def make_suspect_table(quality: Quality, labels: pa.Table, params: Any) -> pa.Table:
    """Give the suspected rows, most suspect first: key, given, likely, score, n_annotations, agreement."""
    order = [int(row) for row in np.argsort(-quality.scores, kind="stable") if quality.suspected[row]]
    kind = pa.float64() if params.task == "regression" else pa.string()
    keys = pa.array([quality.keys[row] for row in order], pa.string())
    place = pc.index_in(keys, labels[params.key].combine_chunks())
    return pa.table(
        {
            params.key: keys,
            "given": pa.array([quality.given[row] for row in order], kind),
            "likely": pa.array([quality.likely[row] for row in order], kind),
            "score": pa.array([float(quality.scores[row]) for row in order], pa.float64()),
            "n_annotations": labels["n_annotations"].take(place).combine_chunks(),
            "agreement": labels["agreement"].take(place).combine_chunks(),
        }
    )


def find_errors(quality: Quality, rows: LabelledRows, truth: str, task: str) -> np.ndarray | None:
    """Compare the given labels with the true ones, where the table has them; None if it has not, or for a regression.

    ``rows`` are those that the quality was measured on, in the same order.

    Raises
    ------
    AnnotationError
        The column of true labels does not exist, or is a feature.
    """
    if not truth:
        return None
    names = [column.name for column in rows.schema.columns]
    if truth not in names:
        raise AnnotationError(
            f"annotate.truth: '{truth}' must be a column of the table and is not.{suggest(truth, names)} "
            "Set it to '' if true labels are unknown."
        )
    if truth in rows.schema.kinds:
        raise AnnotationError(
            f"annotate.truth: '{truth}' must not be a feature, or the model sees the answer. Add it to collect.exclude."
        )
    if task == "regression":
        return None
    known = as_strings(rows.column(truth)).to_pylist()
    return np.array([right not in (None, label) for right, label in zip(known, quality.given, strict=True)])


def score_detection(quality: Quality, wrong: np.ndarray) -> dict[str, float | int]:
    """Score the ranking and the suspects against the labels that are known to be wrong.

    ``precision_at_planted`` is the share of wrong labels among as many of the highest scores as there are wrong ones,
    where precision and recall are the same; ``average_precision`` is over the whole ranking.
    """
    from sklearn.metrics import average_precision_score

    planted = int(wrong.sum())
    result: dict[str, float | int] = {"wrong_labels": planted}
    if planted:
        top = np.argsort(-quality.scores, kind="stable")[:planted]
        hits = int((wrong & quality.suspected).sum())
        result |= {
            "average_precision": round(float(average_precision_score(wrong, quality.scores)), DECIMALS),
            "precision_at_planted": round(float(wrong[top].mean()), DECIMALS),
            "suspects_precision": round(hits / max(int(quality.suspected.sum()), 1), DECIMALS),
            "suspects_recall": round(hits / planted, DECIMALS),
        }
    return result


def _check_counts(given: Sequence[Answer], classes: Sequence[str], folds: int) -> None:
    """Check that models can learn classes in every fold: two or more, each with a row a fold."""
    counts = {**dict.fromkeys(classes, 0), **Counter(map(str, sorted(given)))}
    found = {name: count for name, count in counts.items() if count}
    told = ", ".join(f"'{name}': {count}" for name, count in counts.items())
    if len(found) < 2:
        raise AnnotationError(
            f"There must be labelled rows of two classes or more. Got {told}. Label more rows."
        )
    rare = [name for name, count in found.items() if count < folds]
    if rare:
        kept = [name for name in found if name not in rare]
        ways = ["Label more rows of the rare ones"]
        if min(found.values()) > 1:
            ways.append("lower annotate.folds (2 at least)")
        if len(kept) > 1:
            listed = json.dumps(kept, ensure_ascii=False)  # which YAML reads too
            ways.append(f"leave them out: annotate.classes: {listed} and annotate.unlisted: drop")
        raise AnnotationError(
            f"Every class must have at least {folds} labelled rows, one a fold (annotate.folds), and {quote(rare)} "
            f"{'has' if len(rare) == 1 else 'have'} fewer. Got {told}. {', or '.join(ways)}."
        )


def _find_suspects(classes: np.ndarray, chances: np.ndarray) -> np.ndarray:
    from cleanlab.filter import find_label_issues

    return np.asarray(find_label_issues(classes, chances, n_jobs=1), dtype=bool)


def _measure_votes(
    keys: Sequence[str], given: Sequence[Answer], answers: Mapping[str, Mapping[str, Answer]]
) -> np.ndarray:
    """Sum each row's votes against its label, as log odds: an annotator who is seldom outvoted says more."""
    outvoted, checked = _count_outvoted(keys, given, answers)
    odds = {who: np.log((outvoted[who] + 1) / (checked[who] - outvoted[who] + 1)) for who in checked}
    votes = np.zeros(len(keys))
    for row, (key, label) in enumerate(zip(keys, given, strict=True)):
        for who, answer in answers.get(key, {}).items():
            votes[row] += odds[who] if answer == label else -odds[who]
    return votes


def _count_outvoted(
    keys: Sequence[str], given: Sequence[Answer], answers: Mapping[str, Mapping[str, Answer]]
) -> tuple[dict[str, int], dict[str, int]]:
    people = {who for row in answers.values() for who in row}
    outvoted, checked = dict.fromkeys(people, 0), dict.fromkeys(people, 0)
    for key, label in zip(keys, given, strict=True):
        row = answers.get(key, {})
        for who, answer in row.items() if len(row) > 1 else ():
            checked[who] += 1
            outvoted[who] += answer != label
    return outvoted, checked


def _score_classes(own: np.ndarray, votes: np.ndarray) -> np.ndarray:
    own = np.clip(own, LEAST, 1 - LEAST)
    return np.round(1 / (1 + np.exp(-(np.log((1 - own) / own) + VOTE_WEIGHT * votes))), DECIMALS)


def _score_residuals(residuals: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scale residuals by their median absolute deviation; the score grows from 0 to 1 with them."""
    distance = np.abs(residuals - np.median(residuals))
    spread = MAD_SCALE * float(np.median(distance))
    scaled = distance / spread if spread else np.where(distance > 0, np.inf, 0.0)
    return np.round(1 - 1 / (1 + scaled / FAR_OFF), DECIMALS), scaled > FAR_OFF
