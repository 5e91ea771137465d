"""Turn the closed segments of a prediction log into one Parquet file a day, each record exactly once at any moment.

A day's file is written beside the segments, forced to the disk, and renamed; then its segments go. The file names
them, so whoever reads the log in between passes over those that are still there (:mod:`toolkit.data.log_files`), and
the next compaction removes them first. A segment that a service writes is locked by it and left alone; so is one whose
last block a worker left unfinished: the service's counts hang on it until the service cuts it off.
"""

from __future__ import annotations

import fcntl
import functools
import json
import operator
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Protocol

from toolkit.data.log_files import DAY, SEGMENT, load_made_of
from toolkit.data.log_writing import DayPlan, plan_days, write_day
from toolkit.errors import DataError
from toolkit.slots import load_slots

NAME = re.compile(r"(\d{8})(?:T\d{12}-\w+\.jsonl|(?:\.\d+)?\.parquet)")
LOCK = ".compact.lock"
UNFINISHED = ".part"  # ending of a day's file that is being written


class Tell(Protocol):
    """Is told how far a compaction is; ``done`` with each file that is done."""

    def __call__(self, text: str, done: bool = False) -> None:
        """Tell."""


@dataclass
class Compacted:
    """What a compaction did.

    Attributes
    ----------
    days : list of Path
        The files that it wrote.
    records, before_bytes, after_bytes : int
        Records in them, the size of their segments, and their own.
    left : list of str
        A sentence for each segment that is old enough and had to stay, as it is right.
    removed : list of str
        One for each segment that held a torn line and nothing else.
    faults : list of str
        One for each segment or day that cannot be read.
    """

    days: list[Path] = field(default_factory=list)
    records: int = 0
    before_bytes: int = 0
    after_bytes: int = 0
    left: list[str] = field(default_factory=list)
    removed: list[str] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)


def compact_log(folder: Path, older_than_days: int, today: date, tell: Tell) -> Compacted:
    """Compact the days that are older than so many days.

    Parameters
    ----------
    folder : Path
        Of the prediction log. The state of monitoring, ``monitoring`` beside it, is looked at if it is there.
    older_than_days : int
        A segment is of the day (UTC) it was begun; those of today and of so many days before stay.
    today : date
        In UTC.
    tell : callable
        Is told how far it is.

    Raises
    ------
    DataError
        There is no log, or it is being compacted already.
    """
    if not folder.is_dir():
        raise DataError(f"{folder} must be the folder of a prediction log, and there is none.")
    done = Compacted()
    with _locking(folder):
        _finish(folder)
        found = _list_closed(folder, today - timedelta(days=older_than_days), done.left)
        for day, segments in found.items():
            plans, faults, removed = plan_days(segments)
            done.faults += faults
            done.removed += removed
            for plan in plans:
                _compact(folder, day, plan, done, tell)
    return done


@contextmanager
def _locking(folder: Path) -> Iterator[None]:
    file = os.open(folder / LOCK, os.O_RDWR | os.O_CREAT, 0o640)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise DataError(
            f"{folder} must be compacted by one command at a time, and another one is at it. Wait for its end."
        ) from None
    finally:
        os.close(file)


def _finish(folder: Path) -> None:
    """Finish what a compaction that was killed had begun."""
    for part in folder.glob(f".*{UNFINISHED}"):
        part.unlink()
    for day in sorted(folder.glob(f"[!.]*{DAY}")):
        _remove_segments(folder, load_made_of(day) or ())


def _remove_segments(folder: Path, names: Iterable[str]) -> None:
    for name in names:
        (folder / name).unlink(missing_ok=True)


