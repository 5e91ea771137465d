"""The version of a package: a hash over the model's files, the code that serves them and the lock."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

from toolkit.artifacts import measure_sha256
from toolkit.errors import PackageError
from toolkit.pipeline import load_yaml
from toolkit.serving.manifest import MODEL_FILES, measure_version

LOCK = "requirements-serve.lock"
BENTOFILE = "bentofile.yaml"


def load_bentofile(root: Path) -> dict[str, Any]:
    """Read bentofile.yaml.

    Raises
    ------
    PackageError
        It lacks ``service`` or ``include``.
    """
    bentofile = load_yaml(root / BENTOFILE)
    if not isinstance(bentofile.get("service"), str) or not isinstance(bentofile.get("include"), list):
        raise PackageError(f"{root / BENTOFILE} must name a 'service' and a list of files to 'include'.")
    return bentofile


def list_code(root: Path) -> list[str]:
    """List the code that goes into the Bento, as paths relative to the project, sorted."""
    import pathspec

    patterns = [line for line in load_bentofile(root)["include"] if line.startswith("/toolkit")]
    spec = pathspec.PathSpec.from_lines("gitignore", patterns)
    found = (path.relative_to(root).as_posix() for path in (root / "toolkit").rglob("*.py"))
    return sorted(path for path in found if spec.match_file(path))


def measure_code(root: Path) -> str:
    """Compute the hash over what serves a model: the code, the lock and bentofile.yaml."""
    names = sorted((LOCK, BENTOFILE, *list_code(root)))
    lines = "".join(f"{measure_sha256(root / name)}  {name}\n" for name in names)
    return hashlib.sha256(lines.encode()).hexdigest()


def measure_package_version(root: Path, folder: Path) -> str:
    """Compute a packaged model's version: it changes with what the service computes, and with nothing else."""
    return measure_version(measure_code(root), {name: measure_sha256(folder / name) for name in MODEL_FILES})


def load_pins(root: Path) -> dict[str, str]:
    """Read the versions that the service's lock pins, by package."""
    pins = re.findall(
        r"^([A-Za-z0-9._-]+)==([^ ;\\]+)", (root / LOCK).read_text(encoding="utf-8"), re.MULTILINE
    )
    return dict(pins)
