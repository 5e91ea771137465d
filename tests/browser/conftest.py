"""A real JupyterLab server and a real headless Chromium, with a notebook open in it.

Each test session has its own server, config, settings and workspaces; each test its own browser context. Requests
that leave the server are refused and listed, so that a test can say there were none.
"""

from __future__ import annotations

import json
import os
import secrets
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, Request, Route, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
CHROMIUM = os.environ.get("CHROMIUM", "/usr/bin/chromium")
LIGHT, DARK = "JupyterLab Light", "JupyterLab Dark"


@dataclass
class Lab:
    """A running JupyterLab whose root is ``root``."""

    url: str
    token: str
    root: Path
    settings: Path

    def address(self, notebook: str) -> str:
        """A page with this notebook alone, in a workspace that nobody used before."""
        return f"{self.url}lab/workspaces/t{secrets.token_hex(4)}/tree/{notebook}?reset&token={self.token}"

    def ask(self, path: str, method: str = "GET") -> object:
        request = urllib.request.Request(
            f"{self.url}api/{path}", method=method, headers={"Authorization": f"token {self.token}"}
        )
        with urllib.request.urlopen(request, timeout=30) as answer:
            body = answer.read()
        return json.loads(body) if body else None

    def set_theme(self, theme: str) -> None:
        write_settings(self.settings, "apputils-extension/themes", {"theme": theme, "adaptive-theme": False})

    def stop_kernels(self) -> None:
        for session in self.ask("sessions"):
            self.ask(f"sessions/{session['id']}", "DELETE")


@dataclass
class OpenNotebook:
    """A notebook in a page, its kernel connected."""

    page: Page
    outside: list[str] = field(default_factory=list)
    console: list[str] = field(default_factory=list)

    def follow(self) -> None:
        """Follow each request to the kernel by its own messages.

        The kernel's status is no guide: with subshells it says idle while a cell runs. Errors of widget callbacks
        are never shown in a page; they are seen here.
        """
        self.page.evaluate(
            r"""async () => {
              const panel = window.jupyterapp.shell.currentWidget;
              await panel.context.ready;
              await panel.sessionContext.ready;
              const seen = window.followed = {open: new Set(), errors: []};
              const counted = ['execute_request', 'comm_msg', 'comm_open'];
              panel.sessionContext.iopubMessage.connect((_, message) => {
                const type = message.header.msg_type, parent = message.parent_header, content = message.content;
                if (type === 'status' && counted.includes(parent.msg_type)) {
                  if (content.execution_state === 'busy') seen.open.add(parent.msg_id);
                  if (content.execution_state === 'idle') seen.open.delete(parent.msg_id);
                }
                if (type === 'error') seen.errors.push(`${content.ename}: ${content.evalue}`);
                // the widget manager greets a kernel that has not imported ipywidgets yet: no fault of a notebook
                const greeting = /No such comm/.test(content.text || '') && parent.msg_type !== 'execute_request';
                if (type === 'stream' && content.name === 'stderr' && !greeting) seen.errors.push(content.text);
              });
            }"""
        )

    def run_all(self, timeout_s: float = 180) -> None:
        """Run every cell; fails when one raises or the time is over."""
        answer = self.page.evaluate(
            """async (limit) => await Promise.race([
                 window.jupyterapp.commands.execute('notebook:run-all-cells'),
                 new Promise(done => setTimeout(() => done('too slow'), limit))])""",
            timeout_s * 1000,
        )
        assert answer is True, (answer, self.errors())
        self.settle()

    def settle(self, timeout_s: float = 90) -> None:
        """Wait until no request that the kernel began is unfinished; wait for a click's visible effect first."""
        self.page.wait_for_function("() => window.followed.open.size === 0", timeout=timeout_s * 1000)

    def errors(self) -> list[str]:
        """Errors and warnings of cells and of callbacks."""
        return self.page.evaluate("window.followed.errors")

    def measure_contrast(self) -> list[str]:
        """Name each visible text of our views whose contrast is below WCAG's 4.5:1, with what it is."""
        return self.page.evaluate(CONTRAST)

    def find_nameless(self) -> list[str]:
        """Name each visible control of our views that a screen reader could not name."""
        return self.page.evaluate(
            """() => [...document.querySelectorAll('.tk :is(input, select, button, textarea)')]
              .filter(control => control.checkVisibility())
              .filter(control => !(control.labels?.length && control.labels[0].textContent.trim())
                && !control.textContent.trim() && !control.ariaLabel)
              .map(control => control.outerHTML.slice(0, 120))"""
        )


