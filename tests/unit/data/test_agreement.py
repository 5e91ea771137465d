"""Agreement against published figures and scikit-learn."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.metrics import cohen_kappa_score

from toolkit.data.agreement import measure_alpha, measure_annotators, measure_pairs
from toolkit.data.annotations import Annotation
from toolkit.data.labels import resolve_labels

# Three coders, 15 units, one not answered by several: the reliability data of Krippendorff's alpha's usual example.
THREE_CODERS = """
* * * * * 3 4 1 2 1 1 3 3 * 3
1 * 2 1 3 3 4 3 * * * * * * *
* * 2 1 3 4 4 * 2 1 1 3 3 * 4
"""
# Krippendorff (2011), "Computing Krippendorff's Alpha-Reliability", section C: four observers, 12 units.
FOUR_OBSERVERS = """
1 2 3 3 2 1 4 1 2 * * *
1 2 3 3 2 2 4 1 2 5 * 3
* 3 3 3 2 3 4 2 2 5 1 *
1 2 3 3 2 4 4 1 2 5 1 *
"""


def units(text: str) -> list[list[str]]:
    coders = [line.split() for line in text.strip().splitlines()]
    return [[value for value in unit if value != "*"] for unit in zip(*coders, strict=True)]


def answer(key: str, annotator: str, label: str | None, number: int = 0) -> Annotation:
    return Annotation(key, annotator, label, 1, number, f"2026-01-01T00:00:{number:02}Z", 2.0)


@pytest.mark.parametrize(
    ("text", "interval", "published"),
    [
        (THREE_CODERS, False, 0.691358),
        (THREE_CODERS, True, 0.810845),
        (FOUR_OBSERVERS, False, 0.743421),
        (FOUR_OBSERVERS, True, 0.849107),
    ],
)
def test_alpha_is_the_published_one(text: str, interval: bool, published: float) -> None:
    data = units(text)
    numbers = [[float(value) for value in unit] for unit in data] if interval else data
    assert measure_alpha(numbers, interval=interval) == pytest.approx(published, abs=1e-6)


def test_full_agreement_is_one_and_no_variation_is_undefined() -> None:
    assert measure_alpha([["a", "a"], ["b", "b", "b"]]) == 1
    assert measure_alpha([["a", "a"], ["a", "a"]]) is None
    assert measure_alpha([["a"], ["b"]]) is None
    assert measure_alpha([]) is None


@given(
    st.lists(st.lists(st.sampled_from("abc"), min_size=2, max_size=4), min_size=2, max_size=12), st.randoms()
)
def test_alpha_does_not_depend_on_the_order_of_units_or_answers(
    data: list[list[str]], random: object
) -> None:
    shuffled = [sorted(unit) for unit in data]
    random.shuffle(shuffled)  # type: ignore[attr-defined]
    before, after = measure_alpha(data), measure_alpha(shuffled)
    assert (before is None) == (after is None)
    assert before is None or before == pytest.approx(after)


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=2, max_size=30))
def test_kappa_is_scikit_learns(pairs: list[tuple[str, str]]) -> None:
    annotations = []
    for row, (first, second) in enumerate(pairs):
        annotations += [answer(str(row), "annotator-1", first), answer(str(row), "annotator-2", second)]
    (pair,) = measure_pairs(annotations)
    assert pair.rows == len(pairs)
    left, right = [first for first, _ in pairs], [second for _, second in pairs]
    if pair.kappa is None:
        assert set(left) == set(right) and len(set(left)) == 1
    else:
        assert pair.kappa == pytest.approx(cohen_kappa_score(left, right), abs=1e-12)


def test_an_annotators_record_counts_rows_with_others_only() -> None:
    annotations = [
        *(answer("r1", f"annotator-{n}", label) for n, label in ((1, "a"), (2, "a"), (10, "b"))),
        answer("r2", "annotator-1", "b"),
        answer("r3", "annotator-10", None),
    ]
    records = measure_annotators(annotations, resolve_labels(annotations))
    assert [record.annotator for record in records] == ["annotator-1", "annotator-2", "annotator-10"]
    first, _, last = records
    assert (first.answers, first.skipped, first.checked, first.agreeing) == (2, 0, 1, 1.0)
    assert (last.answers, last.skipped, last.checked, last.agreeing) == (1, 1, 1, 0.0)
    assert dict(last.confusion) == {("a", "b"): 1}
    assert first.seconds == 2.0
