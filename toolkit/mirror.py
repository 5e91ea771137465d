"""Keep a copy of a folder in object storage (``s3://bucket/folder/``): new and changed parts alone are copied."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Collection, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from toolkit.artifacts import write_json
from toolkit.download import explain, open_storage, tell_version
from toolkit.errors import DataError
from toolkit.paths import is_aside

AT_ONCE = 32  # parts that are copied side by side, and are not copied again if the run is then cut off
SHOWN = 5

Versions = dict[str, list[str]]  # of each part, by its name in the folder


def mirror(address: str, pattern: str, place: Path, memory: Path) -> Versions:
    """Make a local folder hold the parts of one in object storage, and no more.

    Parameters
    ----------
    address, pattern : str
        The folder, and which of its parts.
    place, memory : Path
        The local folder, and the JSON file that holds which versions it has.

    Returns
    -------
    dict
        What the storage said of each part's version.

    Raises
    ------
    DataError
        There are no parts, or one cannot be copied, or the folder changes meanwhile. Parts that were copied stay, so
        that the next run goes on from there.
    """
    listed = list_parts(address, pattern)
    versions = {name: tell_version(info) for name, info in listed.items()}
    held = _load_held(place, memory, versions)
    _remove_others(place, held)
    wanted = [name for name in versions if name not in held]
    for start in range(0, len(wanted), AT_ONCE):
        names = wanted[start : start + AT_ONCE]
        _copy(address, place, {name: listed[name] for name in names})
        held |= {name: [versions[name], *_measure_state(place / name)] for name in names}
        write_json(memory, held)
    check_same(address, versions, list_versions(address, pattern), "copied")
    return versions


def list_versions(address: str, pattern: str) -> Versions:
    """Give what the storage says of each part's version: size, ETag, time."""
    return {name: tell_version(info) for name, info in list_parts(address, pattern).items()}


def check_same(address: str, before: Versions, after: Versions, done: str) -> None:
    """Check that no part was added, changed or removed meanwhile."""
    differing = sorted(name for name in before.keys() | after.keys() if before.get(name) != after.get(name))
    if differing:
        raise DataError(
            f"{address} must stay as it is while it is {done}, and it was changed: {_list_some(differing)}. Run the "
            "stage again when nothing writes to it."
        )


def list_parts(address: str, pattern: str) -> dict[str, dict[str, Any]]:
    """List the parts of a folder in object storage that match a pattern, by name, with what the storage tells of them.

    Names that begin with a dot or an underscore are no parts, as in a local folder.

    Raises
    ------
    DataError
        There are none, or the storage cannot be asked.
    """
    from fsspec.utils import glob_translate

    storage = open_storage(address)
    with _explaining(address):
        start = len(storage._strip_protocol(address).rstrip("/")) + 1
        found = {
            path[start:]: info
            for path, info in storage.find(address, detail=True).items()
            if path[start:] and not path.endswith("/")  # some programs mark a folder by an empty object
        }
    if not found:
        raise DataError(f"{address} must be there, and no object's name begins so. Is the address right?")
    chosen = re.compile(glob_translate(pattern))
    parts = {name: found[name] for name in sorted(found) if chosen.match(name) and not is_aside(name)}
    if not parts:
        raise DataError(
            f"{address} must hold parts named {pattern!r} and has none. It holds {_list_some(sorted(found))}. Check "
            "collect.source and collect.pattern."
        )
    odd = [name for name in parts if "" in name.split("/") or "\0" in name]  # '..' is aside
    if odd:
        raise DataError(
            f"{address}: parts must have names that files can have. {_list_some(map(repr, odd))} cannot be one: rename "
            "it, or choose the parts by collect.pattern."
        )
    return parts


def _load_held(place: Path, memory: Path, versions: Versions) -> dict[str, Any]:
    """Give the parts whose copy is of this version and is as it was when it was copied."""
    known: Any = {}
    with suppress(OSError, ValueError):
        known = json.loads(memory.read_text(encoding="utf-8"))
    held = {}
    for name, version in versions.items():
        with suppress(OSError):
            if known.get(name) == [version, *_measure_state(place / name)]:
                held[name] = known[name]
    return held


def _remove_others(place: Path, held: Collection[str]) -> None:
    """Remove what is no part any more or is to be copied anew; a file may have become a folder."""
    for path in sorted(place.rglob("*"), reverse=True):
        if path.is_dir():
            with suppress(OSError):
                path.rmdir()  # if it is empty
        elif path.relative_to(place).as_posix() not in held:
            path.unlink()


def _copy(address: str, place: Path, parts: dict[str, dict[str, Any]]) -> None:
    staged = place.with_name(f".{place.name}")
    shutil.rmtree(staged, ignore_errors=True)
    staged.mkdir(parents=True)
    temporary = {name: staged / str(number) for number, name in enumerate(parts)}
    try:
        with _explaining(address):
            open_storage(address).get(
                [info["name"] for info in parts.values()], [str(path) for path in temporary.values()]
            )
        for name, path in temporary.items():
            came, expected = path.stat().st_size, parts[name].get("size")
            if expected is not None and came != expected:
                raise DataError(
                    f"{address}: part {name} must come whole, as it was listed. {came:,} of {expected:,} bytes came: "
                    "run the stage again when nothing writes to it."
                )
            with _explaining(f"{address}: part {name}"):
                (place / name).parent.mkdir(parents=True, exist_ok=True)
                path.replace(place / name)
    finally:
        shutil.rmtree(staged, ignore_errors=True)


@contextmanager
def _explaining(address: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:
        raise explain(address, error) from None


def _measure_state(path: Path) -> list[int]:
    found = path.stat()
    return [found.st_size, found.st_mtime_ns]


def _list_some(names: Collection[str] | Iterator[str]) -> str:
    shown = list(names)
    more = f" and {len(shown) - SHOWN} more" if len(shown) > SHOWN else ""
    return ", ".join(shown[:SHOWN]) + more