# Relative luminance and contrast as WCAG 2.2 defines them; disabled controls are exempt there.
CONTRAST = """() => {
  const parse = text => (text.match(/[\\d.]+/g) || []).map(Number);
  const light = ([r, g, b]) => [r, g, b].map(c => c / 255)
    .map(c => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const behind = element => {
    for (let at = element; at; at = at.parentElement) {
      const colour = parse(getComputedStyle(at).backgroundColor);
      if (colour.length === 3 || colour[3] === 1) return colour;
    }
    return [255, 255, 255];
  };
  const isText = element => [...element.childNodes].some(n => n.nodeType === 3 && n.textContent.trim())
    || ['INPUT', 'SELECT'].includes(element.tagName);
  return [...document.querySelectorAll('.tk *')]
    .filter(e => isText(e) && e.tagName !== 'STYLE' && !e.closest('svg') && e.checkVisibility() && !e.disabled)
    .map(e => {
      const [a, b] = [light(parse(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
      return [(a + 0.05) / (b + 0.05), e];
    })
    .filter(([ratio]) => ratio < 4.5)
    .map(([ratio, e]) => `${ratio.toFixed(2)} ${e.tagName} ${e.className} ${(e.textContent || e.value).slice(0, 40)}`);
}"""


def write_settings(settings: Path, name: str, values: dict) -> None:
    plugin, _, part = name.partition("/")
    path = settings / "@jupyterlab" / plugin / f"{part}.jupyterlab-settings"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(values))


@pytest.fixture(scope="session")
def chromium() -> str:
    """Chromium's program; without one the tests are skipped, or fail where skipping is forbidden."""
    found = shutil.which(CHROMIUM)
    if found is None:
        message = f"needs Chromium at {CHROMIUM}: install the Debian package 'chromium', or set CHROMIUM"
        if os.environ.get("TOOLKIT_REQUIRE_ALL") == "1":
            pytest.fail(message, pytrace=False)
        pytest.skip(message)
    return found


