"""The labels of a project, whichever way they were given: by annotators, one answer at a time, or as a column.

Both books say the same of themselves, so the notebook need not know which it has. That of annotators holds an object
an answer; that of a column holds Arrow arrays alone, and so takes tens of millions of rows.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.columns import BLOCK_ROWS
from toolkit.data.agreement import (
    AnnotatorRecord,
    Answer,
    PairAgreement,
    group_answers,
    measure_annotators,
    measure_pairs,
)
from toolkit.data.annotations import Annotation, Rules, load_export
from toolkit.data.label_metrics import measure_labels
from toolkit.data.label_source import COLUMN, LabelColumn, find_classes, load_label_column
from toolkit.data.label_tables import make_annotation_table, make_label_table
from toolkit.data.labels import resolve_labels
from toolkit.data.table import write_table

LISTED = 10_000  # keys of rows without a label that labels.json lists, at most


@dataclass(frozen=True)
class Statuses:
    """How rows got their label: counts by status and class (``value`` for a regression), and what got none."""

    counts: Mapping[tuple[str, str], int]
    ties: int
    unlabelled: int


class LabelBook(ABC):
    """One label a row, where it comes from, and how sure it is."""

    params: Any
    classes: tuple[str, ...]

    @abstractmethod
    def first(self, rows: int = 5) -> list[Annotation]:
        """Give the first annotations."""

    @abstractmethod
    def keys(self) -> pa.ChunkedArray:
        """Give the keys of the rows that have a label."""

    @abstractmethod
    def labels(self) -> pa.ChunkedArray:
        """Give these rows' labels."""

    @abstractmethod
    def table(self, places: np.ndarray) -> pa.Table:
        """Give some of these rows: key, label, status, n_annotations, n_annotators, agreement."""

    @abstractmethod
    def count_statuses(self) -> Statuses:
        """Count rows by how they got their label."""

    @abstractmethod
    def records(self) -> list[AnnotatorRecord]:
        """Give each annotator's record."""

    @abstractmethod
    def pairs(self) -> list[PairAgreement]:
        """Give the agreement of each two annotators."""

    @abstractmethod
    def answers(self) -> dict[str, dict[str, Answer]]:
        """Give the answers by row and annotator, where rows have several; else nothing."""

    @abstractmethod
    def list_missing(self) -> tuple[list[str], list[str]]:
        """List the rows that ended in a tie, and those that nobody labelled."""

    @abstractmethod
    def measure(self) -> dict[str, Any]:
        """Count annotations and labels, as metrics."""

    @abstractmethod
    def write(self, folder: Path) -> None:
        """Write labels.parquet and annotations.parquet."""


def load_label_book(path: Path, params: Any) -> LabelBook:
    """Read the labels that the ``annotate`` section describes, and resolve them to one a row.

    Raises
    ------
    AnnotationError, DataError
        They cannot be read, are not what the section says, have ties that must not be, or are of one class alone.
    """
    rules = Rules(params.key, params.label, params.task, tuple(params.classes))
    if params.format == COLUMN:
        return ColumnBook(load_label_column(path, rules, drop=params.unlisted == "drop"), params)
    if params.unlisted == "drop":
        rules = replace(rules, classes=())
    return AnnotationBook(load_export(path, rules), params)


class AnnotationBook(LabelBook):
    """Labels that annotators gave, an answer at a time."""

    def __init__(self, annotations: Sequence[Annotation], params: Any) -> None:
        self.params, self._unlisted = params, 0
        if params.unlisted == "drop" and params.classes:
            listed = [a if a.label in params.classes else replace(a, label=None) for a in annotations]
            self._unlisted = sum(not a.skipped for a in annotations) - sum(not a.skipped for a in listed)
            annotations = listed
        self.annotations = annotations
        found = {str(annotation.label) for annotation in annotations if not annotation.skipped}
        self.classes = find_classes(found, params.classes, params.task)
        self.resolution = resolve_labels(annotations, params.ties)

    @cached_property
    def _labels(self) -> pa.Table:
        return make_label_table(self.resolution, self.params)

    def first(self, rows: int = 5) -> list[Annotation]:  # noqa: D102 - as the base says, here and below
        return list(self.annotations[:rows])

    def keys(self) -> pa.ChunkedArray:  # noqa: D102
        return self._labels[self.params.key]

    def labels(self) -> pa.ChunkedArray:  # noqa: D102
        return self._labels["label"]

    def table(self, places: np.ndarray) -> pa.Table:  # noqa: D102
        return self._labels.take(pa.array(places))

    def count_statuses(self) -> Statuses:  # noqa: D102
        labels = self.resolution.labels
        counts = Counter((label.status, str(label.label) if self.classes else "value") for label in labels)
        return Statuses(counts, len(self.resolution.ties), len(self.resolution.skipped))

    def records(self) -> list[AnnotatorRecord]:  # noqa: D102
        return measure_annotators(self.annotations, self.resolution)

    def pairs(self) -> list[PairAgreement]:  # noqa: D102
        return measure_pairs(self.annotations)

    def answers(self) -> dict[str, dict[str, Answer]]:  # noqa: D102
        return group_answers(self.annotations)

    def list_missing(self) -> tuple[list[str], list[str]]:  # noqa: D102
        return list(self.resolution.ties), list(self.resolution.skipped)

    def measure(self) -> dict[str, Any]:  # noqa: D102
        measured = measure_labels(self.annotations, self.resolution, self.answers(), self.params.task)
        return measured | ({"unlisted": self._unlisted} if self._unlisted else {})

    def write(self, folder: Path) -> None:  # noqa: D102
        write_table(folder / "labels.parquet", self._labels)
        write_table(folder / "annotations.parquet", make_annotation_table(self.annotations, self.params))


