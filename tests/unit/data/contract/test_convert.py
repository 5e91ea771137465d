"""Columns as read become the contract's types; what cannot is told by row, and nothing is rounded silently."""

import datetime as dt
import math
from decimal import Decimal
from typing import Any

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from toolkit.data.contract.convert import Written, convert
from toolkit.data.contract.rules import LARGEST, Rule
from toolkit.data.missing import MISSING

UTC = dt.UTC


def run(
    values: Any, kind: str, decimal: str = ".", thousands: str = "", **rule: Any
) -> tuple[list[Any], dict[int, str]]:
    """Convert; give the values, and what must hold by refused row."""
    array = values if isinstance(values, pa.Array) else pa.array(values)
    converted, broken = convert(array, Rule("x", kind, **rule), Written(decimal, thousands))
    assert converted.type == Rule("x", kind, **rule).arrow and len(converted) == len(array)
    refused = {
        row: reason.must
        for reason, mask in broken
        for row, bad in enumerate(mask.to_pylist())
        if bad is not False
    }
    assert all(converted[row].as_py() is None for row in refused)
    return converted.to_pylist(), refused


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("n/k", "must be a number"),
        ("", "must be a number"),
        ("1_000", "must be a number"),
        (" 5", "must be a number"),
        ("5 kg", "must be a number"),
        ("NAN", "must be a number"),
        ("1e", "must be a number"),
        ("\u0663", "must be a number"),
        ("007", "without leading zeros"),
        ("-01.5", "without leading zeros"),
        ("0x1F", "without leading zeros"),
        ("1,234", "without thousands separators"),
        ("1,234,567.8", "without thousands separators"),
        ("1,5", "with a decimal point"),
        ("-,5", "with a decimal point"),
        ("inf", "finite numbers"),
        ("-Infinity", "finite numbers"),
        ("1e999", "finite numbers"),
    ],
)
def test_what_is_no_number_says_why(text: str, words: str) -> None:
    values, refused = run(["1", text, None], "number")
    assert values == [1.0, None, None] and list(refused) == [1] and words in refused[1]


def test_numbers_in_every_usual_form_are_taken() -> None:
    texts = ["0", "-0.5", "+5", "1e5", "1.5E-3", ".5", "5.", "123456789.25"]
    assert run(texts, "number") == ([float(text) for text in texts], {})


@pytest.mark.parametrize(
    ("decimal", "thousands", "written", "numbers"),
    [
        (",", ".", ["1.234,56", "21.687", "-1.234.567,8", "7", "0,5"], [1234.56, 21687, -1234567.8, 7, 0.5]),
        (".", ",", ["1,234.5", "12,345", "999"], [1234.5, 12345, 999]),
        (".", "'", ["1'234.5", "12"], [1234.5, 12]),
        (",", "\u202f", ["12\u202f345,5"], [12345.5]),
    ],
)
def test_thousands_are_read_where_params_say_what_separates_them(
    decimal: str, thousands: str, written: list[str], numbers: list[float]
) -> None:
    assert run(written, "number", decimal, thousands) == (numbers, {})
    wholes = [text for text, number in zip(written, numbers, strict=True) if number == int(number)]
    assert run(wholes, "integer", decimal, thousands)[1] == {}


@pytest.mark.parametrize(
    "text", ["12.34", "1.23.456", "1.2345", "0.123", ".123", "1234.567", "1..234", "1,5.000"]
)
def test_a_separator_that_does_not_stand_between_thousands_is_refused(text: str) -> None:
    values, refused = run(["1.000,5", text], "number", ",", ".")
    assert values == [1000.5, None] and list(refused) == [1]


def test_a_decimal_comma_is_read_where_params_say_so() -> None:
    values, refused = run(["1,5", "2", "-,25", "1.234,5", "1.5"], "number", decimal=",")
    assert values == [1.5, 2.0, -0.25, None, None]
    assert "thousands" in refused[3] and "decimal comma" in refused[4]


