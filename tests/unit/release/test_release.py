"""toolkit release: only what was packaged whole and passed its gates."""

import json
import shutil
from pathlib import Path

import pytest

from toolkit.artifacts import measure_sha256, write_json
from toolkit.errors import GateFailed, ModelError, PackageError
from toolkit.release.release import release_package
from toolkit.serving.manifest import FILES, MODEL_FILES


@pytest.fixture
def project(tmp_path: Path) -> Path:
    package = tmp_path / "models/package"
    package.mkdir(parents=True)
    for name in FILES:
        (package / name).write_text(f"{name}\n")
    write_gates(package, passed=True)
    (package / "tag.txt").write_text("breast_cancer:abc\n")
    (tmp_path / "released").mkdir()
    (tmp_path / "released/README.md").write_text("what this is\n")
    return tmp_path


def write_gates(package: Path, passed: bool) -> None:
    gate = {"name": "roc_auc", "passed": passed, "message": "roc_auc is 0.4; it must be at least 0.9."}
    write_json(package / "gates.json", {"schema": 1, "passed": passed, "gates": [gate]})
    write_json(
        package / "manifest.json", {"schema": 1, "files": {n: measure_sha256(package / n) for n in FILES}}
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_released_is_what_the_package_computes_and_keeps_its_readme(project: Path) -> None:
    assert release_package(project) == "breast_cancer:abc"
    released, packaged = contents(project / "released"), contents(project / "models/package")
    assert released.pop("README.md") == b"what this is\n"
    assert set(json.loads(released.pop("manifest.json"))["files"]) == set(MODEL_FILES)
    assert released == {name: packaged[name] for name in (*MODEL_FILES, "tag.txt")}
    (project / "models/package/tag.txt").write_text("breast_cancer:def\n")
    assert release_package(project) == "breast_cancer:def"
    assert list((project / ".toolkit").iterdir()) == []


def test_a_folder_that_was_removed_is_made_again(project: Path) -> None:
    shutil.rmtree(project / "released")
    release_package(project)
    assert set(contents(project / "released")) == {*MODEL_FILES, "manifest.json", "tag.txt"}


def test_the_same_model_released_again_with_a_newer_report_changes_nothing(project: Path) -> None:
    release_package(project)
    before = contents(project / "released")
    (project / "models/package/lineage.json").write_text("newer\n")
    write_gates(project / "models/package", passed=True)
    release_package(project)
    assert contents(project / "released") == before


def test_nothing_packaged(project: Path) -> None:
    (project / "models/package/manifest.json").unlink()
    with pytest.raises(PackageError, match="models/package must hold a packaged model"):
        release_package(project)


def test_damaged_file_is_named_and_nothing_is_released(project: Path) -> None:
    with (project / "models/package/model.txt").open("a") as file:
        file.write("x")
    with pytest.raises(ModelError, match=r"model\.txt is not the file that was packaged"):
        release_package(project)
    assert set(contents(project / "released")) == {"README.md"}


def test_failed_gate_is_told_and_nothing_is_released(project: Path) -> None:
    write_gates(project / "models/package", passed=False)
    with pytest.raises(GateFailed, match=r"roc_auc is 0\.4"):
        release_package(project)
    assert set(contents(project / "released")) == {"README.md"}
