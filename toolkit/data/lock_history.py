"""The revisions of dvc.lock in the history of git."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

from toolkit.errors import DataError

Revision = tuple[str, str, str, str]  # commit, time (ISO 8601), first line of its message, text of dvc.lock


def iterate_revisions(root: Path) -> Iterator[Revision]:
    """Give commit, time, subject and text of each revision of dvc.lock, the oldest first."""
    log = _git(root, "log", "--full-history", "--reverse", "--format=%H%x09%cI%x09%s", "--", "dvc.lock")
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


def read_revision(root: Path, name: str) -> Revision | None:
    """Give commit, time, subject and dvc.lock (empty if it has none) of a revision; None if git knows no such one."""
    if name.startswith("-"):  # an option
        return None
    told = _git(root, "show", "-s", "--format=%H%x09%cI%x09%s", f"{name}^{{commit}}", "--")
    if not told:
        return None
    commit, time, subject = told.decode(errors="replace").rstrip("\n").split("\t", 2)
    text = _git(root, "show", f"{commit}:./dvc.lock") or b""
    return commit, time, subject, text.decode(errors="replace")


def _git(root: Path, *arguments: str, given: bytes = b"") -> bytes | None:
    """Run git; None where there is no repository, no commit yet, or no such revision.

    Raises
    ------
    DataError
        git refuses the folder, as one of another owner's.
    """
    try:
        done = subprocess.run(
            ["git", "-C", str(root), *arguments], input=given, capture_output=True, check=False
        )
    except OSError:
        return None
    if done.returncode and b"safe.directory" in done.stderr:
        raise DataError(
            f"git must be able to read the project's history. It says: {done.stderr.decode().strip()}"
        )
    return done.stdout if done.returncode == 0 else None
