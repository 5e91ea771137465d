import shutil

import lightgbm
import numpy as np
import pytest

from toolkit.artifacts import load_json, measure_sha256, write_json
from toolkit.errors import ModelError
from toolkit.serving.manifest import measure_version
from toolkit.serving.model import load_model

TASKS = ["binary", "multiclass", "regression"]


def bits(predictions):
    return predictions.values if predictions.probabilities is None else predictions.probabilities


@pytest.mark.parametrize("task", TASKS)
def test_one_row_many_rows_and_a_batch_give_the_same_bits_as_lightgbm(make_packaged, task):
    packaged = make_packaged(task)
    model = load_model(packaged.folder)
    batch = model.predict(packaged.columns)
    reference = lightgbm.Booster(model_file=packaged.folder / "model.txt").predict(
        model.features.matrix(packaged.columns)
    )
    ours = bits(batch)[:, 1] if task == "binary" else bits(batch)
    np.testing.assert_array_equal(ours, reference)
    rows = packaged.rows(len(batch))
    np.testing.assert_array_equal(bits(model.predict_rows(rows)), bits(batch))
    np.testing.assert_array_equal(bits(model.predict_rows(rows[5:9])), bits(batch)[5:9])
    for index in range(0, len(rows), 7):
        np.testing.assert_array_equal(
            bits(model.predict_rows(rows[index : index + 1]))[0], bits(batch)[index]
        )


@pytest.mark.parametrize("task", TASKS)
def test_the_number_of_threads_changes_no_bit(make_packaged, task):
    packaged = make_packaged(task)
    one, two = (load_model(packaged.folder, threads=threads).predict(packaged.columns) for threads in (1, 2))
    np.testing.assert_array_equal(bits(one), bits(two))


def test_probabilities_are_of_the_classes_in_order(make_packaged):
    packaged = make_packaged("multiclass")
    predictions = load_model(packaged.folder).predict(packaged.columns)
    assert predictions.classes == ("setosa", "versicolor", "virginica")
    np.testing.assert_allclose(predictions.probabilities.sum(axis=1), 1)
    assert predictions.labels == [predictions.classes[i] for i in predictions.probabilities.argmax(axis=1)]


def test_the_version_is_the_tag(make_packaged):
    model = load_model(make_packaged().folder)
    assert model.version == (model.folder / "tag.txt").read_text().strip()
    assert model.version.startswith("test_binary:")


@pytest.mark.parametrize(
    "name", ["model.txt", "signature.json", "features.json", "profile.json", "settings.json"]
)
def test_a_changed_byte_in_any_file_is_refused_and_named(make_packaged, tmp_path, name):
    folder = shutil.copytree(make_packaged().folder, tmp_path / "package")
    data = bytearray((folder / name).read_bytes())
    data[len(data) // 2] ^= 1
    (folder / name).write_bytes(data)
    with pytest.raises(ModelError, match=f"{name} is not the file that was packaged"):
        load_model(folder)


def test_a_missing_file_and_a_missing_folder_are_named(make_packaged, tmp_path):
    folder = shutil.copytree(make_packaged().folder, tmp_path / "package")
    (folder / "gates.json").unlink()
    with pytest.raises(ModelError, match=r"gates\.json is missing"):
        load_model(folder)
    with pytest.raises(ModelError, match="has no manifest"):
        load_model(tmp_path)


def seal(folder):
    """Make the hashes agree again: of the files, of model and features in the signature, and the version over them."""
    signature, manifest = load_json(folder / "signature.json"), load_json(folder / "manifest.json")
    signature["sha256"] = measure_sha256(folder / "model.txt")
    signature["features_sha256"] = measure_sha256(folder / "features.json")
    write_json(folder / "signature.json", signature)
    manifest["files"] = {name: measure_sha256(folder / name) for name in manifest["files"]}
    write_json(folder / "manifest.json", manifest)
    name = load_json(folder / "settings.json")["name"]
    (folder / "tag.txt").write_text(f"{name}:{measure_version(manifest['code'], manifest['files'])}\n")


@pytest.fixture
def folder(make_packaged, tmp_path):
    return shutil.copytree(make_packaged().folder, tmp_path / "package")


def test_a_model_that_answers_otherwise_than_recorded_is_refused_though_its_hashes_are_right(folder):
    text = (folder / "model.txt").read_text()
    line = next(line for line in text.split("\n") if line.startswith("leaf_value="))
    other = "leaf_value=" + " ".join(
        "9".ljust(len(word), "0") for word in line.removeprefix("leaf_value=").split(" ")
    )
    (folder / "model.txt").write_text(text.replace(line, other, 1))
    seal(folder)
    with pytest.raises(ModelError, match="must give the outputs recorded when it was trained"):
        load_model(folder)


@pytest.mark.parametrize("name", ["model.txt", "features.json"])
def test_a_file_that_training_did_not_write_is_refused_by_the_signature(folder, name):
    before = load_json(folder / "signature.json")
    with (folder / name).open("a") as file:
        file.write("\n")
    seal(folder)
    write_json(folder / "signature.json", before)
    manifest = load_json(folder / "manifest.json")
    manifest["files"]["signature.json"] = measure_sha256(folder / "signature.json")
    write_json(folder / "manifest.json", manifest)
    version = measure_version(manifest["code"], manifest["files"])
    (folder / "tag.txt").write_text(f"test_binary:{version}\n")
    with pytest.raises(ModelError, match=f"{name} must be the file that .* SHA-256 differs from signature"):
        load_model(folder)


@pytest.mark.parametrize("tag", ["test_binary:0123456789ab", "other:{version}", "{version}", "", None])
def test_a_tag_that_is_not_the_version_of_the_files_is_refused(folder, tag):
    path = folder / "tag.txt"
    version = path.read_text().strip().partition(":")[2]
    path.unlink() if tag is None else path.write_text(tag.format(version=version) + "\n")
    with pytest.raises(ModelError, match=r"tag\.txt must"):
        load_model(folder)


def test_a_manifest_whose_hashes_were_changed_with_a_file_is_refused_by_the_version(folder):
    manifest = load_json(folder / "manifest.json")
    with (folder / "settings.json").open("a") as file:
        file.write("\n")
    manifest["files"]["settings.json"] = measure_sha256(folder / "settings.json")
    write_json(folder / "manifest.json", manifest)
    with pytest.raises(ModelError, match=r"tag\.txt must hold the name and the version"):
        load_model(folder)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("profile.json", "profile.json must describe the model's features and predictions"),
        ("features.json", "features of signature.json, features.json and model.txt must be the same"),
        ("signature.json", "model.txt must have|must be the same"),
    ],
)
def test_a_file_of_another_model_is_refused_though_all_hashes_are_right(folder, make_packaged, name, words):
    shutil.copyfile(make_packaged("multiclass").folder / name, folder / name)
    seal(folder)
    with pytest.raises(ModelError, match=words):
        load_model(folder)


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"limits": {"rows": "many"}}, "package.limits.rows: Input should be a valid integer"),
        ({"limit": {}}, "package.limit: Extra inputs are not permitted"),
        ({"name": "other"}, "must hold the name and the version of what was packaged, other:"),
    ],
)
def test_settings_that_are_not_the_toolkits_are_refused(folder, change, words):
    write_json(folder / "settings.json", {**load_json(folder / "settings.json"), **change})
    seal(folder)
    tag = folder / "tag.txt"
    tag.write_text(f"test_binary:{tag.read_text().strip().partition(':')[2]}\n")
    with pytest.raises(ModelError, match=words):
        load_model(folder)
