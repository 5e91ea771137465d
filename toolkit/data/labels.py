"""From annotations to one label a row: by majority, with ties named and never broken by chance."""

from __future__ import annotations

import statistics
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from toolkit.data.annotations import Annotation
from toolkit.errors import AnnotationError


@dataclass(frozen=True)
class Label:
    """The label of a row: ``status`` agreed (all say so, or there is one annotation) or majority.

    ``agreement`` is the share of annotations that say so; for regression, of those within a hundredth of the labels'
    range around it.
    """

    key: str
    label: str | float
    status: str
    annotations: int
    annotators: int
    agreement: float


@dataclass(frozen=True)
class Resolution:
    """Labels in the order in which rows appear, rows without a majority, rows that everyone skipped."""

    labels: tuple[Label, ...]
    ties: tuple[str, ...]
    skipped: tuple[str, ...]


def resolve_labels(annotations: Sequence[Annotation], ties: str = "drop") -> Resolution:
    """Give each row the label that more annotations have than any other; a regression row their median.

    An annotator who answered a row twice counts once, with the newest answer.

    Parameters
    ----------
    annotations : sequence
        Of any order; skipped ones do not count.
    ties : str
        drop: rows whose most frequent labels are equally frequent get none and are listed; fail: they are an error.

    Raises
    ------
    AnnotationError
        There are ties and they must not be, or no row has a label.
    """
    rows: dict[str, list[Annotation]] = {}
    for annotation in annotations:
        rows.setdefault(annotation.key, []).append(annotation)
    spread = _spread(annotations)
    labels, tied, skipped = [], [], []
    for key, group in rows.items():
        answers = latest_answers(group)
        if not answers:
            skipped.append(key)
            continue
        label = _resolve_row(key, answers, spread)
        if label is None:
            tied.append(key)
        else:
            labels.append(label)
    if tied and ties == "fail":
        raise AnnotationError(
            f"Every row must have a majority. {len(tied)} with a tie: {', '.join(tied[:10])}. Let another "
            "annotator decide, or set annotate.ties to drop."
        )
    if not labels:
        raise AnnotationError("At least one row must get a label and none does. Annotate more rows.")
    return Resolution(tuple(labels), tuple(tied), tuple(skipped))


def latest_answers(annotations: Iterable[Annotation]) -> list[Annotation]:
    """Keep the newest answer of each annotator for each row, without skipped ones."""
    newest: dict[tuple[str, str], Annotation] = {}
    for annotation in annotations:
        if annotation.skipped:
            continue
        place = (annotation.key, annotation.annotator)
        known = newest.get(place)
        if known is None or _age(annotation) >= _age(known):
            newest[place] = annotation
    return list(newest.values())


def _age(annotation: Annotation) -> tuple[str, int]:
    return annotation.created_at, annotation.annotation_id


def _spread(annotations: Sequence[Annotation]) -> float:
    values = [a.label for a in annotations if isinstance(a.label, float)]
    return (max(values) - min(values)) / 100 if values else 0.0


def _resolve_row(key: str, answers: Sequence[Annotation], spread: float) -> Label | None:
    values = [answer.label for answer in answers if answer.label is not None]
    numbers = [value for value in values if isinstance(value, float)]
    if numbers:
        middle = float(statistics.median(numbers))
        near = sum(abs(number - middle) <= spread for number in numbers)
        return _make_label(key, middle, near, len(numbers))
    ranked = Counter(values).most_common()
    if len(ranked) > 1 and ranked[0][1] == ranked[1][1]:
        return None
    return _make_label(key, str(ranked[0][0]), ranked[0][1], len(values))


def _make_label(key: str, label: str | float, agreeing: int, total: int) -> Label:
    status = "agreed" if agreeing == total else "majority"
    return Label(key, label, status, total, total, agreeing / total)
