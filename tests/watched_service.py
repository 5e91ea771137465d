"""A real service that a real Prometheus scrapes and whose alerts a real Alertmanager sends, for tests."""

from __future__ import annotations

import json
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import httpx
from prometheus_tools import find_tool

from toolkit.artifacts import write_text
from toolkit.packaging.alertmanager import describe_alertmanager, describe_prometheus
from toolkit.packaging.alerts import RULES, describe_rules, write_yaml
from toolkit.packaging.recorded_rules import Watched
from toolkit.packaging.serve import find_port
from toolkit.params_package import Alerts

HOST = "127.0.0.1"
PATIENCE_S = 30


@dataclass
class Prometheus:
    """A running Prometheus, and the messages that its Alertmanager sent, as (severity, title, text)."""

    client: httpx.Client
    messages: list[tuple[str, str, str]] = field(default_factory=list)

    def ask(self, path: str, **parameters: Any) -> Any:
        """Give the data of an answer of Prometheus' API."""
        answer = self.client.get(f"/api/v1/{path}", params=parameters)
        content = answer.json()
        assert content["status"] == "success", (parameters, content)
        return content["data"]

    def firing(self) -> dict[str, dict[str, Any]]:
        """Give the alerts that fire now, by name and column, as Prometheus describes them."""
        found = [alert for alert in self.ask("alerts")["alerts"] if alert["state"] == "firing"]
        return {name_alert(alert["labels"]): alert for alert in found}

    def wait_for(self, name: str, *, firing: bool = True) -> dict[str, Any]:
        """Wait until an alert fires (or no longer does); give its labels and annotations."""
        self.wait_until(
            lambda: (name in self.firing()) == firing, f"{name} {'fires' if firing else 'is over'}"
        )
        return self.firing()[name] if firing else {}

    def wait_for_message(self, severity: str, title: str) -> str:
        """Wait until a message arrived; give its text."""

        def find() -> list[str]:
            return [text for to, head, text in self.messages if (to, head) == (severity, title)]

        self.wait_until(lambda: bool(find()), f"{severity} hears '{title}'; heard {self.messages}")
        return find()[0]

    def wait_until(self, holds: Callable[[], bool], what: str) -> None:
        """Wait until something holds; fail after half a minute."""
        deadline = time.monotonic() + PATIENCE_S
        while not holds():
            assert time.monotonic() < deadline, (
                f"not within {PATIENCE_S} s: {what}; firing: {list(self.firing())}"
            )
            time.sleep(0.1)


def name_alert(labels: dict[str, str]) -> str:
    """Name an alert, with the column or the label that it is about."""
    about = labels.get("column") or labels.get("label")
    return f"{labels['alertname']} {about}" if about else labels["alertname"]


@contextmanager
def watch(folder: Path, model: Watched, alerts: Alerts, targets: list[str]) -> Iterator[Prometheus]:
    """Run Prometheus and Alertmanager with what ``toolkit alerts`` writes, until the block ends."""
    with receive_messages() as (messages, address):
        for severity in ("critical", "warning", "info"):
            write_text(folder / "secrets" / f"{severity}_url", f"{address}/{severity}")
        told = find_port(HOST)
        manager = describe_alertmanager(str(folder / "secrets"))
        manager["route"] |= {"group_wait": "0s", "group_interval": "1s"}  # else minutes
        prometheus = describe_prometheus(model.name, alerts, targets, RULES)
        prometheus["alerting"]["alertmanagers"][0]["static_configs"][0]["targets"] = [f"{HOST}:{told}"]
        for name, content in (
            ("alertmanager.yml", manager),
            ("prometheus.yml", prometheus),
            (RULES, describe_rules(model, alerts)),
        ):
            write_text(folder / name, write_yaml(content))
        asked = find_port(HOST)
        commands = [
            [
                find_tool("prometheus-alertmanager"),
                f"--config.file={folder / 'alertmanager.yml'}",
                f"--storage.path={folder / 'alertmanager'}",
                f"--web.listen-address={HOST}:{told}",
                "--cluster.listen-address=",
            ],
            [
                find_tool("prometheus"),
                f"--config.file={folder / 'prometheus.yml'}",
                f"--storage.tsdb.path={folder / 'prometheus'}",
                f"--web.listen-address={HOST}:{asked}",
            ],
        ]
        running = []
        try:
            for index, command in enumerate(commands):
                with (folder / f"{index}.log").open("wb") as log:
                    running.append(subprocess.Popen(command, stdout=log, stderr=log))
            with httpx.Client(base_url=f"http://{HOST}:{asked}", timeout=30) as client:
                _wait_until_ready(client, running, folder)
                yield Prometheus(client, messages)
        finally:
            for program in running:
                program.terminate()
            for program in running:
                program.wait(timeout=20)


def _wait_until_ready(client: httpx.Client, running: list[subprocess.Popen[bytes]], folder: Path) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline and all(program.poll() is None for program in running):
        try:
            if client.get("/-/ready").status_code == 200:
                return
        except httpx.TransportError:
            pass
        time.sleep(0.05)
    raise AssertionError("".join(path.read_text() for path in sorted(folder.glob("?.log"))))


@contextmanager
def receive_messages() -> Iterator[tuple[list[tuple[str, str, str]], str]]:
    """Take messages as Slack does; give the list that they go to and the address."""
    messages: list[tuple[str, str, str]] = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            content = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            for part in content["attachments"]:
                messages.append((self.path.strip("/"), part["title"], part["text"]))
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"ok")

        def log_message(self, *_: Any) -> None:
            pass

    server = ThreadingHTTPServer((HOST, 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield messages, f"http://{HOST}:{server.server_port}"
    finally:
        server.shutdown()
        server.server_close()


class Traffic:
    """Sends the same body again and again from threads, one a client; ``body`` None: is silent."""

    def __init__(self, url: str, clients: int = 1, pause_s: float = 0.05, body: bytes | None = None) -> None:
        self.body, self._pause_s, self._stop = body, pause_s, threading.Event()
        self._client = httpx.Client(
            base_url=url,
            timeout=30,
            headers={"Content-Type": "application/json"},
            limits=httpx.Limits(max_connections=None),
        )
        self._threads = [threading.Thread(target=self._run, daemon=True) for _ in range(clients)]
        for thread in self._threads:
            thread.start()

    def close(self) -> None:
        """End it."""
        self._stop.set()
        for thread in self._threads:
            thread.join(timeout=30)
        self._client.close()

    def _run(self) -> None:
        while not self._stop.wait(self._pause_s):
            body = self.body
            if body is not None:
                with suppress(httpx.HTTPError):  # what the server does not answer is for Prometheus to tell
                    self._client.post("/predict", content=body)
