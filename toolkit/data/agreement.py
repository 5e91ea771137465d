"""Do annotators agree? Krippendorff's alpha over all of them, Cohen's kappa by pair, and each one's own record."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from toolkit.data.annotations import Annotation
from toolkit.data.labels import Resolution, latest_answers

Answer = str | float


@dataclass(frozen=True)
class PairAgreement:
    """Two annotators on the rows that both answered; ``kappa`` is None when chance alone would agree fully."""

    first: str
    second: str
    rows: int
    observed: float
    kappa: float | None


@dataclass(frozen=True)
class AnnotatorRecord:
    """One annotator's record.

    Attributes
    ----------
    answers, skipped : int
        Rows answered and skipped.
    checked : int
        Answered rows that got their label from this annotator and at least one more.
    agreeing : float or None
        Share of the checked rows where the answer is the label.
    seconds : float or None
        Median time an answer took (Label Studio's lead time).
    confusion : mapping
        Checked rows by (label of the row, this annotator's answer); empty for a regression.
    """

    annotator: str
    answers: int
    skipped: int
    checked: int
    agreeing: float | None
    seconds: float | None
    confusion: Mapping[tuple[str, str], int]


def group_answers(annotations: Sequence[Annotation]) -> dict[str, dict[str, Answer]]:
    """Give each row's answers by annotator; of several by one annotator the newest."""
    rows: dict[str, dict[str, Answer]] = defaultdict(dict)
    for answer in latest_answers(annotations):
        if answer.label is not None:
            rows[answer.key][answer.annotator] = answer.label
    return dict(rows)


def measure_alpha(units: Iterable[Sequence[Answer]], interval: bool = False) -> float | None:
    """Compute Krippendorff's alpha: 1 is full agreement, 0 what chance gives, below 0 is disagreement on purpose.

    Units with fewer than two answers do not count; missing answers are simply not there.

    Parameters
    ----------
    units : iterable of sequences
        The answers for each row, in any order.
    interval : bool
        Numbers that disagree by the square of their difference; otherwise answers are names that agree or not.

    Returns
    -------
    float or None
        None when no row has two answers, or all answers are equal.

    References
    ----------
    K. Krippendorff, "Computing Krippendorff's Alpha-Reliability", University of Pennsylvania, 2011.

    Examples
    --------
    >>> measure_alpha([["a", "a"], ["b", "b"], ["a", "b"], ["b", "b"]])
    0.5333333333333333
    """
    pairable = [list(unit) for unit in units if len(unit) > 1]
    total = sum(len(unit) for unit in pairable)
    disagreement = _interval_disagreement if interval else _nominal_disagreement
    expected = disagreement([answer for unit in pairable for answer in unit])
    if not expected:
        return None
    observed = sum(disagreement(unit) / (len(unit) - 1) for unit in pairable)
    return 1 - (total - 1) * observed / expected


def measure_pairs(annotations: Sequence[Annotation]) -> list[PairAgreement]:
    """Compute Cohen's kappa for each two annotators that share rows (Cohen 1960)."""
    rows = group_answers(annotations)
    people = sorted({person for answers in rows.values() for person in answers}, key=_natural)
    pairs = []
    for first, second in itertools.combinations(people, 2):
        shared = [
            (answers[first], answers[second])
            for answers in rows.values()
            if {first, second} <= answers.keys()
        ]
        if shared:
            observed = sum(left == right for left, right in shared) / len(shared)
            pairs.append(PairAgreement(first, second, len(shared), observed, _kappa(shared, observed)))
    return pairs


def measure_annotators(annotations: Sequence[Annotation], resolution: Resolution) -> list[AnnotatorRecord]:
    """Compare each annotator with the rows' labels, which the annotator had a voice in."""
    labels = {label.key: label for label in resolution.labels}
    rows = group_answers(annotations)
    records = []
    for person in sorted({annotation.annotator for annotation in annotations}, key=_natural):
        mine = [annotation for annotation in annotations if annotation.annotator == person]
        checked = [
            (labels[key].label, answers[person])
            for key, answers in rows.items()
            if person in answers and key in labels and labels[key].annotators > 1
        ]
        times = [annotation.lead_time for annotation in mine if annotation.lead_time is not None]
        names = [
            (label, answer) for label, answer in checked if isinstance(label, str) and isinstance(answer, str)
        ]
        records.append(
            AnnotatorRecord(
                annotator=person,
                answers=sum(person in answers for answers in rows.values()),
                skipped=sum(annotation.skipped for annotation in mine),
                checked=len(checked),
                agreeing=sum(left == right for left, right in checked) / len(checked) if checked else None,
                seconds=statistics.median(times) if times else None,
                confusion=Counter(names),
            )
        )
    return records


def _nominal_disagreement(answers: Sequence[Answer]) -> float:
    """Count ordered pairs of answers that differ."""
    return len(answers) ** 2 - sum(count**2 for count in Counter(answers).values())


def _interval_disagreement(answers: Sequence[Answer]) -> float:
    """Sum the squared differences of all ordered pairs: 2 (m sum x^2 - (sum x)^2), here around the mean."""
    numbers = [float(answer) for answer in answers]
    middle = statistics.fmean(numbers) if numbers else 0.0
    return 2 * len(numbers) * sum((number - middle) ** 2 for number in numbers)


def _kappa(shared: Sequence[tuple[Answer, Answer]], observed: float) -> float | None:
    left, right = Counter(a for a, _ in shared), Counter(b for _, b in shared)
    chance = sum(left[name] * right[name] for name in left) / len(shared) ** 2
    return (observed - chance) / (1 - chance) if chance < 1 else None


def _natural(person: str) -> tuple[str, int]:
    stem, _, number = person.rpartition("-")
    return (stem, int(number)) if number.isdigit() else (person, 0)
