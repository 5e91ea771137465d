"""Each way to split: rows keep their split, and what cannot be split is told with rows."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from make_rows import make_rows

from toolkit.data.labelled import LabelledRows
from toolkit.data.split_rules import assign_rows, find_test_rows, load_reference_times
from toolkit.data.splits import SPLITS
from toolkit.errors import DataError
from toolkit.params import Prepare

START = datetime(2026, 1, 1)
RULES: dict[str, dict[str, Any]] = {
    "hash": {},
    "group": {"group": "customer"},
    "time": {"time": "at", "valid_from": "2026-01-03", "test_from": "2026-01-04T06:00"},
    "column": {"split_column": "fold"},
}


def make_columns(rows: list[int]) -> dict[str, Any]:
    """Give columns that depend on the number of a row alone."""
    random = [np.random.default_rng(row) for row in rows]
    return {
        "x": [float(row) for row in rows],
        "customer": [f"c{one.integers(8)}" for one in random],
        "at": [START + timedelta(hours=int(one.integers(120))) for one in random],
        "fold": [SPLITS[one.integers(3)] for one in random],
    }


def place_rows(folder: Path, rows: list[int], **params: Any) -> dict[str, str]:
    made = make_rows(folder, make_columns(rows), keys=[f"k{row}" for row in rows])
    codes = assign_rows(made, Prepare.model_validate(params)).codes
    return {f"k{row}": SPLITS[code] for row, code in zip(rows, codes, strict=True)}


@pytest.mark.parametrize("split", RULES)
@settings(max_examples=10, deadline=None)
@given(data=st.data())
def test_a_row_keeps_its_split_when_the_table_grows_tenfold_is_shuffled_or_shrinks(
    tmp_path_factory: pytest.TempPathFactory, split: str, data: st.DataObject
) -> None:
    folder, rows = tmp_path_factory.mktemp("rows"), list(range(40))
    params = {"split": split, **RULES[split], "seed": data.draw(st.integers(0, 1000))}
    before = place_rows(folder, rows, **params)
    grown = place_rows(folder, data.draw(st.permutations(range(400))), **params)
    assert {key: grown[key] for key in before} == before
    kept = data.draw(st.lists(st.sampled_from(rows), min_size=1, unique=True))
    assert all(before[key] == split for key, split in place_rows(folder, kept, **params).items())


@pytest.mark.parametrize("split", RULES)
def test_the_rule_on_record_tells_the_rows_of_test(tmp_path: Path, split: str) -> None:
    rows = make_rows(tmp_path, make_columns(list(range(60))))
    assigned = assign_rows(rows, Prepare.model_validate({"split": split, **RULES[split]}))
    columns = {name: rows.column(name) for name in ("id", "x", "customer", "at", "fold")}
    found = find_test_rows(assigned.rule, columns)
    assert found is not None and np.array_equal(found, assigned.codes == 2)
    assert find_test_rows(assigned.rule, {"x": columns["x"]}) is None


def test_groups_stay_whole_and_shares_that_are_off_are_told(tmp_path: Path) -> None:
    rows = make_rows(tmp_path, make_columns(list(range(200))))
    assigned = assign_rows(rows, Prepare(split="group", group="customer"))
    by_group: dict[str, set[int]] = {}
    for name, code in zip(rows.column("customer").to_pylist(), assigned.codes, strict=True):
        by_group.setdefault(name, set()).add(int(code))
    assert all(len(codes) == 1 for codes in by_group.values()) and len(by_group) == 8
    assert "groups stay whole, and few or large ones do not fit" in assigned.notices[0]
    assert assigned.advice.startswith("Groups stay whole, and there are 8 groups")


def test_dates_follow_from_the_shares_and_are_told_for_params_yaml(tmp_path: Path) -> None:
    at = [START + timedelta(days=day) for day in range(100)]
    assigned = assign_rows(make_rows(tmp_path, {"at": at}), Prepare(split="time", time="at"))
    assert np.bincount(assigned.codes).tolist() == [60, 20, 20]
    assert np.array_equal(assigned.codes, np.sort(assigned.codes))
    assert 'test_from: "2026-03-22", valid_from: "2026-03-02"' in assigned.notices[0]
    given = Prepare(split="time", time="at", test_from="2026-03-22", valid_from="2026-03-02")
    again = assign_rows(make_rows(tmp_path, {"at": at}), given)
    assert np.array_equal(again.codes, assigned.codes) and again.notices == []
    assert again.rule == assigned.rule


def test_a_zone_is_heeded(tmp_path: Path) -> None:
    at = pa.array(
        [START + timedelta(hours=hour) for hour in range(100)], pa.timestamp("us", tz="Europe/Berlin")
    )
    rows = make_rows(tmp_path, {"at": at})
    first = assign_rows(rows, Prepare(split="time", time="at"))
    assert 'test_from: "2026-01-04T08:00+00:00"' in first.notices[0]
    dates = {"valid_from": "2026-01-03T12:00+00:00", "test_from": "2026-01-04T10:00+02:00"}
    again = assign_rows(rows, Prepare(split="time", time="at", **dates))
    assert np.array_equal(again.codes, first.codes)


def test_generated_rows_are_in_train_whatever_the_rule_says(tmp_path: Path) -> None:
    for split, params in RULES.items():
        columns = make_columns(list(range(60))) | {"generated": [row % 3 == 0 for row in range(60)]}
        columns["fold"] = [None if row % 3 == 0 else fold for row, fold in enumerate(columns["fold"])]
        columns["at"] = [None if row % 3 == 0 else at for row, at in enumerate(columns["at"])]
        assigned = assign_rows(
            make_rows(tmp_path, columns), Prepare.model_validate({"split": split, **params})
        )
        assert set(assigned.codes[::3]) == {0} and set(assigned.codes) == {0, 1, 2}
        assert any("20 generated rows are in train" in notice for notice in assigned.notices)


def blank(columns: dict[str, Any], name: str) -> dict[str, Any]:
    return columns | {name: [None if row in (4, 6) else value for row, value in enumerate(columns[name])]}


@pytest.mark.parametrize(
    ("split", "change", "params", "message"),
    [
        ("group", "customer", {}, r"must have a group in column 'customer'\. 2 of 40 without one, first rows 5, 7\."),
        ("time", "at", {}, r"must have a time in column 'at'\. 2 of 40 without one, first rows 5, 7\."),
        ("column", "fold", {}, r"must have a split in column 'fold'\. 2 of 40 without one, first rows 5, 7\."),
        ("time", "", {"time": "x"}, "'x' must hold times. It holds double: set its type to time in the contract"),
        ("time", "", {"time": "et"}, "prepare.time: 'et' must be a column of the table"),
        ("time", "", {"test_from": "2026-01-04T00:00Z"}, "must be without an offset from UTC"),
        ("time", "", {"valid_from": "2027-01-01", "test_from": ""}, "valid_from must not be later than prepare.test"),
        ("column", "", {"split_column": "customer"}, r"must hold train, valid, test and nothing else\. Got 40 rows w"),
    ],
)  # fmt: skip
def test_what_cannot_be_split_is_told(
    tmp_path: Path, split: str, change: str, params: dict[str, Any], message: str
) -> None:
    columns = make_columns(list(range(40)))
    rows: LabelledRows = make_rows(tmp_path, blank(columns, change) if change else columns)
    with pytest.raises(DataError, match=message):
        assign_rows(rows, Prepare.model_validate({"split": split, **RULES[split], **params}))


def test_times_of_the_reference_are_in_the_order_of_its_files(tmp_path: Path) -> None:
    at = [START + timedelta(days=(day * 37) % 100) for day in range(100)]
    rows = make_rows(tmp_path, {"at": at})
    codes = assign_rows(rows, Prepare()).codes
    times = load_reference_times(rows, codes, "at")
    assert times is not None
    wanted = [at[row] for code in (0, 1) for row in np.flatnonzero(codes == code)]
    assert times.tolist() == wanted
    assert load_reference_times(rows, codes, "") is None
    with pytest.raises(DataError, match=r"prepare\.time: column 'x' must hold times"):
        load_reference_times(make_rows(tmp_path, {"x": [1.0] * 100}), codes, "x")
