"""A query of an SQLite database is read with types that hold every value, and nothing is written."""

import sqlite3

import pyarrow as pa
import pytest

ROWS = [(n, n / 2, f"w{n}", None, n % 2 and "x") for n in range(100_000)]


@pytest.fixture
def database(project):
    (project.root / "data").mkdir()
    with sqlite3.connect(project.root / "data/shop.db") as connection:
        connection.execute("CREATE TABLE rows (id INTEGER, share, word TEXT, none, mixed)")
        connection.executemany("INSERT INTO rows VALUES (?, ?, ?, ?, ?)", ROWS)
    project.database = {"database": "sqlite:///data/shop.db"}
    return project


def test_types_hold_every_value_and_rows_come_in_batches(database) -> None:
    database.save("q.sql", 'SELECT *, share > 1 AS "is ""big""" FROM rows -- all\n;\n')
    source = database.open("q.sql", **database.database)
    assert source.format == "sql" and not source.text
    assert source.columns.types == [pa.int64(), pa.float64(), pa.string(), pa.null(), pa.string(), pa.int64()]
    assert [batch.num_rows for batch in source.batches()] == [65_536, 34_464]
    table = database.read("q.sql", **database.database)
    assert table["share"].to_pylist() == [row[1] for row in ROWS]
    assert table["mixed"].to_pylist()[:3] == ["0", "x", "0"]
    assert table.column_names[-1] == 'is "big"'
    assert database.open("q.sql", **database.database).describe()["parts"][0]["name"] == "q.sql"


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("", "q.sql must hold a query and is empty."),
        ("SELECT * FROM nope", "a query that sqlite:///data/shop.db can run. SQLite says: no such table: nope."),
        ("SELECT nope FROM rows", "SQLite says: no such column: nope."),
        ("DELETE FROM rows", "q.sql must hold one query that only reads. SQLite says: attempt to write a readonly"),
        ("SELECT 1; SELECT 2", "q.sql must hold one query that only reads."),
        ("SELECT id, word AS id FROM rows", "q.sql: column names must differ. Got id more than once."),
        ("SELECT x'ff' AS b FROM rows", "column 'b' must be UTF-8 text. Got other bytes"),
        ("SELECT id FROM rows WHERE id < 0", "q.sql must have rows and has none, only the columns id."),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_run_is_refused(database, query: str, message: str) -> None:
    database.save("q.sql", query)
    assert message in database.refuse("q.sql", **database.database)
    with sqlite3.connect(database.root / "data/shop.db") as connection:
        assert connection.execute("SELECT count(*) FROM rows").fetchone() == (len(ROWS),)


def test_databases_that_are_not_there_are_refused(project) -> None:
    project.save("q.sql", "SELECT 1 AS a")
    assert "collect.database must name the database that q.sql asks, and is empty." in project.refuse("q.sql")
    found = project.refuse("q.sql", database="sqlite:///data/none.db")
    assert "sqlite:///data/none.db must be a database in the project, and there is no such file." in found
    project.save("data/text.db", "no database at all, but text that is long enough to look at" * 20)
    project.save("q.sql", "SELECT * FROM rows")
    found = project.refuse("q.sql", database="sqlite:///data/text.db")
    assert "sqlite:///data/text.db must be an SQLite database and is none, or is damaged" in found


def test_bytes_that_are_excluded_are_left_out(database) -> None:
    database.save("q.sql", "SELECT id, x'ff' AS picture, word FROM rows WHERE id < 2")
    options = {**database.database, "exclude": ["picture", "word"]}
    assert database.read("q.sql", **options).to_pydict() == {"id": [0, 1], "word": ["w0", "w1"]}
    assert database.open("q.sql", **options).left_out == {"picture": pa.binary()}
