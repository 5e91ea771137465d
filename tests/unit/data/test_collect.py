"""A source becomes the raw table, or every reason why not is told and nothing is changed."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.accept import accept_changes
from toolkit.data.collect import collect_table, write_new_contract
from toolkit.data.contract.parse import parse_contract
from toolkit.data.raw_writer import GROUP_ROWS
from toolkit.data.rounding import Rounded
from toolkit.data.schema import load_schema
from toolkit.data.sources import Part
from toolkit.data.sources.csv_file import CsvReader
from toolkit.errors import DataError, ToolkitError
from toolkit.params import Collect


@dataclass
class Table:
    """A source in memory, in batches of ``cut`` rows; of text alone, as a CSV is, unless ``typed``."""

    columns_: dict[str, Any]
    cut: int = 1000
    text: bool = True
    parts: tuple[Part, ...] = (Part("t.csv", Path(), CsvReader()),)
    excluded: tuple[str, ...] = ()
    left_out: dict[str, pa.DataType] = field(default_factory=dict)
    rounded: dict[str, Any] = field(default_factory=dict)
    sparse: bool = False
    lacking: dict[str, list[Part]] = field(default_factory=dict)

    @property
    def _batch(self) -> pa.RecordBatch:
        kind = pa.string() if self.text else None
        return pa.record_batch({name: pa.array(values, kind) for name, values in self.columns_.items()})

    @property
    def columns(self) -> pa.Schema:
        return self._batch.schema

    def describe(self) -> dict[str, Any]:
        return {"format": "csv", "rows": self._batch.num_rows, "parts": []}

    def locate(self, row: int) -> tuple[str, int]:
        return "t.csv", row

    def batches(self) -> Iterator[pa.RecordBatch]:
        batch = self._batch
        return (batch.slice(at, self.cut) for at in range(0, batch.num_rows, self.cut))


PARAMS = {"source": "t.csv", "key": "id", "exclude": [], "contract": "schemas/t.yaml"}
COLUMNS = {
    "id": ["k1", "k2", "k3", "k4"],
    "n": ["1.5", "2", None, "4"],
    "c": ["a", "a", "b", "a"],
    "t": ["2024-01-01", "2024-01-02", "2024-01-03", "2024-01-04"],
}
Run = Callable[..., Any]
TEXTS = st.text(st.characters(exclude_categories=["Cs"]), max_size=6)
CELLS = st.one_of(
    st.none(),
    TEXTS,
    st.integers(-(10**20), 10**20).map(str),
    st.floats().map(repr),
    st.datetimes().map(str),
    st.sampled_from(
        ["true", "yes", "null", "007", "1,234", "1,5", "inf", "12/03/2024", "2024-03-12T10:00:00Z", "- x"]
    ),
    st.sampled_from(["2024-03-12", "a: b", "# c", "~", "a", "b"]),
)


@st.composite
def tables(draw: st.DrawFn) -> dict[str, list[str | None]]:
    """Draw a table of text whose columns hold a few values of any kinds."""
    rows = draw(st.integers(1, 12))
    columns: dict[str, list[str | None]] = {"id": [f"k{n}" for n in range(rows)]}
    for name in draw(st.sets(st.sampled_from("abcde") | TEXTS.filter(str.strip), min_size=1, max_size=4)):
        values = draw(st.lists(CELLS, min_size=1, max_size=4))
        columns[name] = [draw(st.sampled_from(values)) for _ in range(rows)]
    return columns


@pytest.fixture
def run(tmp_path: Path) -> Run:
    """Collect into ``out``, finish as the notebook does."""

    def collect(columns: dict[str, Any] | Table = COLUMNS, **params: Any) -> Any:
        source = columns if isinstance(columns, Table) else Table(columns)
        values = Collect(**{**PARAMS, **params})
        collected = collect_table(source, values, tmp_path, tmp_path / "out")
        write_new_contract(collected, tmp_path / values.contract)
        return collected

    return collect


def refuse(run: Run, *arguments: Any, **params: Any) -> str:
    with pytest.raises(DataError) as caught:
        run(*arguments, **params)
    return str(caught.value)


def test_the_first_run_writes_the_contract_and_later_ones_keep_it(run: Run, tmp_path: Path) -> None:
    first = run()
    text = (tmp_path / "schemas/t.yaml").read_text()
    contract = parse_contract(text)
    assert [rule.type for rule in contract.rules] == ["text", "number", "category", "time"]
    assert contract.by_name["n"].missing and contract.by_name["c"].categories == ("a", "b")
    outputs = {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()}
    second = run()
    assert {file.name: file.read_bytes() for file in (tmp_path / "out").iterdir()} == outputs
    assert (tmp_path / "schemas/t.yaml").read_text() == text
    assert (
        first.schema == second.schema == load_schema(tmp_path / "out/schema.json") and not second.new_contract
    )
    assert second.schema.kinds == {"n": "number", "c": "category", "t": "time"}


def test_the_table_has_the_types_of_its_contract(run: Run, tmp_path: Path) -> None:
    run()
    table = pq.read_table(tmp_path / "out/table.parquet")
    kinds = [pa.string(), pa.float64(), pa.string(), pa.timestamp("us")]
    assert table.schema.types == kinds and table["n"].to_pylist() == [1.5, 2.0, None, 4.0]
    empty = pq.read_table(tmp_path / "out/quarantine.parquet")
    assert empty.num_rows == 0 and empty.column_names == ["part", "row", "reason", "id", "n", "c", "t"]


def test_batches_leave_no_trace_in_the_files(run: Run, tmp_path: Path) -> None:
    rows = 2 * GROUP_ROWS + 100
    columns = {"id": [f"k{n}" for n in range(rows)], "n": [str(n % 7) for n in range(rows)]}
    files = set()
    for cut in (rows, 50_000, 999):
        run(Table(columns, cut))
        files.add((tmp_path / "out/table.parquet").read_bytes())
    assert len(files) == 1
    metadata = pq.read_metadata(tmp_path / "out/table.parquet")
    assert [metadata.row_group(n).num_rows for n in range(3)] == [GROUP_ROWS, GROUP_ROWS, 100]


def test_figures(run: Run) -> None:
    columns = {"id": list("abcd"), "x": ["1", "1", None, None], "y": ["u", "u", "u", "v"], "z": list("1234")}
    assert run(columns, exclude=["z"]).metrics == {
        "rows": 4,
        "features": 2,
        "excluded": 1,
        "missing_share": 0.25,
        "repeated_rows": 1,
        "quarantined": 0,
        "rounded_values": 0,
    }


def test_what_a_person_should_know_is_noticed(run: Run) -> None:
    columns = {**COLUMNS, "flat": ["1"] * 4, "zip": ["01", "02", "03", "04"]}
    notices = " ".join(run(columns).notices)
    assert "column 'flat' has the same value in every row" in notices and "'zip' is text" in notices
    later = run({**columns, "c": ["a", "z", "z", "b"]})
    assert "column 'c' has categories that its contract does not list (rows): 'z' (2)." in later.notices


BAD = {
    "mixed types": ({"n": ["1", "2", "n/k", "4"]}, "a whole number. 1 of 4 rows breaks this: row 3 (got 'n/k')"),
    "thousands": ({"n": ["1", "2", "3", "1,234"]}, "without thousands separators. 1 of 4 rows breaks this: row 4"),
    "decimal commas": ({"n": ["1,5", "2,5", "3", "4"]}, "Set collect.decimal to ',' in params.yaml"),
    "infinite": ({"n": ["1", "2", "inf", "4"]}, "column 'n' must have finite numbers. 1 of 4 rows breaks this: row 3"),
    "all missing": ({"n": [None] * 4}, "column 'n' must have a value in some row to be a feature. It has none."),
    "several formats": ({"t": [*["2024-01-01"] * 3, "01/02/2024"]}, "or in December. 1 of 4 rows breaks this: row 4"),
    "unclear dates": ({"t": ["01/02/2024"] * 4}, "'01/02/2024' in row 1, which may be of two months"),
    "offsets": ({"t": ["2024-01-01T00:00:00Z", *["2024-01-02T00:00:00"] * 3]}, "times with an offset or times without"),
    "duplicate keys": ({"id": ["k1", "k2", "k1", "k1"]}, "2 of 4 rows break this: rows 3 like row 1, 4 like row 1"),
    "missing keys": ({"id": ["k1", None, "k3", ""]}, "a value in every row. 2 of 4 rows break this: rows 2, 4."),
}  # fmt: skip


def test_what_a_source_rounded_is_noticed_and_counted(run: Run) -> None:
    rounded = {"n": Rounded(2, "0.12345678901234567890", "0.12345678901234568")}
    collected = run(Table(COLUMNS, rounded=rounded))
    assert collected.metrics["rounded_values"] == 2
    assert collected.notices[0].startswith(
        "column 'n': 2 numbers were rounded, having more digits than a float"
    )
    assert collected.notices[0].endswith(
        "Make the column text by a cast in the query if its values are identifiers."
    )


def test_columns_that_were_left_out_are_noticed_and_need_no_rule(run: Run, tmp_path: Path) -> None:
    for _ in range(2):
        collected = run(Table(COLUMNS, left_out={"tags": pa.list_(pa.int64())}), exclude=["c", "tags"])
        assert collected.notices[0].startswith(
            "column 'tags' is in no later stage: collect.exclude leaves it out"
        )
        assert [column.name for column in collected.schema.columns if column.role == "excluded"] == ["c"]
    assert "tags" not in (tmp_path / "schemas/t.yaml").read_text()


@pytest.mark.parametrize("name", BAD)
def test_bad_cells_are_told_and_nothing_is_written_for_people(run: Run, tmp_path: Path, name: str) -> None:
    columns, words = BAD[name]
    assert words in refuse(run, {**COLUMNS, **columns})
    assert not (tmp_path / "schemas").exists()


def test_later_rows_are_checked_against_the_contract(run: Run) -> None:
    run()
    text = refuse(run, {**COLUMNS, "c": ["a", None, "b", "a"], "t": ["x", *COLUMNS["t"][1:]]})
    assert "t.csv must hold what schemas/t.yaml says. Got 2 violations:" in text
    assert "set collect.on_violation in params.yaml to quarantine" in text
    assert "lacks" in refuse(run, {"id": ["1"], "other": ["2"]})
    assert "column 'more' must be in the contract and is not" in refuse(
        run, {**COLUMNS, "more": list("1234")}
    )


def test_skipped_hours_are_told(run: Run, tmp_path: Path) -> None:
    run()
    path = tmp_path / "schemas/t.yaml"
    path.write_text(path.read_text().replace("type: time", "type: time\n    zone: Europe/Berlin"))
    text = refuse(run, {**COLUMNS, "t": ["2024-03-31T02:30:00", "2024-10-27T02:30:00", *COLUMNS["t"][2:]]})
    assert "clocks in Europe/Berlin showed; they skipped it" in text and "showed it twice" in text
    assert run().schema.columns[3].min == "2023-12-31T23:00:00Z"


def test_a_mistake_in_params_or_contract_is_told_first(run: Run, tmp_path: Path) -> None:
    text = refuse(run, key="ID", exclude=["nn"])
    assert "collect.key: 'ID' must be a column of the table and is not. Did you mean 'id'?" in text
    assert "collect.exclude: 'nn' must be a column" in text
    run()
    assert "must name the same key" in refuse(run, key="n")
    path = tmp_path / "schemas/t.yaml"
    path.write_text(path.read_text().replace("type: time", "type: tim"))
    assert "schemas/t.yaml:2" in refuse(run) and "t.type: must be one of" in refuse(run)


def test_a_name_that_a_later_stage_needs_is_told_before_rows_are_read(run: Run, tmp_path: Path) -> None:
    (tmp_path / "params.yaml").write_bytes((Path(__file__).parents[3] / "params.yaml").read_bytes())
    assert "column 'label' must be called otherwise to be a feature" in refuse(
        run, {**COLUMNS, "label": "1234"}
    )
    assert not (tmp_path / "out").exists()
    assert run({**COLUMNS, "label": "1234"}, exclude=["label"]).schema.rows == 4


def test_rows_are_put_aside_as_they_were_read(run: Run, tmp_path: Path) -> None:
    columns = {**COLUMNS, "n": ["1", "x", "3", "4"], "id": ["k1", "k2", "k3", "k1"]}
    collected = run(columns, on_violation="quarantine")
    assert (collected.metrics["rows"], collected.metrics["quarantined"]) == (2, 2)
    aside = pq.read_table(tmp_path / "out/quarantine.parquet").to_pylist()
    assert aside == collected.refused.to_pylist()
    assert aside[0] == {
        "part": "t.csv",
        "row": 2,
        "reason": "n must be a whole number",
        "id": "k2",
        "n": "x",
        "c": "a",
        "t": "2024-01-02",
    }
    assert aside[1]["row"] == 4 and "an earlier row has the same (row 1)" in aside[1]["reason"]
    assert pq.read_table(tmp_path / "out/table.parquet")["id"].to_pylist() == ["k1", "k3"]
    assert "No row is left" in refuse(run, {**columns, "n": ["x"] * 4}, on_violation="quarantine")
    assert "must be there and is not" in refuse(
        run, {"id": ["1"], "n": ["1"], "c": ["a"]}, on_violation="quarantine"
    )


def test_a_widening_run_proposes_and_changes_no_contract(run: Run, tmp_path: Path) -> None:
    run()
    text = (tmp_path / "schemas/t.yaml").read_text()
    collected = run({**COLUMNS, "c": ["a", None, "b", "a"], "new": list("1234")}, on_violation="widen")
    assert [(change.column, change.key) for change in collected.changes] == [("c", "missing"), ("new", "")]
    assert (tmp_path / "schemas/t.yaml").read_text() == text
    proposal = json.loads((tmp_path / "out/contract_changes.json").read_text())
    assert proposal["contract"] == "schemas/t.yaml" and proposal["changes"][0]["new"] is True
    assert collected.schema.kinds["new"] == "integer"
    assert "must be a number" in refuse(run, {**COLUMNS, "n": ["1", "x", "3", "4"]}, on_violation="widen")
    other = run({"id": list("1234"), "other": list("1234")}, on_violation="widen").notices
    assert "lacks 3: n, c, t. If it is another table, give it a contract of its own" in other[0]


def test_a_contract_begun_by_hand_is_completed(run: Run, tmp_path: Path) -> None:
    (tmp_path / "schemas").mkdir()
    (tmp_path / "schemas/t.yaml").write_text("key: id\ncolumns:\n  id: {type: text}\n  n: {type: category}\n")
    collected = run({**COLUMNS, "n": ["1", "2", "3", "4+"]}, on_violation="widen")
    assert collected.schema.kinds == {"n": "category", "c": "category", "t": "time"}
    assert [change.column for change in collected.changes] == ["c", "t"]


def test_rows_of_a_generator_are_marked_and_need_no_rule(run: Run) -> None:
    source = Table({"id": ["a", "b"], "n": [1.0, 2.0], "generated": [False, True]}, text=False)
    collected = run(source, generator="generators/g.py")
    assert "generated" not in collected.new_contract
    assert [column.role for column in collected.schema.columns] == ["key", "feature", "excluded"]
    assert run(source, generator="generators/g.py").metrics["features"] == 1


@settings(max_examples=60, deadline=None)
@given(tables(), st.sampled_from(["fail", "quarantine"]), st.integers(1, 12), st.sampled_from([".", ","]))
def test_a_contract_that_was_written_holds_for_the_table_it_was_written_from(
    tmp_path_factory: pytest.TempPathFactory, table: dict[str, Any], mode: str, cut: int, decimal: str
) -> None:
    root = tmp_path_factory.mktemp("any")
    params = Collect(**{**PARAMS, "on_violation": mode, "decimal": decimal})
    try:
        first = collect_table(Table(table, cut), params, root, root / "first")
    except ToolkitError:
        return
    write_new_contract(first, root / params.contract)
    second = collect_table(Table(table), params, root, root / "second")
    assert second.contract.rules == first.contract.rules
    for name in ("table.parquet", "schema.json", "quarantine.parquet"):
        assert (root / "first" / name).read_bytes() == (root / "second" / name).read_bytes()


@settings(max_examples=60, deadline=None)
@given(tables(), tables(), st.booleans())
def test_an_accepted_change_makes_the_contract_hold(
    tmp_path_factory: pytest.TempPathFactory, old: dict[str, Any], new: dict[str, Any], strict: bool
) -> None:
    root = tmp_path_factory.mktemp("any")
    params = Collect(**PARAMS)
    try:
        write_new_contract(collect_table(Table(old), params, root, root / "a"), root / params.contract)
        path = root / params.contract
        if strict:
            text = path.read_text().replace("unseen: allow", "unseen: refuse")
            text = text.replace("type: integer", "type: integer\n    minimum: 0 # mine\n    maximum: 0")
            path.write_text(
                text.replace("type: time", "type: time\n    minimum: 2024-03-12\n    maximum: 2024-03-12")
            )
        wide = params.model_copy(update={"on_violation": "widen"})
        widened = collect_table(Table(new), wide, root, root / "data/raw")
    except ToolkitError:
        return
    if widened.changes:
        accept_changes(root)
    after = collect_table(Table(new), params, root, root / "b")
    assert after.contract.by_name == widened.contract.by_name
    for name in ("table.parquet", "schema.json"):
        assert (root / "data/raw" / name).read_bytes() == (root / "b" / name).read_bytes()