def _list_closed(folder: Path, before: date, left: list[str]) -> dict[date, list[Path]]:
    """List the segments to compact, by the day they were begun."""
    unfinished = None
    found: dict[date, list[Path]] = {}
    for segment in sorted(folder.glob(f"[!.]*{SEGMENT}")):
        day = parse_day(segment.name)
        if day is None or day >= before:
            continue
        if _is_locked(segment):
            left.append(f"{segment.name} is open: a service writes it.")
            continue
        # After the lock: a worker that ended meanwhile has announced its last block by now.
        unfinished = _list_unfinished(folder) if unfinished is None else unfinished
        if segment.name in unfinished:
            left.append(
                f"{segment.name} ends in a block that a worker left unfinished: the service of that model mends it "
                "when it starts again."
            )
            continue
        found.setdefault(day, []).append(segment)
    return found


def parse_day(name: str) -> date | None:
    """Read the day from the name of a segment (when it was begun) or of a compacted day; None if it has none."""
    match = NAME.fullmatch(name)
    with suppress(ValueError):
        return datetime.strptime(match[1], "%Y%m%d").date() if match else None
    return None


def _is_locked(segment: Path) -> bool:
    with suppress(FileNotFoundError), segment.open("rb") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
    return False


def _list_unfinished(folder: Path) -> set[str]:
    """List the segments that lack what a worker announced: see :mod:`toolkit.serving.ledger`."""
    names = set()
    for path in (folder.parent / "monitoring").glob("*/worker-*.ledger"):
        with suppress(OSError, KeyError, TypeError, ValueError):
            announced = json.loads(load_slots(path) or b"")
            if (folder / announced["segment"]).stat().st_size < announced["to"]:
                names.add(announced["segment"])
    return names


def _compact(folder: Path, day: date, plan: DayPlan, done: Compacted, tell: Tell) -> None:
    target = _choose_name(folder, day)
    part = folder / f".{target.name}{UNFINISHED}"
    try:
        found = [segment.stat() for segment in plan.segments]
        _create_closed(part)
        records = write_day(part, plan, lambda share: tell(f"{day}: {share:.0%} of {tell_size(plan.bytes)}"))
    except (
        DataError,
        FileNotFoundError,
    ) as error:  # the service may have removed one to keep within its size
        part.unlink(missing_ok=True)
        done.faults.append(f"{day} stays as it is. {error}")
        return
    _open_alike(part, found)
    newest = max(status.st_mtime for status in found)
    os.utime(part, (newest, newest))  # the service goes by it when it removes what is too old
    _force(part)
    size = part.stat().st_size
    part.replace(target)
    _force(folder)
    _remove_segments(folder, (segment.name for segment in plan.segments))
    done.days.append(target)
    done.records += records
    done.before_bytes += plan.bytes
    done.after_bytes += size
    tell(
        f"{target.name}: {records:,} records of {len(plan.segments)} segments, {tell_size(plan.bytes)} became "
        f"{tell_size(size)}",
        done=True,
    )


def _create_closed(path: Path) -> None:
    """Create a file that nobody else may read yet; who writes it next opens the same one."""
    path.unlink(missing_ok=True)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))


def _open_alike(path: Path, segments: Sequence[os.stat_result]) -> None:
    """Let those read a day's file who may read all of its segments, and nobody else."""
    mode = functools.reduce(operator.and_, (status.st_mode for status in segments)) & 0o777
    try:
        os.chown(path, segments[-1].st_uid, segments[-1].st_gid)
    except (
        PermissionError
    ):  # another user's, or of a group that this user is not in: its members are other ones
        mode &= ~0o070
    path.chmod(mode)


def _choose_name(folder: Path, day: date) -> Path:
    """Name a day's file; a second one gets a number: other columns, or segments that were open the first time."""
    path, number = folder / f"{day:%Y%m%d}{DAY}", 2
    while path.exists():
        path, number = folder / f"{day:%Y%m%d}.{number}{DAY}", number + 1
    return path


def _force(path: Path) -> None:
    file = os.open(path, os.O_RDONLY)
    try:
        os.fsync(file)
    finally:
        os.close(file)


def tell_size(count: int) -> str:
    """Tell a number of bytes."""
    return f"{count / 1e6:,.1f} MB" if count < 1e9 else f"{count / 1e9:,.2f} GB"
