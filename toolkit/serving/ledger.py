"""What each worker has counted, on disk, so that it equals the log after any crash and adds up over workers.

A worker's file names the block of the prediction log that it is about to write, with its counts before and after that
block. The block in the log is whole or it is not, and so says which of the two counts hold: kill -9 in between costs
at most that block, and a block that was torn is cut off. The files are of :mod:`toolkit.slots`: a full disk cannot stop
the counts, and the lock that each worker holds tells the living from the dead.
"""

from __future__ import annotations

import os
import time
from collections.abc import Iterator, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from toolkit.errors import DriftError, ToolkitError
from toolkit.monitoring.counts import Counts
from toolkit.monitoring.profile import Profile
from toolkit.serving.log import Place
from toolkit.slots import SlotFile, is_held, load_slots

SCHEMA = 1
ENDING = ".ledger"
DIGITS, OTHER_BYTES = 20, 2000  # of a count with its comma, and of all else in a worker's file
NUMBERS = ("written", "lost", "removed")


@dataclass(frozen=True)
class Tally:
    """Cumulative counts: rows by cell, records written to the log and lost, and old segments removed."""

    counts: Counts
    written: int = 0
    lost: int = 0
    removed: int = 0

    def __add__(self, other: Tally) -> Tally:
        return Tally(
            self.counts + other.counts, *(getattr(self, name) + getattr(other, name) for name in NUMBERS)
        )

    def to_dict(self) -> dict[str, Any]:
        """Give it as values that JSON can hold."""
        return {"counts": self.counts.to_dict(), **{name: getattr(self, name) for name in NUMBERS}}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any], profile: Profile) -> Tally:
        """Take it from what :meth:`to_dict` gave; a DriftError says that it is of another profile or damaged."""
        counts = Counts.from_dict(values["counts"])
        profile.check_counts(counts)
        return cls(counts, *(int(values[name]) for name in NUMBERS))


class Ledger:
    """One worker's cumulative counts, in a file that is written before each block of the log.

    Parameters
    ----------
    folder : Path
        Of the state of monitoring; made if missing.
    worker : str
        Names the file.
    profile : Profile
        What rows are counted by.
    """

    def __init__(self, folder: Path, worker: str, profile: Profile) -> None:
        self.worker = worker
        self.tally = Tally(profile.no_rows())
        cells = profile.feature_group.size + profile.prediction_group.size
        self._file = SlotFile(folder / f"worker-{worker}{ENDING}", 2 * DIGITS * cells + OTHER_BYTES)

    def announce(self, after: Tally, place: Place | None = None, size: int = 0) -> None:
        """Write that the counts become ``after`` with a block of ``size`` bytes at ``place`` of the log.

        Raises
        ------
        OSError
            The folder cannot be written to; the file is as it was.
        """
        content: dict[str, Any] = {
            "schema": SCHEMA,
            "pid": os.getpid(),
            "time_s": time.time(),
            "after": after.to_dict(),
        }
        if place is not None:
            content |= {
                "before": self.tally.to_dict(),
                "segment": place.segment,
                "from": place.offset,
                "to": place.offset + size,
            }
        self._file.write(orjson.dumps(content))

    def try_announce(self, after: Tally) -> None:
        """Write the counts if the disk lets us; else they are in this process alone until it does."""
        with suppress(OSError):
            self.announce(after)

    @property
    def entry(self) -> Entry:
        """What this worker has counted, as it would be read back."""
        return Entry(self.worker, os.getpid(), self.tally)

    @property
    def locked(self) -> bool:
        """Whether the file that tells that this worker lives is held, and still there."""
        return self._file.held

    def close(self) -> None:
        """Let the file go: this worker has counted all that it will."""
        self._file.close()


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole: readers see the old content or the new one. Not forced to the disk."""
    temporary = path.with_name(f".{path.name}-{os.getpid()}")
    try:
        temporary.write_bytes(content)
        temporary.replace(path)
    except OSError:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)
        raise


@dataclass(frozen=True)
class Entry:
    """A worker's file: its name, its process, and what it has counted."""

    worker: str
    pid: int
    tally: Tally


