"""The committed default data is what its script writes, and what its README says."""

import json
import re
import subprocess
import sys
from pathlib import Path

from sklearn.datasets import load_breast_cancer

from toolkit.data.annotations import Rules, load_export
from toolkit.data.labels import resolve_labels
from toolkit.data.table import load_table

FOLDER = Path(__file__).parents[3] / "examples/breast_cancer"


def test_the_files_are_what_the_script_writes() -> None:
    script = [sys.executable, str(FOLDER / "make.py"), "--check"]
    done = subprocess.run(script, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr


def test_the_table_is_scikit_learns_to_the_last_bit() -> None:
    table, data = load_table(FOLDER / "table.csv", "row_id"), load_breast_cancer()
    for index, name in enumerate(data.feature_names):
        assert table[name.replace(" ", "_")].to_pylist() == data.data[:, index].tolist()
    assert table["true_label"].to_pylist() == data.target_names[data.target].tolist()


def test_the_readme_states_what_came_out() -> None:
    annotations = load_export(FOLDER / "annotations.json", Rules("row_id", "diagnosis"))
    table = load_table(FOLDER / "table.csv", "row_id")
    truth = dict(zip(table["row_id"].to_pylist(), table["true_label"].to_pylist(), strict=True))
    answers = [annotation for annotation in annotations if not annotation.skipped]
    wrong_answers = sum(answer.label != truth[answer.key] for answer in answers)
    resolution = resolve_labels(annotations)
    wrong = sum(label.label != truth[label.key] for label in resolution.labels)
    text = re.sub(r"\s+", " ", (FOLDER / "README.md").read_text())
    assert (
        f"{len(answers):,} answers, {wrong_answers / len(answers):.1%} of them wrong".replace("%", " %")
        in text
    )
    share = f"{wrong / len(resolution.labels):.1%}".replace("%", " %")
    assert f"{len(resolution.labels)} rows get a label, {wrong} of those labels ({share}) are wrong" in text
    assert (
        f"{len(resolution.ties)} rows are tied and {len(resolution.skipped)} were skipped by everyone" in text
    )


def test_no_task_tells_the_annotator_the_true_label() -> None:
    for task in json.loads((FOLDER / "annotations.json").read_text()):
        assert "true_label" not in task["data"]
