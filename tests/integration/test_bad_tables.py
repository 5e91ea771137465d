"""Whatever is wrong with a table, its labels or its features ends in one clear message, and earlier outputs stay."""

from __future__ import annotations

import http.server
import json
import os
import shutil
import subprocess
import sys
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import measure_hash
from toolkit.errors import ToolkitError
from toolkit.params_edit import write_params

ROOT = Path(__file__).parents[2]
KEPT = ("data/raw", "data/labels", "data/prepared", "schemas", "reports")
HEADER = ["id", "size", "count", "kind", "at", "note", "label"]
ROWS = [
    [
        f"k{n:03d}",
        f"{n % 17}.5",
        str(n % 9),
        "abc"[n % 3],
        f"2024-0{n % 9 + 1}-11T10:00:00",
        f"it is number {n} of all",
        "ny"[n % 2],
    ]
    for n in range(120)
]
FUNCTION = """from toolkit.features import feature

@feature(meaning="test")
def ratio(size: float, count: int) -> float | None:
    return size / count if count else None
"""
pytestmark = pytest.mark.integration


@dataclass
class Bad:
    """What is spoilt, the stage that must refuse, and words of its message."""

    spoil: Callable[[Path], None]
    words: list[str]
    stage: str = "collect"
    params: dict[str, Any] = field(default_factory=dict)


def write(
    project: Path, rows: list[list[str]], header: list[str] = HEADER, encoding: str = "utf-8", sign: str = ","
) -> None:
    lines = [sign.join(row) for row in [header, *rows]]
    (project / "t.csv").write_bytes(("\n".join(lines) + "\n").encode(encoding))


def with_cell(column: str, value: str, row: int = 4) -> Callable[[Path], None]:
    """Put one value into the table."""
    changed = [list(each) for each in ROWS]
    changed[row][HEADER.index(column)] = value
    return lambda project: write(project, changed)


def with_column(column: str, values: Callable[[int], str]) -> Callable[[Path], None]:
    """Give a whole column other values."""
    changed = [list(each) for each in ROWS]
    for row, each in enumerate(changed):
        each[HEADER.index(column)] = values(row)
    return lambda project: write(project, changed)


def cut_parquet(project: Path) -> None:
    pq.write_table(pa.table(dict(zip(HEADER, zip(*ROWS, strict=True), strict=True))), project / "t.parquet")
    path = project / "t.parquet"
    path.write_bytes(path.read_bytes()[:-40])


def name_zone(project: Path) -> None:
    path = project / "schemas/t.yaml"
    text = path.read_text()
    start = text.index("  at:")
    at = text.index("missing:", start)
    path.write_text(text[:at] + "zone: Europe/Berlin\n    " + text[at:])
    with_cell("at", "2024-03-31T02:30:00")(project)


def define(source: str) -> Callable[[Path], None]:
    return lambda project: (project / "features/t.py").write_text(source)


def relabel(values: Callable[[int], str]) -> Callable[[Path], None]:
    """Change the labels, and the raw table with them."""

    def spoil(project: Path) -> None:
        with_column("label", values)(project)
        shutil.rmtree(project / "schemas")
        shutil.copytree(ROOT / "schemas", project / "schemas")
        run_notebook("collect")

    return spoil


