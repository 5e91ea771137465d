"""Bentos built for real: without network, the same every time, whole or not at all."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from toolkit.artifacts import load_json, measure_sha256, write_json
from toolkit.errors import PackageError
from toolkit.packaging.bento import build_bento, load_tag, make_labels
from toolkit.packaging.version import list_code

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]
BUILD = """
import sys
from pathlib import Path
from toolkit.packaging.bento import build_bento
build_bento(*map(Path, sys.argv[1:]))
"""


def cut_off() -> list[str]:
    """Give the command that runs another without network, where the system allows it; else none."""
    command = ["unshare", "--net", "--map-root-user"]
    allowed = shutil.which("unshare") and subprocess.run([*command, "true"], check=False, capture_output=True)
    return command if allowed and allowed.returncode == 0 else []


@pytest.fixture(scope="module")
def built(make_packaged, tmp_path_factory):
    """Build a Bento in a process without network; gives the package and the store."""
    package, store = make_packaged("multiclass").folder, tmp_path_factory.mktemp("store")
    command = [*cut_off(), sys.executable, "-c", BUILD, ROOT, package, store]
    subprocess.run(command, check=True, timeout=200, cwd=ROOT)
    return package, store


def test_the_bento_holds_package_code_lock_and_build_and_nothing_else(built):
    package, store = built
    bento = build_bento(ROOT, package, store)
    assert bento == store / "bentos" / "test_multiclass" / load_tag(package).partition(":")[2]
    inside = {
        path.relative_to(bento / "src").as_posix() for path in (bento / "src").rglob("*") if path.is_file()
    }
    files = {f"models/package/{path.name}" for path in package.iterdir()}
    assert inside == {*list_code(ROOT), *files, "bentofile.yaml", "build.json"}
    for path in package.iterdir():
        assert (bento / "src" / "models" / "package" / path.name).read_bytes() == path.read_bytes()


def test_no_machine_path_and_no_index_address_is_in_the_bento(built):
    package, store = built
    bento = build_bento(ROOT, package, store)
    paths = [path for path in bento.rglob("*") if path.is_file()]
    for path in paths:
        text = path.read_text(encoding="utf-8")
        assert str(ROOT) not in text
        assert str(store) not in text
        assert "--index-url" not in text, path
        assert "--find-links" not in text, path
    assert len(paths) > 30


def test_build_says_where_it_comes_from(built):
    build = load_json(build_bento(ROOT, *built) / "src" / "build.json")
    assert set(build) == {"schema", "git_commit", "git_dirty", "built_at", "python", "platform"}


def test_a_bento_that_is_there_is_kept(built):
    bento = build_bento(ROOT, *built)
    before = (bento / "bento.yaml").stat()
    assert build_bento(ROOT, *built) == bento
    assert (bento / "bento.yaml").stat().st_mtime_ns == before.st_mtime_ns
    assert bento.parent.joinpath("latest").read_text() == bento.name


def test_a_newer_report_replaces_the_bento_of_the_same_model(built, tmp_path):
    folder, store = shutil.copytree(built[0], tmp_path / "package"), tmp_path / "store"
    bento = build_bento(ROOT, folder, store)
    gates = load_json(folder / "gates.json")
    gates["gates"] = [{"name": "told anew", "passed": True, "message": ""}]
    write_json(folder / "gates.json", gates)
    manifest = load_json(folder / "manifest.json")
    manifest["files"]["gates.json"] = measure_sha256(folder / "gates.json")
    write_json(folder / "manifest.json", manifest)
    assert build_bento(ROOT, folder, store) == bento
    assert load_json(bento / "src/models/package/gates.json") == gates
    assert [path.name for path in bento.parent.iterdir() if path.is_dir()] == [bento.name]


def test_the_image_has_no_compiler_and_no_package_twice_and_runs_as_a_user(built):
    dockerfile = (build_bento(ROOT, *built) / "env" / "docker" / "Dockerfile").read_text()
    assert re.search(r"^FROM python:3\.\d+-slim ", dockerfile, re.MULTILINE)
    assert "--no-install-recommends libgomp1 &&" in dockerfile
    assert not re.search("build-essential|gnupg|git", dockerfile)
    assert dockerfile.index("no-cache = true") < dockerfile.index("uv --directory")
    assert re.findall(r"^USER (\w+)$", dockerfile, re.MULTILINE)[-1] == "bentoml"


def test_labels_carry_the_hashes_of_the_sources(built):
    record = {"params": {"source": "a.csv"}, "inputs": {"a.csv": "md5:12"}, "outputs": {}}
    trained = {"params": {}, "inputs": {}, "outputs": {"models/train": "md5:9.dir"}}
    labels = make_labels({"stages": {"collect": record, "annotate": record, "train": trained}})
    assert labels == {"collect-source": "md5-12", "annotate-source": "md5-12", "model": "md5-9.dir"}
    manifest = yaml.safe_load((build_bento(ROOT, *built) / "bento.yaml").read_text())
    assert manifest["labels"]["made-by"] == "notebook-mlops-toolkit"


def test_a_build_that_fails_leaves_nothing_in_the_store(make_packaged, tmp_path):
    project = tmp_path / "project"
    shutil.copytree(ROOT / "toolkit", project / "toolkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "requirements-serve.lock"):
        shutil.copyfile(ROOT / name, project / name)
    package = shutil.copytree(make_packaged("multiclass").folder, project / "models" / "package")
    with pytest.raises(PackageError, match="was packaged with other serving code"):
        (project / "toolkit" / "serving" / "service.py").write_text("raise RuntimeError('no service here')\n")
        build_bento(project, package, tmp_path / "store")
    from toolkit.packaging.version import measure_package_version

    (package / "tag.txt").write_text(f"test_multiclass:{measure_package_version(project, package)}\n")
    with pytest.raises(PackageError, match="no service here"):
        build_bento(project, package, tmp_path / "store")
    assert [path for path in (tmp_path / "store").rglob("*") if path.is_file()] == []
