"""Labels that cannot be used and splits that leak: one message, and what was there before stays."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from data_project import run_notebook, set_params

from toolkit.artifacts import load_json, measure_hash
from toolkit.errors import ToolkitError

pytestmark = pytest.mark.integration
ROWS = 300


def make_table() -> dict[str, Any]:
    random = np.random.default_rng(4)
    size = random.standard_normal(ROWS)
    return {
        "id": [f"p{row}" for row in range(ROWS)],
        "size": size,
        "visits": random.poisson(3, ROWS),
        "customer": [f"c{value}" for value in random.integers(0, 60, ROWS)],
        "at": np.datetime64("2026-01-01T00:00:00", "us") + np.arange(ROWS) * np.timedelta64(1, "h"),
        "state": np.where(size + random.standard_normal(ROWS) > 0, "ill", "well").tolist(),
    }


def use(project: Path, table: dict[str, Any], **prepare: Any) -> None:
    """Write the table and run collect on it, with labels from its own column ``state``."""
    (project / "tables").mkdir(exist_ok=True)
    pq.write_table(pa.table(table), project / "tables/patients.parquet")
    for contract in (project / "schemas").glob("patients.yaml"):
        contract.unlink()
    set_params(
        project,
        collect={"source": "tables/patients.parquet", "key": "id", "exclude": ["customer"],
                 "contract": "schemas/patients.yaml"},
        annotate={"source": "data/raw/table.parquet", "format": "column", "key": "id", "label": "state", "truth": "",
                  "classes": [], "task": "classification"},
        prepare=prepare,
    )  # fmt: skip
    run_notebook("collect")


@pytest.fixture
def project(data_project: Path) -> Path:
    """A project whose stages have run on a table that is right."""
    use(data_project, make_table(), split="group", group="customer", time="at", checks=checks(time="off"))
    for stage in ("annotate", "prepare"):
        run_notebook(stage)
    return data_project


def checks(**changes: str) -> dict[str, str]:
    names = ("duplicates", "near_duplicates", "groups", "time", "giveaway", "late", "identifiers", "shift")
    return dict.fromkeys(names, "warn") | changes


FAULTS: dict[str, tuple[Callable[[dict[str, Any]], object], dict[str, Any], str]] = {
    "missing": (lambda table: None, {"label": "stat"}, "label column 'stat' and has not. Did you mean 'state'"),
    "one class": (lambda table: table.update(state=["ill"] * ROWS), {}, "at least two classes. Got 'ill' instead"),
    "one row": (
        lambda table: table["state"].__setitem__(0, "dead"), {},
        "at least 5 labelled rows, one a fold (annotate.folds), and 'dead' has fewer. Got 'dead': 1, ",
    ),
    "none": (
        lambda table: table.update(state=[None if row > 4 else "ab"[row % 2] for row in range(ROWS)]), {},
        "and 'a', 'b' have fewer. Got 'a': 3, 'b': 2. Label more rows of the rare ones, or lower annotate.folds (2 at",
    ),
    "numbers": (
        lambda table: table.update(state=np.arange(ROWS).tolist()), {},
        "300 different numbers, such as 0, 1, 2. If a number is to be predicted, set annotate.task to regression",
    ),
    "text": (lambda table: None, {"task": "regression"}, "must hold numbers for a regression. Got string instead."),
}  # fmt: skip


def test_labels_that_cannot_be_used_are_told_and_earlier_ones_stay(project: Path) -> None:
    before = measure_hash(project / "data/labels")
    for change, params, message in FAULTS.values():
        table = make_table()
        change(table)
        use(project, table)
        set_params(project, annotate=params)
        with pytest.raises(ToolkitError) as caught:
            run_notebook("annotate")
        assert message in str(caught.value)
        assert measure_hash(project / "data/labels") == before


def test_leaks_that_are_set_to_fail_are_told_together_and_earlier_tables_stay(project: Path) -> None:
    task = load_json(project / "data/prepared/task.json")
    assert task["classes"] == ["ill", "well"] and task["split"]["split"] == "group"
    names = pq.read_schema(project / "data/prepared/train.parquet").names
    assert names == [
        "id",
        "size",
        "visits",
        "at",
        "label",
    ]  # neither the label's column nor the excluded group
    found = load_json(project / "reports/prepare/leaks.json")["checks"]
    assert [check["check"] for check in found if check["found"]] == []
    before = measure_hash(project / "data/prepared")
    set_params(project, prepare={"split": "hash", "checks": checks(groups="fail", time="fail")})
    with pytest.raises(ToolkitError) as caught:
        run_notebook("prepare")
    lines = str(caught.value).splitlines()
    assert [line.partition(":")[0] for line in lines[1:]] == ["groups", "time"]
    assert "2 checks found that they do" in lines[0]
    assert measure_hash(project / "data/prepared") == before
    set_params(project, prepare={"checks": checks(groups="off", time="warn")})
    run_notebook("prepare")
    found = load_json(project / "reports/prepare/leaks.json")["checks"]
    assert [check["check"] for check in found if check["found"]] == ["time"]
    assert load_json(project / "reports/prepare/metrics.json")["leaks"] == 1
