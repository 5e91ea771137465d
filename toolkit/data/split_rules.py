"""How rows are split, as params.yaml says: by a hash of the key, by group, by time, or as a column says."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from toolkit.columns import as_array
from toolkit.data.labelled import LabelledRows
from toolkit.data.splits import ADVICE, SPLITS, TEST, TRAIN, VALID, measure_places, place_splits
from toolkit.errors import DataError, count_of
from toolkit.params import Prepare

FAR_OFF = 0.05  # a split whose share of rows is so far from the wanted one is told
SHOWN = 5


@dataclass(frozen=True, eq=False)
class Assignment:
    """Which split each labelled row is in, and by which rule.

    Attributes
    ----------
    codes : ndarray of int8
        0 train, 1 valid, 2 test.
    rule : dict
        What decides: the same rule puts the same row into the same split. Plain values for JSON.
    notices : list of str
        What is no error and yet worth knowing.
    advice : str
        What to do where a split lacks rows.
    """

    codes: np.ndarray
    rule: dict[str, Any]
    notices: list[str] = field(default_factory=list)
    advice: str = ADVICE


def assign_rows(rows: LabelledRows, params: Prepare) -> Assignment:
    """Split the rows; those of a generator go into train, whatever the rule.

    By hash, by group, by time with dates, and by a column, a row keeps its split when the table grows or shrinks.

    Raises
    ------
    DataError
        The column that decides is missing, of another type, or lacks values.
    """
    assign = _RULES[params.split]
    made = rows.generated()
    assigned = assign(rows, params, made)
    codes = np.where(made, np.int8(TRAIN), assigned.codes)
    notices = list(assigned.notices)
    if made.any():
        notices.append(f"{int(made.sum()):,} generated rows are in train, none in valid or test.")
    if params.split in ("group", "time"):
        notices += _tell_shares(codes[~made], params)
    return Assignment(codes, assigned.rule, notices, assigned.advice)


def find_test_rows(rule: Mapping[str, Any], columns: Mapping[str, pa.ChunkedArray]) -> np.ndarray | None:
    """Tell which rows a rule puts into test, or None if the columns do not tell.

    What a model that was trained under this rule has not seen: the rows it may be judged on.
    """
    name = str(rule.get("column"))
    if name not in columns or rule.get("split") not in _RULES:
        return None
    column = columns[name]
    if rule["split"] == "time":
        times = as_array(column)
        return times >= np.datetime64(rule["test_from"]) if times.dtype.kind == "M" else None
    if rule["split"] == "column":
        return pc.equal(column, "test").fill_null(False).to_numpy()
    return measure_places(column.cast(pa.string()), rule["seed"]) < rule["test_share"]


def _assign_hash(rows: LabelledRows, params: Prepare, made: np.ndarray) -> Assignment:
    places = np.concatenate(
        [
            measure_places(batch.column(0), params.seed)
            for _, batch in rows.batches([rows.schema.key])
            if batch.num_rows
        ]
    )
    codes = place_splits(places, params.valid_share, params.test_share)
    return Assignment(codes, _hash_rule("hash", rows.schema.key, params))


def _assign_group(rows: LabelledRows, params: Prepare, made: np.ndarray) -> Assignment:
    rows.check_column(params.group, "prepare.group")
    groups = rows.column(params.group)
    _check_filled(rows, groups, params.group, "group", "Fill it, so that each row has its group")
    coded = groups.combine_chunks().dictionary_encode()
    texts = coded.dictionary.cast(pa.string())
    found = place_splits(measure_places(texts, params.seed), params.valid_share, params.test_share)
    told = count_of(len(texts), "group")
    advice = f"Groups stay whole, and there are {told}. More, or another prepare.seed, may help."
    return Assignment(found[coded.indices.to_numpy()], _hash_rule("group", params.group, params), [], advice)


def _assign_time(rows: LabelledRows, params: Prepare, made: np.ndarray) -> Assignment:
    times = load_times(rows, params.time, "prepare.time")
    missing = np.isnat(times)
    _check_none(rows, missing & ~made, params.time, "time", "Fill it, or leave these rows out of the table")
    zone = _find_zone(rows, params.time)
    given = {
        key: _parse_moment(getattr(params, key), zone, key, params.time)
        for key in ("valid_from", "test_from")
    }
    found, told = dict(given), []
    ordered = np.sort(times[~made & ~missing])
    held_out = {"test_from": params.test_share, "valid_from": params.test_share + params.valid_share}
    for key, share in held_out.items():
        if found[key] is None and len(ordered):
            moment = ordered[len(ordered) - max(round(len(ordered) * share), 1)]
            found[key] = moment
            told.append(f"{key}: {_show_moment(moment, zone)}")
    valid_from, test_from = found["valid_from"], found["test_from"]
    if valid_from is None or test_from is None:
        raise DataError("A split by time must have rows that are not generated, and has none.")
    if valid_from > test_from:
        raise DataError(
            f"prepare.valid_from must not be later than prepare.test_from. Got {_show_moment(valid_from, zone)} and "
            f"{_show_moment(test_from, zone)}."
        )
    codes = np.full(len(rows), TRAIN, dtype=np.int8)
    codes[times >= valid_from] = VALID
    codes[times >= test_from] = TEST
    rule = {
        "split": "time",
        "column": params.time,
        "valid_from": str(valid_from),
        "test_from": str(test_from),
    }
    notices = [
        f"The dates follow from the shares, and move when rows are added. To keep each row in its split, write into "
        f"params.yaml, under prepare: {', '.join(told)}."
    ] if told else []  # fmt: skip
    advice = "Change prepare.valid_from and prepare.test_from (or the shares, if these are empty), or label more rows."
    return Assignment(codes, rule, notices, advice)


def _assign_column(rows: LabelledRows, params: Prepare, made: np.ndarray) -> Assignment:
    rows.check_column(params.split_column, "prepare.split_column")
    values = rows.column(params.split_column)
    advice = f"Write {', '.join(SPLITS)} in each row"
    blank = np.asarray(pc.is_null(values)) & ~made
    _check_none(rows, blank, params.split_column, "split", advice)
    place = pc.index_in(values.cast(pa.string()), pa.array(SPLITS)).fill_null(-1).to_numpy()
    wrong = np.flatnonzero((place < 0) & ~made)
    if len(wrong):
        strange = sorted({str(values[int(row)].as_py()) for row in wrong[:1000]})
        raise DataError(
            f"Column '{params.split_column}' must hold {', '.join(SPLITS)} and nothing else. "
            f"Got {count_of(len(wrong), 'row')} with other values, such as "
            f"{', '.join(map(repr, strange[:SHOWN]))}; first {_show_rows(rows, wrong)}. {advice}."
        )
    advice = f"Mend the column '{params.split_column}', or label more rows."
    return Assignment(place.astype(np.int8), {"split": "column", "column": params.split_column}, [], advice)


def load_times(rows: LabelledRows, name: str, key: str) -> np.ndarray:
    """Read a time column as datetime64[us]; in UTC if it has a zone.

    Raises
    ------
    DataError
        It is missing, or holds no times.
    """
    rows.check_column(name, key)
    column = rows.column(name)
    if not pa.types.is_temporal(column.type):
        raise DataError(
            f"{key}: column '{name}' must hold times. It holds {column.type}: set its type to time in the contract."
        )
    return as_array(column)


def load_reference_times(rows: LabelledRows, codes: np.ndarray, name: str) -> np.ndarray | None:
    """Read when the rows of train and valid were, in the order in which these are written; None without ``name``."""
    if not name:
        return None
    times = load_times(rows, name, "prepare.time")
    return np.concatenate([times[codes == TRAIN], times[codes == VALID]])


def _hash_rule(split: str, column: str, params: Prepare) -> dict[str, Any]:
    shares = {"valid_share": params.valid_share, "test_share": params.test_share}
    return {"split": split, "column": column, "seed": params.seed, **shares}


def _check_filled(rows: LabelledRows, column: pa.ChunkedArray, name: str, what: str, advice: str) -> None:
    if column.null_count:
        _check_none(rows, np.asarray(pc.is_null(column)), name, what, advice)


def _check_none(rows: LabelledRows, wrong: np.ndarray, name: str, what: str, advice: str) -> None:
    if wrong.any():
        raise DataError(
            f"Every labelled row must have a {what} in column '{name}'. {int(wrong.sum())} of {len(wrong)} "
            f"without one, first {_show_rows(rows, np.flatnonzero(wrong))}. {advice}, or set prepare.split to another "
            "way."
        )


def _show_rows(rows: LabelledRows, places: np.ndarray) -> str:
    numbers = rows.row_numbers(places[:SHOWN])
    return f"row{'s' if len(numbers) > 1 else ''} {', '.join(map(str, numbers))}"


def _find_zone(rows: LabelledRows, name: str) -> bool:
    return getattr(rows.column(name).type, "tz", None) is not None


def _parse_moment(text: str, zone: bool, key: str, column: str) -> np.datetime64 | None:
    if not text:
        return None
    moment = datetime.fromisoformat(text)  # which Prepare has checked
    if zone != (moment.tzinfo is not None):
        has, wants = ("has", "with") if zone else ("has no", "without")
        raise DataError(
            f"prepare.{key} must be {wants} an offset from UTC (such as +00:00), since column '{column}' {has} a time "
            f"zone. Got '{text}'."
        )
    offset = moment.utcoffset()
    plain = moment.replace(tzinfo=None)
    return np.datetime64(plain - offset if offset else plain, "us")


def _show_moment(moment: np.datetime64, zone: bool) -> str:
    return f'"{np.datetime_as_string(moment, unit="auto")}{"T00:00" if _is_day(moment) and zone else ""}' + (
        '+00:00"' if zone else '"'
    )


def _is_day(moment: np.datetime64) -> bool:
    return bool(moment == moment.astype("datetime64[D]"))


def _tell_shares(codes: np.ndarray, params: Prepare) -> list[str]:
    wanted = (1 - params.valid_share - params.test_share, params.valid_share, params.test_share)
    got = np.bincount(codes, minlength=3) / max(len(codes), 1)
    off = [
        f"{split} has {share:.1%} of the rows instead of {wish:.0%}"
        for split, share, wish in zip(SPLITS, got, wanted, strict=True)
        if abs(share - wish) > FAR_OFF
    ]
    why = (
        "groups stay whole, and few or large ones do not fit"
        if params.split == "group"
        else "the dates say so"
    )
    if params.split == "time" and params.valid_from and params.test_from:
        return []  # the dates were chosen
    return [f"{'; '.join(off)}: {why}."] if off else []


_RULES: dict[str, Callable[[LabelledRows, Prepare, np.ndarray], Assignment]] = {
    "hash": _assign_hash,
    "group": _assign_group,
    "time": _assign_time,
    "column": _assign_column,
}
