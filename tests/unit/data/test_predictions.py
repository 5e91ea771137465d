"""A batch of predictions and a prediction log of the same rows give the same counts."""

import json

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.data import predictions
from toolkit.data.predictions import load_window
from toolkit.errors import DataError, DriftError
from toolkit.monitoring.profile import fit_profile, fit_scores

KINDS = {"size": "number", "age": "integer", "member": "boolean", "city": "category"}


@pytest.fixture
def rows():
    rng = np.random.default_rng(4)
    table = {
        "size": [
            None if hole else float(value)
            for hole, value in zip(rng.random(50) < 0.2, rng.normal(size=50), strict=True)
        ],
        "age": [None if value == 3 else int(value) for value in rng.integers(0, 9, 50)],
        "member": [None, *(bool(value) for value in rng.integers(0, 2, 49))],
        "city": [None, *(str(value) for value in rng.choice(["a", "b"], 49))],
    }
    share = rng.random(50)
    outputs = {"label": ["yes" if p > 0.5 else "no" for p in share], "p_no": 1 - share, "p_yes": share}
    return table, outputs


@pytest.fixture
def profile(rows):
    table, outputs = rows
    return fit_profile(table, KINDS, 5).with_scores(fit_scores(outputs["p_yes"], ("no", "yes")))


def write_log(path, rows, cut=""):
    table, outputs = rows
    records = [
        {
            "id": str(index),
            "version": "v1" if index < 30 else "v2",
            "features": {name: column[index] for name, column in table.items()},
            "label": outputs["label"][index],
            "probabilities": {"no": outputs["p_no"][index], "yes": outputs["p_yes"][index]},
        }
        for index in range(50)
    ]
    path.mkdir()
    (path / "a.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records[:30]))
    (path / "b.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records[30:]) + cut)
    return path


def write_batch(path, rows):
    table, outputs = rows
    pq.write_table(
        pa.table({**table, **outputs, "version": ["v1"] * 30 + ["v2"] * 20, "row_id": list(range(50))}), path
    )
    return path


def test_batch_and_log_count_the_same_in_any_block_size(tmp_path, rows, profile, monkeypatch):
    expected = profile.count(*rows)
    log, batch = write_log(tmp_path / "log", rows), write_batch(tmp_path / "p.parquet", rows)
    for block_rows in (65_536, 7):
        monkeypatch.setattr(predictions, "BLOCK_ROWS", block_rows)
        for path in (log, batch):
            window = load_window(path, profile)
            assert window.counts == expected
            assert window.versions == {"v1": 30, "v2": 20}


def test_one_segment_can_be_read_alone(tmp_path, rows, profile):
    assert load_window(write_log(tmp_path / "log", rows) / "a.jsonl", profile).counts.rows == 30


def test_a_torn_last_line_is_passed_over(tmp_path, rows, profile):
    assert load_window(write_log(tmp_path / "log", rows, cut='{"id": "5'), profile).counts.rows == 50


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("{not json}\n", r"b\.jsonl, line 21 must be a JSON record"),
        ("3\n", r"b\.jsonl, line 21 .* features\.size"),
        (
            '{"features": {"size": 1, "age": 1, "member": true}}\n',
            r"line 21 .* no features\.city, label, probabilities\.yes\.",
        ),
    ],
)
def test_a_bad_record_is_named_by_file_and_line(tmp_path, rows, profile, line, message):
    with pytest.raises(DataError, match=message):
        load_window(write_log(tmp_path / "log", rows, cut=line), profile)


def test_a_table_without_a_feature_is_refused_by_name(tmp_path, rows, profile):
    table, outputs = rows
    pq.write_table(pa.table({"sizes": table["size"], "age": table["age"], **outputs}), tmp_path / "p.parquet")
    with pytest.raises(
        DriftError, match=r"p\.parquet must have the columns size, member, city .*Did you mean 'sizes'"
    ):
        load_window(tmp_path / "p.parquet", profile)


def test_a_column_of_another_kind_is_refused_by_name(tmp_path, rows, profile):
    table, outputs = rows
    pq.write_table(pa.table({**table, "size": ["big"] * 50, **outputs}), tmp_path / "p.parquet")
    with pytest.raises(DriftError, match=r"p\.parquet: Column 'size' must hold numbers"):
        load_window(tmp_path / "p.parquet", profile)


def test_what_is_no_prediction_file_is_refused(tmp_path, profile):
    (tmp_path / "empty").mkdir()
    (tmp_path / "broken.parquet").write_bytes(b"PAR1")
    for name in ("empty", "missing.csv", "missing.jsonl", "broken.parquet", "missing.parquet"):
        with pytest.raises(DataError, match=name):
            load_window(tmp_path / name, profile)


def test_personal_features_are_not_measured_from_a_log_and_said_to_be_left_out(tmp_path, rows, profile):
    table, outputs = rows
    kept = {name: column for name, column in table.items() if name != "age"}
    window = load_window(write_log(tmp_path / "log", (kept, outputs)), profile, {"age"})
    assert window.left_out == ("age",)
    assert [cells.name for cells in window.profile.features] == ["size", "member", "city"]
    assert window.counts.rows == 50 and window.counts.profile == window.profile.id
    write_batch(tmp_path / "t.parquet", rows)
    assert load_window(tmp_path / "t.parquet", profile, {"age"}).left_out == ()  # a table has them
    with pytest.raises(DriftError, match="the contract calls all of them personal"):
        load_window(tmp_path / "log", profile, set(KINDS))
