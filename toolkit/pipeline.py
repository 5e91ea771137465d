"""What dvc.yaml and dvc.lock say about a stage: what it reads, what it makes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from toolkit.errors import StageError

CODE = ("toolkit", "notebooks")  # dependencies that are code, traced by the git commit rather than by lineage


@dataclass(frozen=True)
class StageFiles:
    """Dependencies and outputs of a stage, as paths relative to the project.

    ``made_by`` maps each stage's outputs; ``keys`` are those of params.yaml that name a dependency.
    """

    name: str
    deps: tuple[str, ...]
    outs: tuple[str, ...]
    made_by: dict[str, str]
    keys: tuple[str, ...]

    @property
    def data_deps(self) -> tuple[str, ...]:
        """Dependencies that are data: all but the code."""
        return tuple(dep for dep in self.deps if dep.split("/", 1)[0] not in CODE)

    def depends_on(self, path: str) -> bool:
        """Whether ``path``, or a folder it is in, is declared as a dependency."""
        return any(path == dep or path.startswith(dep + "/") for dep in self.deps)

    def makes(self, path: str) -> bool:
        """Whether ``path``, or a folder it is in, is declared as an output."""
        return any(path == out or path.startswith(out + "/") for out in self.outs)

    def maker_of(self, path: str) -> str | None:
        """Name the stage that makes ``path``, if one does."""
        return next(
            (stage for out, stage in self.made_by.items() if path == out or path.startswith(out + "/")), None
        )


def load_stage_files(root: Path, name: str) -> StageFiles:
    """Read a stage's files from dvc.yaml, with ``${section.key}`` replaced by its value in params.yaml."""
    stages = load_yaml(root / "dvc.yaml").get("stages", {})
    if name not in stages:
        raise StageError(f"dvc.yaml: stage '{name}' must be declared and is not.")
    values = load_yaml(root / "params.yaml") if "${" in str(stages[name]) else {}
    made_by = {out: stage for stage, body in stages.items() for out in list_outs(body)}
    named = stages[name].get("deps", [])
    keys = tuple(dep[2:-1] for dep in named if _is_key(dep))
    deps = tuple(_fill(dep, values) for dep in named)
    return StageFiles(name, deps, tuple(list_outs(stages[name])), made_by, keys)


def load_lock(root: Path) -> dict[str, Any]:
    """Read the stages of dvc.lock; empty before the first run."""
    path = root / "dvc.lock"
    return load_yaml(path).get("stages", {}) if path.exists() else {}


def load_yaml(path: Path) -> dict[str, Any]:
    """Read a YAML file of the project as plain values."""
    from ruamel.yaml import YAML
    from ruamel.yaml.error import YAMLError

    try:
        return YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8")) or {}
    except FileNotFoundError:
        raise StageError(f"{path} must exist and does not.") from None
    except YAMLError as error:
        raise StageError(f"{path} must be YAML. {error}") from None


def list_outs(body: dict[str, Any]) -> list[str]:
    """List the outputs of a stage of dvc.yaml: outs, metrics and plots."""
    entries = [*body.get("outs", []), *body.get("metrics", []), *body.get("plots", [])]
    return [next(iter(entry)) if isinstance(entry, dict) else entry for entry in entries]


def _is_key(text: str) -> bool:
    return text.startswith("${") and text.endswith("}")


def _fill(text: str, values: dict[str, Any]) -> str:
    if not _is_key(text):
        return text
    section, _, key = text[2:-1].partition(".")
    return str(values.get(section, {}).get(key, text))
