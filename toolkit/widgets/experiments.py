"""Experiments side by side, read from ``dvc exp show --json``: what differs in parameters and metrics. No widgets."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from toolkit.errors import StageError
from toolkit.widgets.process import build_environment

_LONGEST_S = 120.0


@dataclass(frozen=True)
class Run:
    """One line of the comparison: the workspace, the last commit, or an experiment made on it."""

    name: str
    rev: str
    params: dict[str, Any] = field(default_factory=dict)
    metrics: dict[str, Any] = field(default_factory=dict)
    error: str = ""


def load_runs(root: Path) -> list[Run]:
    """Ask DVC for the workspace, the last commit and its experiments.

    Raises
    ------
    StageError
        The project is not in git or has no commit, or DVC answers with an error.
    """
    check_git(root)
    command = [sys.executable, "-m", "dvc", "exp", "show", "--json"]
    try:
        answer = subprocess.run(
            command,
            cwd=root,
            env=build_environment(root),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_LONGEST_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        raise StageError(
            f"dvc exp show must answer within {_LONGEST_S:.0f} s and did not. Does a run hold DVC's lock?"
        ) from None
    if answer.returncode:
        last = (answer.stderr.strip() or answer.stdout.strip() or "no message").splitlines()[-1]
        raise StageError(f"dvc exp show must succeed. It said: {last}")
    return parse_runs(json.loads(answer.stdout))


def check_git(root: Path) -> None:
    """Check that there is a commit to compare with.

    Raises
    ------
    StageError
        There is no git repository around the project, or no commit in it.
    """
    answer = subprocess.run(
        ["git", "rev-parse", "--verify", "--quiet", "HEAD"], cwd=root, capture_output=True, check=False
    )
    if answer.returncode:
        raise StageError(
            "Experiments need a git commit to be compared with, and this project has none. "
            "Make one: git init && git add . && git commit -m 'Start'. Running the pipeline works without."
        )


def parse_runs(answer: list[dict[str, Any]]) -> list[Run]:
    """Turn DVC's answer into runs: the workspace first, then the commit, then its experiments.

    >>> answer = [{"rev": "workspace", "data": {"params": {"params.yaml": {"data": {"train": {"seed": 1}}}}}}]
    >>> parse_runs(answer)[0].params
    {'train.seed': 1}
    """
    return [run for entry in answer for run in _parse_entry(entry)]


def _parse_entry(entry: dict[str, Any]) -> Iterator[Run]:
    if entry["rev"] == "workspace":
        yield _parse_run("workspace", entry)
    else:
        yield _parse_run(entry.get("name") or entry["rev"][:7], entry)
    for group in entry.get("experiments") or []:
        for revision in group.get("revs", []):
            yield _parse_run(revision.get("name") or group.get("name") or revision["rev"][:7], revision)


def _parse_run(name: str, entry: dict[str, Any]) -> Run:
    data = entry.get("data") or {}
    error = (entry.get("error") or {}).get("msg", "")
    return Run(
        name, entry["rev"], _flatten_files(data.get("params")), _flatten_metrics(data.get("metrics")), error
    )


def _flatten_files(files: dict[str, Any] | None) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for content in (files or {}).values():
        found |= _flatten(content.get("data") or {})
    return found


def _flatten_metrics(files: dict[str, Any] | None) -> dict[str, Any]:
    """Name metrics by their stage: ``reports/train/metrics.json`` gives ``train.``."""
    found: dict[str, Any] = {}
    for path, content in (files or {}).items():
        stage = Path(path).parent.name
        found |= _flatten(content.get("data") or {}, f"{stage}.")
    return found


def _flatten(values: Any, prefix: str = "") -> dict[str, Any]:
    if not isinstance(values, dict):
        return {prefix.rstrip("."): values}
    found: dict[str, Any] = {}
    for key, value in values.items():
        found |= _flatten(value, f"{prefix}{key}.")
    return found


@dataclass(frozen=True)
class Comparison:
    """Runs as rows; ``params`` and ``metrics`` are the names that differ between them."""

    runs: tuple[Run, ...]
    params: tuple[str, ...]
    metrics: tuple[str, ...]

    @property
    def baseline(self) -> Run | None:
        """The last commit, which the others are measured against."""
        return next((run for run in self.runs if run.name != "workspace"), None)


def compare(runs: list[Run]) -> Comparison:
    """Keep the parameters and metrics that are not the same in all runs that have any."""
    return Comparison(tuple(runs), _differing(runs, "params"), _differing(runs, "metrics"))


def _differing(runs: list[Run], kind: str) -> tuple[str, ...]:
    tables = [getattr(run, kind) for run in runs if getattr(run, kind)]
    names = dict.fromkeys(name for table in tables for name in table)
    return tuple(name for name in names if len({repr(table.get(name)) for table in tables}) > 1)
