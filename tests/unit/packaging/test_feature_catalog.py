"""The catalog says what each feature is, what it looks like, and which models use it."""

import json
import shutil
from dataclasses import replace

import lightgbm
import numpy as np
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import load_json
from toolkit.errors import FeatureError
from toolkit.features import load_features
from toolkit.packaging import feature_catalog
from toolkit.packaging.feature_catalog import (
    as_plain,
    find_entry,
    load_catalog,
    search_catalog,
    show_catalog,
    show_entry,
)
from toolkit.packaging.importance import load_gains


@pytest.fixture
def project(make_packaged, tmp_path, monkeypatch):
    packaged = make_packaged("regression")
    shutil.copytree(packaged.sources.prepared, tmp_path / "data/prepared")
    shutil.copytree(packaged.sources.train, tmp_path / "models/train")
    shutil.copytree(packaged.folder, tmp_path / "models/package")
    (tmp_path / "data/raw").mkdir()
    columns = [{"name": "radius", "meaning": "of the nucleus", "unit": "um"}]
    (tmp_path / "data/raw/schema.json").write_text(json.dumps({"columns": columns}))
    monkeypatch.setenv("BENTOML_HOME", str(tmp_path / "bentos"))
    return tmp_path


def test_every_feature_is_listed_with_what_it_is(project) -> None:
    entries = load_catalog(project)
    assert [entry.name for entry in entries] == [
        "radius",
        "count",
        "smooth",
        "grade",
        "note",
        "note words",
        "seen_at",
    ]
    radius, grade, note = entries[0], entries[3], entries[4]
    assert (radius.meaning, radius.unit, radius.kind) == ("of the nucleus", "um", "number")
    assert 0.05 < radius.statistics["radius"]["missing"] < 0.2
    assert radius.statistics["radius"]["min"] < radius.statistics["radius"]["median"] < 20
    assert "a: low" in grade.statistics["grade"]["most frequent"] and grade.kind == "category"
    assert note.kind == "5 numbers" and note.columns[0] == "note: characters"
    json.dumps([as_plain(entry) for entry in entries], allow_nan=False)


def test_importance_is_lightgbms_gain(project) -> None:
    features = load_features(project / "data/prepared/features.json")
    booster = lightgbm.Booster(model_file=str(project / "models/train/model.txt"))
    gain = booster.feature_importance("gain")
    np.testing.assert_allclose(load_gains(project / "models/train", features), gain / gain.sum(), rtol=1e-4)
    assert sum(entry.importance for entry in load_catalog(project)) == pytest.approx(1)


def test_importance_of_a_model_of_other_data_says_so(project) -> None:
    entries = load_catalog(project)
    assert not any(entry.earlier for entry in entries)
    assert "of the gain of the trained model" in show_entry(entries[0])
    assert "earlier" not in show_catalog(entries)
    lock = (
        "stages:\n  prepare:\n    outs:\n    - path: data/prepared\n      md5: {}.dir\n  train:\n    deps:\n"
    )
    lock += "    - path: data/prepared\n      md5: a.dir\n"
    (project / "dvc.lock").write_text(lock.format("a"))
    assert not load_catalog(project)[0].earlier
    (project / "dvc.lock").write_text(lock.format("b"))
    entries = load_catalog(project)
    assert "of the gain of an earlier model: data/prepared was made anew since" in show_entry(entries[0])
    assert show_catalog(entries).endswith("gain % is " + feature_catalog.EARLIER)
    (project / "dvc.lock").unlink()
    train = project / "data/prepared/train.parquet"
    pq.write_table(pq.read_table(train).slice(1), train)
    assert load_catalog(project)[0].earlier


