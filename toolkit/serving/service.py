"""Wires the service: BentoML starts it, the parts here do the work.

``bentoml serve`` in the project's root, ``bentoml serve TAG`` and ``toolkit serve`` all end here. The packaged model
is looked for beside the code: ``models/package`` in the project as in the Bento.
"""

from __future__ import annotations

import json
import logging
import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import bentoml
from _bentoml_sdk import Service

from toolkit.artifacts import load_json
from toolkit.errors import ToolkitError
from toolkit.leash import die_with_parent
from toolkit.serving.endpoints import Endpoints
from toolkit.serving.front import Front
from toolkit.serving.guard import Guard, load_tokens
from toolkit.serving.image import make_image
from toolkit.serving.log import find_folder, keep_folder
from toolkit.serving.metrics import allow_temporary
from toolkit.serving.model import Model, load_model
from toolkit.serving.monitor import Monitor, find_built_time, find_key, find_state, is_led
from toolkit.serving.private import open_private
from toolkit.serving.receivers import load_receivers
from toolkit.serving.refusal import Refusal
from toolkit.serving.tls import CIPHERS, check_pair, find_pair
from toolkit.serving.workers import read_workers

CODE_ROOT = Path(__file__).resolve().parents[2]
SERVER = "TOOLKIT_SERVER_PID"  # set by the server for its workers
logger = logging.getLogger("toolkit.serving")


def find_package() -> Path:
    """Find the packaged model: TOOLKIT_PACKAGE, else models/package beside the code."""
    return Path(os.environ.get("TOOLKIT_PACKAGE") or CODE_ROOT / "models" / "package")


def read_name() -> str:
    """Read the name that the package gives the service; ``model`` where nothing is packaged yet."""
    try:
        name = (find_package() / "tag.txt").read_text(encoding="utf-8").partition(":")[0]
    except (OSError, ValueError):
        return "model"
    return name if re.fullmatch(r"[a-z][a-z0-9_]*", name) else "model"


def read_settings() -> Mapping[str, Any]:
    """Read the package's settings; none where there are none to be had: :meth:`Prediction.check` says so."""
    try:
        settings = load_json(find_package() / "settings.json")
    except ToolkitError:
        return {}
    return settings if isinstance(settings, Mapping) else {}


def choose_tls() -> dict[str, Any]:
    """Choose BentoML's settings for TLS; none for plain HTTP, and where :meth:`Prediction.check` refuses the start."""
    try:
        pair = find_pair(read_settings(), CODE_ROOT)
    except (ToolkitError, TypeError):  # nothing has verified the settings yet
        return {}
    if pair is None:
        return {}
    certificate, key = map(str, pair)
    return {"ssl": {"enabled": True, "certfile": certificate, "keyfile": key, "ciphers": CIPHERS}}


def choose_workers() -> int:
    """Choose the number of processes that answer; 1 where :meth:`Prediction.check` refuses the start."""
    try:
        return read_workers()
    except ToolkitError:
        return 1


def check_surroundings(settings: Mapping[str, Any]) -> None:
    """Check what the service's environment gives it, and open the private address if there is to be one.

    Raises
    ------
    ModelError
        A token, a key, a certificate, a folder or an address cannot be used.
    NotifyError
        An address of notifications cannot be read.
    """
    load_tokens()
    load_receivers()
    keep_folder(CODE_ROOT)
    find_key(settings["log"])
    if read_workers() > 1:
        # In a container BentoML starts no worker anew. A single one's end is the container's, for all to see; of
        # several, fewer would go on unnoticed.
        os.environ.pop("BENTOML_CONTAINERIZED", None)
    pair = find_pair(settings, CODE_ROOT)
    if pair is not None:
        ends = check_pair(*pair)
        logger.info("The TLS certificate is valid until %s", ends.isoformat(" ", "minutes"))
    open_private(settings)


def warn_of_others(version: str) -> None:
    """Tell of a server that serves the same model over the same folder: their counts are added up, in both."""
    folder = find_folder(CODE_ROOT)
    if is_led(find_state(folder, version)):
        logger.warning(
            "Another server of %s counts in %s as well. Rows, drift and alarms are of both together in what each shows "
            "(/metrics, /status). To keep them apart give each a folder of its own (TOOLKIT_LOG_DIR).",
            version,
            folder,
        )


def tie_to_server() -> None:
    """End this worker when the server is killed, also if it was while the worker started.

    BentoML's workers would outlive it and keep its port, so that it could not be started again.
    """
    die_with_parent()
    server = os.environ.get(SERVER)
    if server and int(server) not in (os.getppid(), os.getpid()):
        os._exit(143)


