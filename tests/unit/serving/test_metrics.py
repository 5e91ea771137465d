"""Metrics, in a process of their own: prometheus_client decides at its import how it counts."""

import os
import re
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


def test_requests_are_summed_over_workers_and_the_series_are_counted(tmp_path):
    code = f"""
from pathlib import Path
from toolkit.serving.metrics import Metrics
metrics = Metrics(Path({str(tmp_path)!r}))
for seconds in (0.003, 0.005, 9.0):
    metrics.note("predict", 200, seconds)
metrics.note("schema", 404)
metrics.violations.labels('a "b"\\n\\\\c').inc(2)
print(metrics.render().decode())
"""
    run(code)
    text = run(code)  # another worker, of the same parent
    assert 'toolkit_requests_total{endpoint="predict",status="200"} 6.0' in text
    assert 'toolkit_schema_violations_total{feature="a \\"b\\"\\n\\\\c"} 4.0' in text
    assert 'toolkit_requests_total{endpoint="schema",status="404"} 2.0' in text
    assert 'toolkit_request_seconds_bucket{le="0.002"} 0.0' in text
    assert 'toolkit_request_seconds_bucket{le="0.005"} 4.0' in text  # an edge belongs to its bucket
    assert 'toolkit_request_seconds_bucket{le="5.0"} 4.0' in text
    assert 'toolkit_request_seconds_bucket{le="+Inf"} 6.0' in text
    assert "toolkit_request_seconds_count 6.0" in text
    assert float(re.search(r"^toolkit_request_seconds_sum (\S+)$", text, re.MULTILINE)[1]) == pytest.approx(
        18.016
    )
    lines = [line for line in text.splitlines() if line and not line.startswith("#")]
    assert lines[-1] == f"toolkit_series {len(lines)}.0"


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
import os, pathlib
from toolkit.errors import ModelError
from toolkit.serving import metrics
metrics.MEMORY = pathlib.Path({str(tmp_path)!r})
metrics.open_folder().rename(metrics.MEMORY / "theirs")
parent = os.getppid()
os.symlink("theirs", f"{{metrics.MEMORY}}/toolkit-metrics-{{os.getuid()}}-{{parent}}-{{metrics._start_time(parent)}}")
try:
    metrics.open_folder()
except ModelError as error:
    print(error)
"""
    assert "must belong to this user" in run(code)


def test_folders_of_servers_that_are_gone_go_unless_another_container_holds_them(tmp_path):
    code = f"""
import fcntl, os, pathlib
from toolkit.serving import metrics
metrics.MEMORY = pathlib.Path({str(tmp_path)!r})
held, gone = (metrics.MEMORY / f"toolkit-metrics-{{os.getuid()}}-{{os.getpid()}}-{{start}}" for start in (1, 2))
held.mkdir(), gone.mkdir()
fcntl.flock(os.open(held, os.O_RDONLY), fcntl.LOCK_SH)
metrics.open_folder()
print(held.exists(), gone.exists())
"""
    assert run(code) == "True False\n"


def test_counters_are_in_memory_where_there_is_any_or_a_full_disk_would_end_the_process(tmp_path):
    code = f"""
import pathlib, tempfile
from toolkit.serving import metrics
tempfile.tempdir = {str(tmp_path)!r}
print(metrics.open_folder().parent)
metrics.MEMORY = pathlib.Path("/nowhere")
print(metrics.open_folder().parent)
"""
    memory = "/dev/shm" if os.access("/dev/shm", os.W_OK) else tmp_path
    assert run(code).split() == [str(memory), str(tmp_path)]


def test_temporary_files_are_in_memory_where_no_disk_has_room():
    code = """
import tempfile
from toolkit.serving import metrics
metrics.allow_temporary()
print(tempfile.tempdir != str(metrics.MEMORY))
tempfile.tempdir = None
tempfile._candidate_tempdir_list = lambda: []
metrics.allow_temporary()
print(tempfile.gettempdir() == str(metrics.MEMORY))
"""
    assert run(code) == "True\nTrue\n"
