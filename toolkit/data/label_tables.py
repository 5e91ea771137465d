"""The tables and the summary that the annotate stage writes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from toolkit.artifacts import load_json
from toolkit.data.annotations import Annotation
from toolkit.data.labels import Resolution
from toolkit.errors import AnnotationError

SCHEMA = 1


def make_label_table(resolution: Resolution, params: Any) -> pa.Table:
    """Give one row a labelled key: key, label, status, n_annotations, n_annotators, agreement."""
    labels = resolution.labels
    return pa.table(
        {
            params.key: pa.array([label.key for label in labels], pa.string()),
            "label": pa.array([label.label for label in labels], _label_type(params.task)),
            "status": pa.array([label.status for label in labels], pa.string()),
            "n_annotations": pa.array([label.annotations for label in labels], pa.int64()),
            "n_annotators": pa.array([label.annotators for label in labels], pa.int64()),
            "agreement": pa.array([label.agreement for label in labels], pa.float64()),
        }
    )


def make_annotation_table(annotations: Sequence[Annotation], params: Any) -> pa.Table:
    """Give one row an annotation, skipped ones with a null label."""
    return pa.table(
        {
            params.key: pa.array([a.key for a in annotations], pa.string()),
            "annotator": pa.array([a.annotator for a in annotations], pa.string()),
            "label": pa.array([a.label for a in annotations], _label_type(params.task)),
            "task_id": pa.array([a.task_id for a in annotations], pa.int64()),
            "annotation_id": pa.array([a.annotation_id for a in annotations], pa.int64()),
            "created_at": pa.array([a.created_at for a in annotations], pa.string()),
            "lead_time": pa.array([a.lead_time for a in annotations], pa.float64()),
        }
    )


def describe_labels(
    params: Any,
    classes: Sequence[str],
    statuses: Mapping[tuple[str, str], int],
    missing: tuple[Sequence[str], Sequence[str]],
    source_hash: str,
) -> dict[str, Any]:
    """Give the content of labels.json; ``reserved`` names the column that holds the label itself: never a feature.

    Parameters
    ----------
    params : Annotate
        The stage's section of params.yaml.
    classes : sequence of str
        In order.
    statuses : mapping
        Rows by status and class.
    missing : tuple
        Keys of rows that ended in a tie, and of those that nobody labelled.
    source_hash : str
        Of the file that the labels were read from.
    """
    ties, unlabelled = missing
    counts: Counter[str] = Counter()
    for (status, _), rows in statuses.items():
        counts[status] += rows
    return {
        "schema": SCHEMA,
        "task": params.task,
        "classes": list(classes),
        "source": {"path": params.source, "format": params.format, "hash": source_hash},
        "reserved": reserved_columns(params),
        "statuses": dict(sorted(counts.items())),
        "ties": list(ties),
        "unlabelled": list(unlabelled),
    }


def reserved_columns(params: Any) -> list[str]:
    """Name the columns of the raw table that hold the label itself, if it comes from a column: never features."""
    return [params.label] if params.format == "column" else []


def load_labels(folder: Path) -> tuple[pa.Table, dict[str, Any]]:
    """Read what annotate wrote: each row's key and label, and the content of labels.json.

    Raises
    ------
    AnnotationError
        labels.json is of another schema version.
    """
    facts = load_json(folder / "labels.json")
    if not isinstance(facts, dict) or facts.get("schema") != SCHEMA:
        raise AnnotationError(
            f"labels.json must have \"schema\": {SCHEMA}. Run './run dvc repro annotate' to make it."
        )
    path = folder / "labels.parquet"
    key = pq.read_schema(path).names[0]
    return pq.read_table(path, columns=[key, "label"], partitioning=None), facts


def _label_type(task: str) -> pa.DataType:
    return pa.float64() if task == "regression" else pa.string()
