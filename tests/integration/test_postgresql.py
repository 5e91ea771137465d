"""The query of a .sql file is asked of a real PostgreSQL server, which the tests start for themselves."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from toolkit.data.rounding import Rounded
from toolkit.data.sources import open_source
from toolkit.errors import DataError
from toolkit.params import Collect

pytestmark = [pytest.mark.integration, pytest.mark.postgres]
USER, PASSWORD = "collector", "mädchen-5"
TABLE = """
CREATE TYPE colour AS ENUM ('red', 'blue');
CREATE TABLE rows AS SELECT
  i AS id, i / 7.0::float8 AS share, (i * 1.25)::numeric(12, 2) AS price,
  CASE WHEN i % 3 = 0 THEN NULL ELSE 'w' || i END AS word,
  i % 2 = 0 AS even, timestamptz '2026-03-29 00:30:00+01' + i * interval '1 hour' AS at, date '2026-01-01' + i AS day,
  (ARRAY['red', 'blue'])[1 + i % 2]::colour AS colour,
  ('00000000-0000-4000-8000-' || lpad(i::text, 12, '0'))::uuid AS code,
  NULL::int AS none
  FROM generate_series(0, 199999) AS i;
"""  # fmt: skip


def find_program(name: str) -> str | None:
    """Debian keeps the server's programs out of PATH."""
    places = [str(folder) for folder in sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True)]
    return shutil.which(name, path=os.pathsep.join([*places, os.environ.get("PATH", "")]))


class Server:
    """A cluster of its own in a temporary folder, run by a user without privileges."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.port = folder, _find_free_port()
        self.url = f"postgresql://127.0.0.1:{self.port}/postgres"
        self._as = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.getuid() == 0 else {}
        if self._as:
            shutil.chown(folder, "nobody", "nogroup")
        (folder / "password").write_text(PASSWORD, encoding="utf-8")
        (folder / "password").chmod(0o644)

    def call(self, program: str, *arguments: str) -> None:
        env = {
            "HOME": str(self.folder),
            "PATH": os.environ["PATH"],
            "LC_ALL": "C.UTF-8",
            "PGPASSWORD": PASSWORD,
        }
        done = subprocess.run(
            [find_program(program), *arguments],
            env=env,
            cwd=self.folder,
            stdout=subprocess.DEVNULL,  # the server inherits it: a pipe would never end
            stderr=(self.folder / "errors").open("w"),
            check=False,
            timeout=60,
            **self._as,
        )
        assert done.returncode == 0, (self.folder / "errors").read_text()

    def start(self) -> None:
        data = str(self.folder / "data")
        self.call(
            "initdb",
            "-D",
            data,
            "-U",
            USER,
            "--auth=scram-sha-256",
            f"--pwfile={self.folder}/password",
            "--no-sync",
            "-E",
            "UTF8",
        )
        options = f"-p {self.port} -k {self.folder} -c listen_addresses=127.0.0.1 -c fsync=off"
        self.call("pg_ctl", "-w", "-D", data, "-l", str(self.folder / "log"), "-o", options, "start")
        self.ask(TABLE)

    def ask(self, sql: str) -> None:
        self.call(
            "psql",
            "-q",
            "-v",
            "ON_ERROR_STOP=1",
            "-h",
            "127.0.0.1",
            "-p",
            str(self.port),
            "-U",
            USER,
            "-d",
            "postgres",
            "-c",
            sql,
        )

    def stop(self) -> None:
        self.call("pg_ctl", "-D", str(self.folder / "data"), "-m", "immediate", "stop")


def _find_free_port() -> int:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        return free.getsockname()[1]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """Give a running server; skipped where none is installed, unless that is forbidden."""
    if find_program("initdb") is None:
        message = "needs PostgreSQL's server: apt install postgresql"
        if os.environ.get("TOOLKIT_REQUIRE_ALL") == "1":
            pytest.fail(message)
        pytest.skip(message)
    folder = Path(
        tempfile.mkdtemp(prefix="toolkit-postgres-")
    )  # pytest's own folders are closed to other users
    server = Server(folder)
    try:
        server.start()
        yield server
        server.stop()
    finally:
        shutil.rmtree(folder, ignore_errors=True)


@pytest.fixture
def ask(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Give a function that opens a query's answer as ``collect`` does."""
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    monkeypatch.setenv("PGUSER", USER)
    monkeypatch.setenv("PGPASSWORD", PASSWORD)
    monkeypatch.setenv("HOME", str(tmp_path))

    def ask(query: str, database: str = server.url, **params: Any) -> Any:
        (tmp_path / "q.sql").write_text(query)
        return open_source(Collect(source="q.sql", database=database, **params), tmp_path, tmp_path / "q.sql")

    return ask


def refuse(ask: Any, *arguments: str) -> str:
    with pytest.raises(DataError) as caught:
        ask(*arguments)
    return str(caught.value)


