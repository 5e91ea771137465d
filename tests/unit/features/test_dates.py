"""Parts of a time equal those of Python's own calendar, in UTC and on a clock with summer time."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.errors import FeatureError
from toolkit.features import Features, dates
from toolkit.features.clocks import Clock
from toolkit.features.dates import PARTS

READ = {
    "year": lambda m: m.year,
    "quarter": lambda m: (m.month - 1) // 3 + 1,
    "month": lambda m: m.month,
    "day": lambda m: m.day,
    "weekday": lambda m: m.isoweekday(),
    "hour": lambda m: m.hour,
    "minute": lambda m: m.minute,
    "second": lambda m: m.second,
    "minute_of_day": lambda m: m.hour * 60 + m.minute,
    "days": lambda m: m.toordinal() - datetime(1970, 1, 1).toordinal(),
}


def fit(zone: str = "", zoned: bool = False) -> Features:
    train = {"at": np.array(["2024-01-01"], dtype="datetime64[us]")}
    definition = dates("at", tuple(PARTS), zone)
    named = type(definition)(**{**definition.__dict__, "name": "at"})
    return Features.fit(train, {"at": "time"}, [named], ["at"] if zoned else [])


@settings(max_examples=300, deadline=None)
@given(st.datetimes(datetime(1, 1, 4), datetime(9999, 12, 28)))
def test_parts_of_any_moment_are_those_of_the_calendar(moment: datetime) -> None:
    features = fit()
    expected = [READ[part](moment) for part in PARTS]
    assert features.row({"at": moment.isoformat()}).tolist() == expected
    assert features.matrix({"at": np.array([moment], dtype="datetime64[us]")}).tolist() == [expected]


@settings(max_examples=200, deadline=None)
@given(
    st.datetimes(datetime(1972, 1, 1), datetime(2037, 1, 1)),
    st.sampled_from(["Europe/Berlin", "Asia/Kathmandu", "America/St_Johns"]),
)
def test_a_zone_s_clock_is_the_one_of_the_zone_database(moment: datetime, zone: str) -> None:
    there = moment.replace(tzinfo=UTC).astimezone(ZoneInfo(zone))
    got = fit(zone, zoned=True).row({"at": moment.isoformat() + "Z"}).tolist()
    assert got == [READ[part](there) for part in PARTS]


def test_the_hour_that_summer_time_repeats_is_told_apart_by_its_offset() -> None:
    features = fit("Europe/Berlin", zoned=True)
    hour = features.names.index("at: hour")
    begin = datetime(2024, 10, 26, 23, 30, tzinfo=UTC)
    hours = [features.row({"at": (begin + timedelta(hours=n)).isoformat()})[hour] for n in range(4)]
    assert hours == [1.0, 2.0, 2.0, 3.0]


def test_parts_that_never_change_are_left_out_unless_named() -> None:
    train = {"at": np.array(["2024-05-01T10:00", "2024-06-01T10:00"], dtype="datetime64[us]")}
    assert Features.fit(train, {"at": "time"}).names == ("at: month", "at: weekday")


@pytest.mark.parametrize(
    ("value", "zoned"),
    [
        ("2024-05-01T10:00:00", True),
        ("2024-05-01T10:00:00Z", False),
        ("2024-05-01T10:00:00+02:00", False),
        ("01.05.2024", False),
        ("05/01/2024", False),
        ("2024-13-01", False),
        ("20240501", False),
        ("now", False),
        (1714557600, False),
    ],
)
def test_a_time_that_may_be_another_is_refused(value: object, zoned: bool) -> None:
    wanted = "with its offset .*30:00Z" if zoned else "without offset .*08:30:00"
    with pytest.raises(FeatureError, match=f"feature 'at' must be a time {wanted}"):
        fit(zoned=zoned).row({"at": value})


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"parts": ("years",)}, "parts must be among year"),
        ({"zone": "Mars/Olympus"}, "zone must be a name of the IANA database"),
    ],
)
def test_parts_and_zones_that_do_not_exist_are_named(arguments: dict, message: str) -> None:
    train = {"at": np.array(["2024-01-01"], dtype="datetime64[us]")}
    with pytest.raises(FeatureError, match=message):
        Features.fit(train, {"at": "time"}, [dates("at", **arguments)], zoned={"at"})


def test_a_zone_for_times_that_a_clock_showed_already_is_refused() -> None:
    train = {"at": np.array(["2024-01-01"], dtype="datetime64[us]")}
    with pytest.raises(FeatureError, match=r"zone must be left out, as the times of 'at' have no offset"):
        Features.fit(train, {"at": "time"}, [dates("at", zone="Europe/Berlin")])


def test_the_parts_of_an_instant_are_those_of_the_zone_of_its_column() -> None:
    train = {"at": np.array(["2024-06-30T22:30", "2024-07-01T10:00"], dtype="datetime64[us]")}
    features = Features.fit(train, {"at": "time"}, [dates("at", ("day", "hour"))], {"at": "Europe/Berlin"})
    again = Features.from_dict(features.to_dict())
    assert again.row({"at": "2024-06-30T22:30:00Z"}).tolist() == [1.0, 0.0]
    assert again.row({"at": "2024-12-31T18:30:00-05:00"}).tolist() == [1.0, 0.0]


@pytest.mark.parametrize(
    "zone", ["Europe/Berlin", "America/New_York", "Australia/Lord_Howe", "Asia/Kathmandu"]
)
def test_clocks_show_what_the_standard_library_says(zone: str) -> None:
    rng = np.random.default_rng(3)
    spread = rng.integers(-60_000_000_000, 100_000_000_000, 400)  # seconds: years 68 to 5138
    changes = rng.integers(1_700_000_000, 1_735_000_000, 2000)
    seconds = np.concatenate([spread, changes])
    clock = Clock(zone)
    shown = clock.show_all(seconds * 1_000_000)
    for second, wall in zip(seconds.tolist(), shown.tolist(), strict=True):
        there = datetime.fromtimestamp(second, UTC).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert wall == (there - datetime(1970, 1, 1)) // timedelta(microseconds=1)
        assert clock.show(second * 1_000_000) == wall


@pytest.mark.parametrize(
    "moment", ["0000-12-31T00:00", "0001-01-01T00:00", "9999-12-31T00:00", "12345-01-01T00:00"]
)
def test_a_time_beyond_the_calendar_is_refused_in_a_table_as_in_a_row(moment: str) -> None:
    value = np.datetime64(moment, "us")
    for asked in (lambda: fit().matrix({"at": np.array([value])}), lambda: fit().row({"at": value})):
        with pytest.raises(FeatureError, match="feature 'at' must be a time without offset"):
            asked()
