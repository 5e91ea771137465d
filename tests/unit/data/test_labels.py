"""One label a row: by majority, ties named."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.annotations import Annotation
from toolkit.data.labels import latest_answers, resolve_labels
from toolkit.errors import AnnotationError


def answer(
    key: str, annotator: str, label: str | float | None, at: str = "2026", number: int = 0
) -> Annotation:
    return Annotation(key, annotator, label, 1, number, at, None)


def votes(*labels: str | float | None, key: str = "r") -> list[Annotation]:
    return [answer(key, f"annotator-{place}", label) for place, label in enumerate(labels)]


@pytest.mark.parametrize(
    ("given_votes", "label", "status", "agreement"),
    [
        (("a",), "a", "agreed", 1.0),
        (("a", "a"), "a", "agreed", 1.0),
        (("a", "b", "a"), "a", "majority", 2 / 3),
        (("a", "b", "c", "b"), "b", "majority", 0.5),
        (("a", None, "a"), "a", "agreed", 1.0),
        ((1.0, 2.0, 9.0), 2.0, "majority", 1 / 3),
        ((5.0, 5.0), 5.0, "agreed", 1.0),
    ],
)
def test_the_most_frequent_answer_or_the_median_wins(
    given_votes: tuple, label: str | float, status: str, agreement: float
) -> None:
    (result,) = resolve_labels(votes(*given_votes)).labels
    assert (result.label, result.status) == (label, status)
    assert result.agreement == pytest.approx(agreement)


def test_ties_and_skipped_rows_get_no_label_and_are_listed() -> None:
    annotations = [*votes("a", "b", key="tied"), *votes(None, None, key="skipped"), *votes("a", key="good")]
    resolution = resolve_labels(annotations)
    assert [label.key for label in resolution.labels] == ["good"]
    assert resolution.ties == ("tied",) and resolution.skipped == ("skipped",)


def test_ties_stop_the_stage_when_they_must() -> None:
    with pytest.raises(AnnotationError, match="1 with a tie: tied"):
        resolve_labels([*votes("a", "b", key="tied"), *votes("a", key="good")], ties="fail")


def test_no_label_at_all_is_an_error() -> None:
    with pytest.raises(AnnotationError, match="At least one row must get a label"):
        resolve_labels(votes("a", "b"))


def test_an_annotators_newest_answer_counts_alone() -> None:
    annotations = [
        answer("r", "annotator-1", "new", at="2026-02", number=1),
        answer("r", "annotator-1", "old", at="2026-01", number=2),
        answer("r", "annotator-1", None, at="2026-03", number=3),
    ]
    assert [a.label for a in latest_answers(annotations)] == ["new"]
    assert resolve_labels(annotations).labels[0].annotations == 1


@given(
    st.lists(st.tuples(st.sampled_from("uvw"), st.sampled_from("pqr"), st.sampled_from("ab")), max_size=20),
    st.randoms(),
)
def test_labels_do_not_depend_on_the_order_of_annotations(
    items: list[tuple[str, str, str]], random: object
) -> None:
    annotations = [answer(key, who, label, number=n) for n, (key, who, label) in enumerate(items)]
    annotations += votes("z", key="always")
    shuffled = list(annotations)
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = resolve_labels(annotations), resolve_labels(shuffled)
    assert set(before.labels) == set(after.labels) and set(before.ties) == set(after.ties)
