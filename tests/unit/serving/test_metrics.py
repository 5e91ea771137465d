"""Metrics and recorder, in a process of their own: prometheus_client decides at its import how it counts."""

import subprocess
import sys
import textwrap

import pytest


def run(code):
    done = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(code)], capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


SET_UP = """
import sys, os
from pathlib import Path
from toolkit.monitoring.detector import DriftDetector
from toolkit.monitoring.profile import load_profile
from toolkit.data.predictions import iterate_log
from toolkit.serving.log import PredictionLog
from toolkit.serving.metrics import Metrics
from toolkit.serving.model import load_unproved
from toolkit.serving.recorder import Answered, Recorder
package, place = Path({package!r}), Path({place!r})
(place / "metrics").mkdir(exist_ok=True)
model = load_unproved(package)
metrics = Metrics(model.version, model.task, place / "metrics")
detector = DriftDetector(load_profile(package / "profile.json"))
"""


@pytest.mark.parametrize("task", ["binary", "multiclass", "regression"])
def test_recorder_logs_and_counts_what_was_answered(make_packaged, tmp_path, task):
    packaged = make_packaged(task)
    rows = packaged.rows(20)
    code = (
        SET_UP.format(package=str(packaged.folder), place=str(tmp_path))
        + f"""
rows = {rows!r}
recorder = Recorder(model.version, detector, metrics, PredictionLog(place / "log"))
answer = model.predict_rows(rows)
recorder.add(Answered(0.5, [str(i) for i in range(20)], rows, answer.rows(), answer))
recorder.show()
recorder.close()
records = [record for _, record in iterate_log(place / "log")]
assert [record["features"] for record in records] == rows
assert records[0]["time"] == "1970-01-01T00:00:00.500000Z"
assert model.predict_rows(rows[3:4]).rows()[0].items() <= records[3].items()
print(metrics.render().decode())
"""
    )
    text = run(code)
    assert "toolkit_log_records_total 20.0" in text
    lines = text.splitlines()
    first = (
        "value" if task == "regression" else f"p_{ {'binary': 'malignant', 'multiclass': 'setosa'}[task] }"
    )
    scored = [
        float(line.split()[-1])
        for line in lines
        if line.startswith(f'toolkit_scores_total{{output="{first}"')
    ]
    assert sum(scored) == 20
    if task != "regression":
        labels = [float(line.split()[-1]) for line in lines if line.startswith("toolkit_predictions_total{")]
        assert sum(labels) == 20
    else:
        missing = sum(row["radius"] is None for row in rows)
        assert f'toolkit_missing_values_total{{feature="radius"}} {float(missing)}' in text


def test_a_log_that_fails_is_counted_and_serving_goes_on(make_packaged, tmp_path):
    packaged = make_packaged()
    (tmp_path / "file").touch()
    code = (
        SET_UP.format(package=str(packaged.folder), place=str(tmp_path))
        + f"""
rows = {packaged.rows(5)!r}
recorder = Recorder(model.version, detector, metrics, PredictionLog(place / "file" / "log"))
answer = model.predict_rows(rows)
for _ in range(2):
    recorder.add(Answered(0.5, list("abcde"), rows, answer.rows(), answer))
    recorder.show()
assert recorder.alive
print(metrics.render().decode())
"""
    )
    text = run(code)
    assert "toolkit_log_records_lost_total 10.0" in text
    assert "toolkit_log_records_total 0.0" in text


def test_label_values_are_escaped(tmp_path):
    code = f"""
from pathlib import Path
from toolkit.serving.metrics import Metrics
metrics = Metrics("v", "binary", Path({str(tmp_path)!r}))
metrics.count_labels({{'a "b"\\n\\\\c': 2}})
print(metrics.render().decode())
"""
    assert 'toolkit_predictions_total{label="a \\"b\\"\\n\\\\c"} 2.0' in run(code)


def test_the_folder_belongs_to_the_parent_process_and_others_leave_it(tmp_path):
    code = """
import os, subprocess, sys
from toolkit.serving.metrics import open_folder
print(open_folder())
"""
    assert run(code) == run(code)  # the same parent: the workers of one server share it
    other = f"""
import subprocess, sys
print(subprocess.run([sys.executable, "-c", {code!r}], capture_output=True, text=True).stdout)
"""
    assert run(other).strip() != run(code).strip()


@pytest.mark.skipif(sys.platform != "linux", reason="the clock of the process table is Linux's")
def test_setting_the_clock_does_not_give_the_folder_another_name():
    code = """
import sys
import psutil
if "later" in sys.argv:
    psutil.Process.create_time = lambda self: 4102444800.0
from toolkit.serving.metrics import open_folder
print(open_folder())
"""
    assert run(code) == run(f"import sys\nsys.argv.append('later')\n{code}")


def test_a_folder_that_somebody_else_made_is_refused(tmp_path):
    code = f"""
import os, tempfile
from toolkit.errors import ModelError
from toolkit.serving import metrics
tempfile.tempdir = {str(tmp_path)!r}
metrics.open_folder().rename(tempfile.tempdir + "/theirs")
parent = os.getppid()
os.symlink("theirs", f"{{tempfile.tempdir}}/toolkit-metrics-{{os.getuid()}}-{{parent}}-{{metrics._start_time(parent)}}")
try:
    metrics.open_folder()
except ModelError as error:
    print(error)
"""
    assert "must belong to this user" in run(code)
