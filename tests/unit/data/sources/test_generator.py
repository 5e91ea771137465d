"""Generated rows come last, marked; what is wrong with a generator is said with its file and line."""

import re
import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[4]
CSV = "id,size,word,ok\na,1.5,x,true\nb,,y,false\n"


def make(project, body: str, content: str = CSV, **params: str) -> pa.Table:
    project.save("t.csv", content)
    project.save("generators/g.py", body)
    return project.read("t.csv", generator="generators/g.py", key="id", **params)


def test_rows_are_marked_and_their_keys_prefixed(project) -> None:
    table = make(
        project,
        "def generate(table, rng):\n"
        "    assert [str(kind) for kind in table.schema.types] == ['string', 'double', 'string', 'bool']\n"
        "    for row in table.to_pylist():\n"
        "        yield {'id': row['id'], 'size': (row['size'] or 0) + 1, 'ok': not row['ok']}\n"
        "    yield {'word': 'new'}\n",
    )
    assert table.schema.types == [pa.string()] * 4 + [pa.bool_()]
    assert table.to_pydict() == {
        "id": ["a", "b", "generated-a", "generated-b", "generated-3"],
        "size": ["1.5", None, "2.5", "1", None],
        "word": ["x", "y", None, None, "new"],
        "ok": ["true", "false", "false", "true", None],
        "generated": [False, False, True, True, True],
    }


def test_numbers_are_written_as_the_table_writes_them(project) -> None:
    body = "def generate(table, rng):\n    return [{'size': table['size'][0].as_py() * 2}]\n"
    table = make(project, body, "id;size\na;1,5\n", delimiter=";", decimal=",")
    assert table["size"].to_pylist() == ["1,5", "3,0"]


def test_typed_tables_keep_their_types_and_tables_may_be_returned(project) -> None:
    pq.write_table(pa.table({"id": ["a"], "n": [1], "x": [0.5]}), project.root / "t.parquet")
    project.save(
        "generators/g.py",
        "import pandas as pd\ndef generate(table, rng):\n    return pd.DataFrame({'n': [2, 3], 'x': [1.0, None]})\n",
    )
    source = project.open("t.parquet", generator="generators/g.py", key="id")
    table = pa.Table.from_batches(list(source.batches()))
    assert table["n"].to_pylist() == [1, 2, 3] and table["x"].to_pylist() == [0.5, 1.0, None]
    assert [source.locate(row) for row in (1, 3)] == [("t.parquet", 1), ("generators/g.py", 2)]
    assert source.describe()["generator"]["rows"] == 2 and source.describe()["rows"] == 1
    project.save("generators/g.py", "def generate(table, rng):\n    return table\n")
    assert project.read("t.parquet", generator="generators/g.py", key="id")["id"].to_pylist() == [
        "a",
        "generated-a",
    ]


def test_the_same_rows_come_every_time(project) -> None:
    body = "def generate(table, rng):\n    for _ in range(100):\n        yield {'size': rng.normal()}\n"
    assert make(project, body).equals(make(project, body))


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ("def generate(table, rng):\n    yield {}\n    1 / 0\n", "g.py, line 3: generate must end well, and raised"),
        ("def generate(table, rng)\n    pass\n", "generators/g.py, line 1 must be Python. expected ':'."),
        ("import nonsense_package\n", "generators/g.py, line 1: must be loaded, and raised ModuleNotFoundError"),
        ("def make():\n    pass\n", "generators/g.py must define generate(table, rng), and does not."),
        ("def generate():\n    yield {}\n", "generate must end well, and raised TypeError: generate() takes 0"),
        ("def generate(table, rng):\n    pass\n", "or return a pandas or Arrow table. It returned NoneType."),
        ("def generate(table, rng):\n    return []\n", "generators/g.py: generate must make rows, and made none."),
        ("def generate(table, rng):\n    yield {'Word': 'x'}\n", "Row 1 has 'Word'. Did you mean 'word'?"),
        ("def generate(table, rng):\n    yield {}\n    yield 5\n", "must yield a dict for each row. Row 2 is int"),
    ],
)  # fmt: skip
def test_a_generator_that_fails_is_told_with_its_place(project, body: str, message: str) -> None:
    with pytest.raises(Exception, match=re.escape(message)):
        make(project, body)


def test_values_of_another_type_and_a_taken_name_are_refused(project) -> None:
    pq.write_table(pa.table({"id": ["a"], "n": [1]}), project.root / "t.parquet")
    project.save(
        "generators/g.py", "def generate(table, rng):\n    yield {'n': 1}\n    yield {'n': 'many'}\n"
    )
    found = project.refuse("t.parquet", generator="generators/g.py", key="id")
    assert "generate must yield int64 in 'n', as the table has. Row 2 has 'many'" in found
    pq.write_table(pa.table({"id": ["a"], "generated": [1]}), project.root / "t.parquet")
    assert "must have no column 'generated'" in project.refuse(
        "t.parquet", generator="generators/g.py", key="id"
    )
    project.save("t.csv", CSV)
    assert "generators/none.py must exist and does not." in project.refuse(
        "t.csv", generator="generators/none.py"
    )


def test_the_example_of_the_readme_works(project) -> None:
    code = re.search(r"```python\n(.*?)```", (ROOT / "generators/README.md").read_text(), re.DOTALL)
    assert code
    project.save("generators/small.py", code[1])
    shutil.copy(ROOT / "examples/breast_cancer/table.csv", project.root / "t.csv")
    table = project.read("t.csv", generator="generators/small.py")
    assert table["generated"].to_pylist().count(True) == 50
    made = table.slice(table.num_rows - 50)
    assert made["row_id"][0].as_py() == "generated-1" and float(made["mean_radius"][0].as_py()) < 12
