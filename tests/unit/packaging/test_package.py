import json
import shutil
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet
import pytest

from toolkit.artifacts import load_json, measure_sha256
from toolkit.columns import get_columns
from toolkit.errors import DataError, DriftError, GateFailed, ModelError, PackageError
from toolkit.packaging.batch import predict_table
from toolkit.packaging.package import Sources, write_package
from toolkit.packaging.version import list_code, measure_package_version
from toolkit.params_package import Limits, Package
from toolkit.serving.endpoints import describe_schema
from toolkit.serving.manifest import FILES, MODEL_FILES

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def sources(make_packaged, tmp_path):
    made = make_packaged("regression").sources
    for name in ("prepared", "train", "validate"):
        shutil.copytree(getattr(made, name), tmp_path / name)
    return Sources(tmp_path / "prepared", tmp_path / "train", tmp_path / "validate")


def change(path, **values):
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def test_the_same_inputs_give_the_same_bytes_and_tag(sources, tmp_path):
    folders = [tmp_path / "one", tmp_path / "two"]
    for folder in folders:
        write_package(folder, ROOT, sources, Package(name="same"), {"train": {"stage": "train"}})
    names = sorted(path.name for path in folders[0].iterdir())
    assert names == sorted([*FILES, "manifest.json", "tag.txt"])
    for name in names:
        assert (folders[0] / name).read_bytes() == (folders[1] / name).read_bytes()


def test_the_package_holds_profile_with_scores_settings_lineage_and_libraries(sources, tmp_path):
    model = write_package(
        tmp_path / "out", ROOT, sources, Package(name="x", limits=Limits(rows=7)), {"train": {"a": 1}}
    )
    assert load_json(model.folder / "settings.json")["limits"]["rows"] == 7
    assert load_json(model.folder / "profile.json")["predictions"][0]["name"] == "value"
    lineage = load_json(model.folder / "lineage.json")
    assert lineage["stages"] == {"train": {"a": 1}}
    assert lineage["libraries"]["lightgbm"]
    assert model.version.startswith("x:")
    assert model.nullable == {"radius", "note"}


@pytest.mark.parametrize("passed", [False, None, "true"])
def test_a_model_that_did_not_pass_its_gates_is_refused_with_the_reason(sources, tmp_path, passed):
    gates = [{"name": "rmse", "passed": False, "message": "rmse 9 must be at most 5."}]
    change(sources.validate / "gates.json", passed=passed, gates=gates)
    with pytest.raises(GateFailed, match="rmse 9 must be at most 5"):
        write_package(tmp_path / "out", ROOT, sources, Package(), {})
    assert not (tmp_path / "out").exists()


def test_a_model_without_its_performance_on_held_out_rows_is_refused(sources, tmp_path):
    path = sources.validate / "performance.json"
    tables = load_json(path)["calibration"]
    short = {name: value if name == "column" else value[:3] for name, value in tables[0].items()}
    change(path, calibration=[short])
    with pytest.raises(DriftError, match="must be by the cells of the reference profile"):
        write_package(tmp_path / "out", ROOT, sources, Package(), {})
    path.unlink()
    with pytest.raises(PackageError, match=r"validate/performance\.json must exist"):
        write_package(tmp_path / "other", ROOT, sources, Package(), {})
    assert not (tmp_path / "other").exists()


def test_a_model_file_that_is_not_the_signatures_is_refused(sources, tmp_path):
    with (sources.train / "model.txt").open("a") as file:
        file.write("\n")
    with pytest.raises(PackageError, match="must be the file that signature"):
        write_package(tmp_path / "out", ROOT, sources, Package(), {})


def test_features_that_the_model_was_not_trained_on_are_refused(sources, tmp_path):
    signature = load_json(sources.train / "signature.json")
    change(sources.train / "signature.json", features=signature["features"][::-1])
    with pytest.raises(PackageError, match="in order"):
        write_package(tmp_path / "out", ROOT, sources, Package(), {})


def test_a_model_that_gives_other_outputs_than_recorded_is_refused(sources, tmp_path):
    test = load_json(sources.train / "signature.json")["self_test"]
    test["outputs"][0] += 1e-6
    change(sources.train / "signature.json", self_test=test)
    with pytest.raises(ModelError, match="recorded when it was trained"):
        write_package(tmp_path / "out", ROOT, sources, Package(), {})


