"""Outputs of a stage appear together, and only for the run that owns them."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from web_server import Page, serve_pages

from toolkit.artifacts import measure_hash
from toolkit.errors import DataError, ParamsError, StageError
from toolkit.params import SECTIONS
from toolkit.stage import Stage, start

ROOT = Path(__file__).resolve().parents[2]
PIPELINE = """
stages:
  prepare: {cmd: p, outs: [data/prepared]}
  train:
    cmd: t
    deps: [toolkit/training, data/prepared]
    outs: [models/train, reports/train/lineage.json, reports/train.ipynb]
    metrics: [reports/train/metrics.json]
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    shutil.copy(ROOT / "params.yaml", tmp_path)
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "data/prepared").mkdir(parents=True)
    (tmp_path / "data/prepared/rows").write_text("1")
    monkeypatch.setenv("TOOLKIT_ROOT", str(tmp_path))
    monkeypatch.delenv("TOOLKIT_RUN", raising=False)
    return tmp_path


def cell(**changes: object) -> dict:
    return {**SECTIONS["train"]().model_dump(), **changes}


def write_all(stage: Stage, text: str = "new") -> None:
    (stage.output("models/train") / "deep").mkdir(parents=True)
    (stage.output("models/train") / "deep/model").write_text(text)
    stage.output("reports/train/metrics.json").write_text("{}")


def files(root: Path) -> list[str]:
    return sorted(
        path.relative_to(root).as_posix()
        for folder in ("models", "reports")
        for path in (root / folder).rglob("*")
        if path.is_file()
    )


def test_nothing_appears_before_finish_and_all_of_it_then(root: Path) -> None:
    stage = start("train", cell())
    write_all(stage)
    assert files(root) == []
    record = stage.finish()
    assert files(root) == [
        "models/train/deep/model",
        "reports/train/lineage.json",
        "reports/train/metrics.json",
    ]
    assert record == json.loads((root / "reports/train/lineage.json").read_text())
    assert record["inputs"] == {"data/prepared": measure_hash(root / "data/prepared")}  # data, and no code
    assert record["outputs"]["models/train"] == measure_hash(root / "models/train")
    assert list((root / ".toolkit/staging").iterdir()) == []


def test_second_run_replaces_folders_whole(root: Path) -> None:
    (root / "models/train").mkdir(parents=True)
    (root / "models/train/stale").write_text("old")
    (root / "reports/train/metrics.json").mkdir(parents=True)  # a folder where a file will be
    stage = start("train", cell())
    write_all(stage)
    stage.finish()
    assert files(root)[0] == "models/train/deep/model" and len(files(root)) == 3


def test_folder_takes_the_place_of_a_file(root: Path) -> None:
    (root / "models").mkdir()
    (root / "models/train").write_text("a file")
    stage = start("train", cell())
    write_all(stage)
    stage.finish()
    assert (root / "models/train/deep/model").read_text() == "new"


def test_output_that_was_not_written_stops_the_stage(root: Path) -> None:
    stage = start("train", cell())
    stage.output("reports/train/metrics.json").write_text("{}")
    with pytest.raises(StageError, match="must write models/train before it finishes"):
        stage.finish()
    assert files(root) == []


def test_input_that_is_gone_is_told_with_its_maker(root: Path) -> None:
    stage = start("train", cell())
    write_all(stage)
    shutil.rmtree(root / "data/prepared")
    with pytest.raises(
        StageError, match=r"data/prepared/rows must exist and does not\. Run '\./run dvc repro prepare'"
    ):
        stage.input("data/prepared/rows")
    with pytest.raises(StageError, match="data/prepared must exist and does not"):
        stage.finish()
    assert files(root) == []


def test_lineage_names_what_was_read_or_the_stage_stops(root: Path) -> None:
    rows, before = root / "data/prepared/rows", measure_hash(root / "data/prepared")
    stage = start("train", cell())
    stage.input("data/prepared/rows")
    write_all(stage)
    rows.write_text("2")
    with pytest.raises(StageError, match="data/prepared must stay as it is while stage 'train' runs"):
        stage.finish()
    assert files(root) == []
    rows.write_text("1")  # written anew, and the same
    assert stage.finish()["inputs"] == {"data/prepared": before}


def test_a_live_input_may_grow_while_it_is_read(root: Path) -> None:
    stage = start("train", cell())
    stage.input("data/prepared", live=True)
    write_all(stage)
    (root / "data/prepared/rows").write_text("12")
    assert stage.finish()["inputs"] == {"data/prepared": measure_hash(root / "data/prepared")}


def test_undeclared_files_are_refused(root: Path) -> None:
    stage = start("train", cell())
    with pytest.raises(StageError, match="reads data/raw and must name it under 'deps'"):
        stage.input("data/raw")
    with pytest.raises(StageError, match="writes models/other and must name it"):
        stage.output("models/other")


