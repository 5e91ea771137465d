"""dvc.yaml is read as DVC reads it."""

from __future__ import annotations

from pathlib import Path

import pytest

from toolkit.errors import StageError
from toolkit.pipeline import load_lock, load_stage_files, load_yaml

PIPELINE = """
stages:
  collect:
    cmd: c
    deps: [notebooks/collect.ipynb, "${collect.source}"]
    outs: [data/raw, {reports/collect.ipynb: {cache: false}}]
  train:
    cmd: t
    deps: [toolkit/training, data/raw]
    outs: [models/train]
    metrics: [{reports/metrics.json: {cache: true}}]
    plots: [reports/plots]
"""


@pytest.fixture
def root(tmp_path: Path) -> Path:
    (tmp_path / "dvc.yaml").write_text(PIPELINE)
    (tmp_path / "params.yaml").write_text("collect:\n  source: examples/table.csv\n")
    return tmp_path


def test_outs_metrics_and_plots_are_all_outputs(root: Path) -> None:
    files = load_stage_files(root, "train")
    assert files.outs == ("models/train", "reports/metrics.json", "reports/plots")
    assert files.data_deps == ("data/raw",)
    assert files.makes("models/train/deep/x") and files.makes("models/train")
    assert not files.makes("models/trained") and not files.makes("data/raw/x")


def test_values_of_params_yaml_are_filled_in(root: Path) -> None:
    files = load_stage_files(root, "collect")
    assert files.deps == ("notebooks/collect.ipynb", "examples/table.csv")
    assert files.depends_on("examples/table.csv") and not files.depends_on("examples/table.csv.gz")
    assert files.outs == ("data/raw", "reports/collect.ipynb")


def test_maker_of_a_file_is_found(root: Path) -> None:
    files = load_stage_files(root, "train")
    assert files.maker_of("data/raw/table.parquet") == "collect"
    assert files.maker_of("data/rawer") is None


def test_what_is_missing_or_broken_is_told(root: Path) -> None:
    with pytest.raises(StageError, match="stage 'serve' must be declared"):
        load_stage_files(root, "serve")
    assert load_lock(root) == {}
    (root / "dvc.lock").write_text("stages:\n  train: {cmd: t}\n")
    assert load_lock(root) == {"train": {"cmd": "t"}}
    (root / "dvc.lock").write_text("a: [")
    with pytest.raises(StageError, match=r"dvc\.lock must be YAML"):
        load_lock(root)
    with pytest.raises(StageError, match=r"no\.yaml must exist and does not"):
        load_yaml(root / "no.yaml")
