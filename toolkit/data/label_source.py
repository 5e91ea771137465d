"""Read labels from a column of a table, and say which classes there are."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.columns import to_floats
from toolkit.data.annotations import Rules
from toolkit.data.contract.hashes import hash_column
from toolkit.data.table import as_strings, check_key, load_table, tell_mixed
from toolkit.errors import AnnotationError, quote, suggest
from toolkit.paths import tell_path

COLUMN = "column"  # the annotator's name when labels come from a column
MOST_CLASSES = 100  # more are taken for a mistake unless params.yaml names them
SHOWN = 5


@dataclass(frozen=True, eq=False)
class LabelColumn:
    """Keys and labels (null: none) of all rows; the classes' names are text, a regression's labels float64.

    ``counts`` are rows by class; for a regression those of ``value``, all that have one. ``unlisted`` rows had another
    label, and have none now.
    """

    keys: pa.ChunkedArray
    labels: pa.ChunkedArray
    counts: Mapping[str, int]
    unlisted: int = 0

    def __len__(self) -> int:
        return len(self.keys)

    @property
    def classes(self) -> tuple[str, ...]:
        """Names that were found."""
        return tuple(self.counts)


def load_label_column(path: Path, rules: Rules, drop: bool = False) -> LabelColumn:
    """Read the labels from a column of a table file; an empty one is a row without label.

    Of a Parquet file only the two columns are read. No Python object is made per row. ``drop``: a label that is not
    among the rules' classes is none.

    Raises
    ------
    AnnotationError
        The column is missing, empty, holds no numbers for a regression, or values outside the classes.
    DataError
        The file cannot be read.
    """
    regression = rules.task == "regression"
    table = _load_two(path, rules)
    if rules.label not in table.column_names:
        names = _read_names(path) if path.suffix == ".parquet" else table.column_names
        raise AnnotationError(
            f"{tell_path(path)} must have the label column '{rules.label}' and has not."
            f"{suggest(rules.label, names)} Its columns are {', '.join(names[:20])}. Set annotate.label."
        )
    column = table[rules.label]
    labels = _numbers(column, rules, path) if regression else _names(column, rules, path)
    unlisted = 0
    if drop and rules.classes and not regression:
        listed = pc.is_in(labels, pa.array(rules.classes, labels.type))
        unlisted = len(labels) - labels.null_count - pc.sum(listed).as_py()
        labels = pc.if_else(listed, labels, pa.scalar(None, labels.type))
    if labels.null_count == len(labels):
        raise AnnotationError(
            f"{tell_path(path)}: the label column '{rules.label}' must have values and has none."
        )
    if regression:
        return LabelColumn(table[rules.key], labels, {"value": len(labels) - labels.null_count})
    counted = labels.drop_null().value_counts()
    counts = dict(zip(counted.field("values").to_pylist(), counted.field("counts").to_pylist(), strict=True))
    _check_classes(column, counts, rules, path)
    return LabelColumn(table[rules.key], labels, counts, unlisted)


def find_classes(found: Iterable[str], declared: Sequence[str], task: str) -> tuple[str, ...]:
    """Give the classes in order: as declared, else those found (numbers by size); none for regression.

    Raises
    ------
    AnnotationError
        There are fewer than two.
    """
    if task == "regression":
        return ()
    present = sorted(set(found), key=_natural)
    classes = tuple(declared) or tuple(present)
    if len(classes) < 2:
        raise AnnotationError(
            f"There must be at least two classes. Got {quote(classes) or 'none'} instead. Label rows of another "
            "class, or set annotate.label to the column that holds the classes."
        )
    return classes


def _load_two(path: Path, rules: Rules) -> pa.Table:
    """Read key and label; other columns of a text format come along."""
    text = [] if rules.task == "regression" else [rules.label]
    if path.suffix != ".parquet" or not {rules.key, rules.label} <= set(_read_names(path)):
        return load_table(path, rules.key, text=text)
    table = pq.read_table(path, columns=list(dict.fromkeys([rules.key, rules.label])), partitioning=None)
    keys = as_strings(table[rules.key])
    hashes = np.concatenate([np.empty(0, np.uint64), *(hash_column(chunk) for chunk in keys.chunks)])
    table = table.set_column(table.column_names.index(rules.key), rules.key, keys)
    if keys.null_count or len(np.unique(hashes)) < len(hashes) or pc.any(pc.equal(keys, "")).as_py():
        check_key(table, rules.key, tell_path(path))
    return table


def _read_names(path: Path) -> list[str]:
    try:
        return pq.read_schema(path).names
    except (OSError, pa.ArrowInvalid):
        return []  # load_table says what is wrong with the file


def _numbers(column: pa.ChunkedArray, rules: Rules, path: Path) -> pa.ChunkedArray:
    kind = column.type
    if not (pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_decimal(kind)):
        raise AnnotationError(
            f"{tell_path(path)}: the label column '{rules.label}' must hold numbers for a regression. "
            f"Got {kind} instead.{tell_mixed(column) if pa.types.is_string(kind) else ''} Mend the values, or set "
            "annotate.task to classification."
        )
    column = to_floats(column)
    wrong = np.flatnonzero(np.asarray(pc.is_inf(column).fill_null(False)))
    if len(wrong):
        rows = ", ".join(str(row + 1) for row in wrong[:SHOWN])
        raise AnnotationError(
            f"{tell_path(path)}: the labels in '{rules.label}' must be finite. Infinite: "
            f"{len(wrong)}, first row{'s' if len(wrong) > 1 else ''} {rows}. Leave them empty, or correct them."
        )
    column = pc.if_else(pc.is_nan(column), pa.scalar(None, pa.float64()), column)
    ends = pc.min_max(column).as_py()
    if ends["min"] is not None and ends["min"] == ends["max"]:
        raise AnnotationError(
            f"{tell_path(path)}: the labels in '{rules.label}' must differ for a regression. All are {ends['min']}."
        )
    return column


def _names(column: pa.ChunkedArray, rules: Rules, path: Path) -> pa.ChunkedArray:
    if pa.types.is_floating(column.type):
        column = pc.if_else(pc.is_nan(column), pa.scalar(None, column.type), column)
    labels = as_strings(column)
    return pc.if_else(pc.equal(labels, ""), pa.scalar(None, labels.type), labels)


def _check_classes(column: pa.ChunkedArray, counts: Mapping[str, int], rules: Rules, path: Path) -> None:
    strange = sorted(set(counts) - set(rules.classes))
    if rules.classes and strange:
        raise AnnotationError(
            f"{tell_path(path)}: the labels in '{rules.label}' must be among {quote(rules.classes)}. Got "
            f"{quote(strange, SHOWN)} too.{suggest(strange[0], rules.classes)} Mend them, list them in "
            "annotate.classes, or leave their rows out (annotate.unlisted: drop)."
        )
    if not rules.classes and len(counts) > MOST_CLASSES:
        numbers = all(_natural(name)[0] == 0 for name in counts)
        what = "numbers" if numbers else "values"
        advice = (
            "If a number is to be predicted, set annotate.task to regression; if"
            if numbers
            else "Is it the column of labels (annotate.label)? If"
        )
        raise AnnotationError(
            f"{tell_path(path)}: the label column '{rules.label}' must hold at most {MOST_CLASSES} classes, unless "
            f"annotate.classes names them. It holds {len(counts):,} different {what}, such as "
            f"{', '.join(sorted(counts, key=_natural)[:3])}. {advice} these are classes, list them in annotate.classes."
        )


def _natural(name: str) -> tuple[int, float, str]:
    try:
        return 0, float(name), name
    except ValueError:
        return 1, 0.0, name
