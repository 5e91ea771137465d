"""The end of a run says what became of the rows, not only that there is a model."""

import json
from pathlib import Path
from typing import Any

import pytest

from toolkit.errors import StageError
from toolkit.summary import summarize

COLLECTED = {"rows": 900, "quarantined": 0}
ANNOTATED = {"rows": {"labelled": 900, "unlabelled": 0, "tied": 0}}
MONITORED = {"drifted_features": 0, "features": 30, "prediction_drift": 0}


def write(root: Path, **files: dict[str, Any]) -> Path:
    package = root / "models" / "package"
    package.mkdir(parents=True)
    (package / "tag.txt").write_text("mine:0123456789ab\n")
    (package / "gates.json").write_text(json.dumps({"gates": [{"passed": True, "message": "rmse is 1."}]}))
    for name, values in files.items():
        stage, _, file = name.partition("_")
        path = root / "reports" / stage / f"{file}.json"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps(values))
    return root


def test_a_clean_run_is_told_in_few_lines(tmp_path: Path) -> None:
    leaks = {"checks": [{"check": "groups", "found": False}]}
    told = summarize(
        write(
            tmp_path,
            collect_metrics=COLLECTED,
            annotate_metrics=ANNOTATED,
            prepare_leaks=leaks,
            monitor_metrics=MONITORED,
        )
    ).splitlines()
    assert told[:4] == [
        "rows     900",
        "labels   900",
        "Bento    mine:0123456789ab",
        "gate     passed: rmse is 1.",
    ]
    assert [line.split()[0] for line in told[4:]] == ["reports", "next"]


def test_rows_put_aside_suspects_leaks_and_drift_are_not_only_in_a_notebook(tmp_path: Path) -> None:
    told = summarize(
        write(
            tmp_path,
            collect_metrics=COLLECTED | {"quarantined": 100},
            annotate_metrics={"rows": {"labelled": 890, "unlabelled": 7, "tied": 3}, "suspects": 12},
            prepare_metrics={"idle_features": 3},
            prepare_leaks={"checks": [{"check": "groups", "found": True}, {"check": "time", "found": False}]},
            monitor_metrics=MONITORED | {"drifted_features": 2, "prediction_drift": 1},
        )
    )
    assert "900; 100 put aside (10.0%): data/raw/quarantine.parquet" in told
    assert "890; 10 rows without one; 12 suspected wrong: reports/annotate.ipynb" in told
    assert "WARNED of: groups: reports/prepare.ipynb" in told
    assert "features 3 of no use for held-out rows: reports/prepare.ipynb" in told
    assert "2 of 30 features and the predictions: reports/monitor/report.html" in told


def test_without_a_model_it_says_what_makes_one(tmp_path: Path) -> None:
    with pytest.raises(StageError, match=r"models/package must exist and does not\. Run \./run"):
        summarize(tmp_path)