def test_whole_numbers_are_exact_or_refused() -> None:
    texts = ["1", "2.0", "+3", str(LARGEST), str(LARGEST + 1), str(LARGEST + 2), "9" * 30, "2.5", "04", "1e3"]
    values, refused = run(texts, "integer")
    assert values[:4] == [1, 2, 3, LARGEST] and values[9] == 1000
    assert {row: "within" in must for row, must in refused.items()} == {
        4: True,
        5: True,
        6: True,
        7: False,
        8: False,
    }
    assert run([LARGEST, LARGEST + 2], "integer")[0] == [LARGEST, None]
    assert run(pa.array([1, 2**63 + 1], pa.uint64()), "integer")[0] == [1, None]
    assert list(run([1, -(2**60)], "number")[1]) == [1]


def test_typed_numbers() -> None:
    values, refused = run([1.0, math.nan, math.inf, 2.5, 1e300, None], "integer")
    assert values == [1, None, None, None, None, None] and sorted(refused) == [2, 3, 4]
    assert run([1.5, math.nan], "number") == ([1.5, None], {})
    assert list(run([True, None], "number")[1]) == [0]
    assert list(run([dt.date(2024, 1, 1)], "integer")[1]) == [0]


def test_booleans() -> None:
    assert run(["true", "FALSE", "1", "0", None, "yes"], "boolean")[0] == [
        True,
        False,
        True,
        False,
        None,
        None,
    ]
    assert list(run(["true", "yes"], "boolean")[1]) == [1]
    assert run([1, 0, None, 3], "boolean") == ([True, False, None, None], {3: "must be true or false"})
    assert run([True, None], "boolean") == ([True, None], {})
    assert list(run([dt.date(2024, 1, 1)], "boolean")[1]) == [0]


@pytest.mark.parametrize("kind", ["text", "category"])
def test_everything_can_be_text(kind: str) -> None:
    assert run([7.0, 7.5, None, math.nan, 1e20], kind)[0] == ["7", "7.5", None, None, "1e+20"]
    assert run([7, 2**60], kind)[0] == ["7", str(2**60)]
    assert run([True, None], kind)[0] == ["true", None]
    assert run(["007", "NA "], kind)[0] == ["007", "NA "]


def test_iso_times_are_read_and_others_refused() -> None:
    texts = ["2024-03-12", "2024-03-12 10:11", "2024-03-12T10:11:12.123456789", None]
    day = dt.datetime(2024, 3, 12)
    wanted = [day, day.replace(hour=10, minute=11), dt.datetime(2024, 3, 12, 10, 11, 12, 123456), None]
    assert run(texts, "time") == (wanted, {})
    _, refused = run(
        ["2024-03-12", "12/03/2024", "2024-02-30", "soon", "2024-03-12T10:00:00Z", "1710000000"], "time"
    )
    assert sorted(refused) == [1, 2, 3, 4, 5]
    assert "a day in March or in December" in refused[1] and "without an offset" in refused[4]


def test_an_offset_makes_a_time_an_instant_and_a_zone_says_what_others_are() -> None:
    texts = ["2024-07-01T12:00:00Z", "2024-07-01T12:00:00+02:00", "2024-07-01T12:00:00", "2024-01-01"]
    values, refused = run(texts, "time", zone="Europe/Berlin")
    assert not refused
    assert values == [
        dt.datetime(2024, 7, 1, 12, tzinfo=UTC),
        dt.datetime(2024, 7, 1, 10, tzinfo=UTC),
        dt.datetime(2024, 7, 1, 10, tzinfo=UTC),
        dt.datetime(2023, 12, 31, 23, tzinfo=UTC),
    ]


def test_local_times_that_clocks_skipped_or_showed_twice_are_refused() -> None:
    texts = ["2024-03-31T02:30:00", "2024-10-27T02:30:00", "2024-10-27T02:30:00+01:00", "2024-10-27T03:00:00"]
    values, refused = run(texts, "time", zone="Europe/Berlin")
    assert "skipped" in refused.pop(0) and "twice" in refused.pop(1) and not refused
    assert values[2:] == [
        dt.datetime(2024, 10, 27, 1, 30, tzinfo=UTC),
        dt.datetime(2024, 10, 27, 2, tzinfo=UTC),
    ]
    naive = pa.array([dt.datetime(2024, 3, 31, 2, 30), dt.datetime(2024, 3, 31, 3, 30)])
    assert list(run(naive, "time", zone="Europe/Berlin")[1]) == [0]


