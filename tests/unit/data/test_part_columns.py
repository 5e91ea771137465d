"""Columns that only some parts have: proposed when widening, missing where the contract lets them, else told."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from toolkit.data.accept import accept_changes
from toolkit.data.collect import Collected, collect_table, write_new_contract
from toolkit.data.contract.changes import tell_change
from toolkit.data.sources import open_source
from toolkit.errors import DataError
from toolkit.params import Collect

OLD = {"id": ["a1", "a2", "a3"], "n": [1.5, 2.5, 3.5]}
NEW = {"id": ["b1", "b2"], "n": [4.5, 5.5], "late": ["x", "y"]}
CONTRACT = "key: id\ncolumns:\n  id: {type: text}\n  n: {type: number}\n"
LATE = "  late: {type: text, missing: true}\n"
FORMATS = ("csv", "parquet", "arrow", "jsonl")
Run = Callable[..., Collected]


def save(path: Path, columns: dict[str, list[Any]]) -> None:
    path.parent.mkdir(exist_ok=True)
    table = pa.table(columns)
    if path.suffix == ".parquet":
        pq.write_table(table, path)
    elif path.suffix == ".arrow":
        pa.feather.write_feather(table, str(path))
    elif path.suffix == ".jsonl":
        path.write_text("".join(f"{row}\n".replace("'", '"') for row in table.to_pylist()))
    else:
        lines = [columns, *zip(*columns.values(), strict=True)]
        path.write_text("".join(f"{','.join(map(str, line))}\n" for line in lines))


@pytest.fixture
def run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Collect the folder raw as the notebook does."""
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    (tmp_path / "schemas").mkdir()

    def collect(**params: Any) -> Collected:
        values = Collect(
            **{"source": "raw", "key": "id", "contract": "schemas/t.yaml", "exclude": [], **params}
        )
        source = open_source(values, tmp_path, tmp_path / "raw")
        collected = collect_table(source, values, tmp_path, tmp_path / "data/raw")
        write_new_contract(collected, tmp_path / "schemas/t.yaml")
        return collected

    return collect


def refuse(run: Run, **params: Any) -> str:
    with pytest.raises(DataError) as caught:
        run(**params)
    return str(caught.value)


@pytest.mark.parametrize("format_", FORMATS)
def test_a_new_column_of_a_later_part_is_proposed_and_then_missing_in_the_earlier_ones(
    run: Run, tmp_path: Path, format_: str
) -> None:
    save(tmp_path / f"raw/1.{format_}", OLD)
    run()
    written = (tmp_path / "schemas/t.yaml").read_text()
    save(tmp_path / f"raw/2.{format_}", NEW)
    for mode in ("fail", "quarantine"):
        told = refuse(run, on_violation=mode)
        assert f"column 'late' (it is in raw/2.{format_} alone) must be in the contract and is not." in told
        assert "set collect.on_violation: widen once to have its rule proposed" in told
    assert (tmp_path / "schemas/t.yaml").read_text() == written

    widened = run(on_violation="widen")
    assert list(map(tell_change, widened.changes)) == ["late: is new: type text, missing true"]
    assert (tmp_path / "schemas/t.yaml").read_text() == written
    accept_changes(tmp_path)
    collected = run()
    table = pq.read_table(tmp_path / "data/raw/table.parquet")
    assert table["late"].to_pylist() == [None, None, None, "x", "y"]
    assert table["n"].to_pylist() == [*OLD["n"], *NEW["n"]]
    lacking = f"column 'late' is missing in the rows of raw/1.{format_}, which lacks it."
    assert (lacking in collected.notices) == (format_ != "jsonl")  # there each row says it for itself


@pytest.mark.parametrize("format_", FORMATS[:3])
@pytest.mark.parametrize("mode", ["fail", "quarantine"])
def test_a_column_that_must_not_be_missing_is_told_with_the_part_and_its_rows(
    run: Run, tmp_path: Path, format_: str, mode: str
) -> None:
    save(tmp_path / f"raw/1.{format_}", NEW)
    save(tmp_path / f"raw/2.{format_}", OLD)
    (tmp_path / "schemas/t.yaml").write_text(CONTRACT + LATE.replace("true", "false"))
    told = refuse(run, on_violation=mode)
    assert "Got one violation:" in told
    assert (
        f"column 'late' must be in every part, as none of its values may be missing. raw/2.{format_} (3 rows) lacks "
        "it. Add it, or set missing: true in the contract."
    ) in told
    assert "set collect.on_violation in params.yaml to widen" in told
    assert list(map(tell_change, run(on_violation="widen").changes)) == ["late: missing from false to true"]


def test_what_other_rows_lack_is_told_too_and_a_new_name_is_seen(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "raw/1.csv", {**NEW, "late": ["x", ""]})
    save(tmp_path / "raw/2.csv", {**OLD, "Late": [1, 2, 3]})
    (tmp_path / "schemas/t.yaml").write_text(CONTRACT + LATE.replace("true", "false"))
    told = refuse(run)
    assert "raw/2.csv (3 rows) lacks it. Was it renamed to 'Late'? Add it" in told
    assert (
        "'late' must have a value in every row. 4 of 5 rows break this: raw/1.csv row 2; raw/2.csv rows"
        in told
    )
    assert "column 'Late' (it is in raw/2.csv alone) must be in the contract and is not." in told


def test_a_part_without_the_key_or_of_another_table_is_refused_however_it_may_widen(
    run: Run, tmp_path: Path
) -> None:
    (tmp_path / "schemas/t.yaml").write_text(CONTRACT + LATE)
    save(tmp_path / "raw/1.csv", NEW)
    save(tmp_path / "raw/2.csv", {"n": [1], "late": ["x"]})
    told = refuse(run, on_violation="widen")
    assert "column 'id' is the key and must be in every part. raw/2.csv (1 row) lacks it. Add it." in told
    save(tmp_path / "raw/2.csv", {"id": ["c"], "other": ["x"]})
    told = refuse(run, on_violation="widen")
    assert (
        "raw/2.csv must have the columns of raw/1.csv, since both are parts of one table. It lacks n, late"
        in told
    )


def test_without_a_contract_parts_are_alike_unless_it_may_widen(run: Run, tmp_path: Path) -> None:
    save(tmp_path / "raw/1.csv", OLD)
    save(tmp_path / "raw/2.csv", NEW)
    told = refuse(run)
    assert (
        "It has late besides. Mend the part, choose fewer by collect.pattern, or set collect.on_violation to"
        in told
    )
    assert not (tmp_path / "schemas/t.yaml").exists()
    run(on_violation="widen")
    assert "missing: true # in 3 of 5 rows" in (tmp_path / "schemas/t.yaml").read_text()
    assert run().metrics["rows"] == 5
