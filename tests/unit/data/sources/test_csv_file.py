"""CSV comes as text, block by block; what is wrong with it is said with its place."""

import csv
import gzip
import io

import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from toolkit.data.sources import csv_file
from toolkit.data.sources.csv_file import CsvReader


def test_every_cell_is_text_and_empty_ones_are_missing(project) -> None:
    project.save("t.csv", 'id,a,b\n007,"x, ""y""\nz",NA\n1e3,,true\n')
    table = project.read("t.csv")
    assert table.schema.types == [pa.string()] * 3
    assert table.to_pydict() == {"id": ["007", "1e3"], "a": ['x, "y"\nz', None], "b": ["NA", "true"]}


@pytest.mark.parametrize(
    ("content", "params"),
    [
        (b"\xef\xbb\xbfid,a\r\nx,\xc3\xa9\r\n", {}),
        ("id;a\nx;é\n".encode("latin-1"), {"delimiter": ";", "encoding": "latin-1"}),
        ("id\ta\nx\té\n".encode("utf-16"), {"delimiter": "\t", "encoding": "utf-16"}),
        ("id,a\nx,é\n".encode("utf-16-le"), {"encoding": "utf-16-le"}),
        ("\n\nid,a\n\nx,é".encode(), {}),
    ],
)
def test_marks_encodings_and_delimiters_are_read(project, content: bytes, params: dict) -> None:
    project.save("t.csv", content)
    assert project.read("t.csv", **params).to_pydict() == {"id": ["x"], "a": ["é"]}


def test_a_compressed_file_is_read_like_the_plain_one(project) -> None:
    project.save("t.csv.gz", gzip.compress(b"id,a\nx,1\n"))
    assert project.read("t.csv.gz").to_pydict() == {"id": ["x"], "a": ["1"]}


def test_a_large_file_comes_in_bounded_batches(project) -> None:
    lines = "".join(f'{n},"two\nlines"\n' for n in range(700_000))
    project.save("t.csv", "id,a\n" + lines)
    source = project.open("t.csv")
    sizes = [batch.num_rows for batch in source.batches()]
    assert sum(sizes) == 700_000 == source.describe()["rows"]
    assert sizes == [65_536] * 10 + [44_640]


def test_long_rows_come_in_batches_of_fewer(project) -> None:
    row = "x" * 1_000_000
    project.save("t.csv", "id,a\n" + "".join(f"{n},{row}\n" for n in range(150)))
    batches = list(project.open("t.csv").batches())
    assert max(batch.nbytes for batch in batches) < 80 * 2**20 and sum(b.num_rows for b in batches) == 150


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"", "t.csv must hold a table and is empty (0 bytes). Write it anew, or remove it."),
        (b"\n\n", "must have a header in its first row and has only empty lines"),
        (b"id,a\n", "t.csv must have rows and has none, only the columns id, a."),
        (b"id;a\nx;1,5\n", "separated by ','. It looks separated by ';': set collect.delimiter"),
        (b"id\ta\nx\t1\n", r"It looks separated by '\t'"),
        (b"id,a,a,b,b\n1,2,3,4,5\n", "column names must differ. Got a, b more than once."),
        (b",id\n0,x\n", "every column must have a name. Column 1 has none."),
        (
            b"id,a\nx,1\ny\nz,1\nv,1,2\n",
            "every row must have the 2 columns of the header. 2 rows have more or fewer: row 2, 4, counted from the "
            "first after the header. Row 2 has 1: 'y'.",
        ),
        (b"id,a\nx,1\ny,caf\xe9\n", r"must be text in utf-8. Line 3 has the byte b'\xe9', near ',a\nx,1\ny,café"),
        (b"id,gr\xf6\xdfe\nx,1\n", r"must be text in utf-8. Line 1 has the byte b'\xf6'"),
        ("id,a\nx,1\n".encode("utf-16"), "It looks like UTF-16: set collect.encoding to utf-16"),
        (b"\x03\x00\x8f\xff" * 99, "It has zero bytes: is it a table at all?"),
        (b"PK\x03\x04...", "It looks like a zip archive, such as an Excel workbook"),
        (b"PAR1...", "It looks like a Parquet file: set format"),
        (b"\n<!DOCTYPE html><title>Sign in</title>", "It looks like a web page or XML"),
        (b'id,a\nx,"1\ny,2\nz,3\n', r"must close every quote. Its last cell has none at its end and begins with '1\ny"),
        (b'id,a\nx,1\ny,"2', "must close every quote"),
    ],
)  # fmt: skip
def test_a_broken_file_is_refused_with_its_reason(project, content: bytes, message: str) -> None:
    project.save("t.csv", content)
    assert message in project.refuse("t.csv")


def test_a_fault_far_into_the_file_is_found(project) -> None:
    rows = [b"%d,x" % n for n in range(300_000)]
    rows[250_000] = b"250000,\xe9"
    project.save("t.csv", b"id,a\n" + b"\n".join(rows) + b"\n")
    assert "Line 250002 has the byte" in project.refuse("t.csv")
    rows[250_000] = b"250000"
    project.save("t.csv", b"id,a\n" + b"\n".join(rows) + b"\n")
    assert "One row has more or fewer: row 250001," in project.refuse("t.csv")


def test_another_encoding_that_does_not_fit_is_told(project) -> None:
    project.save("t.csv", "id,a\nx,1\ny,ab€\n".encode())
    assert r"must be text in ascii. Line 3 has the byte b'\xe2'" in project.refuse("t.csv", encoding="ascii")


def test_a_row_that_never_ends_is_refused(project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(csv_file, "BLOCK_BYTES", 2**20)
    project.save("t.csv", 'id,a\nx,"1\n' + "y,2\n" * 600_000)
    assert "must have rows of less than 1 MB, and one is longer. Look for a quote" in project.refuse("t.csv")


@pytest.mark.parametrize("kept", [0.5, 0.02])
def test_a_compressed_file_cut_short_is_refused(project, kept: float) -> None:
    packed = gzip.compress(b"id,a\n" + b"".join(b"%d,%d\n" % (n, n * 7919 % 10007) for n in range(20_000)))
    project.save("t.csv.gz", packed[: int(len(packed) * kept)])
    assert "t.csv.gz must be a whole compressed file and is cut short" in project.refuse("t.csv.gz")


CELL = st.text(st.characters(codec="utf-8", exclude_characters="\0\r"), max_size=8)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.tuples(CELL, CELL), min_size=1, max_size=20), delimiter=st.sampled_from(",;\t|"))
def test_what_the_csv_module_writes_is_read_back(tmp_path_factory, rows: list, delimiter: str) -> None:
    path = tmp_path_factory.mktemp("csv") / "t.csv"
    written = io.StringIO()
    csv.writer(written, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows([("a", "b"), *rows])
    path.write_bytes(written.getvalue().encode())
    reader = CsvReader(delimiter)
    found = pa.Table.from_batches(list(reader.iterate(path, "t", reader.load_columns(path, "t"))))
    expected = [tuple(cell or None for cell in row) for row in rows]
    assert list(zip(*found.to_pydict().values(), strict=True)) == expected
