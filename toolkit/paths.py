"""Where the project is, and that nothing leaves it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath

from toolkit.errors import StageError


def project_root(start: Path | None = None) -> Path:
    """Find the project: the folder ``start`` (default: the working one) or above that has params.yaml and dvc.yaml.

    ``TOOLKIT_ROOT`` names it outright.
    """
    named = os.environ.get("TOOLKIT_ROOT")
    if named and start is None:
        return Path(named)
    here = (start or Path.cwd()).resolve()
    for folder in (here, *here.parents):
        if (folder / "params.yaml").is_file() and (folder / "dvc.yaml").is_file():
            return folder
    raise StageError(
        f"There must be a project around {here}: a folder with params.yaml and dvc.yaml. "
        "Found none there or above. Change into the project, or set TOOLKIT_ROOT to it."
    )


def tell_path(path: Path) -> str:
    """Name a file in messages: relative to the project if it is in it, as params.yaml does."""
    try:
        return str(path.relative_to(project_root()))
    except (StageError, ValueError):
        return str(path)


def check_project_path(value: str) -> str:
    """Check that a path is relative and stays inside the project; return it as given.

    Raises
    ------
    ValueError
        Absolute, empty, or with ``..`` in it.
    """
    path = PurePosixPath(value)
    if not value or path.is_absolute() or ".." in path.parts or value.startswith("~"):
        raise ValueError("must be a path inside the project, relative to its root, without '..'")
    return value


def check_optional_path(value: str) -> str:
    """Check a path as :func:`check_project_path` does; empty passes."""
    return check_project_path(value) if value else value


def check_source(value: str) -> str:
    """Check that a source is a path inside the project or an address with a scheme; return it as given."""
    return value if is_address(value) else check_project_path(value)


def is_address(value: str) -> bool:
    """Whether a source is an address (``https://...``, ``s3://...``) rather than a path."""
    return "://" in value
