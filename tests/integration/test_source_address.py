"""The raw table comes from an address: DVC sees its version, the stage reads a whole copy of it."""

import json
from pathlib import Path

import pytest
from web_server import Page, serve_pages

from toolkit.artifacts import measure_hash
from toolkit.pipeline import load_lock

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration


def test_collect_runs_again_when_the_file_at_an_address_changes(tiny_project) -> None:
    root = tiny_project.root
    tiny_project.take_shipped()
    table = (ROOT / "examples/breast_cancer/table.csv").read_bytes()
    with serve_pages() as web:
        web.pages["/table.csv"] = Page(table)
        tiny_project.set_param("source: examples/breast_cancer/table.csv", f"source: {web.url}/table.csv")
        assert tiny_project.run("params", "--check").returncode == 0
        done = tiny_project.dvc("repro", "collect")
        assert done.returncode == 0, done.stdout + done.stderr
        lineage = json.loads(tiny_project.read("reports/collect/lineage.json"))
        assert lineage["inputs"][f"{web.url}/table.csv"] == measure_hash(
            ROOT / "examples/breast_cancer/table.csv"
        )
        dep = next(dep for dep in load_lock(root)["collect"]["deps"] if dep["path"].startswith("http"))
        assert dep["checksum"]
        again = tiny_project.dvc("repro", "collect")
        assert "didn't change, skipping" in again.stdout
        web.pages["/table.csv"] = Page(table.rpartition(b"\n")[0].rpartition(b"\n")[0] + b"\n")
        changed = tiny_project.dvc("repro", "collect")
        assert "Running stage 'collect'" in changed.stdout, changed.stdout + changed.stderr
        assert json.loads(tiny_project.read("reports/collect/metrics.json"))["rows"] == table.count(b"\n") - 2
        whole = tiny_project.files("data", "reports/collect")
        web.pages["/table.csv"] = Page(b"<html>", headers={"Content-Type": "text/html"})
        failed = tiny_project.run("run", "collect")
        assert failed.returncode == 1 and "It answers with a web page (text/html)" in failed.stderr
        assert tiny_project.files("data", "reports/collect") == whole
