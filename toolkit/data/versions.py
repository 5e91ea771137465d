"""Versions of the data set, as DVC and git recorded them: nothing is stored besides.

A version is what the stages collect, annotate and prepare made together: the hashes of data/raw, data/labels and
data/prepared in a revision of dvc.lock. Its content is read from DVC's cache.
"""

from __future__ import annotations

import configparser
import hashlib
import json
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from toolkit.errors import DataError

FOLDERS = ("data/raw", "data/labels", "data/prepared")
PACKAGE = "models/package"
WORKSPACE = "workspace"
FETCH = "Fetch it with './run dvc fetch --all-commits', if it was ever pushed."


@dataclass(frozen=True)
class Version:
    """A version of the data set.

    Attributes
    ----------
    id : str
        Eight hex digits, a hash over those of its folders.
    hashes : mapping
        MD5 by folder, as dvc.lock has them; a folder that was not made yet is not there.
    commit, time, subject : str
        Of the first commit that has it; empty for one that is in the workspace alone.
    source : str
        What it was collected from.
    models : tuple of str
        Hashes of the packages that were made of it.
    current : bool
        Whether it is the one of the workspace's dvc.lock.
    """

    id: str
    hashes: Mapping[str, str]
    commit: str = ""
    time: str = ""
    subject: str = ""
    source: str = ""
    models: tuple[str, ...] = ()
    current: bool = False


def load_versions(root: Path) -> list[Version]:
    """Read the versions of a project, the newest first; the workspace's own, if it is not committed, before all.

    Raises
    ------
    DataError
        There is no dvc.lock, in no revision, that has data/raw.
    """
    found: dict[str, Version] = {}
    for commit, time, subject, lock in [*_iterate_revisions(root), _read_workspace(root)]:
        version = _parse(lock, commit, time, subject)
        if version is None:
            continue
        known = found.get(version.id, version)  # the first that has it tells its time
        models = tuple(dict.fromkeys((*known.models, *version.models)))
        found[version.id] = replace(known, models=models, current=commit == WORKSPACE or known.current)
    if not found:
        raise DataError(
            "dvc.lock must record data/raw, in the workspace or in a commit, and does not. './run dvc repro collect' "
            "makes the first version."
        )
    return list(reversed(found.values()))


def find_version(versions: list[Version], name: str) -> Version:
    """Find a version by (the first digits of) its id or its commit, or by ``workspace``.

    Raises
    ------
    DataError
        None or several have it.
    """
    if name == WORKSPACE:
        found = [version for version in versions if version.current]
    else:
        found = [
            version
            for version in versions
            if name and (version.id.startswith(name) or version.commit.startswith(name))
        ]
    if len(found) == 1:
        return found[0]
    shown = ", ".join(version.id for version in (found or versions)[:10])
    what = (
        f"several have it: {shown}. Give more digits."
        if found
        else f"none has. They are {shown}, or '{WORKSPACE}'."
    )
    raise DataError(f"'{name}' must be the id or commit of one version of the data set, and {what}")


def choose_two(versions: list[Version], names: list[str]) -> tuple[Version, Version]:
    """Choose the versions to compare, the older first: those named, else the last committed one and the workspace's.

    Raises
    ------
    DataError
        A name is of none or several, or there is nothing to compare.
    """
    if len(names) == 2:
        return find_version(versions, names[0]), find_version(versions, names[1])
    newer = find_version(versions, WORKSPACE) if any(version.current for version in versions) else versions[0]
    if names:
        return find_version(versions, names[0]), newer
    others = [version for version in versions if version.commit and version.id != newer.id]
    if not others:
        raise DataError(
            "There must be two versions to compare, and there is one. 'toolkit data list' shows it."
        )
    return others[0], newer


def find_file(root: Path, version: Version, path: str) -> Path:
    """Give where a file of a version is: in DVC's cache, or in the workspace if it is the workspace's version.

    Raises
    ------
    DataError
        It is not there, or the version never had it.
    """
    folder = next(name for name in FOLDERS if path.startswith(name + "/"))
    if folder not in version.hashes:
        raise DataError(f"Version {version.id} must have {folder} and has not: its run ended before that.")
    listing = _cache_path(root, version.hashes[folder])
    if listing.is_file():
        entries = {each["relpath"]: each["md5"] for each in json.loads(listing.read_text(encoding="utf-8"))}
        name = path.removeprefix(folder + "/")
        if name not in entries:
            raise DataError(f"Version {version.id} must have {path} and has not.")
        if (cached := _cache_path(root, entries[name])).is_file():
            return cached
    raise DataError(f"{path} of version {version.id} must be in DVC's cache and is not. {FETCH}")


