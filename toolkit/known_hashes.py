"""Hashes of files that have not been written to since: a large source is not read again to be told unchanged."""

from __future__ import annotations

import json
import time
from contextlib import suppress
from pathlib import Path

from toolkit.artifacts import measure_md5, write_json

SETTLED_NS = (
    2_000_000_000  # a file written to so shortly before may be written to again at the same time stamp
)


class KnownHashes:
    """Remembers the MD5 of files by path, size, time of the last write and inode.

    Parameters
    ----------
    place : Path
        The JSON file that holds them; :meth:`save` writes it.
    """

    def __init__(self, place: Path) -> None:
        self._place = place
        self._known: dict[str, list[object]] = {}
        with suppress(OSError, ValueError):
            known = json.loads(place.read_text(encoding="utf-8"))
            self._known = known if isinstance(known, dict) else {}
        self._used: set[str] = set()

    def measure_md5(self, path: Path) -> str:
        """Give the MD5 of a file, reading it only if it is not known."""
        name, now = str(path), time.time_ns()
        found = path.stat()
        state = [found.st_size, found.st_mtime_ns, found.st_ino]
        self._used.add(name)
        entry = self._known.get(name)
        if isinstance(entry, list) and entry[:-1] == state and isinstance(entry[-1], str):
            return entry[-1]
        digest = measure_md5(path)
        if now - found.st_mtime_ns > SETTLED_NS:
            self._known[name] = [*state, digest]
        else:
            self._known.pop(name, None)
        return digest

    def save(self) -> None:
        """Write what was asked for since, and forget the rest."""
        write_json(self._place, {name: entry for name, entry in self._known.items() if name in self._used})