def test_the_version_changes_with_code_lock_and_model_and_not_with_reports(make_packaged, tmp_path):
    root = tmp_path / "project"
    shutil.copytree(ROOT / "toolkit", root / "toolkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "requirements-serve.lock"):
        shutil.copyfile(ROOT / name, root / name)
    package = shutil.copytree(make_packaged().folder, root / "package")
    versions = [measure_package_version(root, package)]
    assert versions[0] == (package / "tag.txt").read_text().strip().partition(":")[2]
    for path in (
        "toolkit/serving/front.py",
        "requirements-serve.lock",
        "bentofile.yaml",
        *(f"package/{name}" for name in MODEL_FILES),
    ):
        with (root / path).open("a") as file:
            file.write("\n")
        versions.append(measure_package_version(root, package))
    assert len(set(versions)) == len(versions) == 4 + len(MODEL_FILES)
    for name in ("gates.json", "lineage.json"):
        with (package / name).open("a") as file:
            file.write("\n")
        assert measure_package_version(root, package) == versions[-1]
    before = measure_package_version(root, package)
    (root / "toolkit" / "cli.py").write_text("")  # not in the Bento
    assert measure_package_version(root, package) == before


def test_the_bento_holds_the_service_and_all_it_imports_and_nothing_else():
    import grimp

    code = set(list_code(ROOT))
    graph = grimp.build_graph("toolkit")
    needed = {"toolkit.serving.service"} | graph.find_upstream_modules("toolkit.serving.service")
    paths = set()
    for module in needed:
        base = ROOT / module.replace(".", "/")
        path = base / "__init__.py" if base.is_dir() else base.with_suffix(".py")
        paths.add(path.relative_to(ROOT).as_posix())
    lazy = {"toolkit/stage.py", "toolkit/params_file.py", "toolkit/paths.py"}
    lazy |= {f"toolkit/params{part}.py" for part in ("", "_package", "_section")}
    lazy |= {
        "toolkit/download.py",
        "toolkit/fetch.py",
        "toolkit/mirror.py",
        "toolkit/known_hashes.py",
        "toolkit/pipeline.py",
        "toolkit/yaml_text.py",
    }  # `from toolkit import start`, never called in a container
    assert paths - code <= lazy
    assert all(
        path.split("/")[1] in ("features", "monitoring", "serving") or path.count("/") == 1 for path in code
    )


def test_hashes_in_the_manifest_are_those_of_the_files(make_packaged):
    folder = make_packaged().folder
    files = load_json(folder / "manifest.json")["files"]
    assert set(files) == set(FILES)
    assert files == {name: measure_sha256(folder / name) for name in FILES}


def test_the_contracts_rules_reach_requests_batches_and_the_schema(sources, tmp_path):
    rule = {"maximum": 0, "unit": "mm", "personal": True, "missing": 2}
    inputs = load_json(sources.prepared / "features.json")["inputs"]
    columns = [{"name": each["name"], "type": each["kind"], "role": "feature"} for each in inputs]
    columns = [column | ({"zone": "UTC"} if column["type"] == "time" else {}) for column in columns]
    columns = [column | (rule if column["name"] == "radius" else {}) for column in columns]
    schema = tmp_path / "schema.json"
    schema.write_text(json.dumps({"columns": [{"name": "row_id", "type": "text", "role": "key"}, *columns]}))
    model = write_package(
        tmp_path / "out", ROOT, replace(sources, schema=schema), Package(name="x"), {"train": {}}
    )
    contract = load_json(model.folder / "contract.json")
    assert contract["schema"] == 1 and [column["name"] for column in contract["columns"]] == list(
        model.inputs
    )
    assert contract["columns"][0] == {
        "name": "radius",
        "type": "number",
        "maximum": 0,
        "unit": "mm",
        "personal": True,
    }
    assert model.rules.personal == {"radius"}
    described = {feature["name"]: feature for feature in describe_schema(model)["features"]}
    assert described["radius"]["unit"] == "mm" and described["radius"]["maximum"] == 0
    table = pyarrow.parquet.read_table(sources.prepared / "test.parquet")
    with pytest.raises(DataError, match=r"feature 'radius' must be at most 0\. Got "):
        predict_table(model, table, get_columns)
