import json
import shutil

import lightgbm
import numpy as np
import pytest

from toolkit.errors import ModelError
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


def test_a_model_that_answers_otherwise_than_recorded_is_refused_though_its_hash_is_right(
    make_packaged, tmp_path
):
    from toolkit.artifacts import measure_sha256

    folder = shutil.copytree(make_packaged().folder, tmp_path / "package")
    text = (folder / "model.txt").read_text()
    line = next(line for line in text.split("\n") if line.startswith("leaf_value="))
    other = "leaf_value=" + " ".join(
        "9".ljust(len(word), "0") for word in line.removeprefix("leaf_value=").split(" ")
    )
    (folder / "model.txt").write_text(text.replace(line, other, 1))
    manifest = json.loads((folder / "manifest.json").read_text())
    manifest["files"]["model.txt"] = measure_sha256(folder / "model.txt")
    (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(ModelError, match="must give the outputs recorded when it was trained"):
        load_model(folder)
