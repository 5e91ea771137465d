"""Appended parts alone are read, and what is collected is the same bytes as after a full read."""

import shutil
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.data.collect import collect_table, write_new_contract
from toolkit.data.sources import Part, open_source
from toolkit.data.sources.json_lines import JsonLinesReader
from toolkit.errors import DataError
from toolkit.params import Collect

HEADER = "id,size,count,word,ok,at,day\n"


class Project:
    def __init__(self, root: Path) -> None:
        self.root, self.read = root, []

    def save(self, part: str, rows: str, header: str = HEADER) -> None:
        path = self.root / "raw" / part
        path.parent.mkdir(exist_ok=True)
        path.write_text(header + rows)

    def rows(self, start: int, count: int = 300) -> str:
        return "".join(
            f"k{n},{n / 7:.3f},{n},w{n % 3},{'true' if n % 2 else ''},2026-01-01T00:00:{n % 60:02}+02:00,"
            f"{1 + n % 28:02}.03.2026\n"
            for n in range(start, start + count)
        )

    def collect(self, **params: object) -> dict[str, bytes]:
        given = {"source": "raw", "key": "id", "exclude": [], "contract": "schemas/t.yaml"} | params
        values = Collect(**given)
        out = self.root / "out"
        shutil.rmtree(out, ignore_errors=True)
        self.read.clear()
        source = open_source(values, self.root, self.root / "raw")
        collected = collect_table(source, values, self.root, out)
        (self.root / "schemas").mkdir(exist_ok=True)
        write_new_contract(collected, self.root / values.contract)
        return {file.name: file.read_bytes() for file in sorted(out.iterdir())}


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Project:
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    project = Project(tmp_path)
    batches = Part.batches

    def note(part: Part):
        project.read.append(Path(part.name).name)
        yield from batches(part)

    monkeypatch.setattr(Part, "batches", note)
    project.save("a.csv", project.rows(0))
    project.save("b.csv", project.rows(300))
    project.collect(exclude=["day"])
    path = tmp_path / "schemas/t.yaml"
    day = "  day:\n    type: time\n    format: '%d.%m.%Y'\n    missing: false\n"
    path.write_text(path.read_text().partition("  day:")[0] + day)
    return project


def forget(project: Project) -> None:
    shutil.rmtree(project.root / ".toolkit")


def test_only_a_new_part_is_read_and_nothing_else_differs(project: Project) -> None:
    project.collect()
    project.save("c.csv", project.rows(600))
    appended = project.collect()
    assert project.read == ["c.csv"]
    assert project.collect() == appended and project.read == []
    forget(project)
    assert project.collect() == appended and sorted(project.read) == ["a.csv", "b.csv", "c.csv"]
    table = pq.read_table(project.root / "out/table.parquet")
    assert table.num_rows == 900 and table.schema.field("day").type == pa.timestamp("us")
    assert pq.ParquetFile(project.root / "out/table.parquet").num_row_groups == 1


def test_a_changed_part_another_rule_or_another_delimiter_is_read_again(project: Project) -> None:
    project.collect()
    project.save("b.csv", project.rows(300, 299))
    project.collect()
    assert project.read == ["b.csv"]
    path = project.root / "schemas/t.yaml"
    path.write_text(path.read_text().replace("  count:\n    type: integer", "  count:\n    type: number"))
    project.collect()
    assert sorted(project.read) == ["a.csv", "b.csv"]


def test_rows_against_the_contract_are_put_aside_alike(project: Project) -> None:
    project.save("c.csv", "k600,many,1,w0,true,2026-01-01T00:00:00Z,01.03.2026\n" + project.rows(601, 5))
    project.save("d.csv", project.rows(5, 1) + project.rows(700, 5))  # a key that is in a.csv
    forget(project)
    first = project.collect(on_violation="quarantine")
    again = project.collect(on_violation="quarantine")
    assert first == again and project.read == ["c.csv"]  # as it was read: its cells do not all convert
    aside = pq.read_table(project.root / "out/quarantine.parquet").to_pylist()
    assert [(row["part"], row["row"]) for row in aside] == [("raw/c.csv", 1), ("raw/d.csv", 1)]
    assert aside[0]["size"] == "many" and "same (raw/a.csv row 6)" in aside[1]["reason"]


