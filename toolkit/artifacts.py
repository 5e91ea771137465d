"""Files that are whole or not there, their hashes, and JSON that is the same every time."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from toolkit.errors import StageError


@contextmanager
def atomic(path: Path) -> Iterator[Path]:
    """Give a temporary path beside ``path``; rename it there when the block ends well, remove it when not.

    The file is flushed to disk before the rename, so that a crash leaves the old file or the new one.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f".{path.name}.{os.getpid()}.tmp")
    try:
        yield temporary
        with temporary.open("rb+") as file:
            os.fsync(file.fileno())
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)


def write_text(path: Path, text: str) -> None:
    """Write a text file (UTF-8, as given) atomically."""
    with atomic(path) as temporary:
        temporary.write_text(text, encoding="utf-8", newline="")


def write_json(path: Path, value: Any) -> None:
    """Write JSON atomically: sorted keys, two blanks of indentation, no NaN, a final newline."""
    write_text(path, format_json(value))


def format_json(value: Any) -> str:
    """Give the text that :func:`write_json` writes."""
    return json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n"


def load_json(path: Path) -> Any:
    """Read a JSON file.

    Raises
    ------
    StageError
        The file is missing or not JSON.
    """
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise StageError(f"{path} must exist and does not.") from None
    except ValueError as error:
        raise StageError(f"{path} must be JSON. {error}. It may have been cut short: make it anew.") from None


def measure_hash(path: Path, md5: Callable[[Path], str] | None = None) -> str:
    """Compute the hash of a file or folder, as ``md5:...``: the value that dvc.lock has for it.

    A folder's is DVC's own (version 3): the MD5 of the JSON list of its files' MD5 and relative paths,
    sorted by path, with ``.dir`` at the end. ``md5`` gives a file's MD5 if it is known from elsewhere.
    """
    md5 = md5 or measure_md5
    if path.is_dir():
        entries = [
            {"md5": md5(file), "relpath": file.relative_to(path).as_posix()}
            for file in path.rglob("*")
            if file.is_file()
        ]
        entries.sort(key=lambda entry: entry["relpath"])
        listing = json.dumps(entries, sort_keys=True)
        return f"md5:{hashlib.md5(listing.encode(), usedforsecurity=False).hexdigest()}.dir"
    return f"md5:{md5(path)}"


def measure_sha256(path: Path) -> str:
    """Compute the SHA-256 of a file, in hex: what a model is verified by before it is loaded."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def measure_md5(path: Path) -> str:
    """Compute the MD5 of a file, in hex: DVC's name for its content."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.md5(usedforsecurity=False)).hexdigest()
