"""``toolkit serve``: starts the packaged model's Bento on this machine, apart from every other server."""

from __future__ import annotations

import errno
import ipaddress
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
from toolkit.serving.workers import parse_workers, read_workers

START_TIMEOUT_S = 120
STOP_TIMEOUT_S = 30
CHOOSE = "TOOLKIT_TOKEN=...  # one of the service's tokens"


def serve(root: Path, tag: str = "", host: str = "127.0.0.1", port: int = 3000, workers: str = "") -> int:
    """Serve a Bento until interrupted, with the model that TOOLKIT_PACKAGE names if it is set.

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
    workers : str
        Processes that answer, a number or ``auto``; empty: as TOOLKIT_WORKERS says, else one.

    Returns
    -------
    int
        Exit status: the server's, 0 after an interrupt.

    Raises
    ------
    PackageError
        There is no such Bento, the port is taken, or the server does not start.
    ModelError
        The model cannot be trusted, or the certificate, a token or the number of workers cannot be used.
    """
    processes = parse_workers(workers, "--workers") if workers else read_workers()
    bento = find_bento(root, tag) if tag else build_bento(root, root / "models" / "package")
    if bento is None:
        raise PackageError(
            f"'{tag}' must be a Bento in {store_path(root)} and is not. 'bentoml list' shows the tags."
        )
    # What is refused is refused here, with one message.
    named = os.environ.get("TOOLKIT_PACKAGE")
    package = Path(named).absolute() if named else find_inside(bento)
    settings = load_model(package).settings
    load_tokens()
    pair = find_pair(settings, root)
    if pair is not None:
        check_pair(*pair)
    port = find_port(host, port)
    with tempfile.TemporaryDirectory(prefix="toolkit-serve-") as home:
        signal.signal(signal.SIGTERM, signal.default_int_handler)  # ends like an interrupt
        server = start_server(
            bento, Path(home), root, host=host, port=port, workers=processes, package=package
        )
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
    bento: Path,
    home: Path,
    root: Path,
    *,
    host: str = "127.0.0.1",
    port: int,
    workers: int = 1,
    package: Path | None = None,
) -> subprocess.Popen[bytes]:
    """Start BentoML on a Bento's folder, with a home of its own and the log in the project.

    ``package`` is another model than the Bento's own.
    """
    environment = {
        "TOOLKIT_LOG_DIR": str(root / "logs"),
        **{
            name: value
            for name, value in os.environ.items()
            if name not in ("TOOLKIT_ROOT", "TOOLKIT_PACKAGE")
        },
        **({"TOOLKIT_PACKAGE": str(package)} if package else {}),
        "BENTOML_HOME": str(home),
        "BENTOML_DO_NOT_TRACK": "true",
        "TOOLKIT_WORKERS": str(workers),
        **_find_certificate(package or find_inside(bento), root),
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


def find_inside(bento: Path) -> Path:
    """Find the packaged model in a Bento."""
    return bento / "src" / "models" / "package"


def _find_certificate(package: Path, root: Path) -> dict[str, str]:
    """Find the certificate's files for a server whose own paths begin in the Bento."""
    settings = package / "settings.json"
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
        The port is taken or not for this user, or the address is not this machine's.
    """
    try:
        family = socket.AF_INET if ipaddress.ip_address(host).version == 4 else socket.AF_INET6
    except ValueError:
        raise PackageError(_tell_host(host, "it is no IP address")) from None
    with socket.socket(family) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
            return probe.getsockname()[1]
        except OSError as error:
            reason = (error.strerror or str(error)).lower()
            if error.errno == errno.EADDRINUSE:
                told = f"Port {port} must be free and is not. Give another: --port N, or --port 0 for any."
            elif error.errno in (errno.EACCES, errno.EPERM):
                told = f"Port {port} must be one that this user may listen at ({reason}). Give another: --port N."
            else:
                told = _tell_host(host, reason)
            raise PackageError(told) from None


def _tell_host(host: str, reason: str) -> str:
    return (
        f"--host must be an IP address of this machine. Got {host}: {reason}. 127.0.0.1 is for this machine alone, "
        "0.0.0.0 for all that reach it."
    )
