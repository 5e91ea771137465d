"""Where the project is, and that nothing leaves it."""

from __future__ import annotations

import os
from pathlib import Path, PurePosixPath
from urllib.parse import urlsplit

from toolkit.errors import StageError

SCHEMES = ("http", "https", "s3", "gs", "az")  # of addresses that DVC can watch and fsspec can read


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
    """Check that a source is a path inside the project or an address with a scheme; return it as given.

    Raises
    ------
    ValueError
        Neither, or an address that names a user or a password.
    """
    if not is_address(value):
        return check_project_path(value)
    parts = urlsplit(value)
    if parts.scheme not in SCHEMES:
        raise ValueError(f"must begin with one of {', '.join(SCHEMES)}, or be a path inside the project")
    if parts.username or parts.password:
        raise ValueError("must name no user and no password: they come from the environment")
    over_http = parts.scheme in ("http", "https")
    if not parts.netloc or (over_http and (not parts.path.strip("/") or parts.path.endswith("/"))):
        listing = ": over http there is no list of a folder's files" if over_http else ""
        raise ValueError(f"must name one file, such as https://example.com/table.csv{listing}")
    return value


def check_database(value: str) -> str:
    """Check the address of a database; return it as given. Empty passes.

    Raises
    ------
    ValueError
        Not ``sqlite:///path`` inside the project or ``postgresql://host:port/name``, or it names a user or password.
    """
    parts = urlsplit(value)
    if not value:
        return value
    if parts.scheme == "sqlite":
        if not value.startswith("sqlite:///"):
            raise ValueError("must have three slashes before the path, such as sqlite:///examples/table.db")
        check_project_path(value.removeprefix("sqlite:///"))
        return value
    if parts.scheme != "postgresql" or not parts.path.strip("/"):
        raise ValueError("must be sqlite:///path or postgresql://host:port/name")
    if "@" in value or "password" in value.lower() or "user=" in value.lower():
        raise ValueError("must name no user and no password: set PGUSER and PGPASSWORD, or ~/.pgpass")
    return value


def is_aside(path: str) -> bool:
    """Whether a file is no part of a table: other programs leave such beside theirs.

    >>> is_aside("2026/a.csv"), is_aside("_SUCCESS"), is_aside("2026/.tmp/a.csv")
    (False, True, True)
    """
    return any(name.startswith((".", "_")) for name in PurePosixPath(path).parts)


def is_address(value: str) -> bool:
    """Whether a source is an address (``https://...``, ``s3://...``) rather than a path."""
    return "://" in value
