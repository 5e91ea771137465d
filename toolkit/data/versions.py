"""Versions of the data set, as DVC and git recorded them: nothing is stored besides.

A version is what the stages collect, annotate and prepare made together: the hashes of data/raw, data/labels and
data/prepared in a revision of dvc.lock. Its content is read from DVC's cache.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from toolkit.artifacts import measure_md5
from toolkit.data.lock_history import iterate_revisions, read_revision
from toolkit.data.lock_text import Lock, parse_lock
from toolkit.dvc_cache import cache_entry, find_cache
from toolkit.errors import DataError, suggest

PREPARED = "data/prepared"
FOLDERS = ("data/raw", "data/labels", PREPARED)
PACKAGE = "models/package"
WORKSPACE = "workspace"
NOT_INPUTS = (
    "toolkit/",
    "notebooks/",
    "data/",
)  # code is told by the commit, the stages' own data by its hashes
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
    commits : tuple of str
        All whose dvc.lock has it, the oldest first.
    inputs : mapping
        MD5 by path of what its stages read: source, contract, annotations, generators, definitions; not the code.
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
    commits: tuple[str, ...] = ()
    inputs: Mapping[str, str] = field(default_factory=dict)


def load_versions(root: Path) -> list[Version]:
    """Read the versions of a project, the newest first; the workspace's own, if it is not committed, before all.

    Raises
    ------
    DataError
        There is no dvc.lock, in no revision, that has data/raw.
    """
    found: dict[str, Version] = {}
    for commit, time, subject, text in [*iterate_revisions(root), _read_workspace(root)]:
        lock = parse_lock(text)
        version = _make_version(lock, commit, time, subject)
        if version is None:
            continue
        known = found.get(version.id)
        if known is None:  # the first that has it tells its time
            found[version.id] = version
        else:
            commits = (*known.commits, *version.commits)
            found[version.id] = replace(known, current=version.current or known.current, commits=commits)
        _add_package(found, version, lock)
    if not found:
        raise DataError(
            "dvc.lock must record data/raw, in the workspace or in a commit, and does not. './run dvc repro collect' "
            "makes the first version."
        )
    return list(reversed(found.values()))


def find_version(versions: list[Version], name: str, root: Path | None = None) -> Version:
    """Find a version by ``workspace``, or the first digits of its id or of a commit that has it.

    With the project's root, also by what else git knows as a revision: a tag, a branch, ``HEAD~1``.

    Raises
    ------
    DataError
        None or several have it.
    """
    if name == WORKSPACE:
        found = [version for version in versions if version.current]
    else:
        found = [version for version in versions if name and version.id.startswith(name)] or [
            version for version in versions if name and any(each.startswith(name) for each in version.commits)
        ]
    if len(found) == 1:
        return found[0]
    if not found and root is not None and (version := _read_revision(root, versions, name)):
        return version
    shown = ", ".join(version.id for version in (found or versions)[:10])
    near = suggest(name, [WORKSPACE, *(version.id[: max(len(name), 4)] for version in versions)])
    what = (
        f"several have it: {shown}. Give more digits."
        if found
        else f"none has.{near} They are {shown}, or '{WORKSPACE}'."
    )
    raise DataError(f"'{name}' must be the id or commit of one version of the data set, and {what}")


def choose_two(
    versions: list[Version], names: list[str], root: Path | None = None
) -> tuple[Version, Version]:
    """Choose the versions to compare, the older first: those named, else the last committed one and the workspace's.

    Raises
    ------
    DataError
        A name is of none or several, or there is nothing to compare.
    """
    if len(names) == 2:
        return find_version(versions, names[0], root), find_version(versions, names[1], root)
    newer = find_version(versions, WORKSPACE) if any(version.current for version in versions) else versions[0]
    if names:
        return find_version(versions, names[0], root), newer
    others = [version for version in versions if version.commit and version.id != newer.id]
    if not others:
        raise DataError(
            "There must be two versions to compare, and there is one. Commit dvc.lock after a run to keep its version; "
            "'toolkit data list' shows what there is."
        )
    return others[0], newer


def find_file(root: Path, version: Version, path: str) -> Path:
    """Give where a file of a version is: in DVC's cache, or in the workspace if it is the same there.

    Raises
    ------
    DataError
        It is not there, or the version never had it.
    """
    folder = next(name for name in FOLDERS if path.startswith(name + "/"))
    if folder not in version.hashes:
        raise DataError(f"Version {version.id} must have {folder} and has not: its run ended before that.")
    entries = _list_files(root, version.hashes[folder])
    if entries is not None:
        name = path.removeprefix(folder + "/")
        if name not in entries:
            raise DataError(f"Version {version.id} must have {path} and has not.")
        if (cached := _cache_path(root, entries[name])).is_file():
            return cached
        if (root / path).is_file() and measure_md5(root / path) == entries[name]:
            return root / path
    raise DataError(f"{path} of version {version.id} must be in DVC's cache and is not. {FETCH}")


def check_files(root: Path, wanted: Mapping[str, tuple[Version, ...]]) -> None:
    """Check that files (by path) of versions are to be had.

    Raises
    ------
    DataError
        Some are not; all are named.
    """
    faults = []
    for path, versions in wanted.items():
        for version in versions:
            try:
                find_file(root, version, path)
            except DataError as error:
                faults.append(str(error).removesuffix(f" {FETCH}"))
    if faults:
        raise DataError("\n  ".join(["Files of both versions must be there:", *faults]) + f"\n{FETCH}")


def load_record(root: Path, version: Version, path: str) -> Any:
    """Read a JSON file of a version; an empty dict if it is not to be had."""
    try:
        return json.loads(find_file(root, version, path).read_text(encoding="utf-8"))
    except (DataError, StopIteration):
        return {}


def load_tag(root: Path, package: str) -> str:
    """Read the tag of a packaged model by the hash of its folder; its first digits if it is not in the cache."""
    tag = _cache_path(root, (_list_files(root, package) or {}).get("tag.txt", "none"))
    if not tag.is_file():
        return f"package {package[:8]}"
    name, released = tag.read_text(encoding="utf-8").strip(), root / "released/tag.txt"
    is_released = released.is_file() and released.read_text(encoding="utf-8").strip() == name
    return f"{name} (released)" if is_released else name


def is_cached(root: Path, version: Version) -> bool:
    """Whether all files of a version are in DVC's cache."""
    listings = [_list_files(root, digest) for digest in version.hashes.values()]
    return all(
        listing is not None and all(_cache_path(root, digest).is_file() for digest in listing.values())
        for listing in listings
    )


