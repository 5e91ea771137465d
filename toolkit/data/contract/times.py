"""Times as they are written, into microseconds: instants in UTC where the column has a zone, else wall times."""

from __future__ import annotations

import datetime as dt

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.types as kinds

Marked = tuple[tuple[str, str], pa.BooleanArray]  # what must hold and what to do; the rows that break it

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_CLOCK = r"[T ][0-9]{2}:[0-9]{2}(?::[0-9]{2}(?:\.[0-9]{1,9})?)?"
_OFFSET = r"(?:Z|[+-][0-9]{2}(?::?[0-9]{2})?)"
ISO = rf"^{_DAY}(?:{_CLOCK}{_OFFSET}?)?$"
WITH_OFFSET = rf"^{_DAY}{_CLOCK}{_OFFSET}$"
SLASHED = r"^[0-9]{1,2}[/.-][0-9]{1,2}[/.-](?:[0-9]{4}|[0-9]{2})(?:[T ,].*)?$"  # 12/03/2024

WALL, INSTANT = pa.timestamp("us"), pa.timestamp("us", tz="UTC")
NOT_ISO = (
    "must be a time in ISO 8601, such as 2024-03-12 or 2024-03-12T10:00:00",
    "Correct them, or leave them empty.",
)
ABROAD = (
    "must be a time in ISO 8601, and 12/03/2024 may be a day in March or in December",
    "Write 2024-03-12; or say in the contract how the column is written, such as format: '%d/%m/%Y'.",
)
HAS_OFFSET = (
    "must be a time without an offset, as its contract has no zone",
    "Write all times of the column alike, or name the zone of those without an offset in the contract.",
)
NO_TIME = ("must be a time", "Name another type in the contract.")


def convert_times(values: pa.Array, zone: str = "", form: str = "") -> tuple[pa.Array, list[Marked]]:
    """Convert a column of times.

    Parameters
    ----------
    values : pyarrow.Array
        Text, dates or timestamps.
    zone : str
        IANA name; a time without an offset is the local time there. Empty: wall times, and none may have an offset.
    form : str
        Format of the texts (as C's strptime); empty: ISO 8601.

    Returns
    -------
    tuple
        The times, null where missing or refused, and the refused rows by reason.
    """
    wanted = INSTANT if zone else WALL
    if kinds.is_null(values.type):
        return values.cast(wanted), []
    if kinds.is_date(values.type):
        return _localise(values.cast(WALL), zone)
    if kinds.is_timestamp(values.type):
        return _take_timestamps(values, zone)
    if not (kinds.is_string(values.type) or kinds.is_large_string(values.type)):
        return pa.nulls(len(values), wanted), [(NO_TIME, pc.is_valid(values))]
    return _parse_format(values, zone, form) if form else _parse_iso(values, zone)


def _take_timestamps(values: pa.Array, zone: str) -> tuple[pa.Array, list[Marked]]:
    if values.type.tz is None:
        return _localise(values.cast(WALL, safe=False), zone)
    if zone:
        return values.cast(INSTANT, safe=False), []
    filled = pc.is_valid(values)
    return pa.nulls(len(values), WALL), [(HAS_OFFSET, filled)] if pc.any(filled).as_py() else []


def _parse_iso(values: pa.Array, zone: str) -> tuple[pa.Array, list[Marked]]:
    try:
        if not zone:
            return values.cast(WALL), []
        return values.cast(INSTANT), []
    except pa.ArrowInvalid:
        pass
    iso = pc.match_substring_regex(values, ISO).fill_null(False)
    offset = pc.match_substring_regex(values, WITH_OFFSET).fill_null(False)
    wall, bad = _cast(pc.if_else(pc.and_not(iso, offset), values, None), WALL)
    marked = _explain(values, pc.and_(pc.is_valid(values), pc.or_(pc.invert(iso), bad)))
    if not zone:
        return wall, marked + _present((HAS_OFFSET, offset))
    instants, wrong = _cast(pc.if_else(offset, values, None), INSTANT)
    local, missed = _localise(wall, zone)
    return pc.coalesce(instants, local), marked + missed + _present((NOT_ISO, wrong))


