"""A small file whose content is replaced whole and in place, so that a disk that is full cannot keep it from changing.

It has room for two contents, each with a number and a checksum. The older one is overwritten, so a process that is
killed in the midst of that leaves the newer one whole, and a reader never sees half of either. Whoever writes the file
holds a lock on it, which ends with the process: so the living are told from the dead.
"""

from __future__ import annotations

import fcntl
import os
import struct
import zlib
from pathlib import Path

HEAD = struct.Struct("<QII")  # number, length, CRC-32 of these two and the content


class SlotFile:
    """The writer's side.

    Parameters
    ----------
    path : Path
        Its folder is made if missing.
    capacity : int
        Most bytes of a content. Twice that is taken from the disk at once.
    """

    def __init__(self, path: Path, capacity: int) -> None:
        self.path, self._size = path, HEAD.size + capacity
        self._file, self._number = -1, 0

    @property
    def held(self) -> bool:
        """Whether the file is open, and still the one at its path."""
        return self._file >= 0 and _is_at(self.path, self._file)

    def hold(self) -> None:
        """Open the file, lock it and take its room, unless all that is so.

        The file that was open before is let go only then: where its folder comes back, the lock was never lost.

        Raises
        ------
        OSError
            It cannot be opened, or the disk has no room.
        """
        if self.held:
            return
        self.path.parent.mkdir(parents=True, exist_ok=True)
        while True:
            file = os.open(self.path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX)
                _take_room(file, 2 * self._size)
            except OSError:
                os.close(file)
                raise
            if _is_at(self.path, file):  # else it was taken for a dead one's before it was locked
                break
            os.close(file)
        self._number = max(number for number, _ in _read_slots(os.pread(file, 2 * self._size, 0)))
        self.close()
        self._file = file

    def write(self, content: bytes) -> None:
        """Replace the content.

        Raises
        ------
        OSError
            As :meth:`hold`.
        ValueError
            It is longer than the capacity.
        """
        if HEAD.size + len(content) > self._size:
            raise ValueError(f"{self.path} has room for {self._size - HEAD.size} bytes. Got {len(content)}.")
        self.hold()
        number = self._number + 1
        os.pwrite(self._file, _make_head(number, content) + content, (number % 2) * self._size)
        self._number = number

    def close(self) -> None:
        """Let the file and its lock go."""
        if self._file >= 0:
            file, self._file = self._file, -1
            os.close(file)


def load_slots(path: Path) -> bytes | None:
    """Read the newest whole content; None if there is none.

    Raises
    ------
    OSError
        The file is not there, or cannot be read.
    """
    return max(_read_slots(path.read_bytes()), key=lambda slot: slot[0])[1]


def is_held(path: Path) -> bool:
    """Whether a living process holds the file.

    Raises
    ------
    OSError
        The file is not there, or cannot be opened.
    """
    file = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    finally:
        os.close(file)
    return False


def _make_head(number: int, content: bytes) -> bytes:
    said = struct.pack("<QI", number, len(content))
    return HEAD.pack(number, len(content), zlib.crc32(content, zlib.crc32(said)))


def _read_slots(data: bytes) -> list[tuple[int, bytes | None]]:
    """Give number and content of both slots; 0 and None for one that is torn or empty."""
    half, slots = len(data) // 2, []
    for part in (data[:half], data[half:]):
        number, content = 0, None
        if len(part) >= HEAD.size:
            found, length, _ = HEAD.unpack_from(part)
            body = part[HEAD.size : HEAD.size + length]
            if found and len(body) == length and part[: HEAD.size] == _make_head(found, body):
                number, content = found, body
        slots.append((number, content))
    return slots


def _is_at(path: Path, file: int) -> bool:
    try:
        there = path.stat()
    except OSError:
        return False
    ours = os.fstat(file)
    return (there.st_ino, there.st_dev) == (ours.st_ino, ours.st_dev)


def _take_room(file: int, size: int) -> None:
    """Make the file so long, with blocks of the disk for all of it."""
    if hasattr(os, "posix_fallocate"):
        os.posix_fallocate(file, 0, size)
    elif os.fstat(file).st_size < size:  # macOS
        os.pwrite(file, bytes(size), 0)
    os.truncate(file, size)
