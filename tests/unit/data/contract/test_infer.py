"""What a column holds is found from all its rows, however they are cut into batches."""

from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.contract.convert import Written, convert
from toolkit.data.contract.infer import MOST_CATEGORIES, gather
from toolkit.data.contract.rules import Rule


def infer(
    values: Any, text: bool = True, feature: bool = True, decimal: str = ".", cut: int = 1000
) -> tuple[Rule, list[str], list[str]]:
    column = values if isinstance(values, pa.Array) else pa.array(values)
    batch = pa.record_batch({"x": column})
    batches = [batch.slice(at, cut) for at in range(0, len(column), cut)]
    rows, (evidence,) = gather(batches, batch.schema, Written(decimal), text)
    assert rows == len(column)
    return evidence.decide(feature, text)


WORDS = [f"some words {n}" for n in range(100)]


@pytest.mark.parametrize(
    ("values", "kind"),
    [
        (["1", "-2", "+3", None], "integer"),
        (["1", "2.0"], "number"),
        (["1e3", "5"], "number"),
        (["true", "FALSE", None], "boolean"),
        (["0", "1"], "integer"),
        (["red", "blue"] * 4, "category"),
        ([*["a", "b"] * 500, *[str(n) for n in range(400)]], "category"),
        (WORDS, "text"),
        (
            [f"it is broken for {n} days" for n in range(30)] * 9,
            "text",
        ),  # sentences, however often each occurs
        ([f"New York {n}" for n in range(30)] * 9, "category"),
        (["1", "NA", "2.5", None, "null"], "number"),
        (["NA", "DE", "AT"] * 3, "category"),  # Namibia
        (["true", "NaN"], "boolean"),
        (["2024-05-01", "N/A"], "time"),
        (["007", "08"] * 3, "category"),
        ([f"00{n}" for n in range(50)], "text"),
        (["2024-03-01", "2024-03-02T10:00:00", None], "time"),
        (["2024-03-01T10:00:00Z", "2024-03-01T10:00:00+02:00"], "time"),
        ([*["5"] * 60, "n/k", "?"], "integer"),
        ([*["5.5"] * 60, "n/k"], "number"),
        ([*["2024-03-01"] * 60, "12/03/2024"], "time"),
        (["1,234", "5"], "integer"),
        (["9007199254740993", "1"], "text"),
        (["9007199254740993", "1.5"], "number"),
        ([None, None], "text"),
    ],
)
@pytest.mark.parametrize("cut", [1000, 1])
def test_text_is_what_most_of_it_looks_like(values: list[str | None], kind: str, cut: int) -> None:
    expected = "number" if values == ["1,234", "5"] else kind
    column = pa.array(values, pa.string())
    assert infer(column, cut=cut)[0].type == expected


def test_of_a_column_that_is_no_feature_all_values_must_fit() -> None:
    assert infer([*["5"] * 60, "n/k"], feature=False)[0].type == "category"


def test_a_decimal_comma_counts_where_params_say_so() -> None:
    assert infer(["1,5", "2"], decimal=",")[0].type == "number"
    assert infer(["1.234", "2,5"], decimal=",")[0].type == "number"


def test_typed_columns_keep_their_type() -> None:
    kinds = {
        "integer": pa.array([1, None]),
        "number": pa.array([1.5, None]),
        "boolean": pa.array([True]),
        "time": pa.array([0], pa.date32()),
        "category": pa.array(["1", "2"] * 5),
    }
    assert {kind: infer(values, text=False)[0].type for kind, values in kinds.items()} == {
        k: k for k in kinds
    }
    rule = infer(pa.array([0], pa.timestamp("ns", "Europe/Berlin")), text=False)[0]
    assert (rule.type, rule.zone) == ("time", "Europe/Berlin")
    assert infer(pa.array([0], pa.timestamp("ns", "+02:00")), text=False)[0].zone == "UTC"
    assert infer(["2024-01-01", "2024-01-02"], text=False)[0].type == "time"


def test_what_is_not_said_by_the_type_is_noticed() -> None:
    assert "leading zeros, first '007' in row 2" in infer(["1", "007", "2"])[2][0]
    assert (
        "beyond 9007199254740991, first '9007199254740993' in row 2" in infer(["1", "9007199254740993"])[2][0]
    )
    rule, _, notices = infer(pa.array([1, 2**60]), text=False)
    assert rule.type == "text" and "in row 2: as numbers they would be rounded" in notices[0]
    decimals = pa.array([Decimal(7), None, Decimal(2**53)], pa.decimal128(20, 0))
    rule, _, notices = infer(decimals, text=False)
    assert rule.type == "text" and "first '9007199254740992' in row 3" in notices[0]
    assert infer(decimals.slice(0, 2), text=False)[0].type == "integer"
    assert infer(decimals.cast(pa.decimal128(24, 2)), text=False)[0].type == "number"
    assert "each value is a number" in infer(["1", "2", "3"], text=False)[2][0]
    assert infer(["a", "b", "1"])[2] == []


def test_times_with_and_without_an_offset_are_told() -> None:
    (finding,) = infer(["2024-03-01T10:00:00Z", "2024-03-01T11:00:00"])[1]
    assert (
        "1 with (first '2024-03-01T10:00:00Z' in row 1) and 1 without (first '2024-03-01T11:00:00' in row 2)"
        in finding
    )
    assert infer(["2024-03-01T10:00:00Z"])[0].zone == "UTC"


def test_dates_of_an_unclear_order_are_told_for_features() -> None:
    values = [f"{day:02}/03/2024" for day in range(1, 13)]
    (finding,) = infer(values)[1]
    assert "'01/03/2024' in row 1, which may be of two months" in finding and "collect.exclude" in finding
    assert infer(values, feature=False)[1] == []


def test_categories_are_counted_up_to_a_limit() -> None:
    few = [f"c{n % MOST_CATEGORIES}" for n in range(4 * MOST_CATEGORIES)]
    many = [f"c{n % (MOST_CATEGORIES + 1)}" for n in range(4 * MOST_CATEGORIES)]
    assert infer(few, cut=700)[0].type == "category"
    assert infer(many, cut=700)[0].type == "text"


TYPED = {
    "number": st.floats(allow_nan=False, allow_infinity=False)
    .filter(lambda value: not value.is_integer())
    .map(repr),
    "integer": st.integers(-(2**53) + 1, 2**53 - 1).map(str),
    "boolean": st.booleans().map(lambda value: str(value).lower()),
    "time": st.datetimes().filter(lambda moment: moment.year > 1000).map(lambda moment: moment.isoformat()),
}


@given(
    st.sampled_from(sorted(TYPED)).flatmap(
        lambda kind: st.tuples(st.just(kind), st.lists(TYPED[kind], min_size=1))
    ),
    st.integers(1, 5),
)
def test_typed_values_as_text_are_found_and_converted_without_a_fault(
    case: tuple[str, list[str]], cut: int
) -> None:
    kind, texts = case
    rule, findings, _ = infer(texts, cut=cut)
    assert rule.type == kind and not findings
    values, broken = convert(pa.array(texts), rule)
    assert not broken and values.null_count == 0
