"""What a service logged is a table: features as they came in, and what the model said beside them."""

from datetime import UTC, datetime

import orjson
import pyarrow as pa
from log_days import TODAY, make_record, write_days, write_segment

from toolkit.data.log_compaction import compact_log
from toolkit.serving.log import SegmentLog
from toolkit.serving.records import OPTIONS


def record(number: int, **changes: object) -> dict:
    return {
        "id": f"p{number}",
        "time": datetime(2026, 1, 1, 0, 0, number, tzinfo=UTC),
        "version": "v1",
        "features": {"size": number / 2, "colour": "red" if number % 2 else None},
        "label": "yes",
        "probabilities": {"no": 0.25, "yes": 0.75},
        **changes,
    }


def write_log(folder, *segments: list[dict]) -> None:
    for records in segments:
        log = SegmentLog(folder, "w")
        log.append(b"".join(orjson.dumps(record, option=OPTIONS) for record in records))
        log.close()


def test_features_are_columns_and_outputs_are_marked(project) -> None:
    write_log(project.root / "logs/predictions", [record(0), record(1)], [record(2)])
    source = project.open("logs/predictions", format="log", key="row_id")
    table = pa.Table.from_batches(list(source.batches()))
    assert sorted(table.to_pylist()[1].items(), key=str) == sorted(
        {
            "row_id": "p1",
            "size": 0.5,
            "colour": "red",
            "predicted_time": "2026-01-01T00:00:01Z",
            "predicted_version": "v1",
            "predicted_label": "yes",
            "predicted_p_no": 0.25,
            "predicted_p_yes": 0.75,
        }.items(),
        key=str,
    )
    assert table["row_id"].to_pylist() == ["p0", "p1", "p2"]
    assert sorted(source.excluded) == [
        "predicted_label", "predicted_p_no", "predicted_p_yes", "predicted_time", "predicted_version",
    ]  # fmt: skip
    assert source.describe()["rows"] == 3 and source.describe()["format"] == "log"


def test_a_torn_last_line_is_left_out_and_the_log_may_grow(project) -> None:
    folder = project.root / "logs"
    write_log(folder, [record(0), record(1)])
    segment = next(folder.glob("*.jsonl"))
    with segment.open("ab") as file:
        file.write(b'{"id": "torn", "fea')
    source = project.open("logs", format="log", key="id")
    batches = source.batches()
    with segment.open("ab") as file:
        file.write(b'tures": {}}\n')
    assert sum(batch.num_rows for batch in batches) == 2
    assert project.read(f"logs/{segment.name}", format="log", key="id").num_rows == 3


def test_segments_of_two_versions_make_one_table(project) -> None:
    write_log(
        project.root / "logs",
        [record(0, value=1.5)],
        [record(1, features={"size": 3, "new": "x"}), record(2, features={"size": 1, "new": None})],
    )
    table = project.read("logs", format="log", key="id")
    assert table["new"].to_pylist() == [None, "x", None] and table["size"].to_pylist() == [0.0, 3.0, 1.0]
    assert table["predicted_value"].to_pylist() == [1.5, None, None]


def test_what_is_no_log_is_refused(project) -> None:
    (project.root / "logs").mkdir()
    assert "logs must be a prediction log, a folder with .jsonl files" in project.refuse("logs", format="log")
    project.save("logs/a.jsonl", '{"id": "to')
    assert "logs must hold predictions and has none yet" in project.refuse("logs", format="log")
    project.save("logs/a.jsonl", '{"id": 1, "a": 2}\n')
    assert "logs/a.jsonl must be a prediction log: lines with id, features" in project.refuse(
        "logs", format="log"
    )
    project.save("logs/a.jsonl", '{"id": 1, "features": {"a": 1}}\nbroken\n')
    assert "Line 2 is none" in project.refuse("logs", format="log")
    project.save("logs/a.jsonl", '{"id": "1", "features": {"id": 1}}\n')
    assert "the feature 'id' has the name of another column" in project.refuse("logs", format="log", key="id")


def test_latency_and_hashed_values_are_no_features(project) -> None:
    """Records of the older form, without either, are in the same log."""
    hashed = {"customer": "0f" * 16, "mail": None}
    new = record(1, latency_ms=1.5, personal=hashed)
    write_log(project.root / "logs", [record(0)], [new])
    source = project.open("logs", format="log", key="id")
    table = pa.Table.from_batches(list(source.batches()))
    assert table["predicted_latency_ms"].to_pylist() == [None, 1.5]
    assert table["hashed_customer"].to_pylist() == [None, "0f" * 16]
    features = {name for name in table.column_names if name not in source.excluded}
    assert features == {"id", "size", "colour"}


def test_compacted_days_and_segments_are_one_table(project) -> None:
    folder = project.root / "logs"
    write_days(folder, days=3, personal={"mail": "ab", "phone": None})
    old = make_record(999)
    del old["latency_ms"]
    write_segment(folder, 2, "c" * 12, [old])
    before = project.read("logs", format="log", key="id")
    compact_log(folder, 0, TODAY.date(), lambda text, done=False: None)
    assert len(list(folder.glob("*.parquet"))) == 3
    after = project.read("logs", format="log", key="id")
    assert sorted(after.to_pylist(), key=str) == sorted(
        before.select(after.column_names).to_pylist(), key=str
    )
    assert set(after.column_names) == set(before.column_names) and after.num_rows == 241
    assert project.read("logs", format="log", key="id", pattern="20260309*").num_rows == 80


def test_a_feature_that_has_the_name_of_an_output_is_refused(project) -> None:
    write_log(project.root / "logs", [record(0, features={"hashed_mail": 1})])
    assert "must not begin with predicted_ or hashed_" in project.refuse("logs", format="log")
