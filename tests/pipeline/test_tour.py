"""The README's tour: each of its commands runs, in order, in a fresh clone."""

import os
import re
import signal
import subprocess
import time
import urllib.request
from collections.abc import Callable
from pathlib import Path

import pytest

from .conftest import Clone, outputs

pytestmark = [pytest.mark.integration, pytest.mark.timeout(900)]
ROOT = Path(__file__).parents[2]
BLOCKS = re.findall(r"^```sh tour( background)?\n(.*?)^```", (ROOT / "README.md").read_text(), re.M | re.S)


def wait_until_ready(process: subprocess.Popen[bytes], clone: Clone) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        assert process.poll() is None, clone.log.read_text()[-3000:]
        try:
            urllib.request.urlopen("http://127.0.0.1:3000/readyz", timeout=2)
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise AssertionError("the service was not ready within 60 s")


def test_tour_in_another_clone_with_the_same_bytes(finished: Clone, make_clone: Callable[[], Clone]) -> None:
    assert len(BLOCKS) >= 6
    expected = outputs(finished)
    clone = make_clone()
    said: list[str] = []
    servers: list[subprocess.Popen[bytes]] = []
    try:
        for background, commands in BLOCKS:
            if background:
                servers.append(clone.start(*commands.split()[1:]))
                wait_until_ready(servers[-1], clone)
                continue
            result = subprocess.run(
                ["bash", "-eu", "-o", "pipefail", "-c", commands],
                cwd=clone.path,
                env=clone.env | {"GIT_AUTHOR_NAME": "t", "GIT_AUTHOR_EMAIL": "t@example.org"}
                | {"GIT_COMMITTER_NAME": "t", "GIT_COMMITTER_EMAIL": "t@example.org"},
                capture_output=True,
                text=True,
                timeout=600,
                check=False,
            )  # fmt: skip
            assert result.returncode == 0, commands + result.stdout[-3000:] + result.stderr[-3000:]
            if not said:  # the bare ./run: two clones, the same bytes
                assert len(expected) > 20
                assert outputs(clone) == expected
            said.append(result.stdout)
    finally:
        for server in servers:
            os.killpg(server.pid, signal.SIGTERM)
            server.wait(30)
    everything = "\n".join(said)
    assert "annotations.json" in everything and "md5:" in everything  # the lineage names the labels' hash
    assert '"probabilities"' in everything and "mean_radius" in everything
    assert "toolkit_requests" in everything
    shifted = next(text for text in said if "reports/monitor/metrics.json" in text and "drifted" in text)
    assert re.search(r"reports/monitor/metrics.json +\S*drifted\S* +0 +1 +1", shifted), shifted[-3000:]
