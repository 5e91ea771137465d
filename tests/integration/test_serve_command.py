"""The ways to start the service: toolkit serve, bentoml serve in the project, bentoml serve TAG on the lean lock."""

from __future__ import annotations

import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from toolkit.packaging.bento import build_bento, load_tag
from toolkit.packaging.serve import find_port, stop_server, wait_until_ready

pytestmark = pytest.mark.integration
ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def project(make_packaged, tmp_path_factory):
    """Make a project (in a path with a blank) whose model is packaged and whose Bento is not built."""
    root = tmp_path_factory.mktemp("a project") / "here"
    shutil.copytree(ROOT / "toolkit", root / "toolkit", ignore=shutil.ignore_patterns("__pycache__"))
    for name in ("bentofile.yaml", "requirements-serve.lock", "params.yaml", "dvc.yaml"):
        shutil.copyfile(ROOT / name, root / name)
    shutil.copytree(make_packaged("regression").folder, root / "models" / "package")
    return root


def clean_environment(project, **extra):
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("TOOLKIT_", "BENTOML_"))
    }
    return {**kept, "BENTOML_DO_NOT_TRACK": "true", "PYTHONPATH": str(project), **extra}


@contextmanager
def running(command, project, environment, output=None):
    """Start a server by a command; gives its URL once it is ready, and stops it."""
    port = find_port("127.0.0.1")
    server = subprocess.Popen(
        [*command, "--port", str(port)], cwd=project, env=environment, stdout=output, start_new_session=True
    )
    try:
        yield wait_until_ready(server, "127.0.0.1", port)
    finally:
        stop_server(server)
    assert server.returncode == 0


def check_answers(url, project):
    tag = load_tag(project / "models" / "package")
    row = httpx.get(f"{url}/schema").json()["example"]
    answer = httpx.post(f"{url}/predict", json=row).raise_for_status().json()
    assert answer["version"] == tag
    assert isinstance(answer["value"], float)
    return answer


def test_toolkit_serve_builds_the_bento_and_prints_a_curl_line_that_works(project, tmp_path):
    with (tmp_path / "output").open("w+") as output:
        command = [sys.executable, "-m", "toolkit", "serve"]
        with running(command, project, clean_environment(project), output) as url:
            answer = check_answers(url, project)
            deadline = time.monotonic() + 20
            while "curl" not in (text := (tmp_path / "output").read_text()) and time.monotonic() < deadline:
                time.sleep(0.1)
            tag = load_tag(project / "models" / "package")
            assert f"{tag} answers at {url}" in text
            line = next(line for line in text.splitlines() if line.startswith("curl "))
            done = subprocess.run([*shlex.split(line), "-s"], capture_output=True, timeout=30, check=True)
            assert json.loads(done.stdout)["value"] == answer["value"]
            lineage = httpx.get(f"{url}/lineage").json()
            assert lineage["build"]["git_commit"] is None  # there is no repository
    records = [
        json.loads(line)
        for path in (project / "logs" / "predictions").glob("*.jsonl")
        for line in path.read_text().splitlines()
    ]
    assert answer["id"] in {record["id"] for record in records}


def test_bentoml_serve_in_the_project_finds_the_model_and_its_version(project, tmp_path):
    environment = clean_environment(project, BENTOML_HOME=str(tmp_path))
    with running([sys.executable, "-m", "bentoml", "serve"], project, environment) as url:
        check_answers(url, project)


def test_a_damaged_model_is_refused_with_one_message(project, tmp_path):
    broken = shutil.copytree(project, tmp_path / "broken")
    bento = build_bento(broken, broken / "models" / "package", broken / ".bentoml")
    model = bento / "src" / "models" / "package" / "model.txt"
    model.write_text(model.read_text().replace("leaf_value=", "leaf_value=1", 1))
    command = [sys.executable, "-m", "toolkit", "serve", "--port", "0"]
    environment = clean_environment(broken)
    done = subprocess.run(
        command, cwd=broken, env=environment, capture_output=True, text=True, timeout=100, check=False
    )
    assert done.returncode == 1
    assert "model.txt is not the file that was packaged" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.fixture(scope="module")
def lean_python():
    """Make an environment from the service's lock alone; kept in .toolkit until the lock changes."""
    lock = ROOT / "requirements-serve.lock"
    name = hashlib.sha256(lock.read_bytes()).hexdigest()[:12]
    place = ROOT / ".toolkit" / f"serve-environment-{name}"
    if not (place / "complete").exists():
        uv = shutil.which("uv")
        assert uv, "uv is a development dependency of this project"
        subprocess.run(
            [uv, "venv", "-q", "--clear", "--python", sys.executable, place], check=True, timeout=120
        )
        command = [uv, "pip", "sync", "-q", "--require-hashes", lock]
        subprocess.run(command, env={**os.environ, "VIRTUAL_ENV": str(place)}, check=True, timeout=400)
        (place / "complete").touch()
    return place / "bin" / "python"


def test_bentoml_serve_tag_runs_on_the_lean_lock_alone(project, lean_python, tmp_path):
    listed = subprocess.run(
        [
            lean_python,
            "-c",
            "import importlib.metadata as m; print(*[d.name.lower() for d in m.distributions()])",
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    ).stdout.split()
    heavy = {
        "pandas",
        "jupyterlab",
        "papermill",
        "dvc",
        "ray",
        "label-studio-sdk",
        "scikit-learn",
        "ruamel.yaml",
    }
    assert not heavy & set(listed)
    store = project / ".bentoml"
    build_bento(project, project / "models" / "package", store)
    environment = clean_environment(project, BENTOML_HOME=str(store))
    del environment["PYTHONPATH"]
    command = [str(lean_python), "-m", "bentoml", "serve", load_tag(project / "models" / "package")]
    with running(command, tmp_path, environment) as url:
        check_answers(url, project)
        assert "toolkit_rows_total 1.0" in httpx.get(f"{url}/metrics").text
        assert httpx.get(f"{url}/lineage").json()["build"]["python"]


def test_toolkit_serve_killed_leaves_no_server(project):
    port = find_port("127.0.0.1")
    command = [sys.executable, "-m", "toolkit", "serve", "--port", str(port)]
    server = subprocess.Popen(command, cwd=project, env=clean_environment(project), start_new_session=True)
    url = wait_until_ready(server, "127.0.0.1", port)
    server.kill()
    server.wait()
    deadline = time.monotonic() + 10
    while time.monotonic() < deadline:
        try:
            httpx.get(f"{url}/livez", timeout=2)
        except httpx.TransportError:
            return
        time.sleep(0.1)
    raise AssertionError("the server still answers 10 s after toolkit serve was killed")
