"""A log of JSON lines in append-only segments, one writer a worker, readable after any crash.

The prediction log and the feedback log are such logs. Blocks of records are handed to the operating system whole, so
that kill -9 loses those not yet written and tears at most the last line, which the reader
(:func:`toolkit.data.predictions.iterate_log`) passes over. Nothing is forced to the disk: a power cut may lose what
the operating system had not written yet.
"""

from __future__ import annotations

import errno
import fcntl
import os
import tempfile
import time
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from toolkit.errors import ModelError

VARIABLE = "TOOLKIT_LOG_DIR"
FULL = (errno.ENOSPC, errno.EDQUOT)
ENDING = ".jsonl"
COMPACTED = ".parquet"  # days that `toolkit log compact` made of segments; they count and go as segments do
SEGMENT_AGE_S = (
    86_400  # a segment is closed after a day, or a quiet service's would never grow old enough to go
)


@dataclass(frozen=True)
class Bounds:
    """How much a log may hold.

    Attributes
    ----------
    segment_bytes : int
        A segment is closed at this size.
    folder_bytes : int
        The oldest segments go when the folder holds more.
    age_s : float
        Segments go when nothing was written to them for so long; 0: never.
    """

    segment_bytes: int = 64 * 2**20
    folder_bytes: int = 2 * 2**30
    age_s: float = 0.0


@dataclass(frozen=True)
class Place:
    """Where the next block of records goes: a segment's name, and its size before."""

    segment: str
    offset: int


class SegmentLog:
    """Appends blocks of lines to a folder; used from one thread at a time.

    Parameters
    ----------
    folder : Path
        Made if missing.
    writer : str
        Part of the segments' names, so that two writers never share one.
    bounds : Bounds
        How much it may hold.

    Attributes
    ----------
    removed : int
        Old segments removed.
    """

    def __init__(self, folder: Path, writer: str, bounds: Bounds = Bounds()) -> None:  # frozen
        self.folder, self.writer, self.bounds = folder, writer, bounds
        self.removed = 0
        self._file = -1
        self._segment = ""
        self._size = 0
        self._opened_s = 0.0

    def place(self) -> Place:
        """Say where the next block goes; opens a segment if the present one is full, old or gone.

        Raises
        ------
        OSError
            The folder cannot be written to.
        """
        if self._file >= 0 and self._is_over():
            self.close()
        if self._file < 0:
            self._open()
        return Place(self._segment, self._size)

    def append(self, data: bytes) -> None:
        """Append a block of whole lines, all or nothing.

        Raises
        ------
        OSError
            The disk refuses it; nothing of the block is left.
        """
        self.place()
        self.write(data)

    def write(self, data: bytes) -> None:
        """Write a block where :meth:`place` has just said that it goes; as :meth:`append` otherwise."""
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError:
            with suppress(OSError):  # else it stays as the segment's last line, which readers pass over
                os.ftruncate(self._file, self._size)
            self.close()
            raise
        self._size += len(data)

    def close(self) -> None:
        """Close the open segment."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def remove_old(self) -> None:
        """Remove the segments that are too old, and the oldest above the size; never the one being written."""
        found = []
        for segment in self._list_files():
            with suppress(FileNotFoundError):  # another worker removed it just now
                status = segment.stat()
                found.append((segment, status.st_size, status.st_mtime))
        excess = sum(size for _, size, _ in found) + self.bounds.segment_bytes - self.bounds.folder_bytes
        oldest_s = time.time() - self.bounds.age_s if self.bounds.age_s else -float("inf")
        for segment, size, written_s in found:
            if segment.name == self._segment and self._file >= 0:
                continue
            if excess > 0 or written_s < oldest_s:
                with suppress(FileNotFoundError):
                    segment.unlink()
                    self.removed += 1
                excess -= size

    def measure_bytes(self) -> int:
        """Give the size of the whole log, segments of other writers and compacted days included."""
        total = 0
        for segment in self._list_files():
            with suppress(FileNotFoundError):
                total += segment.stat().st_size
        return total

    def _list_files(self) -> list[Path]:
        """List segments and compacted days, oldest first: both names begin with the day."""
        return sorted(path for path in self.folder.glob("[!.]*") if path.suffix in (ENDING, COMPACTED))

    def _is_over(self) -> bool:
        return (
            self._size >= self.bounds.segment_bytes
            or time.monotonic() - self._opened_s > SEGMENT_AGE_S
            or os.fstat(self._file).st_nlink == 0
        )

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self.remove_old()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{self.writer}{ENDING}"
        self._file = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        fcntl.flock(self._file, fcntl.LOCK_EX)  # tells `toolkit log compact` that it is being written
        self._segment, self._size, self._opened_s = name, 0, time.monotonic()


def list_segments(folder: Path, writer: str = "*") -> list[Path]:
    """List a log's segments, oldest first; those of one writer, or all."""
    return sorted(folder.glob(f"*-{writer}{ENDING}"))


def choose_folder(code_root: Path) -> Path:
    """Choose where logs and the state of monitoring go: TOOLKIT_LOG_DIR, else the first ``logs`` that is writable.

    That is the project's, where there is one. In a container there is none: then below BENTOML_HOME, or below the
    folder for temporary files if the root is read-only. A disk that is full is taken all the same: it is the right
    one, and has room again some time.

    Raises
    ------
    ModelError
        TOOLKIT_LOG_DIR is set and cannot be written to.
    """
    named = os.environ.get(VARIABLE)
    if named:
        fault = find_write_fault(Path(named))
        if fault:
            raise ModelError(f"{VARIABLE} must be a folder that can be written to: {fault}.")
        return Path(named)
    root = os.environ.get("TOOLKIT_ROOT")
    home = os.environ.get("BENTOML_HOME")
    places = [Path(place) for place in (root, home) if place]
    if (code_root / "params.yaml").is_file():
        places.insert(0, code_root)
    for place in places:
        if not find_write_fault(place / "logs"):
            return place / "logs"
    return Path(tempfile.gettempdir()) / "toolkit-logs"


def find_write_fault(folder: Path) -> str:
    """Try to write to a folder (made if missing); give what went wrong, or nothing: a full disk is not the folder's."""
    probe = folder / f".probe-{os.getpid()}-{time.monotonic_ns()}"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe.write_bytes(b"\n")
    except OSError as error:
        return "" if error.errno in FULL else f"{folder}: {error.strerror or error}"
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)
    return ""


def keep_folder(code_root: Path) -> None:
    """Choose the folder once, for this process' children: a worker that is started anew writes where the others do.

    Raises
    ------
    ModelError
        See :func:`choose_folder`.
    """
    os.environ[VARIABLE] = str(choose_folder(code_root).absolute())


def find_folder(code_root: Path) -> Path:
    """Find the folder that :func:`keep_folder` chose, in whatever state it is: a worker that runs would survive that.

    Raises
    ------
    ModelError
        See :func:`choose_folder`; where none was kept.
    """
    kept = os.environ.get(VARIABLE)
    return Path(kept) if kept else choose_folder(code_root)
