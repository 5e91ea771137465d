"""The stage monitor on a batch and on a prediction log, and ended by drift when it is asked to."""

import json
import os
import shutil
import subprocess
import sys
from datetime import date
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from toolkit.artifacts import write_json
from toolkit.data.log_compaction import compact_log
from toolkit.monitoring.performance_reference import fit_reference
from toolkit.monitoring.profile import fit_profile, fit_scores
from toolkit.params_edit import write_params

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.integration


class Project:
    """A project with a packaged profile and predictions, where the stage can run alone."""

    def __init__(self, root):
        self.root = root
        for name in ("params.yaml", "dvc.yaml"):
            shutil.copy(ROOT / name, root / name)
        (root / "notebooks").mkdir()
        shutil.copy(ROOT / "notebooks/monitor.ipynb", root / "notebooks")
        rng = np.random.default_rng(1)
        columns = {name: rng.normal(size=800) for name in ("size", "age")}
        profile = fit_profile(columns, dict.fromkeys(columns, "number"), 20)
        profile = profile.with_scores(fit_scores(rng.random(400), ("no", "yes")))
        write_json(root / "models/package/profile.json", profile.to_dict())
        held_out = rng.random(400)
        target = (rng.random(400) < held_out).astype(float)
        prediction, classes = np.column_stack([1 - held_out, held_out]), ("no", "yes")
        reference = fit_reference(target, prediction, classes, profile.predictions, metric="accuracy")
        write_json(root / "models/package/performance.json", reference.to_dict())
        self.write_contract()

    def write_contract(self, **age):
        column = {"name": "age", "type": "number", **age}
        write_json(self.root / "models/package/contract.json", {"schema": 1, "columns": [column]})

    def rows(self, shift):
        rng = np.random.default_rng(2)
        columns = {"size": rng.normal(shift, size=300), "age": rng.normal(size=300)}
        return columns, rng.random(300)

    def write_batch(self, shift):
        columns, p = self.rows(shift)
        label = np.where(p > 0.5, "yes", "no")
        path = self.root / "data/predictions/predictions.parquet"
        path.parent.mkdir(parents=True, exist_ok=True)
        pq.write_table(
            pa.table({**columns, "label": label, "p_no": 1 - p, "p_yes": p, "version": ["v1"] * 300}), path
        )

    def write_log(self, shift, hashed=False):
        """Write a log of three forms: records of before there was a latency, today's, and a compacted day."""
        columns, p = self.rows(shift)
        folder = self.root / "logs/predictions"
        folder.mkdir(parents=True)
        records = []
        for size, age, yes in zip(columns["size"], columns["age"], p, strict=True):
            output = {"label": "yes" if yes > 0.5 else "no", "probabilities": {"no": 1 - yes, "yes": yes}}
            features = {"size": size} if hashed else {"size": size, "age": age}
            records.append({"id": f"{len(records):020x}", "version": "v1", "features": features, **output})
        for record in records[100:]:
            record.update({"time": "2026-01-01T00:00:00.250000Z", "latency_ms": 0.31})
            if hashed:
                record["personal"] = {"age": "5f" * 16}
        for name, part in (
            ("20251231T000000000000-a", records[:100]),
            ("20260101T000000000000-a", records[100:200]),
            ("20260102T000000000000-a", records[200:]),
        ):
            (folder / f"{name}.jsonl").write_text("".join(json.dumps(record) + "\n" for record in part))
        done = compact_log(folder, 1, date(2026, 1, 3), lambda text, done=False: None)
        assert [path.name for path in done.days] == ["20251231.parquet", "20260101.parquet"]

    def run(self, **values):
        write_params(self.root, {f"monitor.{key}": value for key, value in values.items()})
        command = [sys.executable, "-m", "toolkit", "run", "monitor"]
        environment = {**os.environ, "TOOLKIT_ROOT": str(self.root)}
        return subprocess.run(
            command, cwd=self.root, env=environment, capture_output=True, text=True, timeout=120, check=False
        )

    def outputs(self):
        folder = self.root / "reports"
        return {
            path.relative_to(folder).as_posix(): path.read_bytes()
            for path in folder.rglob("*")
            if path.is_file()
        }


def test_batch_and_log_give_the_same_report_and_drift_can_end_the_stage(tmp_path):
    project = Project(tmp_path)
    project.write_batch(0.0)
    project.write_log(0.0)
    first = project.run()
    assert first.returncode == 0, first.stderr
    batch = project.outputs()
    assert {"monitor.ipynb", "monitor/report.html", "monitor/metrics.json", "monitor/plots/drift.csv"} <= set(
        batch
    )
    metrics = json.loads(batch["monitor/metrics.json"])
    assert (metrics["rows"], metrics["drifted_features"], metrics["prediction_drift"]) == (300, 0, 0)
    assert metrics["expected_low"] < 0.75 < metrics["expected_high"]  # of scores spread evenly that are true
    assert metrics["expected_value"] == pytest.approx(0.75, abs=0.06)

    second = project.run(input="logs/predictions")
    assert second.returncode == 0, second.stderr
    log = project.outputs()
    for name in batch:
        if name not in ("monitor.ipynb", "monitor/lineage.json"):  # these name the input
            assert log[name] == batch[name], name

    project.write_batch(1.0)
    third = project.run(input="data/predictions/predictions.parquet", fail_on_drift=True)
    assert third.returncode == 1
    assert "size drifted: " in third.stderr
    after = project.outputs()
    assert {name: after[name] for name in log} == log
    failed = (tmp_path / "reports/failed/monitor.ipynb").read_text()
    assert "1 of 2 features drifted (size); the predictions did not drift." in failed
    assert "image/svg+xml" in failed


def test_a_personal_feature_is_not_measured_from_a_log_and_the_report_says_so(tmp_path):
    project = Project(tmp_path)
    project.write_contract(personal=True)
    project.write_log(shift=0, hashed=True)
    done = project.run(input="logs/predictions")
    assert done.returncode == 0, done.stderr
    sentence = "Not measured, since a log leaves out what is personal: age."
    assert sentence in (tmp_path / "reports/monitor/report.html").read_text()
    assert sentence in (tmp_path / "reports/monitor.ipynb").read_text()
