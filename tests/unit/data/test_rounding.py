"""What a conversion changes is counted, with the first value before and after; what it keeps needs no word."""

import random
from decimal import ROUND_HALF_EVEN, Decimal, localcontext

import numpy as np
import pyarrow as pa
import pytest

from toolkit.data.contract.convert import convert
from toolkit.data.contract.rules import Rule
from toolkit.data.rounding import Rounded, add_rounding, measure_rounding, tell_rounding

NS = 1_700_000_000_123_456_000


def measure(values: pa.Array, kind: str, **rule: str) -> Rounded | None:
    converted, _ = convert(values, Rule("x", kind, **rule))
    return measure_rounding(values, converted)


@pytest.mark.parametrize(
    ("zone", "before", "after"),
    [
        ("", "2023-11-14 22:13:20.123456789", "2023-11-14 22:13:20.123456"),
        ("Europe/Berlin", "2023-11-14 23:13:20.123456789+0100", "2023-11-14 23:13:20.123456+0100"),
    ],
)
def test_nanoseconds_are_counted_unless_they_are_zero(zone: str, before: str, after: str) -> None:
    kind = pa.timestamp("ns", zone or None)
    assert measure(pa.array([NS, None], kind), "time", zone=zone) is None
    found = measure(pa.array([NS, None, NS + 789, NS + 1], kind), "time", zone=zone)
    assert found == Rounded(2, before, after)


def test_digits_of_times_in_text_are_counted_unless_they_are_zeros() -> None:
    kept = ["2024-01-01T10:00:00.123456", "2024-01-01T10:00:00.1234560", None, "2024-01-01"]
    assert measure(pa.array(kept), "time") is None
    assert measure(pa.array([*kept, "2024-01-01T10:00:00.1234567Z"]), "time", zone="UTC") == Rounded(
        1, "2024-01-01T10:00:00.1234567Z", "2024-01-01T10:00:00.123456Z"
    )
    assert measure(pa.array(["no time at all.1234567"] * 2), "time") is None  # refused, not changed


def test_long_decimals_are_counted_unless_a_float_tells_them_apart() -> None:
    kind = pa.decimal128(38, 18)
    exact = [Decimal("0.1"), None, Decimal("123456.789012345"), Decimal(2**60), Decimal("-1E-15")]
    assert measure(pa.array(exact, kind), "number") is None
    long = Decimal("0.123456789012345678")
    assert measure(pa.array([*exact, long, -long], kind), "number") == Rounded(
        2, "0.123456789012345678", "0.12345678901234568"
    )
    assert measure(pa.array([long], kind), "text") is None
    largest = Decimal("9" * 37)
    assert measure(pa.array([largest, Decimal(1), None], pa.decimal128(38, 1)), "number") == Rounded(
        1, "9" * 37 + ".0", "1e+37"
    )
    assert measure(pa.array([largest], pa.decimal128(38, 0)), "number") is None  # refused, not changed


def is_changed(number: Decimal, scale: int) -> bool:
    """Tell whether neither what is written of the float nor the float itself, at that many decimals, is the number."""
    with localcontext(prec=100):
        whole = Decimal(float(number)).quantize(Decimal(1).scaleb(-scale), ROUND_HALF_EVEN)
    return number not in (Decimal(repr(float(number))), whole)


def test_decimals_of_any_precision_become_the_nearest_float() -> None:
    draw = random.Random(1)
    for precision, scale in ((5, 2), (15, 15), (18, 4), (38, 30)):
        numbers = [
            Decimal(draw.randint(-(10**precision) + 1, 10**precision - 1)).scaleb(-scale) for _ in range(3000)
        ]
        values = pa.array(numbers, pa.decimal128(precision, scale))
        converted, refused = convert(values, Rule("x", "number"))
        assert not refused and converted.to_pylist() == [float(number) for number in numbers]
        changed = sum(is_changed(number, scale) for number in numbers)
        found = measure_rounding(values, converted)
        assert (found.values if found else 0) == changed
        assert (changed > 0) is (precision > 15)


def test_other_conversions_change_nothing() -> None:
    for values, kind in (
        (pa.array([1, 2]), "number"),
        (pa.array([1.5], pa.float32()), "number"),
        (pa.array(["0.1234567890123456789"]), "text"),
        (pa.array([NS // 1000], pa.timestamp("us")), "time"),
        (pa.nulls(2), "time"),
    ):
        assert measure(values, kind) is None


def test_findings_are_added_up_and_told() -> None:
    found: dict[str, Rounded] = {}
    for later in (None, Rounded(2, "a", "b"), None, Rounded(3, "c", "d")):
        add_rounding(found, "x", later)
    assert found == {"x": Rounded(5, "a", "b")}
    assert tell_rounding("x", found["x"], "number").startswith(
        "column 'x': 5 numbers were rounded, having more digits than a float holds, such as a to b. Make the column"
    )
    assert tell_rounding("x", Rounded(1, "a", "b"), "time").startswith(
        "column 'x': 1 time was cut to microseconds, such as a to b. "
    )


def test_large_integers_are_refused_not_rounded() -> None:
    for values in (pa.array([2**53 + 1, 5]), pa.array([2**64 - 1, 5], pa.uint64())):
        for kind in ("number", "integer"):
            converted, refused = convert(values, Rule("x", kind))
            assert converted.to_pylist() == [None, 5] and np.asarray(refused[0][1]).tolist() == [True, False]
