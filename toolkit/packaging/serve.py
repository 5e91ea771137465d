"""``toolkit serve``: starts the packaged model's Bento on this machine, apart from every other server."""

from __future__ import annotations

import json
import os
import shlex
import signal
import socket
import subprocess
import sys
import tempfile
import time
from contextlib import suppress
from pathlib import Path

from toolkit.artifacts import load_json
from toolkit.errors import PackageError
from toolkit.packaging.bento import build_bento, store_path
from toolkit.packaging.lineage import fetch_json, find_bento
from toolkit.serving.guard import load_tokens
from toolkit.serving.model import load_model
from toolkit.serving.private import find_address
from toolkit.serving.tls import VARIABLES, check_pair, find_pair

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 30
CHOOSE = "TOOLKIT_TOKEN=...  # one of the service's tokens"


def serve(root: Path, tag: str = "", host: str = "127.0.0.1", port: int = 3000, workers: int = 1) -> int:
    """Serve a Bento until interrupted.

    Parameters
    ----------
    root : Path
        The project.
    tag : str
        A Bento in the store; empty: the packaged model, whose Bento is built if the store lacks it.
    host : str
        Address to listen on.
    port : int
        0: any that is free.
    workers : int
        Processes that answer.

    Returns
    -------
    int
        Exit status: the server's, 0 after an interrupt.

    Raises
    ------
    PackageError
        There is no such Bento, the port is taken, or the server does not start.
    ModelError
        The model cannot be trusted, or the certificate or a token cannot be used.
    """
    bento = find_bento(root, tag) if tag else build_bento(root, root / "models" / "package")
    if bento is None:
        raise PackageError(
            f"'{tag}' must be a Bento in {store_path(root)} and is not. 'bentoml list' shows the tags."
        )
    # What is refused is refused here, with one message.
    settings = load_model(bento / "src" / "models" / "package").settings
    load_tokens()
    pair = find_pair(settings, root)
    if pair is not None:
        check_pair(*pair)
    port = find_port(host, port)
    with tempfile.TemporaryDirectory(prefix="toolkit-serve-") as home:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like an interrupt
        server = start_server(bento, Path(home), root, host=host, port=port, workers=workers)
        try:
            certificate = pair[0] if pair else None
            url = wait_until_ready(server, host, port, certificate)
            print(describe(url, certificate, find_address(settings)), flush=True)
            return server.wait()
        except KeyboardInterrupt:
            return 0
        finally:
            stop_server(server, STOP_TIMEOUT_S + settings["limits"].get("drain_s", 0))


def start_server(
    bento: Path, home: Path, root: Path, *, host: str = "127.0.0.1", port: int, workers: int = 1
) -> subprocess.Popen[bytes]:
    """Start BentoML on a Bento's folder, with a home of its own and the log in the project."""
    environment = {
        "TOOLKIT_LOG_DIR": str(root / "logs"),
        **{
            name: value
            for name, value in os.environ.items()
            if name not in ("TOOLKIT_ROOT", "TOOLKIT_PACKAGE")
        },
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "true",
        "TOOLKIT_WORKERS": str(workers),
        **_find_certificate(bento, root),
    }
    leash = [sys.executable, "-m", "toolkit.leash", str(os.getpid())]
    command = [
        *leash,
        sys.executable,
        "-m",
        "bentoml",
        "serve",
        str(bento),
        "--host",
        host,
        "--port",
        str(port),
    ]
    return subprocess.Popen(command, env=environment, cwd=root, start_new_session=True)


def _find_certificate(bento: Path, root: Path) -> dict[str, str]:
    """Find the certificate's files for a server whose own paths begin in the Bento."""
    settings = bento / "src" / "models" / "package" / "settings.json"
    pair = find_pair(load_json(settings) if settings.is_file() else {}, root)
    return dict(zip(VARIABLES.values(), map(str, pair), strict=True)) if pair else {}


def stop_server(server: subprocess.Popen[bytes], timeout_s: float = STOP_TIMEOUT_S) -> None:
    """Ask the server to end; it answers what it has taken first, or is killed in the end."""
    if server.poll() is None:
        server.send_signal(signal.SIGTERM)
        try:
            server.wait(timeout_s)
        except subprocess.TimeoutExpired:
            with suppress(ProcessLookupError):
                os.killpg(server.pid, signal.SIGKILL)
            server.wait()


def wait_until_ready(
    server: subprocess.Popen[bytes], host: str, port: int, certificate: Path | None = None
) -> str:
    """Wait for ``/readyz``; give the service's URL: HTTPS with a certificate.

    Raises
    ------
    PackageError
        The server ended, or is not ready within two minutes.
    """
    shown = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)  # noqa: S104  # where to ask, not to listen
    scheme = "https" if certificate else "http"
    url = f"{scheme}://[{shown}]:{port}" if ":" in shown else f"{scheme}://{shown}:{port}"
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise PackageError(
                f"The server must stay up and ended with status {server.returncode}; see above why."
            )
        try:
            fetch_json(f"{url}/readyz", timeout_s=2, direct=True, certificate=certificate)
            return url
        except (OSError, ValueError):
            time.sleep(0.1)
    raise PackageError(f"The server must be ready within {START_TIMEOUT_S} s and was not.")


def describe(url: str, certificate: Path | None = None, apart: str = "") -> str:
    """Say where the service is and how to ask it, with a row that it knows; no token is shown.

    ``apart`` is the address of metrics, status and feedback where they have one of their own.
    """
    tokens = load_tokens()
    token = tokens[0] if tokens else ""
    try:
        schema = fetch_json(f"{url}/schema", direct=True, certificate=certificate, token=token)
    except (OSError, ValueError) as error:  # it serves all the same
        return (
            f"\nThe service answers at {url} (Ctrl+C ends it); its schema could not be read here: {error}.\n"
        )
    example = json.dumps(schema["example"], ensure_ascii=False).replace("'", "'\\''")
    options = f" --cacert {shlex.quote(str(certificate))}" if certificate else ""
    options += ' -H "Authorization: Bearer $TOOLKIT_TOKEN"' if token else ""
    choose = f"{CHOOSE}\n" if token and os.environ.get("TOOLKIT_TOKEN", "").strip() != token else ""
    watched = f"{url.partition(':')[0]}://{apart}" if apart else url
    return (
        f"\n{schema['version']} answers at {url} (Ctrl+C ends it). Try:\n\n{choose}"
        f"curl{options} -H 'Content-Type: application/json' {url}/predict -d '{example}'\n\n"
        f"GET {url}/schema, /lineage, /readyz; a page to try it: {url}/\n"
        f"GET {watched}/metrics, how it does: {watched}/status; true labels: POST {watched}/feedback\n"
    )


def find_port(host: str, port: int = 0) -> int:
    """Give a port that nothing listens on now: the one that is asked for, or for 0 any.

    Raises
    ------
    PackageError
        The port is taken, or the address is not this machine's.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return probe.getsockname()[1]
        except OSError as error:
            raise PackageError(
                f"Address {host}, port {port} must be free and is not ({error.strerror}). Give another: --port N."
            ) from None
