"""The shifted copy differs in the one feature, by as much as asked, and in nothing else."""

import importlib.util
import io
import subprocess
import sys
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

SCRIPT = Path(__file__).parents[3] / "examples" / "shift.py"
spec = importlib.util.spec_from_file_location("shift", SCRIPT)
shift = importlib.util.module_from_spec(spec)
spec.loader.exec_module(shift)


def run(*arguments):
    out, err = io.StringIO(), io.StringIO()
    with redirect_stdout(out), redirect_stderr(err):
        code = shift.main([str(argument) for argument in arguments])
    return subprocess.CompletedProcess(arguments, code, out.getvalue(), err.getvalue())


@pytest.fixture
def table(tmp_path):
    values = pa.table(
        {"row_id": ["007", "008", "009", "010"], "size": [1.0, 2.0, None, 4.0], "age": [1, 2, 3, 10]}
    )
    pq.write_table(values, tmp_path / "in.parquet")
    (tmp_path / "in.csv").write_text("row_id,size\n007,1.0\n008,2.0\n009,\n010,4.0\n")
    return values


def test_a_feature_is_moved_by_its_standard_deviation(tmp_path, table):
    result = run(
        tmp_path / "in.parquet", tmp_path / "new" / "out.parquet", "--feature", "size", "--by", "0.5"
    )
    assert (result.returncode, result.stderr) == (0, "")
    out = pq.read_table(tmp_path / "new" / "out.parquet")
    step = 0.5 * np.std([1.0, 2.0, 4.0])
    assert out["size"].to_pylist() == pytest.approx([1 + step, 2 + step, None, 4 + step])
    assert out.drop_columns("size") == table.drop_columns("size")
    assert out.schema == table.schema


def test_it_runs_as_the_script_that_the_readme_names(tmp_path, table):
    command = [
        sys.executable,
        str(SCRIPT),
        str(tmp_path / "in.csv"),
        str(tmp_path / "out.csv"),
        "--feature",
        "size",
    ]
    result = subprocess.run([*command, "--by", "1"], capture_output=True, text=True, timeout=60, check=False)
    assert (result.returncode, result.stderr) == (0, "")
    assert "out.csv: 4 rows, size moved by 1 standard deviation\n" in result.stdout


def test_whole_numbers_stay_whole(tmp_path, table):
    assert (
        run(tmp_path / "in.parquet", tmp_path / "out.parquet", "--feature", "age", "--by", "1").returncode
        == 0
    )
    out = pq.read_table(tmp_path / "out.parquet")
    assert out.schema == table.schema
    assert out["age"].to_pylist() == [5, 6, 7, 14]


def test_a_csv_keeps_its_other_text(tmp_path, table):
    assert run(tmp_path / "in.csv", tmp_path / "out.csv", "--feature", "size", "--by", "-1").returncode == 0
    lines = (tmp_path / "out.csv").read_text().splitlines()
    assert [line.split(",")[0] for line in lines] == ["row_id", "007", "008", "009", "010"]
    assert lines[3] == "009,"
    assert float(lines[1].split(",")[1]) == pytest.approx(1 - np.std([1.0, 2.0, 4.0]))


def test_values_are_taken_away_by_seed(tmp_path):
    pq.write_table(pa.table({"x": np.arange(100.0)}), tmp_path / "in.parquet")
    drawn = []
    for seed in ("1", "1", "2"):
        arguments = ("--feature", "x", "--missing", "0.25", "--seed", seed)
        assert run(tmp_path / "in.parquet", tmp_path / "out.parquet", *arguments).returncode == 0
        drawn.append(pq.read_table(tmp_path / "out.parquet")["x"])
    assert [column.null_count for column in drawn] == [25, 25, 25]
    assert drawn[0] == drawn[1] != drawn[2]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("in.parquet", "out.parquet", "--feature", "sise", "--by", "1"), "Did you mean 'size'?"),
        (("in.parquet", "out.parquet", "--feature", "zzz", "--by", "1"), "It has row_id, size, age."),
        (("in.parquet", "out.parquet", "--feature", "row_id", "--by", "1"), "must be a column of numbers"),
        (("in.csv", "out.csv", "--feature", "row_id", "--by", "1", "--missing", "2"), "share from 0 to 1"),
        (("in.parquet", "out.csv", "--feature", "size", "--by", "1"), "both be .parquet or both .csv"),
        (("in.parquet", "out.parquet", "--feature", "size"), "give --by or --missing"),
        (("no.parquet", "out.parquet", "--feature", "size", "--by", "1"), "must exist"),
        (("bad.csv", "out.csv", "--feature", "a", "--by", "1"), "line 3: 'a' must be a number"),
        (("bad.parquet", "out.parquet", "--feature", "a", "--by", "1"), "must be a Parquet file"),
    ],
)
def test_a_mistake_is_one_clear_message_and_nothing_is_written(tmp_path, table, arguments, message):
    (tmp_path / "bad.csv").write_text("a\n1\nx\n")
    (tmp_path / "bad.parquet").write_text("x")
    result = run(*(tmp_path / a if a.endswith((".csv", ".parquet")) else a for a in arguments))
    assert result.returncode == 1
    assert message in result.stderr
    assert result.stderr.count("\n") == 1
    assert not list(tmp_path.glob("out.*"))