def _list_files(root: Path, digest: str) -> dict[str, str] | None:
    """Give the hash of each file of a folder by path; None if the cache lacks the list, or has it damaged."""
    try:
        entries = json.loads(_cache_path(root, digest).read_text(encoding="utf-8"))
        return {entry["relpath"]: entry["md5"] for entry in entries}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _cache_path(root: Path, digest: str) -> Path:
    return cache_entry(find_cache(root), digest)


def _make_version(lock: Lock, commit: str, time: str, subject: str) -> Version | None:
    hashes: dict[str, str] = {}
    for name in FOLDERS:
        if name in lock.outs and _is_of(lock, name, hashes):
            hashes[name] = lock.outs[name]
    if "data/raw" not in hashes:
        return None
    digest = hashlib.sha256("\n".join(hashes.values()).encode()).hexdigest()[:8]
    makers = {lock.makers[name] for name in hashes}
    inputs = {
        path: md5
        for stage in sorted(makers)
        for path, md5 in lock.deps.get(stage, {}).items()
        if not path.startswith(NOT_INPUTS)
    }
    version = Version(digest, hashes, source=lock.source, inputs=inputs)
    if commit == WORKSPACE:
        return replace(version, current=True)
    return replace(version, commit=commit[:7], time=time, subject=subject, commits=(commit,))


def _is_of(lock: Lock, name: str, hashes: Mapping[str, str]) -> bool:
    """Whether a folder was made of the folders before it as they are: not so after a run of collect alone."""
    used = lock.deps.get(lock.makers[name], {})
    return all(used[folder] == hashes.get(folder) for folder in FOLDERS if folder in used)


def _add_package(found: dict[str, Version], version: Version, lock: Lock) -> None:
    """Count the packaged model that a dvc.lock records towards the version that it was made of.

    That is an earlier one if the stages after prepare have not run since.
    """
    package, prepared = lock.outs.get(PACKAGE), version.hashes.get(PREPARED)
    used = lock.deps.get(lock.makers.get(PACKAGE, ""), {}).get(PREPARED, prepared)
    makers = [each for each in found.values() if each.hashes.get(PREPARED) == used]
    if not package or not used or not makers:
        return
    maker = found[version.id] if used == prepared else makers[-1]
    if package not in maker.models:
        found[maker.id] = replace(maker, models=(*maker.models, package))


def _read_revision(root: Path, versions: list[Version], name: str) -> Version | None:
    """Read the version at a revision of git; None if there is no such revision, or it has none."""
    revision = read_revision(root, name)
    if revision is None:
        return None
    commit, time, subject, text = revision
    version = _make_version(parse_lock(text), commit, time, subject)
    return next((known for known in versions if version and known.id == version.id), version)


def _read_workspace(root: Path) -> tuple[str, str, str, str]:
    path = root / "dvc.lock"
    return WORKSPACE, "", "", path.read_text(encoding="utf-8") if path.is_file() else ""
