"""The real Label Studio server for tests: found, started on a free port with its own folder, stopped."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
TOKEN = "0123456789abcdef0123456789abcdef01234567"  # of a server that lives for one test run on loopback
INSTALL = (
    "uv venv .label-studio && uv pip install --python .label-studio/bin/python label-studio "
    "(or name its command in LABEL_STUDIO_BIN)"
)
START_SECONDS = 420  # seconds; half a minute on an idle machine


@dataclass(frozen=True)
class Server:
    """A running server: where it is and the token of its first user."""

    url: str
    token: str
    folder: Path


def find_server() -> str | None:
    """Find the command: LABEL_STUDIO_BIN, then PATH, then the environment in .label-studio."""
    own = ROOT / ".label-studio" / "bin" / "label-studio"
    return (
        os.environ.get("LABEL_STUDIO_BIN")
        or shutil.which("label-studio")
        or (str(own) if own.exists() else None)
    )


@contextlib.contextmanager
def run_server(command: str, folder: Path) -> Iterator[Server]:
    """Start a server with its data in ``folder``, wait until it is healthy, stop it at the end."""
    port = _free_port()
    url = f"http://127.0.0.1:{port}"
    log = folder / "server.log"
    options = ["start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    with log.open("wb") as output:
        process = subprocess.Popen(
            [command, *options],
            env=_environment(folder),
            stdout=output,
            stderr=output,
            start_new_session=True,
        )
    try:
        _wait_until_healthy(process, url, log)
        yield Server(url, TOKEN, folder)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGTERM)
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def _environment(folder: Path) -> dict[str, str]:
    kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    return kept | {
        "COLLECT_ANALYTICS": "false",
        "SENTRY_DSN": "",
        "FRONTEND_SENTRY_DSN": "",
        "LATEST_VERSION_CHECK": "false",
        "LABEL_STUDIO_BASE_DATA_DIR": str(folder),
        "LABEL_STUDIO_USERNAME": "owner@example.com",
        "LABEL_STUDIO_PASSWORD": "for-this-test-only",
        "LABEL_STUDIO_USER_TOKEN": TOKEN,
        "LABEL_STUDIO_ENABLE_LEGACY_API_TOKEN": "true",
        "SSRF_PROTECTION_ENABLED": "false",
        "ML_BLOCK_LOCAL_IP": "false",
    }


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _wait_until_healthy(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + START_SECONDS
    while time.monotonic() < end:
        if process.poll() is not None:
            raise RuntimeError(
                f"label-studio ended with status {process.returncode}: {log.read_text()[-2000:]}"
            )
        try:
            with urllib.request.urlopen(f"{url}/health", timeout=2) as answer:
                if answer.status == 200:
                    return
        except (urllib.error.URLError, OSError):
            time.sleep(0.5)
    raise RuntimeError(f"label-studio was not healthy after {START_SECONDS} s: {log.read_text()[-2000:]}")
