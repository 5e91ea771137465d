"""``toolkit run`` executes a stage's notebook, or says in a few lines why it could not."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
import sys

import nbformat
import pytest

pytestmark = pytest.mark.integration


def test_run_gives_outputs_report_and_one_plain_line_a_cell(tiny_project) -> None:
    done = tiny_project.run("run", "prepare")
    assert done.returncode == 0, done.stderr
    assert "\r" not in done.stderr and "\x1b" not in done.stderr and done.stdout == ""
    lines = done.stderr.splitlines()
    assert re.fullmatch(r"prepare 1/8 Prepare \d+\.\d s", lines[0])
    assert re.fullmatch(r"prepare 8/8 stage\.finish\(\) \d+\.\d s", lines[7])
    assert len(lines) == 9 and lines[8].endswith("reports/prepare.ipynb")
    assert tiny_project.read("data/prepared/deep/er/a.txt") == "seed 1"
    executed = nbformat.read(tiny_project.root / "reports/prepare.ipynb", as_version=4)
    nbformat.validate(executed)
    counted = [cell.execution_count for cell in executed.cells if cell.cell_type == "code"]
    assert counted == [1, None, 2, 3, 4, 5, 6, 7, 8]  # the injected cell does not count, as by hand
    times = json.loads(tiny_project.read(".toolkit/runs/prepare.json"))
    assert len(times["cells"]) == 8 and times["failed"] is False


def test_two_runs_in_two_places_give_the_same_bytes(tiny_project, tmp_path) -> None:
    noisy = (
        "import sys, time, warnings\n"
        "print('a', end='', flush=True); time.sleep(0.25); print('b'); print('c', file=sys.stderr, flush=True)\n"
        "time.sleep(0.25); print('d'); warnings.warn('careful')\n"
        "print({'some', 'words', 'in', 'a', 'set'}, object()); print(stage.output('data/prepared'))"
    )
    shown = "import os\nos.environ['TOOLKIT_ROOT']"
    cells = ["stage.output('data/prepared').mkdir()", noisy]
    cells += ["stage.output('reports/prepare/metrics.json').write_text('{}')", "object()"]
    tiny_project.write_notebook("prepare", cells)
    other = type(tiny_project)(tmp_path / "another/place")
    other.write_notebook("prepare", cells)
    for project in (tiny_project, tiny_project, other):
        done = project.run("run", "prepare")
        assert done.returncode == 0, done.stderr
        if project is tiny_project:
            first = project.read("reports/prepare.ipynb")
    second, third = tiny_project.read("reports/prepare.ipynb"), other.read("reports/prepare.ipynb")
    assert "careful" in first and shown not in first
    hide = re.compile(r"staging/prepare-[0-9a-f]{16}")  # the run's id, which this cell prints on purpose
    assert hide.sub("", first) == hide.sub("", second) == hide.sub("", third)
    assert str(tiny_project.root) not in first and "ipykernel_" not in first


def test_values_come_from_the_command_line_then_from_params_yaml(tiny_project) -> None:
    tiny_project.run("run", "prepare")
    tiny_project.set_param("learning_rate: 0.05", "learning_rate: 0.2")
    elsewhere = str(tiny_project.root.parent)  # as in the copy where DVC runs an experiment
    assert tiny_project.run("run", "train", TOOLKIT_ROOT=elsewhere).returncode == 0
    assert tiny_project.read("models/train/model.txt") == "b 0.2"
    assert tiny_project.run("run", "train", "-p", "learning_rate=5e-2").returncode == 0
    assert (
        tiny_project.read("models/train/model.txt") == "b 0.05"
    )  # the class's default, given, stays as given
    assert json.loads(tiny_project.read("reports/train/lineage.json"))["params"]["learning_rate"] == 0.05


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ["train", "-p", "learning_rat=1"],
            "-p learning_rat: unknown key of train. Did you mean 'learning_rate'?",
        ),
        (["train", "-p", "learning_rate=2"], "train.learning_rate: must be at most 1.0. Got 2 instead."),
        (["train", "-p", "learning_rate"], "-p must be given KEY=VALUE. Got 'learning_rate' instead."),
        (["train", "-p", "seed=AKIAABCDEFGHIJKLMNOP"], "-p seed: must not look like a secret"),
        (
            ["tain"],
            "notebooks/tain.ipynb must exist and does not: a stage's notebook has its name. Did you mean 'train'?",
        ),
    ],
)
def test_wrong_command_line_ends_in_one_message(tiny_project, arguments, message) -> None:
    done = tiny_project.run("run", *arguments)
    assert done.returncode == 1
    assert done.stderr.startswith("toolkit: ") and message in done.stderr
    assert "Traceback" not in done.stderr and "AKIA" not in done.stderr
    assert not (tiny_project.root / "reports").exists()


def test_value_that_the_parameters_cell_does_not_set_is_refused(tiny_project) -> None:
    path = tiny_project.root / "notebooks/train.ipynb"
    path.write_text(path.read_text().replace("patience = 30", "patence = 30"))
    done = tiny_project.run("run", "train")
    assert done.returncode == 1
    assert "notebooks/train.ipynb: the parameters cell must set 'patience'" in done.stderr
    assert "Did you mean 'patence'?" in done.stderr


R_KERNEL = {"name": "ir", "language": "R", "display_name": "R"}
BROKEN = {
    "raises": (
        ["x = 1\n\nx / 0"],
        {},
        r"code cell 3, line 3: x = 1\n  ZeroDivisionError: division by zero\n",
    ),
    "our own error": (
        ["from toolkit.errors import DataError\nraise DataError('The table must have rows.')"],
        {},
        r"code cell 3: from toolkit.errors import DataError\n  The table must have rows.\n",
    ),
    "ends the process": (
        ["import os\nos._exit(7)"],
        {},
        r"code cell 3: import os\n  The kernel ended by itself \(exit status 7\).*\n  Hint: .*os\._exit",
    ),
    "is killed": (
        ["import os\nos.kill(os.getpid(), 9)"],
        {},
        r"code cell 3: import os\n  The kernel was killed \(signal 9, SIGKILL\): most likely .* out of memory",
    ),
    "leaves early": (["import sys\nsys.exit(0)"], {}, r"code cell 3: import sys\n  SystemExit: 0\n  Hint: "),
    "is not finished": (["x = 1"], {"finish": False}, r"started its stage and did not finish it"),
    "writes half": (
        ["stage.output('models/train/model.txt').write_text('half')\nraise OSError('disk full')"],
        {},
        r"code cell 3, line 2: .*\n  OSError: disk full\n",
    ),
    "no parameters cell": (
        [],
        {"tagged": 0},
        r"must have one code cell with the tag 'parameters'.*; none has it",
    ),
    "two parameters cells": ([], {"tagged": 2}, r"must have one code cell .*; cells 2, 3 have it"),
    "another language": (
        [],
        {"kernel": R_KERNEL},
        r"must use a Python kernel. Got kernel 'ir' \(R\) instead",
    ),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_notebook_ends_in_a_short_message_and_changes_nothing(tiny_project, name) -> None:
    cells, options, message = BROKEN[name]
    earlier = tiny_project.root / "models/train/model.txt"
    earlier.parent.mkdir(parents=True)
    earlier.write_text("earlier")
    tiny_project.write_notebook("train", cells, **options)
    done = tiny_project.run("run", "train")
    assert done.returncode == 1
    said = done.stderr[done.stderr.index("toolkit: ") :]
    assert said.startswith("toolkit: notebooks/train.ipynb ")
    assert re.search(message, said), said
    assert "Traceback" not in done.stderr and len(said.splitlines()) <= 4
    assert earlier.read_text() == "earlier" and list(earlier.parent.iterdir()) == [earlier]
    assert not (tiny_project.root / "reports/train.ipynb").exists()
    assert not list((tiny_project.root / ".toolkit/staging").glob("*"))


def test_failed_notebook_is_kept_and_links_to_the_failing_cell(tiny_project) -> None:
    tiny_project.write_notebook("prepare", ["print('before')", "1 / 0", "print('after')"])
    assert tiny_project.run("run", "prepare").returncode == 1
    kept = nbformat.read(tiny_project.root / "reports/failed/prepare.ipynb", as_version=4)
    nbformat.validate(kept)
    assert kept.cells[0].source.startswith("**This run failed** in [code cell 4](#failed-cell).")
    place = next(index for index, cell in enumerate(kept.cells) if 'id="failed-cell"' in cell.source)
    assert kept.cells[place + 1].source == "1 / 0"
    assert kept.cells[place + 1].outputs[0].ename == "ZeroDivisionError"
    assert kept.cells[place].source.startswith("<a ") and not any("papermill" in c.source for c in kept.cells)
    assert json.loads(tiny_project.read(".toolkit/runs/prepare.json"))["failed"] is True
    tiny_project.write_notebook("prepare", ["stage.output('data/prepared').mkdir()", *METRICS])
    assert tiny_project.run("run", "prepare").returncode == 0
    assert not (tiny_project.root / "reports/failed/prepare.ipynb").exists()


METRICS = ["stage.output('reports/prepare/metrics.json').write_text('{}')"]


def test_cell_over_its_time_limit_is_stopped(tiny_project) -> None:
    tiny_project.set_param("cell_timeout_s: 3600", "cell_timeout_s: 1")
    tiny_project.write_notebook("prepare", ["import time\ntime.sleep(50)"])
    done = tiny_project.run("run", "prepare")
    assert done.returncode == 1
    assert "code cell 3: import time\n  The cell took longer than 1 s." in done.stderr
    assert "runner.cell_timeout_s" in done.stderr


def test_missing_ipykernel_is_named(tiny_project) -> None:
    blocked = tiny_project.root / "home/blocked"
    blocked.mkdir()
    (blocked / "ipykernel.py").write_text(
        "raise ModuleNotFoundError('No module named ipykernel', name='ipykernel')"
    )
    done = tiny_project.run("run", "prepare", PYTHONPATH=str(blocked))
    assert done.returncode == 1
    assert "The kernel needs the package ipykernel, which cannot be imported" in done.stderr


def test_secrets_of_the_environment_reach_neither_notebook_nor_message(tiny_project) -> None:
    secret = "s3cr3t/token+9&f"
    tiny_project.write_notebook(
        "prepare",
        [
            "import base64, json, os, sys, time, urllib.parse\nfrom IPython.display import HTML, display",
            "secret = os.environ['LABEL_STUDIO_API_KEY']",
            "print(secret[:5], end='', flush=True); time.sleep(0.3); print(secret[5:])",
            "print('x' + secret, file=sys.stderr); print(base64.b64encode(f'user:{secret}'.encode()).decode())",
            "display(HTML(f'<a href=\"?t={urllib.parse.quote(secret)}\">'), {'application/json': 1})",
            "display({'application/json': {secret: [secret]}, 'text/plain': secret}, raw=True)",
            "raise ValueError(f'refused: {secret}')",
        ],
    )
    done = tiny_project.run("run", "prepare", LABEL_STUDIO_API_KEY=secret)
    assert done.returncode == 1 and "refused: [LABEL_STUDIO_API_KEY]" in done.stderr
    kept = tiny_project.read("reports/failed/prepare.ipynb")
    assert kept.count("[LABEL_STUDIO_API_KEY]") >= 8
    everywhere = done.stderr + kept + tiny_project.read(".toolkit/runs/prepare.json")
    for form in (secret, secret[5:], "czNjcjN0L3Rva2VuKzkmZ", "s3cr3t/token%2B9%26f", "s3cr3t%2Ftoken"):
        assert form not in everywhere


def test_secret_of_the_environment_is_refused_as_a_parameter(tiny_project) -> None:
    tiny_project.set_param("source: examples/breast_cancer/table.csv", "source: data/plainlookingword")
    done = tiny_project.run("run", "collect", LABEL_STUDIO_API_KEY="plainlookingword")
    assert done.returncode == 1  # and before: there is no such notebook
    tiny_project.write_notebook("collect", [])
    done = tiny_project.run("run", "collect", LABEL_STUDIO_API_KEY="plainlookingword")
    assert "collect.source: must not look like a secret" in done.stderr
    assert "the value of LABEL_STUDIO_API_KEY" in done.stderr and "plainlooking" not in done.stderr


def test_terminal_gets_one_line_that_updates(tiny_project) -> None:
    tiny_project.write_notebook("prepare", ["import time\ntime.sleep(2.2)", "1 / 0"])
    leader, follower = pty.openpty()
    env = {**tiny_project.env, "COLUMNS": "60", "LINES": "20"}
    command = [sys.executable, "-m", "toolkit", "run", "prepare"]
    with subprocess.Popen(command, cwd=tiny_project.root, env=env, stdout=follower, stderr=follower) as run:
        os.close(follower)
        written = b""
        while chunk := _read(leader):
            written += chunk
    os.close(leader)
    assert run.returncode == 1
    text = written.decode().replace("\r\n", "\n")
    progress, message = text.split("toolkit: notebooks/prepare.ipynb", 1)
    assert "\n" not in progress and progress.endswith("\r\x1b[K")  # the line is gone before the message comes
    drawn = progress.split("\r\x1b[K")
    assert (
        len([line for line in drawn if line.startswith("prepare 3/5 time.sleep(2.2)")]) >= 3
    )  # it lives while a cell runs
    assert max(map(len, drawn)) < 60
    assert "ZeroDivisionError" in message and "\r" not in message


def _read(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 4096)
    except OSError:  # Linux says so when the other end is closed
        return b""
