"""JSON Lines come with types that hold the whole file; what is wrong is said with its line."""

import json

import pyarrow as pa
import pytest

from toolkit.data.sources import json_lines


def test_a_key_that_a_line_lacks_is_missing(project) -> None:
    project.save("t.jsonl", '{"id": 1, "a": "x"}\n\n{"id": 2, "b": true}')
    assert project.read("t.jsonl").to_pydict() == {"id": [1, 2], "a": ["x", None], "b": [None, True]}


def test_types_hold_the_values_of_every_block(project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "BLOCK_BYTES", 200)
    rows = [{"id": n, "n": n, "t": "2026-01-01", "late": None} for n in range(50)]
    rows[30] |= {"n": 0.5, "t": "2026-01-01 10:00:00.5", "late": "x"}
    project.save("t.jsonl", "\ufeff" + "\n".join(map(json.dumps, rows)))
    table = project.read("t.jsonl")
    assert table.schema.types == [pa.int64(), pa.float64(), pa.string(), pa.string()]
    assert table["n"].to_pylist() == [row["n"] for row in rows]
    assert table["t"].to_pylist() == [row["t"] for row in rows]
    assert table["late"][30].as_py() == "x"


def test_times_stay_as_they_are_written(project) -> None:
    project.save("t.jsonl", '{"a": "2026-01-01T10:00:00+02:00", "b": "2026-01-01"}\n')
    assert project.read("t.jsonl").to_pydict() == {"a": ["2026-01-01T10:00:00+02:00"], "b": ["2026-01-01"]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ("", "must hold a table and is empty (0 bytes)"),
        (
            '{"id": 1}\n{"id": \n{"id": 3}\n',
            "Line 2 is none: unexpected end of data: line 1 column 8 (char 7). It begins with '{\"id\": '",
        ),
        ('{"id": 1}\n[1, 2]\n', "Line 2 is a list: write the rows as objects"),
        (
            '{"a": 1}\n{"a": "x"}\n',
            "'a' is a number in line 1 and text in line 2 ('x'): write it as one of them.",
        ),
        (
            '{"a": true}\n{"a": null}\n{"a": 2}\n',
            "'a' is true or false in line 1 and a number in line 3 ('2')",
        ),
        ('{"id": 1, "a": {"b": 1}}\n', "column 'a' must hold plain values. Got struct<b: int64> instead"),
        ('{"id": 1, "a": [1]}\n', "column 'a' must hold plain values. Got list<item: int64> instead"),
        ("<html><body>Sign in</body></html>", "It looks like a web page or XML"),
        ("id,a\nx,1\n", "Line 1 is none"),
    ],
)
def test_a_broken_file_is_refused_with_its_line(project, content: str, message: str) -> None:
    project.save("t.jsonl", content)
    assert message in project.refuse("t.jsonl")


def test_a_change_of_kind_between_blocks_is_found(project, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(json_lines, "BLOCK_BYTES", 100)
    lines = [f'{{"id": {n}, "a": 1}}\n' for n in range(100)]
    lines[70] = '{"id": 70, "a": "one"}\n'
    project.save("t.jsonl", "".join(lines))
    assert "'a' is a number in line 1 and text in line 71 ('one')" in project.refuse("t.jsonl")