def test_newer_run_takes_over(root: Path) -> None:
    older = start("train", cell())
    write_all(older, "older")
    newer = start("train", cell())
    write_all(newer, "newer")
    with pytest.raises(StageError):
        older.finish()
    assert files(root) == []
    newer.finish()
    assert (root / "models/train/deep/model").read_text() == "newer"


def test_what_an_older_run_wrote_goes_only_once_it_owns_nothing(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    older = start("train", cell())
    write_all(older)
    seen = []
    remove = shutil.rmtree

    def look(folder: Path, **options: object) -> None:
        seen.append(json.loads((root / ".toolkit/train.owner").read_text())["run"])
        remove(folder, **options)  # type: ignore[arg-type]

    monkeypatch.setattr(shutil, "rmtree", look)
    newer = start("train", cell())
    assert seen == [newer._run]


def test_older_run_that_still_writes_is_told_that_it_is_old(root: Path) -> None:
    older = start("train", cell())
    start("train", cell())
    write_all(older)
    with pytest.raises(StageError, match="A newer run of stage 'train' has begun"):
        older.finish()
    assert files(root) == []


@pytest.mark.skipif(sys.platform != "linux", reason="asks /proc who is above")
def test_run_whose_runner_is_gone_puts_nothing_in_place(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    gone = subprocess.Popen([sys.executable, "-c", ""])
    gone.wait()
    child = subprocess.Popen(["sleep", "60"])  # alive, but not above this process: an id that was given anew
    try:
        for pid in (gone.pid, child.pid):
            monkeypatch.setenv("TOOLKIT_RUN", f"train:run{pid}:{pid}")
            stage = start("train", cell())
            write_all(stage)
            with pytest.raises(StageError, match="The run that stage 'train' belonged to is over"):
                stage.finish()
            assert files(root) == []
    finally:
        child.kill()
        child.wait()
    monkeypatch.setenv("TOOLKIT_RUN", f"train:run:{os.getppid()}")
    stage = start("train", cell())
    write_all(stage)
    stage.finish()
    assert len(files(root)) == 3


def test_by_hand_an_edited_value_wins_and_the_file_gives_the_rest(
    root: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("num_leaves: 15", "num_leaves: 7"))
    stage = start("train", cell(learning_rate=0.5))
    assert (stage.params.learning_rate, stage.params.num_leaves) == (0.5, 7)
    assert capsys.readouterr().out == "learning_rate = 0.5 from this notebook's cell (params.yaml: 0.05)\n"


def test_in_a_run_every_value_is_as_injected(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = root / "params.yaml"
    path.write_text(path.read_text().replace("num_leaves: 15", "num_leaves: 7"))
    monkeypatch.setenv("TOOLKIT_RUN", f"train:run:{os.getppid()}")
    assert start("train", cell()).params.num_leaves == 15
    monkeypatch.setenv("TOOLKIT_RUN", f"other:run:{os.getppid()}")
    assert start("train", cell()).params.num_leaves == 7


def test_wrong_names_and_values_are_told(root: Path) -> None:
    with pytest.raises(StageError, match="'trian' must be one of the stages"):
        start("trian", {})
    with pytest.raises(ParamsError, match="the parameters cell must set use_sweep, learning_rate"):
        start("train", {})
    with pytest.raises(ParamsError, match=r"train.seed: must be at least 0. Got -1 instead"):
        start("train", cell(seed=-1))


def test_an_input_is_set_in_params_yaml_alone(root: Path) -> None:
    deps = "stages:\n  collect: {cmd: c, deps: ['${collect.source}'], outs: [data/raw]}\n"
    (root / "dvc.yaml").write_text(deps)
    values = {**SECTIONS["collect"]().model_dump(), "source": "examples/t.csv"}
    stage = start("collect", values)
    with pytest.raises(StageError, match=r"Set collect\.source there: neither -p nor"):
        stage.input("examples/t.csv")
    with pytest.raises(StageError, match="must name it under 'deps'"):
        stage.input("examples/u.csv")


def test_an_address_is_copied_once_and_its_content_is_on_record(root: Path) -> None:
    with serve_pages() as web:
        address = f"{web.url}/rows.csv"
        web.pages["/rows.csv"] = Page(b"id\n1\n")
        (root / "dvc.yaml").write_text(
            PIPELINE.replace("toolkit/training, data/prepared", f'toolkit/training, "{address}"')
        )
        stage = start("train", cell())
        path = stage.input(address)
        assert path.read_bytes() == b"id\n1\n" and path == stage.input(address)
        assert path.is_relative_to(root / ".toolkit") and len(web.asked) == 3
        write_all(stage)
        web.pages["/rows.csv"] = Page(b"id\n2\n")
        with pytest.raises(DataError, match="must stay as it is while it is read, and it was changed"):
            stage.finish()
        assert not (root / "models/train").exists()
        web.pages["/rows.csv"] = Page(b"id\n1\n")
        assert stage.finish()["inputs"][address] == measure_hash(path)
        with pytest.raises(StageError, match="must name it under 'deps'"):
            stage.input(f"{web.url}/other.csv")
