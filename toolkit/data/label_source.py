"""Load annotations from where params.yaml says they are: a Label Studio export, or a column of a table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc

from toolkit.data.annotations import Annotation, Rules, load_export
from toolkit.data.table import load_table, tell_mixed
from toolkit.errors import AnnotationError, suggest
from toolkit.paths import tell_path

COLUMN = "column"  # the annotator's name when labels come from a column


def load_annotations(path: Path, params: Any) -> list[Annotation]:
    """Read the annotations that the ``annotate`` section describes.

    Raises
    ------
    AnnotationError, DataError
        They cannot be read, or are not what the section says.
    """
    rules = Rules(params.key, params.label, params.task, tuple(params.classes))
    return load_column(path, rules) if params.format == "column" else load_export(path, rules)


def load_column(path: Path, rules: Rules) -> list[Annotation]:
    """Read the labels from a column of a .csv, .parquet or .jsonl file; an empty one is a row without label.

    Raises
    ------
    AnnotationError
        The column is missing, empty, holds no numbers for a regression, or values outside the classes.
    DataError
        The file cannot be read.
    """
    text = [] if rules.task == "regression" else [rules.label]
    table = load_table(path, rules.key, text=text)
    if rules.label not in table.column_names:
        raise AnnotationError(
            f"{tell_path(path)} must have the label column '{rules.label}' and has not."
            f"{suggest(rules.label, table.column_names)} Set annotate.label."
        )
    values = (
        _numbers(table[rules.label], rules, path)
        if rules.task == "regression"
        else table[rules.label].to_pylist()
    )
    if all(value is None for value in values):
        raise AnnotationError(
            f"{tell_path(path)}: the label column '{rules.label}' must have values and has none."
        )
    _check_classes(values, rules, path)
    return [
        Annotation(key, COLUMN, value, task_id=row, annotation_id=row, created_at="", lead_time=None)
        for row, (key, value) in enumerate(zip(table[rules.key].to_pylist(), values, strict=True), 1)
    ]


def find_classes(annotations: Sequence[Annotation], declared: Sequence[str], task: str) -> tuple[str, ...]:
    """Give the classes in order: as declared, else those found (numbers by size); none for regression.

    Raises
    ------
    AnnotationError
        There are fewer than two.
    """
    if task == "regression":
        return ()
    found = {str(annotation.label) for annotation in annotations if not annotation.skipped}
    classes = tuple(declared) or tuple(sorted(found, key=_natural))
    if len(classes) < 2:
        raise AnnotationError(
            f"There must be at least two classes. Got {', '.join(classes) or 'none'} instead."
        )
    return classes


def _numbers(column: pa.ChunkedArray, rules: Rules, path: Path) -> list[float | None]:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise AnnotationError(
            f"{tell_path(path)}: the label column '{rules.label}' must hold numbers for a regression. "
            f"Got {kind} instead.{tell_mixed(column) if pa.types.is_string(kind) else ''} Mend the values, or set "
            "annotate.task to classification."
        )
    column = column.cast(pa.float64())
    wrong = pc.sum(pc.is_inf(column)).as_py() or 0
    if wrong:
        raise AnnotationError(
            f"{tell_path(path)}: the labels in '{rules.label}' must be finite. {wrong} are infinite."
        )
    return [None if value is None or value != value else value for value in column.to_pylist()]  # noqa: PLR0124 - NaN


def _check_classes(values: Sequence[str | float | None], rules: Rules, path: Path) -> None:
    if rules.task == "regression" or not rules.classes:
        return
    strange = sorted({str(value) for value in values if value is not None} - set(rules.classes))
    if strange:
        raise AnnotationError(
            f"{tell_path(path)}: the labels in '{rules.label}' must be among {', '.join(rules.classes)}. Got "
            f"{', '.join(strange[:5])} too.{suggest(strange[0], rules.classes)} Mend them, or annotate.classes."
        )


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