def build_endpoints(model: Model) -> Endpoints:
    """Build the endpoints of one worker, and begin to watch what they answer."""
    monitor = Monitor(model, find_folder(CODE_ROOT), built_s=find_built_time(CODE_ROOT, model.folder))
    monitor.start()
    return Endpoints(model, monitor, describe_lineage(model), secured=bool(load_tokens()))


def describe_lineage(model: Model) -> dict[str, Any]:
    """Gather where the model comes from: stages, gates, hashes, and the build if this is a Bento."""
    build = CODE_ROOT / "build.json"
    return {
        "version": model.version,
        **load_json(model.folder / "lineage.json"),
        "gates": load_json(model.folder / "gates.json"),
        "files": model.manifest["files"],
        "build": load_json(build) if build.is_file() else None,
    }


class StrictService(Service):
    """A BentoML service whose endpoints are answered by :class:`Front`."""

    def to_asgi(self, is_main: bool = True) -> Any:
        """Give BentoML's app with the strict layer in front."""
        from toolkit.serving.entrance import set_up  # uvicorn is not imported by what only builds a Bento

        try:
            tokens = load_tokens()
        except ToolkitError as error:  # it was well when the service started
            Prediction.refused, tokens = str(error), []
        app = super().to_asgi(is_main=is_main)

        def at_start(front: Front) -> None:
            if not Prediction.refused:  # such a worker has nothing to set up for, and must start to say so
                set_up(front)

        front = Front(app, lambda: Prediction.endpoints, Guard(tokens), at_start=at_start)
        return Refusal(front, lambda: Prediction.refused)


class Prediction:
    """Predicts rows with the packaged model. GET /schema lists its features, GET /lineage where it comes from."""

    endpoints: Endpoints
    refused = ""  # why this worker cannot serve; empty: it can

    def __init__(self) -> None:
        tie_to_server()
        allow_temporary()
        try:
            Prediction.endpoints = build_endpoints(load_model(find_package(), threads=1))
        except ToolkitError as error:  # ending here would only make BentoML start the next one, for ever
            Prediction.refused = str(error)
            logger.error("This worker serves no model: %s", error)

    @bentoml.on_deployment
    @staticmethod
    def check() -> None:
        """Refuse to start, once and before any worker, with a model that cannot be trusted or a setting that is wrong.

        Raises
        ------
        SystemExit
            With the reason alone, and status 1: BentoML would print a stack trace of any other error.
        """
        os.environ[SERVER] = str(os.getpid())  # the workers' parent
        allow_temporary()
        try:
            model = load_model(find_package())
            check_surroundings(model.settings)
            warn_of_others(model.version)
        except ToolkitError as error:
            raise SystemExit(f"error: {error}") from None

    @bentoml.api(route="/predict")
    def predict(self, rows: list[dict[str, Any]]) -> dict[str, Any]:
        """Predict rows.

        Each row is an object from feature name to value; GET /schema lists the features. One bare object, a list, or
        ``{"rows": [...]}`` may be sent.
        """
        return json.loads(self.endpoints.predict(json.dumps({"rows": rows}).encode()).body)

    @bentoml.api(route="/explain")
    def explain(self, rows: list[dict[str, Any]], top: int | None = None) -> dict[str, Any]:
        """Explain rows: their predictions, and what each feature adds to the model's raw score; ``top`` of them."""
        return json.loads(self.endpoints.explain(json.dumps({"rows": rows, "top": top}).encode()).body)

    @bentoml.api(route="/feedback")
    def feedback(self, feedback: list[dict[str, Any]]) -> dict[str, Any]:
        """Tell true labels by the ids of their predictions, each ``{"id": ..., "label": ...}``.

        Where feedback has an address of its own, :class:`Front` answers 404 at this one.
        """
        return json.loads(self.endpoints.feedback(json.dumps({"feedback": feedback}).encode()).body)

    @bentoml.on_shutdown
    def close(self) -> None:
        """Write what waits, before the process ends."""
        if not self.refused:
            self.endpoints.monitor.close()


service = bentoml.service(
    name=read_name(),
    service_class=StrictService,
    workers=choose_workers(),
    image=make_image(),
    metrics={"enabled": False},  # the service has its own, counted once per worker
    logging={"access": {"enabled": False}},
    traffic={"timeout": 60},
    **choose_tls(),
)(Prediction)
