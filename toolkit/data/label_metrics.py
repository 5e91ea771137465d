"""The figures of the annotate stage, as they go into its metrics.json."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from toolkit.data.agreement import Answer, PairAgreement, measure_alpha
from toolkit.data.annotations import Annotation
from toolkit.data.label_quality import Quality, score_detection
from toolkit.data.labels import Resolution

DECIMALS = 6


def measure_labels(
    annotations: Sequence[Annotation],
    resolution: Resolution,
    answers: Mapping[str, Mapping[str, Answer]],
    task: str,
) -> dict[str, Any]:
    """Count annotations and labels; measure the agreement of all annotators where rows have several answers."""
    statuses = Counter(label.status for label in resolution.labels)
    metrics: dict[str, Any] = {
        "annotations": sum(not annotation.skipped for annotation in annotations),
        "skipped": sum(annotation.skipped for annotation in annotations),
        "annotators": len({annotation.annotator for annotation in annotations}),
        "rows": {
            "labelled": len(resolution.labels),
            "agreed": statuses["agreed"],
            "majority": statuses["majority"],
            "tied": len(resolution.ties),
            "unlabelled": len(resolution.skipped),
            "one_answer": sum(label.annotators == 1 for label in resolution.labels),
        },
    }
    alpha = measure_alpha([list(row.values()) for row in answers.values()], interval=task == "regression")
    if alpha is not None:
        metrics["krippendorff_alpha"] = round(alpha, DECIMALS)
    return metrics


def measure_suspects(
    quality: Quality, wrong: np.ndarray | None, pairs: Sequence[PairAgreement]
) -> dict[str, Any]:
    """Count suspected labels and, where true labels are known, score the detection; with the mean pairwise kappa."""
    metrics: dict[str, Any] = {"suspects": int(quality.suspected.sum())}
    kappas = [pair.kappa for pair in pairs if pair.kappa is not None]
    if kappas:
        metrics["mean_kappa"] = round(statistics.fmean(kappas), DECIMALS)
    if wrong is not None:
        metrics["detection"] = score_detection(quality, wrong)
    return metrics
