import shutil
from pathlib import Path

import pytest

from toolkit.errors import ModelError, PackageError
from toolkit.packaging.lineage import load_lineage, show_lineage


@pytest.fixture
def project(make_packaged, tmp_path, monkeypatch):
    monkeypatch.delenv("BENTOML_HOME", raising=False)
    shutil.copytree(make_packaged().folder, tmp_path / "models" / "package")
    return tmp_path


def test_the_packaged_model_and_a_folder_give_the_same(project):
    lineage = load_lineage(project)
    assert lineage == load_lineage(project, str(project / "models" / "package"))
    assert lineage["version"].startswith("test_binary:")
    assert lineage["build"] is None


def test_the_tree_shows_hashes_params_gates_and_libraries_in_order_of_flow(project):
    record = {"inputs": {"raw.csv": "md5:12"}, "outputs": {"out": "md5:34"}, "params": {"seed": 1}}
    lineage = {**load_lineage(project), "stages": {"annotate": record, "collect": record}}
    lineage["gates"] = {"passed": True, "gates": [{"name": "auc", "message": "auc 0.99 is at least 0.9."}]}
    text = show_lineage(lineage)
    for part in (
        "raw.csv  md5:12",
        "out  md5:34",
        "seed=1",
        "auc 0.99 is at least 0.9.",
        "lightgbm 4",
        "sha256:",
    ):
        assert part in text
    assert text.index("collect") < text.index("annotate")


@pytest.mark.parametrize("source", ["nothing:1", "nothing", "nothing:latest"])
def test_an_unknown_source_is_named(project, source):
    with pytest.raises(PackageError, match=f"'{source}' must be the tag"):
        load_lineage(project, source)


def test_a_service_that_is_not_there_is_named(project):
    with pytest.raises(PackageError, match=r"http://127.0.0.1:9/lineage must answer"):
        load_lineage(project, "http://127.0.0.1:9")


def test_a_changed_file_is_not_passed_off_as_the_packaged_one(project):
    path = Path(project / "models" / "package" / "gates.json")
    path.write_text(path.read_text().replace("true", "false"))
    with pytest.raises(ModelError, match=r"gates\.json is not the file that was packaged"):
        load_lineage(project)


def test_nothing_packaged_says_how_to(tmp_path):
    with pytest.raises(PackageError, match="dvc repro package"):
        load_lineage(tmp_path)
