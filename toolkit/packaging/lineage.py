"""Where a model comes from: read from a package, a Bento or a running service, and shown as a tree."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from toolkit.artifacts import load_json
from toolkit.errors import PackageError
from toolkit.packaging.bento import bento_path, store_path
from toolkit.params import STAGES
from toolkit.serving.manifest import check_manifest
from toolkit.serving.tls import make_client_context

TIMEOUT_S = 10
SHOWN_LIBRARIES = ("bentoml", "lightgbm", "numpy", "orjson")


def load_lineage(root: Path, source: str = "") -> dict[str, Any]:
    """Read the lineage of a model.

    Parameters
    ----------
    root : Path
        The project.
    source : str
        A Bento's tag (``name:version``, ``name:latest``), a folder with a package or a Bento, or the URL of a running
        service. Empty: models/package.

    Raises
    ------
    PackageError
        There is no such thing, or the service does not answer.
    ModelError
        The files are not those that were packaged.
    """
    if source.startswith(("http://", "https://")):
        return _ask(source)
    folder, build = find_package(root, source)
    return {
        "version": (folder / "tag.txt").read_text(encoding="utf-8").strip(),
        **load_json(folder / "lineage.json"),
        "gates": load_json(folder / "gates.json"),
        "files": check_manifest(folder)["files"],
        "build": load_json(build) if build else None,
    }


def find_package(root: Path, source: str = "") -> tuple[Path, Path | None]:
    """Find a packaged model and, if it is in a Bento, its build.json."""
    if not source:
        tag = root / "models" / "package" / "tag.txt"
        if not tag.is_file():
            raise PackageError(
                f"{tag} must exist and does not. Run './run dvc repro package' to package the model."
            )
        bento = find_bento(root, tag.read_text(encoding="utf-8").strip())
        return tag.parent, bento / "src" / "build.json" if bento else None
    given = Path(source) if Path(source).is_dir() else find_bento(root, source)
    if given is None:
        raise PackageError(
            f"'{source}' must be the tag of a Bento in {store_path(root)}, a folder or a URL, and is none. "
            "'bentoml list' shows the tags; without an argument it is the packaged model."
        )
    inner = given / "src" / "models" / "package"
    if inner.is_dir():
        return inner, given / "src" / "build.json"
    return given, None


def find_bento(root: Path, tag: str) -> Path | None:
    """Find a Bento's folder in the store by its tag; ``latest`` or no version is the newest."""
    name, _, version = tag.partition(":")
    if version in ("", "latest"):
        latest = store_path(root) / "bentos" / name / "latest"
        if not name or not latest.is_file():
            return None
        version = latest.read_text(encoding="utf-8").strip()
    place = bento_path(store_path(root), f"{name}:{version}")
    return place if (place / "bento.yaml").is_file() else None


def show_lineage(lineage: Mapping[str, Any]) -> str:
    """Give the lineage as a tree for a person."""
    return "\n".join([str(lineage["version"]), *_draw(list(_sections(lineage)), "")])


def _sections(lineage: Mapping[str, Any]) -> Iterator[tuple[str, list[str]]]:
    build = lineage.get("build")
    if build:
        commit = build["git_commit"] or "not from a git repository"
        yield (
            "build",
            [
                f"git {commit}{' with uncommitted changes' if build['git_dirty'] else ''}",
                f"at {build['built_at']}, Python {build['python']}, {build['platform']}",
            ],
        )
    stages = lineage.get("stages", {})
    for stage in sorted(stages, key=STAGES.index):  # in the order data flows
        record = stages[stage]
        lines = [f"in   {path}  {digest}" for path, digest in record["inputs"].items()]
        lines += [f"out  {path}  {digest}" for path, digest in record["outputs"].items()]
        lines.append("with " + ", ".join(f"{name}={value}" for name, value in record["params"].items()))
        yield stage, lines
    gates = lineage["gates"]
    passed = "passed" if gates["passed"] else "NOT PASSED"
    yield f"gates ({passed})", [str(gate.get("message") or gate["name"]) for gate in gates.get("gates", [])]
    metrics = gates.get("metrics") or {}
    if metrics:
        yield "metrics", [f"{name}  {_number(value)}" for name, value in metrics.items()]
    yield "files", [f"{name}  sha256:{digest}" for name, digest in lineage["files"].items()]
    libraries = lineage["libraries"]
    shown = [f"{name} {libraries[name]}" for name in SHOWN_LIBRARIES if name in libraries]
    yield "libraries", [f"{', '.join(shown)} and {len(libraries) - len(shown)} more (--json lists all)"]


def _number(value: Any) -> str:
    """Give a metric; one with an interval as ``value (low to high)``."""
    if isinstance(value, Mapping):
        parts = [f"{key} {_number(part)}" for key, part in value.items()]
        return ", ".join(parts)
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _draw(sections: list[tuple[str, list[str]]], indent: str) -> Iterator[str]:
    for place, (title, lines) in enumerate(sections, 1):
        last = place == len(sections)
        yield f"{indent}{'└' if last else '├'}─ {title}"
        for number, line in enumerate(lines, 1):
            yield f"{indent}{' ' if last else '│'}  {'└' if number == len(lines) else '├'}─ {line}"


def fetch_json(
    url: str,
    timeout_s: float = TIMEOUT_S,
    *,
    direct: bool = False,
    certificate: Path | None = None,
    token: str = "",
) -> Any:
    """Get JSON over HTTP; OSError if nothing answers there with status 200, ValueError if it is no JSON.

    ``direct``: past the environment's proxies, which know nothing of a server on this machine. ``certificate``: the
    one that the server shows, whatever name it is for. ``token``: what the server asks for.
    """
    handlers: list[urllib.request.BaseHandler] = [urllib.request.ProxyHandler({})] if direct else []
    if certificate is not None:
        handlers.append(urllib.request.HTTPSHandler(context=make_client_context(certificate)))
    request = urllib.request.Request(url)  # noqa: S310  # the scheme is checked by whoever asks
    if token:
        request.add_header("Authorization", f"Bearer {token}")
    with urllib.request.build_opener(*handlers).open(request, timeout=timeout_s) as response:
        return json.load(response)


def _ask(url: str) -> dict[str, Any]:
    address = url.rstrip("/").removesuffix("/lineage") + "/lineage"
    try:
        answer = fetch_json(address)
    except (OSError, ValueError) as error:
        raise PackageError(
            f"{address} must answer with a lineage and does not: {error}. Is the service up?"
        ) from None
    if not isinstance(answer, dict) or not {"version", "gates", "files", "libraries"} <= answer.keys():
        raise PackageError(f"{address} must answer with a lineage. Something else answers there.")
    return answer