def test_a_format_reads_other_times_and_no_day_that_is_none() -> None:
    values, refused = run(["12/03/2024", "1/3/2024", "30/02/2024", "2024-03-12"], "time", format="%d/%m/%Y")
    assert values[:2] == [dt.datetime(2024, 3, 12), dt.datetime(2024, 3, 1)] and sorted(refused) == [
        2,
        3,
    ]


def test_typed_times() -> None:
    aware = pa.array([dt.datetime(2024, 1, 1)], pa.timestamp("ns", "Europe/Berlin"))
    assert run(aware, "time", zone="UTC")[0] == [dt.datetime(2024, 1, 1, tzinfo=UTC)]
    assert list(run(aware, "time")[1]) == [0]
    assert run([dt.date(2024, 1, 1), None], "time") == ([dt.datetime(2024, 1, 1), None], {})
    assert list(run([1.5], "time")[1]) == [0]


def test_a_column_of_nothing_is_missing() -> None:
    for kind in ("number", "integer", "boolean", "category", "text", "time"):
        assert run(pa.array([None, None], pa.null()), kind) == ([None, None], {})
        assert run(pa.array([], pa.string()), kind) == ([], {})


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False) | st.none()))
def test_numbers_survive_text(values: list[float | None]) -> None:
    texts = pa.array([None if value is None else repr(value) for value in values], pa.string())
    assert run(texts, "number") == (values, {})


@given(st.lists(st.integers(-LARGEST, LARGEST) | st.none()))
def test_integers_survive_text(values: list[int | None]) -> None:
    texts = pa.array([None if value is None else str(value) for value in values], pa.string())
    assert run(texts, "integer") == (values, {})
    assert run(texts, "text")[0] == texts.to_pylist()


@given(st.lists(st.datetimes(dt.datetime(1700, 1, 1), dt.datetime(2200, 1, 1)) | st.none()))
def test_times_survive_text(values: list[dt.datetime | None]) -> None:
    texts = pa.array([None if value is None else value.isoformat() for value in values], pa.string())
    assert run(texts, "time") == (values, {})
    offset = pa.array(
        [None if value is None else value.isoformat() + "+00:00" for value in values], pa.string()
    )
    assert run(offset, "time", zone="UTC") == ([value and value.replace(tzinfo=UTC) for value in values], {})


@given(
    st.lists(st.text(st.characters(exclude_categories=["Cs"])) | st.none()),
    st.sampled_from(["number", "integer", "boolean", "time"]),
)
def test_any_text_is_taken_or_refused_and_never_lost(texts: list[str | None], kind: str) -> None:
    values, refused = run(pa.array(texts, pa.string()), kind)
    for row, (text, value) in enumerate(zip(texts, values, strict=True)):
        assert (value is None) == (text is None or text in MISSING or row in refused)


@pytest.mark.parametrize(
    ("kind", "value"), [("number", "1.5"), ("integer", "1"), ("boolean", "true"), ("time", "2024-05-01")]
)
def test_marks_of_a_missing_value_are_missing_among_values_and_words_among_words(
    kind: str, value: str
) -> None:
    texts = [value, "NA", "N/A", "NaN", "nan", "null", "NULL", None]
    converted, broken = convert(pa.array(texts), Rule("x", kind))
    assert not broken and converted.null_count == 7
    for words in ("category", "text"):
        assert convert(pa.array(texts), Rule("x", words))[0].to_pylist() == texts


@pytest.mark.parametrize("kind", ["number", "integer"])
def test_whole_decimals_are_taken_where_they_are_exact(kind: str) -> None:
    values = pa.array([Decimal(7), None, Decimal(2**53 - 1), Decimal(-(2**53))], pa.decimal128(20, 0))
    taken, broken = convert(values, Rule("x", kind))
    assert taken.to_pylist() == [7, None, 2**53 - 1, None]
    ((reason, mask),) = broken
    assert "whole numbers within 9007199254740991" in reason.must and mask.to_pylist() == [
        False,
        False,
        False,
        True,
    ]