DEFINED = {"prepare.definitions": "features/t.py"}
BAD = {
    "an empty file": Bad(lambda project: (project / "t.csv").write_bytes(b""), ["t.csv", "empty"]),
    "a header only": Bad(lambda project: write(project, []), ["t.csv", "must have rows and has none"]),
    "another delimiter": Bad(lambda project: write(project, ROWS, sign=";"), ["separated by ','", "';'"]),
    "another encoding": Bad(
        lambda p: write(p, [[*ROWS[0][:5], "größe", "n"], *ROWS[1:]], encoding="latin-1"), ["utf-8", "Line 2"]
    ),
    "doubled names": Bad(
        lambda p: write(p, ROWS, header=[*HEADER[:-1], "size"]), ["Got size more than once"]
    ),
    "a ragged row": Bad(lambda p: write(p, [*ROWS[:3], ROWS[3][:4], *ROWS[4:]]), ["columns", "4"]),
    "mixed types": Bad(with_cell("size", "n/k"), ["column 'size' must be a number", "n/k"]),
    "thousands separators": Bad(with_cell("size", '"1,234"'), ["size", "without thousands separators"]),
    "decimal commas": Bad(with_cell("size", '"1,5"'), ["size", "with a decimal point"]),
    "all missing": Bad(with_column("size", lambda row: ""), ["size", "120"]),
    "infinite": Bad(with_cell("size", "inf"), ["size", "finite"]),
    "beyond 2^53": Bad(with_cell("count", "9007199254740993"), ["count", "9007199254740993", "within"]),
    "dates of two formats": Bad(with_cell("at", "11/02/2024"), ["at", "11/02/2024", "ISO 8601"]),
    "an hour that clocks skipped": Bad(name_zone, ["at", "2024-03-31T02:30:00"]),
    "doubled keys": Bad(with_cell("id", "k000"), ["id", "k000"]),
    "a Parquet file cut short": Bad(
        cut_parquet, ["t.parquet must be a whole Parquet file"], params={"collect.source": "t.parquet"}
    ),
    "a path out of the project": Bad(
        lambda project: None, ["collect.source", "inside the project"], params={"collect.source": "../t.csv"}
    ),
    "a label column that is not there": Bad(
        lambda p: None, ["labels", "Did you mean 'label'"], "annotate", {"annotate.label": "labels"}
    ),
    "labels of one class": Bad(relabel(lambda row: "n"), ["at least two classes"], "annotate"),
    "a class with one row": Bad(
        relabel(lambda row: "rare" if row == 7 else "ny"[row % 2]), ["rare"], "annotate"
    ),
    "a function that raises": Bad(
        define(FUNCTION.replace("if count else None", "")),
        ["ratio", "ZeroDivisionError", "count=0"],
        "prepare",
        DEFINED,
    ),
    "a function that gives a list": Bad(
        define(FUNCTION.replace("size / count if count else None", "[size, count]")),
        ["ratio", "returns", "[0.5, 0]"],
        "prepare",
        DEFINED,
    ),
    "a function of what requests have not": Bad(
        define(FUNCTION.replace("size", "label")), ["'label'", "no request"], "prepare", DEFINED
    ),
    "a function of no column": Bad(
        define(FUNCTION.replace("size", "sice")), ["'sice'", "Did you mean 'size'"], "prepare", DEFINED
    ),
}


def run_notebook(stage: str, after: dict[str, Callable[[], None]] | None = None) -> None:
    """Run a notebook's cells in this process, as Run All does; ``after`` has what happens after a cell."""
    names: dict[str, Any] = {"__name__": "__main__"}
    for cell in json.loads((ROOT / "notebooks" / f"{stage}.ipynb").read_text())["cells"]:
        if cell["cell_type"] == "code":
            exec("".join(cell["source"]), names)
            (after or {}).get(cell["id"], lambda: None)()


@pytest.fixture(scope="module")
def good(tmp_path_factory) -> Path:
    """A project that has gone through collect, annotate and prepare."""
    project = tmp_path_factory.mktemp("good") / "project"
    for name in ("schemas", "features", "generators"):
        shutil.copytree(ROOT / name, project / name)
    for name in ("dvc.yaml", "params.yaml"):
        shutil.copy(ROOT / name, project)
    write(project, ROWS)
    changes = {
        "collect.source": "t.csv", "collect.key": "id", "collect.exclude": [], "collect.contract": "schemas/t.yaml",
        "annotate.source": "data/raw/table.parquet", "annotate.format": "column", "annotate.key": "id",
        "annotate.label": "label", "annotate.classes": [], "annotate.truth": "",
    }  # fmt: skip
    write_params(project, changes)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("TOOLKIT_ROOT", str(project))
        patch.delenv("TOOLKIT_RUN", raising=False)
        for stage in ("collect", "annotate", "prepare"):
            run_notebook(stage)
    return project


@pytest.fixture
def project(good: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copytree(good, tmp_path / "project")
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path / "project"))
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    return tmp_path / "project"


def measure(project: Path) -> list[str]:
    return [measure_hash(project / name) for name in KEPT]