def test_models_that_use_a_feature_are_named_and_one_that_learnt_other_values_says_so(project) -> None:
    tag = (project / "models/package/tag.txt").read_text().strip()
    assert {entry.models for entry in load_catalog(project)} == {(tag,)}
    released = project / "released"
    released.mkdir()
    (released / "tag.txt").write_text("older:1\n")
    value = load_json(project / "models/package/features.json")
    value["features"][3]["state"]["categories"].append("z")
    value["features"][1]["maker"] = "category"
    (released / "features.json").write_text(json.dumps(value))
    entries = {entry.name: entry.models for entry in load_catalog(project)}
    assert entries["radius"] == (tag, "older:1 (released)")
    assert entries["grade"] == (tag, "older:1 (released) (other state)")
    assert entries["count"] == (tag,)


def test_one_is_shown_and_found_by_what_is_said_of_it(project) -> None:
    entries = load_catalog(project)
    assert find_entry(entries, "note: words").name == "note"
    assert "nucleus" in show_entry(find_entry(entries, "radius"), 100)
    assert [entry.name for entry in search_catalog(entries, "NUCLEUS")] == ["radius"]
    assert [entry.name for entry in search_catalog(entries, "note")] == ["note", "note words"]
    lines = show_catalog(entries, 100).splitlines()
    assert len(lines) == 8 and max(map(len, lines)) <= 100
    with pytest.raises(FeatureError, match=r"'radios' must be a feature .* Did you mean 'radius'"):
        find_entry(entries, "radios")


def test_before_anything_is_prepared_it_says_what_to_run(tmp_path) -> None:
    with pytest.raises(FeatureError, match="dvc repro prepare"):
        load_catalog(tmp_path)


def test_a_column_is_answered_with_the_features_made_of_it(project) -> None:
    entries = [replace(each, name=f"{each.name} code") for each in load_catalog(project)]
    with pytest.raises(
        FeatureError,
        match=r"'note' must be a feature and is a column .* Made of it: note code, note words code",
    ):
        find_entry(entries, "note")


def test_statistics_say_which_rows_they_are_of(project, monkeypatch) -> None:
    monkeypatch.setattr(feature_catalog, "SAMPLE_ROWS", 100)
    entry = find_entry(load_catalog(project), "radius")
    assert (entry.rows, entry.total) == (100, 341)
    assert "of the first 100 of 341 train rows" in show_entry(entry)
    whole = replace(entry, rows=341, statistics={"a": {"missing": 1.0}, "b": {"missing": 0.123, "mean": 2.5}})
    shown = show_entry(whole, 100)
    assert "of 341 train rows" in shown
    assert [line.split() for line in shown.splitlines()[-2:]] == [["a", "100"], ["b", "12.3", "2.5"]]


def test_a_damaged_model_does_not_hide_the_others(project) -> None:
    tag = (project / "models/package/tag.txt").read_text().strip()
    for version, text in (
        ("a", '{"features": [{"name"'),
        ("b", "[1]"),
        ("c", '{"features": [{"name": "radius"}]}'),
    ):
        folder = project / f"bentos/bentos/other/{version}/src/models/package"
        folder.mkdir(parents=True)
        (folder / "tag.txt").write_text(f"other:{version}\n")
        (folder / "features.json").write_text(text)
    assert {entry.models for entry in load_catalog(project)} == {(tag,)}


def test_the_released_model_is_named_once(project) -> None:
    tag = (project / "models/package/tag.txt").read_text().strip()
    shutil.copytree(project / "models/package", project / "released")
    assert {entry.models for entry in load_catalog(project)} == {(f"{tag} (released)",)}


@pytest.mark.parametrize("signature", ["", "{}", '{"features": ["radius"]}'])
def test_importance_of_a_model_of_other_features_is_not_told(project, signature: str) -> None:
    path = project / "models/train/signature.json"
    path.write_text(signature) if signature else path.unlink()
    entries = load_catalog(project)
    assert {entry.importance for entry in entries} == {None}
    assert "importance" not in show_entry(entries[0], 100)


def test_a_model_that_was_cut_short_tells_no_importance(project) -> None:
    path = project / "models/train/model.txt"
    text = path.read_text()
    path.write_text(text[: text.index("\nsplit_gain")])
    assert {entry.importance for entry in load_catalog(project)} == {None}