def test_rows_come_in_batches_with_their_types(ask: Any) -> None:
    source = ask("-- all rows\nSELECT * FROM rows ORDER BY id;\n")
    types = dict(zip(source.columns.names, source.columns.types, strict=True))
    assert types == {
        "id": pa.int32(),
        "share": pa.float64(),
        "price": pa.float64(),
        "word": pa.string(),
        "even": pa.bool_(),
        "at": pa.timestamp("us", "UTC"),
        "day": pa.date32(),
        "colour": pa.string(),
        "code": pa.string(),
        "none": pa.int32(),
    }
    batches = list(source.batches())
    assert len(batches) > 1 and max(batch.num_rows for batch in batches) <= 65_536
    table = pa.Table.from_batches(batches)
    assert table["id"].to_pylist() == list(range(200_000))
    assert table["price"][3].as_py() == 3.75 and table["share"][5].as_py() == 5 / 7.0
    assert table["word"].to_pylist()[:3] == [None, "w1", "w2"]
    assert table["code"][12].as_py() == "00000000-0000-4000-8000-000000000012"
    assert table["at"][0].as_py().isoformat() == "2026-03-28T23:30:00+00:00"
    assert table["colour"].to_pylist()[:2] == ["red", "blue"]


def test_the_same_query_gives_the_same_bytes(ask: Any) -> None:
    first = ask("SELECT * FROM rows ORDER BY id")
    list(first.batches())
    told = first.describe()
    second = ask("SELECT * FROM rows ORDER BY id")
    list(second.batches())
    assert told == second.describe() and told["rows"] == 200_000


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("SELECT * FROM nope", 'can run. PostgreSQL says: relation "nope" does not exist LINE 1: SELECT * FROM nope.'),
        ("SELECT nope FROM rows", 'column "nope" does not exist'),
        ("SELEC 1", 'syntax error at or near "SELEC"'),
        ("DELETE FROM rows RETURNING id", "one query that only reads. PostgreSQL says: cannot execute DELETE"),
        ("SELECT 1; DROP TABLE rows", "must hold one query that only reads. PostgreSQL says: cannot insert multiple"),
        ("DROP TABLE rows", "cannot execute DROP TABLE in a read-only transaction"),
        ("SELECT 1 / (id - 150000) AS a FROM rows", "division by zero"),
        ("SELECT array[1] AS a", "column 'a' must hold plain values. Got list<item: int32> instead: cast it in"),
        ("SELECT inet '10.0.0.1' AS ip", "column 'ip' must hold plain values. Got inet instead"),
        ("SELECT 1 AS a, 2 AS a", "column names must differ. Got a more than once."),
    ],
)  # fmt: skip
def test_a_query_that_cannot_be_run_is_refused(ask: Any, query: str, message: str) -> None:
    assert message in refuse(ask, query)
    assert next(ask("SELECT count(*) AS n FROM rows").batches()).to_pylist() == [{"n": 200_000}]


def test_numbers_of_more_digits_than_a_float_holds_are_told(ask: Any) -> None:
    source = ask(
        "SELECT n::numeric AS n, 0.5::numeric(30, 20) AS kept FROM (VALUES ('0.1'), (NULL), ('NaN'), "
        "('0.1234567890123456789'), ('12345678901234567.5'), ('0.12500000000000000000')) AS v(n)"
    )
    assert source.rounded == {"n": Rounded(2, "0.1234567890123456789", "0.12345678901234568")}
    assert next(source.batches())["n"].to_pylist()[0] == 0.1


def test_what_is_no_plain_value_is_left_out_if_it_is_excluded(ask: Any) -> None:
    source = ask("SELECT 1 AS id, array[1] AS a, inet '10.0.0.1' AS ip", exclude=["a", "ip"])
    assert next(source.batches()).to_pylist() == [{"id": 1}]


def test_a_server_that_is_down_or_lets_nobody_in_is_told(
    ask: Any, server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    down = f"postgresql://127.0.0.1:{_find_free_port()}/postgres"
    found = refuse(ask, "SELECT 1 AS a", down)
    assert found.startswith(f"{down} must let us in.") and "Connection refused" in found
    assert "Is the server up, and collect.database right?" in found
    assert 'database "nope" does not exist' in refuse(
        ask, "SELECT 1 AS a", server.url.replace("/postgres", "/nope")
    )
    monkeypatch.setenv("PGPASSWORD", "wrong-5")
    found = refuse(ask, "SELECT 1 AS a")
    assert 'password authentication failed for user "collector"' in found and "wrong-5" not in found
    assert (
        "User and password come from PGUSER and PGPASSWORD, or ~/.pgpass: set them before the run." in found
    )
    monkeypatch.delenv("PGPASSWORD")
    assert "no password supplied" in refuse(ask, "SELECT 1 AS a")


def test_an_earlier_answer_stays_when_a_later_query_fails(ask: Any) -> None:
    source = ask("SELECT id FROM rows WHERE id < 3 ORDER BY id")
    refuse(ask, "SELECT 1 / (id - 150000) AS a FROM rows")
    assert [batch.num_rows for batch in source.batches()] == [3]
