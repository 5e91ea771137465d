"""A difference of two versions is one page: figures, and the distributions that changed, of names of any kind."""

from __future__ import annotations

import hashlib
import json
import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.cli import main
from toolkit.data.version_diff import diff_versions
from toolkit.data.versions import Version
from toolkit.views.version_report import write_diff_page

TYPES = {
    "id": "text",
    "size <b>": "number",
    "kind": "category",
    "at": "time",
    "note": "text",
    "same": "integer",
}
Columns = dict[str, list[Any]]


def put(root: Path, content: bytes, suffix: str = "") -> str:
    md5 = hashlib.md5(content, usedforsecurity=False).hexdigest() + suffix
    place = root / ".dvc/cache/files/md5" / md5[:2] / md5[2:]
    place.parent.mkdir(parents=True, exist_ok=True)
    place.write_bytes(content)
    return md5


def put_folder(root: Path, files: dict[str, bytes]) -> str:
    entries = [{"relpath": name, "md5": put(root, content)} for name, content in files.items()]
    return put(root, json.dumps(entries).encode(), ".dir")


def as_parquet(columns: Columns) -> bytes:
    sink = pa.BufferOutputStream()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue().to_pybytes()


def make_version(root: Path, name: str, columns: Columns, labels: list[str]) -> Version:
    """Put a version into DVC's cache; every third row is of each split."""
    ids = columns["id"]
    told = [{"name": each, "type": TYPES[each], "role": "feature"} for each in columns]
    schema = {"schema": 1, "key": "id", "rows": len(ids), "exclude": [], "columns": told}
    raw = {"schema.json": json.dumps(schema).encode(), "table.parquet": as_parquet(columns)}
    parts = {split: [ids[at::3], labels[at::3]] for at, split in enumerate(("train", "valid", "test"))}
    task = {"key": "id", "rows": {split: len(part[0]) for split, part in parts.items()}}
    prepared = {f"{split}.parquet": as_parquet({"id": part[0]}) for split, part in parts.items()}
    prepared["task.json"] = json.dumps(task).encode()
    labelled = {"labels.parquet": as_parquet({"id": ids, "label": labels})}
    hashes = {
        "data/raw": put_folder(root, raw),
        "data/labels": put_folder(root, labelled),
        "data/prepared": put_folder(root, prepared),
    }
    return Version(name * 8, hashes, commit=name * 7, subject=f"version <{name}>", source="t.csv")


def make_columns(rows: int, shift: int) -> Columns:
    return {
        "id": [f"k{row + 5 * shift}" for row in range(rows)],
        "size <b>": [None if row == 3 else row % 10 + 4.5 * shift for row in range(rows)],
        "kind": [f"c{row % (20 + shift)}" if row % 4 else None for row in range(rows)],
        "at": pa.array([10**15 + (row + 9 * shift) * 10**12 for row in range(rows)], pa.timestamp("us")),
        "note": ["wörter " * (1 + shift + row % 3) for row in range(rows)],
        "same": [row % 2 for row in range(rows)],
    }


@pytest.fixture
def versions(tmp_path: Path) -> tuple[Version, Version]:
    older = make_version(tmp_path, "a", make_columns(60, 0), ["yes", "no"] * 30)
    newer = make_version(tmp_path, "b", make_columns(80, 1), ["yes", "no", "no", "<maybe>"] * 20)
    return older, newer


def test_all_differences_are_on_the_page_and_nothing_is_loaded(
    tmp_path: Path, versions: tuple[Version, Version]
) -> None:
    pages = []
    for name in ("one", "two"):
        diff = diff_versions(tmp_path, *versions)
        write_diff_page(tmp_path / f"out/{name}.html", tmp_path, diff, *versions)
        pages.append((tmp_path / f"out/{name}.html").read_text())
    page = pages[0]
    assert (
        pages[0] == pages[1]
        and [file.name for file in (tmp_path / "out").iterdir() if "tmp" in file.name] == []
    )
    for words in (
        "version &lt;a&gt;",
        "&lt;maybe&gt;",
        "size &lt;b&gt;",
        "no to yes",
        "train to valid",
        "+25.0 points",
    ):
        assert words in page, words
    assert not re.search(r"<maybe>|<script|<link|src=|url\(http|@import", page)
    assert page.count("<figure>") == sum(entry["distance"] > 0 for entry in diff.columns) == 4
    assert [entry["kind"] for entry in diff.columns if entry["column"] in ("at", "note")] == ["time", "text"]
    distance = next(entry["distance"] for entry in diff.columns if entry["column"] == "kind")
    assert f"distance {distance:.3g}: half the sum of the differences" in page
    assert "categories that changed less not shown" in page


def test_versions_with_nothing_in_common_or_all_have_a_page(tmp_path: Path) -> None:
    one = make_version(tmp_path, "a", {"id": ["x"]}, ["yes"])
    other = make_version(tmp_path, "b", {"id": ["y"]}, ["yes"])
    path = tmp_path / "d.html"
    write_diff_page(path, tmp_path, diff_versions(tmp_path, one, other), one, other)
    assert "No column but the key is in both" in path.read_text() and "<figure>" not in path.read_text()
    write_diff_page(path, tmp_path, diff_versions(tmp_path, one, one), one, one)
    assert "Both are the same version" in path.read_text()


def test_a_name_that_is_no_page_is_refused_before_anything_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    assert main(["data", "diff", "--html", "params.yaml"]) == 2
    assert "must name a file that ends in .html. Got 'params.yaml'" in capsys.readouterr().err
