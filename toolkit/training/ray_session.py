"""A private Ray on this machine for the length of a block: quiet, guarded by a token, gone afterwards."""

from __future__ import annotations

import contextlib
import logging
import os
import secrets
import shlex
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from unittest import mock

LONGEST_FOLDER = 36  # Ray adds some 65 characters to it, and a Unix socket's path may have 107
SMALLEST_STORE = 80 * 2**20  # bytes; Ray refuses less than 75 MiB

# Imported by each of Ray's Python processes if they are there, and of no use in them: jsonschema compiles the grammars
# of rfc3987_syntax for a second of CPU, LightGBM loads scikit-learn for two. Both do without.
UNUSED = ("rfc3987_syntax", "sklearn")


@contextlib.contextmanager
def start_ray(cpus: int, shared_bytes: int, note: Path) -> Iterator[Path]:
    """Start Ray, give its temporary folder, and shut it down again.

    Parameters
    ----------
    cpus : int
        Number of tasks that run at the same time.
    shared_bytes : int
        Size of the objects that the workers share.
    note : Path
        File that names Ray's temporary folder while it exists: what a killed run left behind is removed by it.
    """
    # The token keeps other users of the machine out: Ray's control plane listens on more than loopback. It lives in
    # the environment of this process and of Ray's alone, so an empty or read-only home folder will do.
    os.environ["RAY_AUTH_MODE"] = "token"
    os.environ["RAY_AUTH_TOKEN"] = secrets.token_hex(32)
    os.environ["RAY_USAGE_STATS_ENABLED"] = "0"
    os.environ["RAY_ACCEL_ENV_VAR_OVERRIDE_ON_ZERO"] = "0"
    # How long Ray's agents look for a server that was killed before they end too; a minute by default.
    os.environ["RAY_gcs_rpc_server_reconnect_timeout_s"] = "10"  # noqa: SIM112 (Ray spells it so)
    os.environ["RAY_AIR_NEW_OUTPUT"] = "0"  # with it, verbose=0 still prints
    os.environ["TUNE_DISABLE_AUTO_CALLBACK_LOGGERS"] = "1"
    _remove_leftover(note)
    folder = _make_folder()
    note.parent.mkdir(parents=True, exist_ok=True)
    note.write_text(str(folder), encoding="utf-8")
    sys.modules.setdefault(UNUSED[0], None)  # type: ignore[arg-type]
    import ray

    try:
        with _without_idle_servers(), _without_unused(folder / "site"):
            ray.init(
                address="local",
                num_cpus=cpus,
                num_gpus=0,
                object_store_memory=SMALLEST_STORE + 2 * shared_bytes,
                include_dashboard=False,
                log_to_driver=False,
                configure_logging=True,
                logging_level=logging.ERROR,
                _node_ip_address="127.0.0.1",
                _temp_dir=str(folder),
                runtime_env=_quote_python(),
            )
        yield folder
    finally:
        ray.shutdown()
        _remove_leftover(note)


def _quote_python() -> dict[str, str] | None:
    """Name the interpreter as a shell word: Ray starts workers through bash and forgets that a path may have blanks."""
    quoted = shlex.quote(sys.executable)
    return {"py_executable": quoted} if quoted != sys.executable else None


def _make_folder() -> Path:
    base = tempfile.gettempdir()
    return Path(tempfile.mkdtemp(prefix="ray-", dir=base if len(base) <= LONGEST_FOLDER - 14 else "/tmp"))  # noqa: S108


def _remove_leftover(note: Path) -> None:
    if note.is_file():
        folder = Path(note.read_text(encoding="utf-8"))
        if folder.name.startswith("ray-"):
            shutil.rmtree(folder, ignore_errors=True)
        note.unlink(missing_ok=True)


@contextlib.contextmanager
def _without_idle_servers() -> Iterator[None]:
    """Keep Ray from starting three servers that a sweep on one machine never uses.

    ``include_dashboard=False`` still starts the dashboard's process, the autoscaler's monitor and the log monitor;
    each imports for seconds while ``ray.init`` waits (measured on two cores: 9 to 15 s with them, 5 s without).
    Ray has no switch for that. Where a version names the methods differently, it starts them as it likes.
    """
    from ray._private.node import Node

    def no_api_server(node: Any, **_: Any) -> None:
        node._webui_url = ""

    def no_monitor(node: Any) -> None:
        pass

    with contextlib.ExitStack() as patches:
        for name, instead in (
            ("start_api_server", no_api_server),
            ("start_monitor", no_monitor),
            ("start_log_monitor", no_monitor),
        ):
            if hasattr(Node, name):
                patches.enter_context(mock.patch.object(Node, name, instead))
        yield


@contextlib.contextmanager
def _without_unused(folder: Path) -> Iterator[None]:
    """Hide :data:`UNUSED` packages from the processes that are started in the block."""
    folder.mkdir(parents=True)
    for name in UNUSED:
        (folder / f"{name}.py").write_text("raise ImportError\n", encoding="utf-8")
    path = os.pathsep.join([str(folder), *filter(None, [os.environ.get("PYTHONPATH")])])
    with mock.patch.dict(os.environ, {"PYTHONPATH": path}):
        yield