def load_record(root: Path, version: Version, path: str) -> Any:
    """Read a JSON file of a version; an empty dict if it is not to be had."""
    try:
        return json.loads(find_file(root, version, path).read_text(encoding="utf-8"))
    except (DataError, StopIteration):
        return {}


def load_tag(root: Path, package: str) -> str:
    """Read the tag of a packaged model by the hash of its folder; its first digits if it is not in the cache."""
    listing = _cache_path(root, package)
    if listing.is_file():
        entries = {each["relpath"]: each["md5"] for each in json.loads(listing.read_text(encoding="utf-8"))}
        tag = _cache_path(root, entries.get("tag.txt", package))
        if tag.is_file() and tag != listing:
            return tag.read_text(encoding="utf-8").strip()
    return f"package {package[:8]}"


def is_cached(root: Path, version: Version) -> bool:
    """Whether the folders of a version are in DVC's cache."""
    return all(_cache_path(root, digest).is_file() for digest in version.hashes.values())


def _cache_path(root: Path, digest: str) -> Path:
    return _find_cache(root) / "files" / "md5" / digest[:2] / digest[2:]


def _find_cache(root: Path) -> Path:
    for name in ("config.local", "config"):
        parser = configparser.ConfigParser()
        parser.read(root / ".dvc" / name)
        place = parser.get("cache", "dir", fallback="")
        if place:
            return (root / ".dvc" / place).resolve()
    return root / ".dvc" / "cache"


def _parse(lock: str, commit: str, time: str, subject: str) -> Version | None:
    import yaml

    try:
        stages = (yaml.load(lock, getattr(yaml, "CSafeLoader", yaml.SafeLoader)) or {}).get("stages", {})  # noqa: S506
        outs = {
            out["path"]: out["md5"]
            for stage in stages.values()
            for out in stage.get("outs", [])
            if "md5" in out
        }
    except (yaml.YAMLError, AttributeError, KeyError, TypeError):
        return None  # a lock with conflict marks, say
    hashes = {name: outs[name] for name in FOLDERS if name in outs}
    if "data/raw" not in hashes:
        return None
    digest = hashlib.sha256("\n".join(hashes.values()).encode()).hexdigest()[:8]
    source = stages["collect"].get("params", {}).get("params.yaml", {}).get("collect", {})
    committed = ("", "", "") if commit == WORKSPACE else (commit, time, subject)
    models = (outs[PACKAGE],) if PACKAGE in outs else ()
    return Version(digest, hashes, *committed, source=str(source.get("source", "")), models=models)


def _read_workspace(root: Path) -> tuple[str, str, str, str]:
    path = root / "dvc.lock"
    return WORKSPACE, "", "", path.read_text(encoding="utf-8") if path.is_file() else ""


def _iterate_revisions(root: Path) -> Iterator[tuple[str, str, str, str]]:
    """Give commit, time, subject and text of each revision of dvc.lock, the oldest first."""
    log = _git(root, "log", "--reverse", "--format=%h%x09%cI%x09%s", "--", "dvc.lock")
    if log is None:
        return
    lines = [line.split("\t", 2) for line in log.decode(errors="replace").splitlines()]
    wanted = "".join(f"{commit}:./dvc.lock\n" for commit, _, _ in lines)
    answer = _git(root, "cat-file", "--batch", given=wanted.encode()) or b""
    at = 0
    for commit, time, subject in lines:
        end = answer.index(b"\n", at)
        head = answer[at:end].split()
        at = end + 1
        if head[-1] == b"missing":  # the commit removed it
            continue
        size = int(head[2])
        yield commit, time, subject, answer[at : at + size].decode(errors="replace")
        at += size + 1


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """Run git; None where there is no repository, or no commit yet."""
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], input=given, capture_output=True, check=False
        )
    except OSError:
        return None
    return done.stdout if done.returncode == 0 else None