class ColumnBook(LabelBook):
    """Labels from a column: each row has one answer, that of the column."""

    def __init__(self, column: LabelColumn, params: Any) -> None:
        self.params, self._column = params, column
        self.classes = find_classes(column.classes, params.classes, params.task)
        self._has = pc.is_valid(column.labels)

    def first(self, rows: int = 5) -> list[Annotation]:  # noqa: D102
        shown = self._column.keys[:rows].to_pylist(), self._column.labels[:rows].to_pylist()
        return [
            Annotation(key, COLUMN, label, row, row, "", None)
            for row, (key, label) in enumerate(zip(*shown, strict=True), 1)
        ]

    def keys(self) -> pa.ChunkedArray:  # noqa: D102
        return self._column.keys.filter(self._has)

    def labels(self) -> pa.ChunkedArray:  # noqa: D102
        return self._column.labels.filter(self._has)

    def table(self, places: np.ndarray) -> pa.Table:  # noqa: D102
        chosen = pa.array(places)
        return self._give_status(self.keys().take(chosen), self.labels().take(chosen))

    def count_statuses(self) -> Statuses:  # noqa: D102
        return Statuses(
            {("agreed", name): count for name, count in self._column.counts.items()},
            0,
            self._column.labels.null_count,
        )

    def records(self) -> list[AnnotatorRecord]:  # noqa: D102
        missing = self._column.labels.null_count
        return [AnnotatorRecord(COLUMN, len(self._column) - missing, missing, 0, None, None, Counter())]

    def pairs(self) -> list[PairAgreement]:  # noqa: D102
        return []

    def answers(self) -> dict[str, dict[str, Answer]]:  # noqa: D102
        return {}

    def list_missing(self) -> tuple[list[str], list[str]]:  # noqa: D102
        return [], self._column.keys.filter(pc.invert(self._has)).slice(0, LISTED).to_pylist()

    def measure(self) -> dict[str, Any]:  # noqa: D102
        missing = self._column.labels.null_count
        labelled = len(self._column) - missing
        rows = {"labelled": labelled, "agreed": labelled, "majority": 0, "tied": 0, "unlabelled": missing}
        return {
            "annotations": labelled,
            "skipped": missing,
            "annotators": 1,
            "rows": {**rows, "one_answer": labelled},
            **({"unlisted": self._column.unlisted} if self._column.unlisted else {}),
        }

    def write(self, folder: Path) -> None:  # noqa: D102
        folder.mkdir(parents=True, exist_ok=True)
        rows = np.arange(1, len(self._column) + 1)
        _write_blocks(folder / "labels.parquet", self.keys(), self.labels(), self._give_status)
        _write_blocks(
            folder / "annotations.parquet",
            self._column.keys,
            self._column.labels,
            lambda keys, labels, at=0: self._give_annotation(keys, labels, rows[at : at + len(keys)]),
        )

    def _give_status(self, keys: pa.ChunkedArray, labels: pa.ChunkedArray, at: int = 0) -> pa.Table:
        size = len(keys)
        return pa.table(
            {
                self.params.key: keys,
                "label": labels,
                "status": pa.repeat("agreed", size),
                "n_annotations": pa.repeat(1, size),
                "n_annotators": pa.repeat(1, size),
                "agreement": pa.repeat(1.0, size),
            }
        )

    def _give_annotation(self, keys: pa.ChunkedArray, labels: pa.ChunkedArray, rows: np.ndarray) -> pa.Table:
        return pa.table(
            {
                self.params.key: keys,
                "annotator": pa.repeat(COLUMN, len(keys)),
                "label": labels,
                "task_id": pa.array(rows),
                "annotation_id": pa.array(rows),
                "created_at": pa.repeat("", len(keys)),
                "lead_time": pa.nulls(len(keys), pa.float64()),
            }
        )


def _write_blocks(path: Path, keys: pa.ChunkedArray, labels: pa.ChunkedArray, make: Any) -> None:
    """Write the table that ``make(keys, labels, first)`` gives for each block of rows, a row group each."""
    writer = None
    for start in range(0, max(len(keys), 1), BLOCK_ROWS):
        table = make(keys.slice(start, BLOCK_ROWS), labels.slice(start, BLOCK_ROWS), start)
        writer = writer or pq.ParquetWriter(path, table.schema, compression="zstd")
        writer.write_table(table)
    if writer is not None:
        writer.close()