def _cast(texts: pa.Array, kind: pa.DataType) -> tuple[pa.Array, pa.BooleanArray]:
    """Cast ISO texts; what is no day of the calendar, such as 2024-02-30, is null and marked."""
    # Digits of less than a microsecond go: no source has them and means them.
    texts = pc.replace_substring_regex(texts, r"(\.[0-9]{6})[0-9]+", r"\1")
    try:
        return texts.cast(kind), pc.equal(pc.is_null(texts), None).fill_null(False)
    except pa.ArrowInvalid:
        found, bad = [], []
        unique = pc.unique(texts)
        for text in unique:  # only here, where some text is no time, are values cast alone
            try:
                found.append(text.cast(kind))
                bad.append(False)
            except pa.ArrowInvalid:
                found.append(pa.scalar(None, kind))
                bad.append(True)
        place = pc.index_in(texts, unique)
        return pa.array(found, kind).take(place), pa.array(bad).take(place).fill_null(False)


def _explain(values: pa.Array, refused: pa.BooleanArray) -> list[Marked]:
    slashed = pc.and_(refused, pc.match_substring_regex(values, SLASHED).fill_null(False))
    return _present((ABROAD, slashed), (NOT_ISO, pc.and_not(refused, slashed)))


def _parse_format(values: pa.Array, zone: str, form: str) -> tuple[pa.Array, list[Marked]]:
    wall = pc.strptime(values, form, "us", error_is_null=True).cast(WALL)
    # C's strptime takes the 30th of February for the 1st of March: what is read must be what is written.
    back = pc.strftime(wall.cast(pa.timestamp("s")), form)
    same = pc.equal(_without_zeros(back), _without_zeros(values)).fill_null(False)
    refused = pc.and_(pc.is_valid(values), pc.invert(same))
    wall = pc.if_else(same, wall, None)
    reason = (f"must be a time written as {form}, as its contract says", "Correct them, or leave them empty.")
    local, missed = _localise(wall, zone)
    return local, _present((reason, refused)) + missed


def can_read(form: str) -> bool:
    """Whether what is written in a format (as C's strptime) is read as it was meant, to the year at least."""
    times = pa.array(
        [dt.datetime(1987, 10, 23, 21, 43, 56), dt.datetime(2031, 2, 7, 8, 9, 10)], pa.timestamp("s")
    )
    try:
        back = pc.strptime(pc.strftime(times, form), form, "s", error_is_null=True)
    except pa.ArrowInvalid:
        return False
    return pc.year(back).equals(pc.year(times))


def _without_zeros(texts: pa.Array) -> pa.Array:
    return pc.replace_substring_regex(texts, r"\b0+([0-9])", r"\1")


def _localise(wall: pa.Array, zone: str) -> tuple[pa.Array, list[Marked]]:
    """Take wall times as local times of the zone; those that the clock skipped or showed twice are refused."""
    if not zone:
        return wall, []
    try:
        return pc.assume_timezone(wall, zone).cast(INSTANT), []
    except pa.ArrowInvalid:
        pass
    early = pc.assume_timezone(wall, zone, ambiguous="earliest", nonexistent="earliest")
    late = pc.assume_timezone(wall, zone, ambiguous="latest", nonexistent="latest")
    odd = pc.not_equal(early, late).fill_null(False)
    skipped = pc.and_(odd, pc.not_equal(pc.local_timestamp(late), wall).fill_null(False))
    advice = "Write the offset with them, such as 2024-10-27T02:30:00+01:00, or times in UTC."
    gone = (f"must be a time that clocks in {zone} showed; they skipped it for summer time", advice)
    twice = (f"must be one moment, and clocks in {zone} showed it twice, at the end of summer time", advice)
    good = pc.if_else(odd, None, early).cast(INSTANT)
    return good, _present((gone, skipped), (twice, pc.and_not(odd, skipped)))


def _present(*marked: Marked) -> list[Marked]:
    return [(reason, mask) for reason, mask in marked if pc.any(mask).as_py()]