@pytest.fixture(scope="session")
def project(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of this project, without git and results, whose pipeline ends with the labels."""
    root = tmp_path_factory.mktemp("lab") / "a project"
    root.mkdir()
    for name in ("examples", "features", "generators", "notebooks", "schemas", "toolkit"):
        shutil.copytree(
            ROOT / name, root / name, ignore=shutil.ignore_patterns("__pycache__", ".ipynb_checkpoints")
        )
    (root / ".dvc").mkdir()
    (root / ".dvc" / "config").write_text("[core]\n    analytics = false\n    no_scm = true\n")
    (root / "dvc.yaml").write_text((ROOT / "dvc.yaml").read_text().partition("\n  prepare:\n")[0] + "\n")
    return root


@pytest.fixture
def fresh(project: Path) -> Path:
    """The project with the parameters as they are committed."""
    shutil.copy(ROOT / "params.yaml", project / "params.yaml")
    return project


@pytest.fixture(scope="session")
def lab(project: Path, tmp_path_factory: pytest.TempPathFactory, chromium: str) -> Iterator[Lab]:
    base = tmp_path_factory.mktemp("server")
    settings, token = base / "settings", secrets.token_hex(16)
    environment = {key: value for key, value in os.environ.items() if not key.startswith("JUPYTER")}
    environment |= {
        "JUPYTER_CONFIG_DIR": str(base / "config"),
        "JUPYTER_CONFIG_PATH": str(ROOT / ".jupyter"),  # what './run lab' sets
        "JUPYTER_DATA_DIR": str(base / "data"),
        "JUPYTER_RUNTIME_DIR": str(base / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(settings),
        "JUPYTERLAB_WORKSPACES_DIR": str(base / "workspaces"),
        "IPYTHONDIR": str(base / "ipython"),
        "TOOLKIT_ROOT": str(project),
    }
    # every output in the page, not only those in view
    write_settings(settings, "notebook-extension/tracker", {"windowingMode": "none"})
    write_settings(settings, "docmanager-extension/plugin", {"autosave": False})
    command = [
        *(sys.executable, "-m", "jupyterlab", "--no-browser", "--allow-root"),
        *("--ServerApp.ip=127.0.0.1", "--ServerApp.port=0", f"--IdentityProvider.token={token}"),
        *(f"--ServerApp.root_dir={project}", "--LabApp.expose_app_in_browser=True"),
        *("--ServerApp.terminals_enabled=False", "--LabApp.extension_manager=readonly"),
    ]
    with (base / "log").open("wb") as log:
        server = subprocess.Popen(
            command,
            cwd=project,
            env=environment,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            yield Lab(_wait_for_server(server, base, token), token, project, settings)
        finally:
            server.send_signal(signal.SIGTERM)  # ends its kernels too
            try:
                server.wait(20)
            except subprocess.TimeoutExpired:
                os.killpg(server.pid, signal.SIGKILL)


def _wait_for_server(server: subprocess.Popen, base: Path, token: str) -> str:
    """Give the server's address: with port 0 it is known to a file in the runtime folder alone."""
    end = time.monotonic() + 90
    while time.monotonic() < end and server.poll() is None:
        for info in (base / "runtime").glob("jpserver-*.json"):
            try:
                url = json.loads(info.read_text())["url"]
                urllib.request.urlopen(f"{url}api?token={token}", timeout=5).read()
            except (OSError, ValueError):
                continue
            return url
        time.sleep(0.1)
    raise RuntimeError(f"JupyterLab did not start:\n{(base / 'log').read_text()}")


@pytest.fixture(scope="module")  # no longer: Playwright keeps an event loop running in this thread
def browser(chromium: str) -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-dev-shm-usage", "--disable-gpu"]
    with sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=chromium, args=arguments)
        yield running
        running.close()


@pytest.fixture
def open_notebook(lab: Lab, browser: Browser) -> Iterator[Callable[..., OpenNotebook]]:
    contexts = []

    def open_(name: str, theme: str = LIGHT, width: int = 1280, height: int = 1400) -> OpenNotebook:
        lab.set_theme(theme)
        context = browser.new_context(
            viewport={"width": width, "height": height},
            reduced_motion="reduce",
            color_scheme="dark" if theme == DARK else "light",
        )
        contexts.append(context)
        context.set_default_timeout(90_000)
        notebook = OpenNotebook(context.new_page())

        def pass_or_refuse(route: Route, request: Request) -> None:
            if request.url.startswith((lab.url, "data:", "blob:")):
                route.continue_()
            else:
                notebook.outside.append(request.url)
                route.abort()

        context.route("**/*", pass_or_refuse)
        notebook.page.on("pageerror", lambda error: notebook.console.append(str(error)))
        notebook.page.goto(lab.address(name), wait_until="domcontentloaded")
        notebook.page.wait_for_function("() => window.jupyterapp", timeout=120_000)
        notebook.page.evaluate("async () => { await window.jupyterapp.restored; }")
        notebook.page.wait_for_selector(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-Notebook")
        notebook.page.wait_for_function(
            "() => !!window.jupyterapp.shell.currentWidget?.sessionContext?.session?.kernel", timeout=120_000
        )
        notebook.follow()
        return notebook

    yield open_
    for context in contexts:
        context.close()
    lab.stop_kernels()