def iterate_entries(folder: Path, log_folder: Path, profile: Profile) -> Iterator[Entry]:
    """Read the files of all workers, the living and the dead; those of another profile are passed over."""
    for path in sorted(folder.glob(f"worker-*{ENDING}")):
        with suppress(OSError, DriftError, KeyError, TypeError, ValueError):
            content = orjson.loads(load_slots(path) or b"")
            worker = path.stem.removeprefix("worker-")
            yield Entry(worker, content["pid"], _choose(content, log_folder, profile))


def _choose(content: Mapping[str, Any], log_folder: Path, profile: Profile) -> Tally:
    """Give the counts before the announced block, or after it if the log has the whole block."""
    if "segment" in content:
        try:
            written = (log_folder / content["segment"]).stat().st_size
        except FileNotFoundError:  # it was too old and went, so it had been written
            written = content["to"]
        if written < content["to"]:
            return Tally.from_dict(content["before"], profile)
    return Tally.from_dict(content["after"], profile)


def find_dead(folder: Path) -> list[str]:
    """Name the workers whose file nobody holds."""
    dead = []
    for path in sorted(folder.glob(f"worker-*{ENDING}")):
        with suppress(FileNotFoundError):
            if not is_held(path):
                dead.append(path.stem.removeprefix("worker-"))
    return dead


def cut_torn_block(folder: Path, worker: str, log_folder: Path) -> None:
    """Cut a block that a dead worker had begun to write off the log, as its counts lack it."""
    with suppress(FileNotFoundError, KeyError, ValueError):
        content = orjson.loads(load_slots(folder / f"worker-{worker}{ENDING}") or b"")
        segment = log_folder / content["segment"]
        if content["from"] < segment.stat().st_size < content["to"]:
            os.truncate(segment, content["from"])


@dataclass(frozen=True)
class Retired:
    """The sum of workers that are gone, and their names: whose file is still there is not counted twice."""

    tally: Tally
    workers: tuple[str, ...] = ()


KEPT_NAMES = 100
RETIRED = "retired.json"


def load_retired(folder: Path, profile: Profile) -> Retired:
    """Read the sum of the workers that are gone; nothing if there is none, or it is of another profile."""
    try:
        content = orjson.loads((folder / RETIRED).read_bytes())
        return Retired(Tally.from_dict(content, profile), tuple(content["workers"]))
    except (OSError, ToolkitError, KeyError, TypeError, ValueError):
        return Retired(Tally(profile.no_rows()))


def retire_dead(folder: Path, log_folder: Path, profile: Profile) -> None:
    """Add the counts of dead workers to the sum of those that are gone, once, and remove their files.

    Called by one process at a time. The sum is written before a file goes, with the worker's name in it, so a reader
    that goes by :func:`load_total` sees each worker once at any moment.
    """
    dead = find_dead(folder)
    if not dead:
        return
    retired = load_retired(folder, profile)
    for worker in dead:
        cut_torn_block(folder, worker, log_folder)
    found = {entry.worker: entry.tally for entry in iterate_entries(folder, log_folder, profile)}
    for worker in dead:
        if worker in found and worker not in retired.workers:
            names = (*retired.workers, worker)[-KEPT_NAMES:]
            retired = replace(retired, tally=retired.tally + found[worker], workers=names)
    content = {**retired.tally.to_dict(), "workers": list(retired.workers)}
    replace_file(folder / RETIRED, orjson.dumps(content))
    for worker in dead:
        (folder / f"worker-{worker}{ENDING}").unlink(missing_ok=True)


def load_total(
    folder: Path, log_folder: Path, profile: Profile, own: Entry | None = None
) -> tuple[Tally, list[int]]:
    """Sum what all workers have counted since the model was first served here; give the processes of the living too.

    ``own`` is what the worker that asks has counted, which holds also where its file could not be written. The files of
    workers are read before the sum of those that are gone: one that is retired meanwhile is in either.
    """
    entries = [own] if own else []
    entries += (
        entry
        for entry in iterate_entries(folder, log_folder, profile)
        if own is None or entry.worker != own.worker
    )
    retired = load_retired(folder, profile)
    total, pids = retired.tally, []
    for entry in entries:
        if entry.worker not in retired.workers:
            total += entry.tally
            pids.append(entry.pid)
    return total, pids
