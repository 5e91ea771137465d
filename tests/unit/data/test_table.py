"""A table file is read, or refused with a message that says exactly why."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.columns import get_columns
from toolkit.data.table import load_parquet, load_table, write_table
from toolkit.errors import DataError

Save = Callable[[str | bytes], Path]


@pytest.fixture
def save(tmp_path: Path) -> Save:
    def write(content: str | bytes, name: str = "table.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content if isinstance(content, bytes) else content.encode())
        return path

    return write


def refuse(path: Path, key: str = "id") -> str:
    with pytest.raises(DataError) as caught:
        load_table(path, key)
    return str(caught.value)


def test_types_are_inferred_from_the_whole_file(save: Save) -> None:
    lines = [f"{n},{n},x,true,2026-01-0{n % 9 + 1}" for n in range(200_000)]
    lines[-1] = '199999,0.5,"a ""quoted"", comma\nand line",false,2026-01-01'
    table = load_table(save("id,a,b,c,d\n" + "\n".join(lines) + "\n"), "id")
    assert [str(field.type) for field in table.schema] == [
        "string",
        "double",
        "string",
        "bool",
        "date32[day]",
    ]
    assert table["b"][-1].as_py() == 'a "quoted", comma\nand line'


def test_keys_stay_text(save: Save) -> None:
    assert load_table(save("id,a\n007,1\n08,2\n"), "id")["id"].to_pylist() == ["007", "08"]


def test_empty_cells_are_missing(save: Save) -> None:
    table = load_table(save("id,a,b\nx,,\ny,1.5,NA\n"), "id")
    assert table["a"].to_pylist() == [None, 1.5]
    assert table["b"].null_count == 2
    text = load_table(save("id,a\nx,\ny,NA\n"), "id", text=["a"])
    assert text["a"].to_pylist() == [None, "NA"]  # in text, NA is a word


def test_a_byte_order_mark_and_windows_line_ends_are_fine(save: Save) -> None:
    table = load_table(save(b"\xef\xbb\xbfid,a\r\nx,1\r\n"), "id")
    assert table.to_pydict() == {"id": ["x"], "a": [1]}


@pytest.mark.parametrize("name", ["t.csv", "t.parquet", "t.jsonl"])
def test_the_three_formats_give_the_same_table(tmp_path: Path, name: str) -> None:
    path = tmp_path / name
    if name == "t.csv":
        path.write_text("id,a,b\n1,0.5,x\n2,,y\n")
    elif name == "t.jsonl":
        path.write_text('{"id": 1, "a": 0.5, "b": "x"}\n{"id": 2, "a": null, "b": "y"}\n')
    else:
        pq.write_table(pa.table({"id": [1, 2], "a": [0.5, None], "b": ["x", "y"]}), path)
    assert load_table(path, "id").to_pydict() == {"id": ["1", "2"], "a": [0.5, None], "b": ["x", "y"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must hold a table and is empty (0 bytes)"),
        ("id,a\n", "must have rows and has none, only the columns id, a"),
        ("id,a,a,b,b\n1,2,3,4,5\n", "column names must differ. Got a, b more than once."),
        (",id\n0,x\n", "every column must have a name. Column 1 has none."),
        ("id,a\nx,1\ny,1,2\n", "every row must have the 2 columns of the header"),
        ("id,a\nx,1\ny\n", "every row must have the 2 columns of the header"),
        (
            "id,a\nx,1\ny,caf\xe9\n".encode("latin-1"),
            "must be text in utf-8. Line 3 has the byte b'\\xe9', near ',a\\nx,1\\ny,caf\xe9",
        ),
        (
            "id,gr\xf6\xdfe\nx,1\n".encode("latin-1"),
            "must be text in utf-8. Line 1 has the byte b'\\xf6'",
        ),
        ("id,a\nx,1\n".encode("utf-16"), "It looks like UTF-16"),
        ("id,a\nx,1\n".encode("utf-16-le"), "It has zero bytes"),
        (b"\x03\x00\x8f\xff" * 99, "It has zero bytes: is it a table at all?"),
        ("id;a\nx;1,5\n", "It looks separated by ';'"),
        ("id\ta\nx\t1\n", r"It looks separated by '\t'"),
        (
            "ID,a\nx,1\n",
            "must have the key column 'id' and has not. Did you mean 'ID'? Its columns are ID, a.",
        ),
        (
            "id,a\nx,1\nx,2\ny,3\n",
            "the key 'id' must be unique. Got 1 value more than once, first 'x' in rows 1, 2.",
        ),
        ("id,a\nx,1\n,2\n", "every row must have a key in 'id'. 1 of 2 without one, first row 2."),
    ],
)
def test_a_broken_csv_is_refused_with_its_reason(save: Save, content: str | bytes, message: str) -> None:
    found = refuse(save(content))
    assert message in found and "table.csv" in found


def test_times_of_json_lines_are_times_as_in_a_csv(tmp_path: Path) -> None:
    rows = [("2026-01-01T10:00:00+02:00", "2026-01-01", "x"), ("2026-01-01T10:00:00.5Z", None, "2026-01-01")]
    lines = [
        f'{{"id": "{n}", "a": {_quote(a)}, "b": {_quote(b)}, "c": {_quote(c)}}}'
        for n, (a, b, c) in enumerate(rows)
    ]
    (tmp_path / "t.jsonl").write_text("\n".join(lines))
    table = load_table(tmp_path / "t.jsonl", "id")
    assert table.schema.types[1:] == [pa.timestamp("us", "UTC"), pa.timestamp("us"), pa.string()]
    assert load_table(tmp_path / "t.jsonl", "id", text=["b"])["b"].to_pylist() == ["2026-01-01", None]


def _quote(text: str | None) -> str:
    return "null" if text is None else f'"{text}"'


def test_a_file_is_named_as_params_yaml_names_it(save: Save, monkeypatch: pytest.MonkeyPatch) -> None:
    path = save("id,a\n")
    monkeypatch.setenv("TOOLKIT_ROOT", str(path.parents[1]))
    assert refuse(path).startswith(f"{path.parent.name}/table.csv must have rows")


def test_the_row_of_a_ragged_line_is_named(save: Save) -> None:
    assert "One row has more or fewer: row 2, counted" in refuse(save("id,a\nx,1\ny,1,2\n"))


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"id": 1}\n{"id": ', "one JSON object a line"),
        ('{"id": 1, "a": 1}\n{"id": 2, "a": "x"}\n', "each key of one type"),
        ('{"id": 1, "a": {"b": 1}}\n', "column 'a' must hold plain values"),
        ('{"id": 1, "a": [1]}\n', "column 'a' must hold plain values"),
        ("[1, 2]\n", "one JSON object a line"),
    ],
)
def test_broken_json_lines_are_refused(tmp_path: Path, content: str, message: str) -> None:
    path = tmp_path / "t.jsonl"
    path.write_text(content)
    assert message in refuse(path)


def test_a_parquet_file_cut_short_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "t.parquet"
    pq.write_table(pa.table({"id": ["x"] * 1000}), path)
    path.write_bytes(path.read_bytes()[:-20])
    assert "must be a whole Parquet file" in refuse(path)


def test_missing_files_folders_and_other_formats_are_told_apart(tmp_path: Path) -> None:
    assert "must be a file and does not exist" in refuse(tmp_path / "absent.csv")
    (tmp_path / "folder.csv").mkdir()
    assert "must be a file and is a folder" in refuse(tmp_path / "folder.csv")
    assert "must end in .csv, .tsv, .jsonl, .ndjson, .parquet" in refuse(tmp_path / "table.xlsx")


def test_columns_come_in_the_form_that_features_take() -> None:
    table = pa.table(
        {"i": [1, None], "f": [0.5, 1.5], "b": [True, None], "s": ["x", None], "ok": [True, False]}
    )
    columns = get_columns(table, table.column_names)
    assert columns["i"].dtype == np.float64 and np.isnan(columns["i"][1])
    assert columns["b"].tolist() == [True, None] and columns["s"].tolist() == ["x", None]
    assert columns["ok"].dtype == np.bool_


@settings(max_examples=30, deadline=None)
@given(
    st.lists(st.tuples(st.floats(allow_nan=False) | st.none(), st.text() | st.none()), min_size=1, max_size=5)
)
def test_writing_and_reading_changes_nothing(rows: list[tuple[float | None, str | None]]) -> None:
    import tempfile

    numbers, texts = zip(*rows, strict=True)
    table = pa.table({"n": pa.array(numbers, pa.float64()), "t": pa.array(texts, pa.string())})
    with tempfile.TemporaryDirectory() as folder:
        first, second = Path(folder, "a.parquet"), Path(folder, "b.parquet")
        write_table(first, table)
        assert load_parquet(first).equals(table)
        write_table(second, load_parquet(first))
        assert first.read_bytes() == second.read_bytes()
