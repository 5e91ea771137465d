"""``toolkit log`` from the command line, and the example of the docs."""

import io
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import orjson
import pytest
from log_days import TODAY, make_record, write_days, write_segment

from toolkit.cli import main
from toolkit.data.log_compaction import compact_log
from toolkit.data.log_text import Progress

PAGE = Path(__file__).parents[3] / "docs/prediction_log.md"


@pytest.fixture
def log(tmp_path, monkeypatch):
    monkeypatch.setenv("TOOLKIT_LOG_DIR", str(tmp_path / "logs"))
    return tmp_path / "logs/predictions"


def test_compacting_says_what_it_did_and_what_it_means_for_labels(log, capsys):
    write_days(log, days=3)
    assert main(["log", "compact", "--older-than-days", "0"]) == 0
    told = capsys.readouterr().out
    assert re.search(
        r"^20260308.parquet: 80 records of 2 segments, 0.0 MB became 0.0 MB$", told, re.MULTILINE
    )
    assert "240 records are in 3 Parquet files now" in told
    assert "labels (POST /feedback) of predictions older than 0 days are refused from now on" in told
    assert main(["log", "compact"]) == 0
    assert capsys.readouterr().out == "Nothing to compact: no closed segment is older than 30 days.\n"


def test_what_cannot_be_read_ends_in_status_1_and_its_name(log, capsys):
    bad = write_segment(log, 3, "a" * 12, [make_record(1)], torn="{broken}\n")
    assert main(["log", "compact", str(log), "--older-than-days", "0"]) == 1
    assert (
        f"{bad.name} stays as it is. {bad.name} must hold one JSON object a line. Line 2"
        in capsys.readouterr().out
    )


def test_show_lists_days_and_a_missing_log_is_one_message(log, capsys):
    assert main(["log", "show"]) == 1
    assert "must be a prediction log, a folder with .jsonl files, and has none" in capsys.readouterr().err
    write_days(log, days=2)
    compact_log(log, 0, TODAY.date(), lambda text, done=False: None)
    assert main(["log", "show"]) == 0
    assert [line.split() for line in capsys.readouterr().out.splitlines()] == [
        ["day", "(UTC)", "as", "files", "records", "size"],
        ["2026-03-09", "Parquet", "1", "80", "0.0", "MB"],
        ["2026-03-10", "JSON", "lines", "2", "80", "0.0", "MB"],
    ]


def test_show_counts_records_and_names_the_lines_that_are_none(log, capsys):
    bad = write_segment(log, 0, "a" * 12, [make_record(1), make_record(2)], torn="{broken}\n\0\0\n[]\n{}")
    write_segment(log, 0, "b" * 12, [make_record(3)], torn="\0\0")
    assert main(["log", "show"]) == 0
    _, row, told = capsys.readouterr().out.splitlines()
    assert row.split() == ["2026-03-10", "JSON", "lines", "2", "3", "0.0", "MB"]
    assert told.startswith(f"{bad.name} has 3 lines without a JSON record, the first is line 3.")


def test_compacting_names_the_segments_that_held_no_record(log, capsys):
    torn = write_segment(log, 3, "a" * 12, [], torn='{"id')
    empty = write_segment(log, 3, "b" * 12, [])
    assert main(["log", "compact", "--older-than-days", "0"]) == 0
    told = capsys.readouterr().out
    assert told.startswith(f"{torn.name} was removed: it held no record, only 4 bytes of a line")
    assert empty.name not in told and not torn.exists() and not empty.exists()


def test_zero_bytes_that_a_power_cut_left_are_named_by_file_and_line(log, capsys):
    write_segment(log, 3, "a" * 12, [make_record(1)], torn="\0\0\0")  # no line yet: like any torn one
    bad = write_segment(log, 4, "b" * 12, [make_record(2)], torn="\0\0\0\n")
    assert main(["log", "compact", "--older-than-days", "0"]) == 1
    told = capsys.readouterr().out
    assert f"{bad.name} must hold one JSON object a line. Line 2 is none" in told
    assert "20260307.parquet: 1 records" in told


class Terminal(io.StringIO):
    def isatty(self):
        return True


def test_progress_is_one_line_on_a_terminal_and_only_what_is_done_elsewhere():
    for stream, expected in (
        (Terminal(), "\r10 of 20\r11      \r" + " " * 2 + "\rfile\n"),
        (io.StringIO(), "file\n"),
    ):
        progress = Progress(stream)
        progress.tell("10 of 20")
        progress.tell("11")
        progress.tell("file", done=True)
        assert stream.getvalue() == expected


def test_the_example_of_the_docs_reads_segments_and_days(tmp_path, monkeypatch):
    records = write_days(tmp_path / "logs/predictions", days=3)
    for path in (
        tmp_path / "logs/predictions"
    ).iterdir():  # a column of the default project, as in the example
        path.write_bytes(path.read_bytes().replace(b'"size"', b'"mean_radius"'))
    compact_log(tmp_path / "logs/predictions", 1, TODAY.date(), lambda text, done=False: None)
    monkeypatch.chdir(tmp_path)
    (example,) = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names = {}
    exec(example, names)
    assert sorted(names["log"]["id"]) == sorted(record["id"] for record in records)
    wanted = [record["features"]["size"] for record in records if record["time"].startswith("2026-03-09")]
    day = (TODAY - timedelta(days=1)).date()
    assert names["by_day"][day] == pytest.approx(
        np.nanmean([np.nan if size is None else size for size in wanted])
    )
    assert str(names["log"]["time"].dtype).startswith("datetime64")


def test_the_record_of_the_docs_has_the_keys_of_one():
    (shown,) = re.findall(r"```json\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    assert {*orjson.loads(shown)} == {*make_record(1), "personal"}
    assert datetime.fromisoformat(orjson.loads(shown)["time"]).tzinfo == UTC
