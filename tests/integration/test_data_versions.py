"""Versions of a data set are read from a real git history and DVC's cache, and compared."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from ruamel.yaml import YAML
from scipy.stats import ks_2samp

from toolkit.cli import main
from toolkit.data.lock_text import parse_lock
from toolkit.data.version_diff import diff_versions
from toolkit.data.versions import choose_two, find_file, find_version, is_cached, load_tag, load_versions
from toolkit.errors import DataError

pytestmark = pytest.mark.integration
PIPELINE = """
stages:
  collect:
    cmd: mkdir -p data models && cp -r now/raw now/labels now/prepared data/ && cp -r now/package models/package
    deps: [now]
    params: [collect]
    outs: [data/raw, data/labels, data/prepared, models/package]
"""


class Project:
    """A git and DVC project whose one stage copies what the test wrote."""

    def __init__(self, root: Path) -> None:
        self.root = root
        root.mkdir()
        self.env = {
            **os.environ,
            "DVC_NO_ANALYTICS": "1",
            "GIT_CONFIG_GLOBAL": "/dev/null",
            "HOME": str(root.parent),
        }
        self.env |= {
            f"GIT_{who}_{what}": "test" for who in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")
        }
        self.git("init", "-q")
        (root / ".dvc").mkdir()
        (root / ".dvc/config").write_text("[core]\n    analytics = false\n")
        (root / "dvc.yaml").write_text(PIPELINE)
        (root / "params.yaml").write_text("collect: {source: tables/sales.csv}\n")
        (root / ".gitignore").write_text("/data\n/models\n/now\n/.dvc/cache\n/.dvc/tmp\n")

    def git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.root, env=self.env, check=True, capture_output=True)

    def write(
        self, table: pa.Table, labels: dict[str, str], splits: dict[str, str], tag: str, extra: list[dict]
    ) -> None:
        now = self.root / "now"
        shutil.rmtree(now, ignore_errors=True)
        for name in ("raw", "labels", "prepared", "package"):
            (now / name).mkdir(parents=True)
        pq.write_table(table, now / "raw/table.parquet")
        columns = [{"name": "id", "type": "text", "role": "key"}, *extra]
        schema = {"schema": 1, "key": "id", "rows": table.num_rows, "exclude": [], "columns": columns}
        (now / "raw/schema.json").write_text(json.dumps(schema))
        pq.write_table(
            pa.table({"id": list(labels), "label": list(labels.values())}), now / "labels/labels.parquet"
        )
        facts = {"statuses": {"agreed": len(labels)}, "source": {"path": "labels.json", "hash": "md5:1"}}
        (now / "labels/labels.json").write_text(json.dumps(facts))
        for split in ("train", "valid", "test"):
            keys = [key for key, place in splits.items() if place == split]
            own = {
                "id": pa.array(keys, pa.string()),
                "label": pa.array([labels[key] for key in keys], pa.string()),
            }
            pq.write_table(pa.table(own), now / f"prepared/{split}.parquet")
        rows = {split: list(splits.values()).count(split) for split in ("train", "valid", "test")}
        task = {"key": "id", "rows": rows, "split": {"split": "hash", "seed": 1}}
        (now / "prepared/task.json").write_text(json.dumps(task))
        (now / "package/tag.txt").write_text(tag + "\n")
        subprocess.run(
            [sys.executable, "-m", "dvc", "repro", "-q"], cwd=self.root, env=self.env, check=True, timeout=120
        )

    def commit(self, message: str) -> None:
        self.git("add", "-A")
        self.git("commit", "-qm", message)


NUMBER = {"name": "size", "type": "number", "role": "feature"}
KIND = {"name": "kind", "type": "category", "role": "feature", "categories": ["a", "b"]}


def make_table(rows: int, shift: float = 0.0) -> pa.Table:
    rng = np.random.default_rng(1)
    return pa.table(
        {
            "id": [f"k{row}" for row in range(rows)],
            "size": pa.array(rng.normal(size=200)[:rows] + shift),
            "kind": ["a" if row % 2 else "b" for row in range(rows)],
        }
    )


@pytest.fixture(scope="module")
def project(tmp_path_factory) -> Project:
    """Three versions: the first; ten rows more, values and a label changed; a column more, not committed."""
    project = Project(tmp_path_factory.mktemp("versions") / "a project")
    labels = {f"k{row}": "yes" if row % 3 else "no" for row in range(100)}
    splits = {f"k{row}": ("train", "train", "train", "valid", "test")[row % 5] for row in range(100)}
    project.write(make_table(100), labels, splits, "sales:one", [NUMBER, KIND])
    project.commit("first")
    labels |= {"k1": "no", **{f"k{row}": "no" for row in range(100, 110)}}
    splits |= {"k0": "test", **{f"k{row}": "train" for row in range(100, 110)}}
    moved = {**KIND, "categories": ["a", "b", "c"]}
    project.write(make_table(110, shift=0.5), labels, splits, "sales:two", [{**NUMBER, "unit": "cm"}, moved])
    project.commit("second")
    (project.root / "notes.txt").write_text("a commit without data")
    project.commit("no data")
    table = make_table(110, shift=0.5).append_column("new", pa.array([None] * 110, pa.float64()))
    extra = {"name": "new", "type": "number", "role": "feature", "missing": 110}
    project.write(table.slice(5), labels, splits, "sales:three", [{**NUMBER, "unit": "cm"}, moved, extra])
    return project


def test_versions_are_those_of_git_and_the_workspace(project: Project) -> None:
    third, second, first = load_versions(project.root)
    assert (first.subject, second.subject, third.commit) == ("first", "second", "")
    assert (first.current, second.current, third.current) == (False, False, True)
    assert find_version([third, second, first], first.id[:5]) is first
    assert find_version([third, second, first], second.commit) is second
    assert find_version([third, second, first], "workspace") is third
    assert choose_two([third, second, first], []) == (second, third)
    with pytest.raises(
        DataError, match="'zz' must be the id or commit of one version of the data set, and none has"
    ):
        find_version([third, second, first], "zz")
    with pytest.raises(DataError, match="and none has"):
        find_version([third, second, first], "")


def test_a_difference_is_told_in_columns_rows_values_labels_and_splits(project: Project) -> None:
    third, second, first = load_versions(project.root)
    diff = diff_versions(project.root, first, second)
    assert diff.rows == {"before": 100, "after": 110, "added": 10, "removed": 0, "changed": 100}
    assert {"column": "size", "what": "unit", "before": "", "after": "cm"} in diff.schema
    assert {"column": "kind", "what": "categories", "before": "", "after": "c"} in diff.schema
    size = diff.columns[0]
    rng = np.random.default_rng(1).normal(size=200)
    assert size["column"] == "size" and size["changed"] == 100
    assert size["distance"] == pytest.approx(ks_2samp(rng[:100], rng[:110] + 0.5).statistic, abs=1e-6)
    assert diff.columns[1]["distance"] == 0.0 and diff.columns[1]["changed"] == 0
    assert (diff.labels["added"], diff.labels["removed"], diff.labels["changed"]) == (10, 0, 1)
    assert diff.labels["changes"] == [{"before": "yes", "after": "no", "rows": 1}]
    assert diff.splits["moved"] == {"train to test": 1} and diff.splits["removed"] == 0
    assert diff.splits["added"] == {"train": 10, "valid": 0, "test": 0}
    later = diff_versions(project.root, second, third)
    assert later.rows == {"before": 110, "after": 105, "added": 0, "removed": 5, "changed": 0}
    assert later.schema == [{"column": "new", "what": "added", "before": "", "after": "number"}]
    assert later.same == ["data/labels", "data/prepared"] and later.labels == later.splits == {}


def test_a_version_goes_by_what_git_knows(project: Project) -> None:
    versions = load_versions(project.root)
    _, second, first = versions
    assert find_version(versions, "HEAD", project.root) == second  # the commit without data has its dvc.lock
    assert find_version(versions, "HEAD~2", project.root) == first
    assert find_version(versions, second.commits[0]) is second  # the whole hash
    with pytest.raises(DataError, match=f"Did you mean '{first.id[:7]}'"):
        find_version(versions, first.id[:6] + "z", project.root)
    with pytest.raises(DataError, match="and none has"):
        find_version(versions, "--output=stolen", project.root)


def test_a_model_belongs_to_the_data_that_it_was_made_of(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "clone"
    shutil.copytree(project.root, copy)
    first = load_versions(copy)[-1]
    lock = (
        "stages:\n  package:\n    deps:\n    - path: data/prepared\n      md5: {}\n"
        "    outs:\n    - path: models/package\n      md5: {}\n"
    ).format(first.hashes["data/prepared"], "0" * 32)
    text = (copy / "dvc.lock").read_text()
    (copy / "dvc.lock").write_text(text.replace("models/package", "models/other") + lock.partition("\n")[2])
    (copy / "released").mkdir()
    (copy / "released/tag.txt").write_text("sales:one\n")
    third, _, first = load_versions(copy)
    assert third.models == () and first.models[1:] == ("0" * 32,)
    assert [load_tag(copy, package) for package in first.models] == [
        "sales:one (released)",
        "package 00000000",
    ]


def test_lines_of_dvc_lock_say_what_a_yaml_reader_says(project: Project) -> None:
    for path in (project.root / "dvc.lock", Path(__file__).resolve().parents[2] / "dvc.lock"):
        stages = YAML(typ="safe", pure=True).load(text := path.read_text())["stages"]
        lock = parse_lock(text)
        assert lock.outs == {out["path"]: out["md5"] for body in stages.values() for out in body["outs"]}
        assert lock.makers == {out["path"]: name for name, body in stages.items() for out in body["outs"]}
        for stage, body in stages.items():
            assert lock.deps[stage] == {dep["path"]: dep["md5"] for dep in body["deps"]}
        assert lock.source == stages["collect"]["params"]["params.yaml"]["collect"]["source"]


def test_a_version_is_cached_if_all_of_its_files_are(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "clone"
    shutil.copytree(project.root, copy, symlinks=True)
    third, second, _ = load_versions(copy)
    assert is_cached(copy, third)
    lost = find_file(copy, third, "data/raw/table.parquet")
    content = lost.read_bytes()
    lost.unlink()
    assert not is_cached(copy, third) and is_cached(copy, second)
    table = copy / "data/raw/table.parquet"
    table.unlink(missing_ok=True)
    with pytest.raises(DataError, match="must be in DVC's cache"):
        find_file(copy, third, "data/raw/table.parquet")
    table.write_bytes(content)
    assert find_file(copy, third, "data/raw/table.parquet") == table  # the same file in the workspace will do


def test_all_files_that_are_not_to_be_had_are_told_at_once(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "clone"
    shutil.copytree(project.root, copy)
    third, second, first = load_versions(copy)
    for path in ("data/raw/table.parquet", "data/labels/labels.parquet"):
        find_file(copy, first, path).unlink()
    with pytest.raises(DataError) as told:
        diff_versions(copy, first, second)
    assert f"data/raw/table.parquet of version {first.id}" in str(told.value)
    assert f"data/labels/labels.parquet of version {first.id}" in str(told.value)
    assert str(told.value).count("dvc fetch") == 1
    assert diff_versions(copy, second, third).rows["removed"] == 5


def test_commands_show_them(project: Project, monkeypatch, capsys) -> None:
    monkeypatch.setenv("TOOLKIT_ROOT", str(project.root))
    monkeypatch.setenv("COLUMNS", "120")
    assert main(["data", "list"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "Commit dvc.lock" in lines.pop() and len(lines) == 5
    assert "sales:three" in lines[1] and "not committed" in lines[1] and "*" in lines[1]
    assert "sales:two" in lines[2] and "tables/sales.csv" in lines[2] and max(map(len, lines)) <= 120
    assert main(["data", "list", "--json"]) == 0
    assert [each["rows"] for each in json.loads(capsys.readouterr().out)] == [105, 110, 100]
    assert main(["data", "show"]) == 0
    shown = capsys.readouterr().out
    assert "sales:three" in shown and "made of    now md5:" in shown
    assert main(["data", "show", "HEAD~2", "--json"]) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["rows"] == 100 and list(told["inputs"]) == ["now"]
    assert told["mix"][0] == {"split": "train", "rows": 60, "no %": 33.33, "yes %": 66.67}
    assert main(["data", "diff"]) == 0
    shown = capsys.readouterr().out
    assert "0 added, 5 removed" in shown and "new" in shown
    assert main(["data", "diff", "nope"]) == 1
    assert "must be the id or commit" in capsys.readouterr().err


def test_what_is_not_in_the_cache_is_told_with_what_to_do(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "clone"
    shutil.copytree(project.root, copy, ignore=shutil.ignore_patterns("cache"))
    versions = load_versions(copy)
    with pytest.raises(
        DataError, match=r"must be in DVC's cache and is not\. Fetch it with './run dvc fetch"
    ):
        find_file(copy, versions[-1], "data/raw/table.parquet")


def test_a_project_without_versions_or_git_says_so(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="dvc repro collect"):
        load_versions(tmp_path)


def test_fifty_revisions_are_listed_in_a_second(project: Project, tmp_path: Path) -> None:
    copy = tmp_path / "clone"
    shutil.copytree(project.root, copy)
    clone = Project.__new__(Project)
    clone.root, clone.env = copy, project.env
    lock = (copy / "dvc.lock").read_text()
    for number in range(50):
        (copy / "dvc.lock").write_text(f"{lock}# {number}\n")
        clone.git("commit", "-qam", f"revision {number}")
    begin = time.process_time()
    assert len(load_versions(copy)) == 3
    assert time.process_time() - begin < 1
