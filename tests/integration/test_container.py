"""The image that ``bentoml containerize`` makes, and the service in it with all rights taken away.

Takes two to five minutes, so it runs only when asked for:
``TOOLKIT_TEST_CONTAINER=1 ./run test tests/integration/test_container.py``
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from tests.integration.containers import Podman, find_reason_to_skip
from toolkit.data.predictions import iterate_log
from toolkit.packaging.bento import build_bento, load_tag
from toolkit.packaging.serve import find_port
from toolkit.serving.model import load_model

ASKED = os.environ.get("TOOLKIT_TEST_CONTAINER") == "1"
REASON = find_reason_to_skip() if ASKED else "takes minutes: set TOOLKIT_TEST_CONTAINER=1 to run it"
pytestmark = [pytest.mark.integration, pytest.mark.skipif(bool(REASON), reason=REASON)]
ROOT = Path(__file__).resolve().parents[2]
IMAGE, UID = "test_binary:1", 1034
HARDENED = "--read-only --tmpfs /tmp --cap-drop all --security-opt no-new-privileges --memory 512m --cpus 1"
HERE = "--network host --ulimit nofile=4096:4096 --ulimit nproc=4096:4096"  # what this test may ask its machine for
MAX_IMAGE_MB = 650


@pytest.fixture(scope="module")
def podman(make_packaged, tmp_path_factory):
    """Give Podman with the image built by BentoML's own command."""
    folder = tmp_path_factory.mktemp("podman")
    store, package = folder / "store", make_packaged().folder
    build_bento(ROOT, package, store)
    podman = Podman(folder)
    podman.provide_base(ROOT / ".toolkit" / "container-base" / f"{sys.version_info.minor}.tar")
    command = ["bentoml", "containerize", load_tag(package), "--backend", "podman"]
    command += ["--opt", "network=host", "--image-tag", IMAGE]
    environment = {**podman.environment, "BENTOML_HOME": str(store), "BENTOML_DO_NOT_TRACK": "true"}
    try:
        subprocess.run(command, env=environment, check=True, capture_output=True, timeout=500)
        yield podman
    finally:
        podman.remove()


@pytest.fixture
def volume(tmp_path):
    """Give a folder that the container's user may write to."""
    folder = tmp_path / "logs"
    folder.mkdir()
    shutil.chown(folder, UID, UID)
    return folder


@contextmanager
def running(podman, *options, ready=True):
    port = find_port("127.0.0.1")
    command = ["run", "--detach", *HERE.split(), *HARDENED.split(), *options, IMAGE]
    name = podman(*command, "serve", "--host", "127.0.0.1", "--port", str(port)).stdout.strip()
    with httpx.Client(base_url=f"http://127.0.0.1:{port}", timeout=20) as client:
        try:
            if ready:
                wait_until_ready(client, podman, name)
            yield client, name
        finally:
            podman("rm", "--force", "--time", "1", name, check=False)


def wait_until_ready(client, podman, name):
    deadline = time.monotonic() + 90
    while time.monotonic() < deadline:
        try:
            if client.get("/readyz").status_code == 200:
                return
        except httpx.TransportError:
            pass
        if podman("inspect", "--format", "{{.State.Running}}", name).stdout.strip() != "true":
            break
        time.sleep(0.1)
    raise AssertionError(podman("logs", name).stdout[-3000:] + podman("logs", name).stderr[-3000:])


def test_the_image_is_small_runs_as_a_user_and_holds_no_compiler(podman):
    described = json.loads(podman("image", "inspect", IMAGE).stdout)[0]
    assert described["Size"] < MAX_IMAGE_MB * 1e6
    assert described["Config"]["User"] == "bentoml"
    caches = "ls ~root/.cache; ls ~/.cache; ls /var/lib/apt/lists"
    look = f"id -u; {caches}; command -v gcc git; python -c 'import scipy'"
    command = ["run", "--rm", *HERE.split(), "--entrypoint", "sh", IMAGE, "-c", f"({look}) 2>/dev/null; true"]
    assert podman(*command).stdout.split() == [str(UID)]


def test_the_hardened_container_answers_logs_to_its_volume_and_ends_with_nothing_lost(
    podman, volume, make_packaged
):
    packaged = make_packaged()
    rows = packaged.rows(50)
    expected = load_model(packaged.folder).predict_rows(rows).rows()
    with running(podman, "--volume", f"{volume}:/home/bentoml/logs") as (client, name):
        answers = [client.post("/predict", json=row).raise_for_status().json() for row in rows]
        assert [answer["probabilities"] for answer in answers] == [row["probabilities"] for row in expected]
        shown = client.get("/metrics").raise_for_status().text
        assert f'toolkit_model_info{{task="binary",version="{load_tag(packaged.folder)}"}} 1.0' in shown
        last = client.post("/predict", json=rows[0]).json()
        podman("kill", "--signal", "TERM", name)
        assert podman("wait", name).stdout.strip() == "0"
    logged = {record["id"] for _, record in iterate_log(volume / "predictions")}
    assert logged == {answer["id"] for answer in [*answers, last]}


def test_two_workers_are_two_again_when_one_dies_and_a_single_ones_death_is_the_containers(podman, volume):
    options = ("--volume", f"{volume}:/home/bentoml/logs")
    with running(podman, *options, "--env", "TOOLKIT_WORKERS=2") as (client, name):
        before = find_workers(podman, name, 2)
        podman("exec", name, "sh", "-c", f"kill -9 {before[0]}")
        after = find_workers(podman, name, 2, but=before[0])
        assert len(after) == 2 and before[1] in after
        assert client.get("/readyz").status_code == 200
    with running(podman, *options) as (_, name):
        podman("exec", name, "sh", "-c", f"kill -9 {find_workers(podman, name, 1)[0]}")
        assert podman("wait", name).stdout.strip() != "0"


def find_workers(podman, name, count, but=""):
    """Wait for ``count`` workers without the one that was killed; give their process ids inside."""
    deadline = time.monotonic() + 40
    found = []
    while time.monotonic() < deadline:
        lines = podman("top", name, "pid", "args").stdout.splitlines()
        found = [line.split()[0] for line in lines if "_bentoml_impl.worker" in line]
        if len(found) == count and but not in found:
            return found
        time.sleep(0.2)
    return found


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (
            ["--volume", "{damaged}:/home/bentoml/bento/src/models/package/model.txt:ro"],
            "its SHA-256 differs",
        ),
        (["--env", "TOOLKIT_LOG_DIR=/nowhere"], "TOOLKIT_LOG_DIR must be a folder that can be written to"),
        (["--env", "TOOLKIT_WORKERS=many"], "TOOLKIT_WORKERS must be a whole number from 1 to 64, or auto"),
    ],
)
def test_a_container_that_cannot_serve_ends_with_the_reason_alone(
    podman, make_packaged, tmp_path, options, words
):
    damaged = tmp_path / "model.txt"
    damaged.write_bytes((make_packaged().folder / "model.txt").read_bytes()[:-9])
    options = [option.format(damaged=damaged) for option in options]
    done = podman("run", "--rm", *HERE.split(), *HARDENED.split(), *options, IMAGE, check=False)
    assert done.returncode == 1
    assert "Traceback" not in done.stdout + done.stderr
    assert done.stderr.splitlines()[-1].startswith("error: ") and words in done.stderr
