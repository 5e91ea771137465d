"""Parquet and Arrow files come with their own types, without what only some readers know."""

import pyarrow as pa
import pyarrow.feather
import pyarrow.ipc
import pyarrow.parquet as pq
import pytest

TABLE = pa.table(
    {
        "id": ["a", "b", None],
        "n": pa.array([1, None, 3], pa.int32()),
        "c": pa.array(["x", "y", "x"]).dictionary_encode(),
        "t": pa.array([0, 1, 2], pa.timestamp("ms", "UTC")),
    }
)


def write_stream(path) -> None:
    with pa.ipc.new_stream(path, TABLE.schema) as writer:
        writer.write_table(TABLE)


def write_file(path) -> None:
    with pa.ipc.new_file(path, TABLE.schema) as writer:
        writer.write_table(TABLE)


@pytest.mark.parametrize(
    ("name", "write"),
    [
        ("t.parquet", lambda path: pq.write_table(TABLE, path)),
        ("t.arrow", write_file),
        ("t.arrow", write_stream),
        ("t.feather", lambda path: pyarrow.feather.write_feather(TABLE, path)),
    ],
)
def test_a_file_is_read_with_its_types(project, name: str, write) -> None:
    write(project.root / name)
    table = project.read(name)
    assert table.schema.types == [pa.string(), pa.int32(), pa.string(), pa.timestamp("ms", "UTC")]
    assert table.to_pydict() == TABLE.to_pydict()
    assert not project.open(name).text


@pytest.mark.parametrize("name", ["t.parquet", "t.arrow"])
def test_a_file_cut_short_is_refused(project, name: str) -> None:
    path = project.root / name
    pq.write_table(TABLE, path) if name == "t.parquet" else write_file(path)
    path.write_bytes(path.read_bytes()[:-30])
    kind = "Parquet" if name == "t.parquet" else "Arrow"
    found = project.refuse(name)
    assert f"{name} must be a whole {kind} file" in found and "It may be cut short" in found


def test_another_kind_of_file_is_refused(project) -> None:
    project.save("t.parquet", "id,a\nx,1\n")
    assert "t.parquet must be a whole Parquet file" in project.refuse("t.parquet")
    project.save("t.arrow", "id,a\nx,1\n")
    assert "t.arrow must be a whole Arrow file" in project.refuse("t.arrow")


def test_nested_and_binary_columns_are_refused(project) -> None:
    columns = {"id": ["x"], "l": [[1]], "b": [b"\xff"], "d": pa.array([1], pa.duration("s"))}
    pq.write_table(pa.table(columns), project.root / "t.parquet")
    found = project.refuse("t.parquet")
    assert "column 'l' must hold plain values. Got list" in found
    assert "column 'b' must be UTF-8 text" in found
    assert "column 'd' must hold numbers, texts or times. Got duration[s] instead" in found


def test_a_table_of_many_rows_comes_in_bounded_batches(project) -> None:
    pq.write_table(pa.table({"n": range(200_000)}), project.root / "t.parquet")
    assert [b.num_rows for b in project.open("t.parquet").batches()] == [65_536] * 3 + [3392]
