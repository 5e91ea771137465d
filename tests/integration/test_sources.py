"""collect takes its rows from a database, from parts that grow, from a service's log and from a generator."""

import json
import shutil
import sqlite3
from pathlib import Path
from typing import Any

import orjson
import pyarrow.parquet as pq
import pytest

from toolkit.errors import DataError
from toolkit.pipeline import load_yaml
from toolkit.serving.log import SegmentLog

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An own project with the committed dvc.yaml and params.yaml."""
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, tmp_path)
    for name in ("schemas", "generators", "raw"):
        (tmp_path / name).mkdir()
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    return tmp_path


def collect(project: Path, **params: Any) -> list[dict[str, Any]]:
    """Set parameters, run the notebook's cells in this process, and give the raw table's rows."""
    from ruamel.yaml import YAML

    values = load_yaml(project / "params.yaml")
    values["collect"] |= {"key": "id", "exclude": [], "contract": "schemas/t.yaml", **params}
    with (project / "params.yaml").open("w") as file:
        YAML().dump(values, file)
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads((ROOT / "notebooks/collect.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
    return pq.read_table(project / "data/raw/table.parquet").to_pylist()


def roles(project: Path) -> dict[str, str]:
    schema = json.loads((project / "data/raw/schema.json").read_text())
    return {column["name"]: column["role"] for column in schema["columns"]}


def test_a_query(project: Path) -> None:
    with sqlite3.connect(project / "raw/shop.db") as connection:
        connection.execute("CREATE TABLE sold (id TEXT, price REAL, at TEXT)")
        rows = [(f"k{n}", n / 2, f"2026-01-{n % 28 + 1:02}T10:00:00") for n in range(100)]
        connection.executemany("INSERT INTO sold VALUES (?, ?, ?)", rows)
    (project / "raw/sold.sql").write_text("SELECT * FROM sold ORDER BY at, id;\n")
    found = collect(project, source="raw/sold.sql", database="sqlite:///raw/shop.db")
    assert len(found) == 100 and found[1]["price"] == 14.0
    assert roles(project) == {"id": "key", "price": "feature", "at": "feature"}
    source = json.loads((project / "data/raw/source.json").read_text())
    assert source["format"] == "sql" and source["parts"][0]["name"] == "raw/sold.sql"
    (project / "raw/sold.sql").write_text("SELECT * FROM gone")
    before = (project / "data/raw/table.parquet").read_bytes()
    with pytest.raises(DataError, match="SQLite says: no such table: gone"):
        collect(project, source="raw/sold.sql", database="sqlite:///raw/shop.db")
    assert (project / "data/raw/table.parquet").read_bytes() == before


def test_parts_that_grow(project: Path) -> None:
    for part in range(3):
        rows = "".join(f"k{part}-{n},{n / 3}\n" for n in range(50))
        (project / f"raw/2026-0{part + 1}.csv").write_text("id,x\n" + rows)
        found = collect(project, source="raw", pattern="2026-*.csv")
        assert len(found) == 50 * (part + 1)
    grown = {file.name: file.read_bytes() for file in (project / "data/raw").iterdir()}
    shutil.rmtree(project / ".toolkit/cache")
    collect(project, source="raw", pattern="2026-*.csv")
    assert {file.name: file.read_bytes() for file in (project / "data/raw").iterdir()} == grown


def test_a_log_of_a_service(project: Path) -> None:
    log = SegmentLog(project / "logs/predictions", "w")
    said = {
        "version": "v1",
        "time": "2026-01-01T00:00:00Z",
        "label": "a",
        "probabilities": {"a": 1.0, "b": 0.0},
    }
    records = [{"id": f"p{n}", "features": {"x": n / 2, "c": "uv"[n % 2]}, **said} for n in range(40)]
    log.append(b"".join(orjson.dumps(record) + b"\n" for record in records))
    log.close()
    found = collect(project, source="logs/predictions", format="log")
    assert found[3]["id"] == "p3" and found[3]["x"] == 1.5
    excluded = {name for name, role in roles(project).items() if role == "excluded"}
    assert excluded == {
        "predicted_version",
        "predicted_time",
        "predicted_label",
        "predicted_p_a",
        "predicted_p_b",
    }


def test_a_generator(project: Path) -> None:
    (project / "raw/t.csv").write_text("id,x\n" + "".join(f"k{n},{n / 3}\n" for n in range(50)))
    (project / "generators/more.py").write_text(
        "def generate(table, rng):\n    for x in rng.normal(size=5):\n        yield {'x': x}\n"
    )
    found = collect(project, source="raw/t.csv", generator="generators/more.py")
    assert [row["generated"] for row in found] == [False] * 50 + [True] * 5
    assert found[-1]["id"] == "generated-5" and roles(project)["generated"] != "feature"
    again = (project / "data/raw/table.parquet").read_bytes()
    collect(project, source="raw/t.csv", generator="generators/more.py")
    assert (project / "data/raw/table.parquet").read_bytes() == again