@pytest.mark.parametrize("name", BAD)
def test_it_is_told_and_nothing_is_lost(name: str, project: Path) -> None:
    bad = BAD[name]
    bad.spoil(project)
    before = measure(project)
    with pytest.raises(ToolkitError) as caught:
        if bad.params:
            write_params(project, bad.params)
        run_notebook(bad.stage)
    assert all(word in str(caught.value) for word in bad.words), str(caught.value)
    assert measure(project) == before


def test_a_byte_order_mark_is_passed_over(project: Path) -> None:
    before = measure_hash(project / "data/raw/table.parquet")
    (project / "t.csv").write_bytes(b"\xef\xbb\xbf" + (project / "t.csv").read_bytes())
    run_notebook("collect")
    assert measure_hash(project / "data/raw/table.parquet") == before


def test_a_constant_column_is_noticed_and_used(project: Path, capsys) -> None:
    with_column("kind", lambda row: "a")(project)
    run_notebook("collect")
    schema = json.loads((project / "data/raw/schema.json").read_text())
    assert next(each for each in schema["columns"] if each["name"] == "kind")["categories"] == ["a"]


def test_a_source_that_changes_while_it_is_read_is_refused(project: Path) -> None:
    before = measure(project)
    with pytest.raises(ToolkitError, match=r"t\.csv must stay as it is while"):
        run_notebook("collect", {"table": lambda: with_cell("size", "99")(project)})
    assert measure(project) == before


def test_a_page_at_the_address_of_a_table_is_refused(project: Path) -> None:
    class Page(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = b"<!doctype html><title>Sign in</title>"
            self.send_response(200)
            self.send_header("Content-Type", "text/html")
            self.send_header("ETag", '"1"')
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            if self.command == "GET":
                self.wfile.write(body)

        do_HEAD = do_GET  # noqa: N815  # the name that http.server asks for

        def log_message(self, *_: Any) -> None:
            pass

    before = measure(project)
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Page)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        write_params(project, {"collect.source": f"http://127.0.0.1:{server.server_port}/t.csv"})
        with pytest.raises(ToolkitError, match="web page"):
            run_notebook("collect")
    finally:
        server.shutdown()
        server.server_close()
    assert measure(project) == before


@pytest.mark.skipif(os.geteuid() != 0, reason="mounts a file system of its own, which root alone may")
def test_a_full_disk_is_told_and_nothing_is_lost(good: Path, tmp_path: Path) -> None:
    """On a real file system without room, mounted for this one process."""
    disk, script = tmp_path / "disk", tmp_path / "fill.py"
    disk.mkdir()
    rows = "\n".join(",".join([f"k{n:06d}", *ROWS[n % 120][1:]]) for n in range(60_000))
    (tmp_path / "t.csv").write_text(",".join(HEADER) + "\n" + rows + "\n")
    size = sum(path.stat().st_size for path in good.rglob("*") if path.is_file())
    script.write_text(f"""
import shutil, subprocess, sys
from pathlib import Path
sys.path.insert(0, {str(ROOT)!r})
from toolkit.artifacts import measure_hash
project = Path({str(disk)!r}) / "project"
shutil.copytree({str(good)!r}, project)
shutil.copy({str(tmp_path / "t.csv")!r}, project / "t.csv")
before = measure_hash(project / "data")
(project / "notebooks").symlink_to({str(ROOT / "notebooks")!r})
room = shutil.disk_usage(project).free - 80_000
(Path({str(disk)!r}) / "filler").write_bytes(b"x" * room)
done = subprocess.run([sys.executable, "-m", "toolkit", "run", "collect"], cwd=project, capture_output=True, text=True)
print(done.returncode, done.stdout, done.stderr)
print("KEPT" if measure_hash(project / "data") == before else "LOST")
""")
    mounted = f"mount -t tmpfs -o size={size + 9_000_000} tmpfs {disk} && exec {sys.executable} {script}"
    environment = {**os.environ, "TOOLKIT_ROOT": str(disk / "project"), "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mounted],
        env=environment,
        capture_output=True,
        text=True,
        timeout=200,
        check=False,
    )
    assert "KEPT" in done.stdout, done.stdout + done.stderr
    assert "No space left on device" in done.stdout and not done.stdout.startswith("0 ")
    assert "Traceback" not in done.stdout
