"""The prediction log: append-only segments of JSON lines, one writer a worker, readable after any crash.

A record is ``{"id", "time", "version", "features", "label", "probabilities"}`` (or ``"value"``). Records are handed to
the operating system whole, so that kill -9 loses those not yet written and tears at most the last line, which the
reader (:func:`toolkit.data.predictions.iterate_log`) passes over. A full or vanished disk loses records, counted; it
never stops the service.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson

from toolkit.errors import ModelError

SEGMENT_BYTES = 64 * 2**20
FOLDER_BYTES = 2 * 2**30  # the oldest segments go when a folder holds more
ENDING = ".jsonl"


class PredictionLog:
    """Writes records to a folder; used from one thread.

    Parameters
    ----------
    folder : Path
        Made if missing.
    segment_bytes, folder_bytes : int
        A segment is closed at the first, and the oldest segments are removed above the second.

    Attributes
    ----------
    written, lost, removed : int
        Records written, records lost to errors of the disk, and old segments removed.
    """

    def __init__(
        self, folder: Path, segment_bytes: int = SEGMENT_BYTES, folder_bytes: int = FOLDER_BYTES
    ) -> None:
        self.folder, self.segment_bytes, self.folder_bytes = folder, segment_bytes, folder_bytes
        self.written = self.lost = self.removed = 0
        self.failure = ""  # the last write's, or empty
        self._file = -1
        self._size = 0

    def write(self, records: Sequence[dict[str, Any]]) -> None:
        """Append records; what the disk refuses is counted as lost, with the reason in ``failure``."""
        data = b"".join(
            orjson.dumps(record, option=orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z) for record in records
        )
        try:
            self._append(data)
        except OSError as error:
            self.failure = f"{error.strerror or error} ({self.folder})"
            self.lost += len(records)
            self.close()
        else:
            self.failure = ""
            self.written += len(records)

    def close(self) -> None:
        """Close the open segment."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1

    def _append(self, data: bytes) -> None:
        if self._file >= 0 and (self._size >= self.segment_bytes or os.fstat(self._file).st_nlink == 0):
            self.close()
        if self._file < 0:
            self._open()
        done = 0
        try:
            while done < len(data):
                done += os.write(self._file, data[done:])
        except OSError:
            with suppress(OSError):  # else it stays as the segment's last line, which readers pass over
                os.ftruncate(self._file, self._size)
            raise
        self._size += len(data)

    def _open(self) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        self._remove_oldest()
        name = f"{datetime.now(UTC):%Y%m%dT%H%M%S%f}-{os.getpid()}{ENDING}"
        self._file = os.open(self.folder / name, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_EXCL, 0o640)
        self._size = 0

    def _remove_oldest(self) -> None:
        sizes: dict[Path, int] = {}
        for segment in sorted(self.folder.glob(f"*{ENDING}")):
            with suppress(FileNotFoundError):  # another worker removed it just now
                sizes[segment] = segment.stat().st_size
        excess = sum(sizes.values()) + self.segment_bytes - self.folder_bytes
        for segment, size in sizes.items():
            if excess <= 0:
                break
            segment.unlink(missing_ok=True)
            self.removed += 1
            excess -= size


def choose_folder(code_root: Path) -> Path:
    """Choose where the log goes: TOOLKIT_LOG_DIR, else the project's logs/predictions, else the first that is writable.

    In a container the project is not there: then below BENTOML_HOME, or below the folder for temporary files if the
    root is read-only.

    Raises
    ------
    ModelError
        TOOLKIT_LOG_DIR is set and cannot be written to.
    """
    named = os.environ.get("TOOLKIT_LOG_DIR")
    if named:
        fault = find_write_fault(Path(named))
        if fault:
            raise ModelError(f"TOOLKIT_LOG_DIR must be a folder that can be written to: {fault}.")
        return Path(named)
    root = os.environ.get("TOOLKIT_ROOT")
    home = os.environ.get("BENTOML_HOME")
    places = [Path(place) for place in (root, home) if place]
    if (code_root / "params.yaml").is_file():
        places.insert(0, code_root)
    for place in places:
        if not find_write_fault(place / "logs" / "predictions"):
            return place / "logs" / "predictions"
    return Path(tempfile.gettempdir()) / "toolkit-logs" / "predictions"


def find_write_fault(folder: Path) -> str:
    """Try to write to a folder (made if missing); give what went wrong, or nothing."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        probe = folder / f".probe-{os.getpid()}-{time.monotonic_ns()}"
        probe.write_bytes(b"\n")
        probe.unlink()
    except OSError as error:
        return f"{folder}: {error.strerror or error}"
    return ""