def test_a_violation_names_the_part_and_the_row_in_it(project: Project) -> None:
    project.save("c.csv", "k600,many,1,w0,true,2026-01-01T00:00:00Z,01.03.2026\n" + project.rows(601, 5))
    project.save("d.csv", project.rows(5, 1) + project.rows(5, 1) + project.rows(700, 5))
    for _ in range(2):  # the second time, good parts come from the cache
        with pytest.raises(DataError) as caught:
            project.collect()
        text = str(caught.value)
        assert "1 of 613 rows breaks this: raw/c.csv row 1 (got 'many')" in text
        assert "raw/d.csv rows 1 like raw/a.csv row 6, 2 like raw/a.csv row 6 (got 'k5')" in text


def test_what_the_last_run_did_not_use_is_removed(project: Project) -> None:
    project.collect()
    cache = project.root / ".toolkit/cache/parts"
    assert len(list(cache.iterdir())) == 2
    project.save("c.csv", project.rows(600))
    project.collect()
    (project.root / "raw/a.csv").unlink()
    project.collect()
    assert len(list(cache.iterdir())) == 2


def test_json_lines_are_kept_too(project: Project) -> None:
    shutil.rmtree(project.root / "raw")
    for name, start in (("a.jsonl", 0), ("b.jsonl", 50)):
        rows = "".join(
            f'{{"id": "k{n}", "x": {n / 2}, "t": "2026-01-01T10:00:00Z"}}\n' for n in range(start, start + 50)
        )
        project.save(name, rows, header="")
    first = project.collect(contract="schemas/p.yaml")
    assert project.collect(contract="schemas/p.yaml")["table.parquet"] == first["table.parquet"]


def test_old_json_lines_are_not_even_looked_through(
    project: Project, monkeypatch: pytest.MonkeyPatch
) -> None:
    shutil.rmtree(project.root / "raw")
    for name in "ab":
        project.save(f"{name}.jsonl", f'{{"id": "{name}", "x": 1}}\n', header="")
    project.collect(contract="schemas/p.yaml")
    project.save("c.jsonl", '{"id": "c", "x": 1.5}\n', header="")
    looked: list[str] = []
    load = JsonLinesReader.load_columns

    def note(reader: JsonLinesReader, path: Path, name: str) -> pa.Schema:
        looked.append(path.name)
        return load(reader, path, name)

    monkeypatch.setattr(JsonLinesReader, "load_columns", note)
    (project.root / "schemas/p.yaml").unlink()  # x was a whole number
    project.collect(contract="schemas/p.yaml")
    assert looked == ["c.jsonl"]
    assert len(list((project.root / ".toolkit/cache/columns").iterdir())) == 3
    assert pq.read_table(project.root / "out/table.parquet")["x"].to_pylist() == [1.0, 1.0, 1.5]


def test_values_that_were_changed_are_told_whether_their_part_is_read_or_not(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    (tmp_path / "raw").mkdir()
    kind, start = pa.timestamp("ns"), 1_700_000_000_000_000_000
    for name, first in (("a", 0), ("b", 7)):
        table = pa.table(
            {
                "id": [f"{name}{n}" for n in range(3)],
                "at": pa.array([start + first, start + 10**9, start + 5], kind),
            }
        )
        pq.write_table(table, tmp_path / f"raw/{name}.parquet")
    params = Collect(source="raw", key="id", exclude=[], contract="schemas/t.yaml")
    found = []
    for _ in range(3):
        collected = collect_table(
            open_source(params, tmp_path, tmp_path / "raw"), params, tmp_path, tmp_path / "out"
        )
        write_new_contract(collected, tmp_path / "schemas/t.yaml")
        found.append((collected.notices, collected.metrics["rounded_values"]))
    told = (
        "column 'at': 3 times were cut to microseconds, such as 2023-11-14 22:13:20.000000005 to "
        "2023-11-14 22:13:20.000000. Keep what is finer in a column of its own if it matters."
    )
    assert found[1:] == [([told], 3)] * 2 and told in found[0][0]
