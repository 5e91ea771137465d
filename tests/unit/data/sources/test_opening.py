"""A source is a file, or a folder whose parts make one table."""

import os
from pathlib import Path

import pyarrow as pa
import pyarrow.feather
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import measure_hash
from toolkit.data.sources.source import Source


def test_parts_are_read_in_the_order_of_their_names(project) -> None:
    project.save("raw/2026-02.csv", "id,a\n3,x\n")
    project.save("raw/2026-01.csv", "a,id\ny,1\nz,2\n")  # columns in another order
    project.save("raw/.hidden.csv", "other\n1\n")
    project.save("raw/_SUCCESS", "")
    assert project.read("raw").to_pydict() == {"a": ["y", "z", "x"], "id": ["1", "2", "3"]}
    assert project.open("raw").columns.names == ["a", "id"]


def test_a_pattern_chooses_parts_and_may_go_deep(project) -> None:
    project.save("raw/2025/a.csv", "id\n1\n")
    project.save("raw/2026/b.csv", "id\n2\n")
    project.save("raw/2026/notes.txt", "read me")
    assert project.read("raw", pattern="**/*.csv").to_pydict() == {"id": ["1", "2"]}
    assert project.read("raw", pattern="2026/*.csv").to_pydict() == {"id": ["2"]}


def test_what_was_read_is_described(project) -> None:
    first = project.save("raw/a.csv", "id\n1\n")
    second = project.save("raw/b.csv", "id\n2\n3\n")
    source = project.open("raw")
    assert source.describe()["rows"] is None
    list(source.batches())
    assert source.describe() == {
        "format": "csv",
        "rows": 3,
        "parts": [
            {"name": "raw/a.csv", "hash": measure_hash(first), "rows": 1},
            {"name": "raw/b.csv", "hash": measure_hash(second), "rows": 2},
        ],
    }


def test_a_row_is_found_in_its_part_while_reading_and_after(project) -> None:
    for name, rows in (("a", 2), ("b", 0), ("c", 3)):
        project.save(f"raw/{name}.csv", "id\n" + "x\n" * rows)
    source = project.open("raw")
    told = [source.locate(before + 1) for before, _ in zip((0, 2), source.batches(), strict=True)]
    assert told == [("raw/a.csv", 1), ("raw/c.csv", 1)]
    assert [source.locate(row) for row in (2, 3, 5)] == [("raw/a.csv", 2), ("raw/c.csv", 1), ("raw/c.csv", 3)]
    with pytest.raises(IndexError):
        source.locate(6)


def test_types_are_widened_over_parts(project) -> None:
    (project.root / "raw").mkdir()
    pq.write_table(
        pa.table({"n": [1], "m": pa.nulls(1), "t": pa.array([1], pa.timestamp("s"))}),
        project.root / "raw/a.parquet",
    )
    pq.write_table(
        pa.table({"n": [0.5], "m": ["x"], "t": pa.array([1], pa.timestamp("us"))}),
        project.root / "raw/b.parquet",
    )
    table = project.read("raw")
    assert table.schema.types == [pa.float64(), pa.string(), pa.timestamp("us")]
    assert table["n"].to_pylist() == [1.0, 0.5] and table["m"].to_pylist() == [None, "x"]


def test_keys_that_a_json_part_lacks_are_missing(project) -> None:
    project.save("raw/a.jsonl", '{"id": 1}\n')
    project.save("raw/b.jsonl", '{"id": 2, "new": "x"}\n')
    assert project.read("raw").to_pydict() == {"id": [1, 2], "new": [None, "x"]}


@pytest.mark.parametrize(
    ("second", "message"),
    [
        ("id,b\n1,2\n", "b.csv must have the columns of raw/a.csv, since both are parts of one table. It lacks age"),
        ("id\n1\n", "It lacks age. Mend the part"),
        ("id,age,c\n1,2,3\n", "It has c besides. Mend"),
        ("id,Age\n1,2\n", "It lacks age and it has Age besides. Did you mean 'Age'?"),
        ("", "raw/b.csv must hold a table and is empty (0 bytes)"),
    ],
)  # fmt: skip
def test_parts_with_other_columns_are_refused(project, second: str, message: str) -> None:
    project.save("raw/a.csv", "id,age\n0,0\n")
    project.save("raw/b.csv", second)
    assert message in project.refuse("raw")


def test_types_that_do_not_go_together_are_refused(project) -> None:
    (project.root / "raw").mkdir()
    pq.write_table(pa.table({"n": [1]}), project.root / "raw/a.parquet")
    pq.write_table(pa.table({"n": ["x"]}), project.root / "raw/b.parquet")
    assert (
        "raw/b.parquet: column 'n' must have the type it has in raw/a.parquet, int64. Got string instead"
        in project.refuse("raw")
    )


def test_a_part_without_rows_is_fine_unless_all_are(project) -> None:
    project.save("raw/a.csv", "id\n")
    project.save("raw/b.csv", "id\n1\n")
    assert project.read("raw").num_rows == 1
    project.save("raw/b.csv", "id\n")
    assert project.refuse("raw") == "raw/a.csv, raw/b.csv must have rows and has none, only the columns id."


NESTED = {"tags": [[1, 2]], "where": [{"x": 1}], "map": [b"\xff"]}


@pytest.mark.parametrize("format_", ["parquet", "arrow", "jsonl"])
def test_excluded_columns_that_no_table_can_hold_are_left_out(project, format_: str) -> None:
    (project.root / "raw").mkdir()
    table = pa.table({"id": ["a"], **NESTED, "n": [1]})
    if format_ == "parquet":
        pq.write_table(table, project.root / "raw/a.parquet")
        pq.write_table(table.select(["n", "tags", "map", "where", "id"]), project.root / "raw/b.parquet")
    elif format_ == "arrow":
        pyarrow.feather.write_feather(table, project.root / "raw/a.arrow")
        with (
            pa.OSFile(str(project.root / "raw/b.arrow"), "wb") as file,
            pa.ipc.new_stream(file, table.schema) as out,
        ):
            out.write_table(table)
    else:
        project.save("raw/a.jsonl", '{"id": "a", "tags": [1], "where": {"x": 1}, "n": 1}\n')
        project.save("raw/b.jsonl", '{"id": "a", "tags": ["x"], "where": 7, "n": 1}\n')
    exclude = ["tags", "where"] + (["map"] if format_ != "jsonl" else [])
    source = project.open("raw", exclude=exclude)
    assert sorted(source.left_out) == sorted(exclude) and source.columns.names == ["id", "n"]
    assert project.read("raw", exclude=exclude).to_pydict() == {"id": ["a", "a"], "n": [1, 1]}
    found = project.refuse("raw", exclude=exclude[1:])
    assert "column 'tags' must hold plain values" in found and "or leave it out by collect.exclude." in found
    assert "'where'" not in found


def test_a_plain_column_that_is_excluded_is_read(project) -> None:
    pq.write_table(pa.table({"id": ["a"], "note": ["x"], "tags": [[1]]}), project.root / "t.parquet")
    assert project.read("t.parquet", exclude=["note", "tags"]).to_pydict() == {"id": ["a"], "note": ["x"]}


def test_sources_that_are_not_there_are_refused(project) -> None:
    assert "t.csv must exist and does not." in project.refuse("t.csv")
    (project.root / "raw").mkdir()
    assert "raw must hold parts named '*' and has none. It is empty." in project.refuse("raw")
    project.save("raw/a.csv", "id\n1\n")
    assert "parts named '*.parquet' and has none. It holds a.csv." in project.refuse(
        "raw", pattern="*.parquet"
    )
    assert "collect.pattern must be a pattern such as" in project.refuse("raw", pattern="/abs*")
    assert "collect.pattern must" in project.refuse("raw", pattern="../*")


def test_files_of_unknown_or_several_formats_are_refused(project) -> None:
    project.save("table.xlsx", "x")
    assert "table.xlsx must end in .csv, .tsv, .jsonl" in project.refuse("table.xlsx")
    project.save("raw/a.csv", "id\n1\n")
    project.save("raw/b.jsonl", '{"id": 1}\n')
    assert "All parts must be of one format. raw/a.csv is csv and raw/b.jsonl is jsonl" in project.refuse(
        "raw"
    )
    project.save("table.txt", "id\n1\n")
    assert project.read("table.txt", format="csv").num_rows == 1


@pytest.fixture
def as_nobody(project):
    """Root may read everything: be somebody else in the test."""
    root = os.getuid() == 0
    if root:
        folder = project.root
        while folder != Path("/tmp") and folder != folder.parent:
            folder.chmod(0o755)
            folder = folder.parent
        os.seteuid(65534)
    yield
    if root:
        os.seteuid(0)


@pytest.mark.parametrize(
    ("closed", "name"),
    [("raw", "raw"), ("raw/deep", "raw/deep"), ("raw/a.csv", "raw/a.csv"), ("t.parquet", "t.parquet")],
)
def test_what_may_not_be_read_is_told(project, request, closed: str, name: str) -> None:
    project.save("raw/a.csv", "id\n1\n")
    project.save("raw/deep/b.csv", "id\n2\n")
    pq.write_table(pa.table({"id": [1]}), project.root / "t.parquet")
    (project.root / closed).chmod(0)
    request.getfixturevalue("as_nobody")
    found = project.refuse(closed.partition("/")[0], pattern="**/*.csv")
    assert found == f"{name} must be readable, and you may not read it. Change its permissions."


def change_while_reading(source: Source, path: Path) -> None:
    for batch in source.batches():
        if batch:
            path.write_text("id\n" + "9\n" * 200_000)


def test_a_file_that_changes_while_it_is_read_is_refused(project) -> None:
    path = project.save("t.csv", "id\n" + "1\n" * 200_000)
    with pytest.raises(Exception, match=r"t\.csv must stay as it is while it is read, and it was changed"):
        change_while_reading(project.open("t.csv"), path)
