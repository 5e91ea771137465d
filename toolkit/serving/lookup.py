"""Find predictions in the prediction log by their ids, without an index.

An id begins with its worker's name, which is in the names of that worker's segments, and ends in a number that grows
along them: so a few reads find a record among millions.
"""

from __future__ import annotations

import mmap
import re
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import orjson

from toolkit.serving.log import list_segments

WORKER_LENGTH = 12
ID = re.compile(r"[0-9a-f]{12}[0-9a-f]{8,16}")
START = b'{"id":"'


def find_records(folder: Path, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Find the log's records with these ids; those that are not there are left out.

    Parameters
    ----------
    folder : Path
        Of the prediction log.
    ids : sequence of str
        As the service gave them.
    """
    found, segments = {}, {}
    for id_ in ids:
        worker = id_[:WORKER_LENGTH]
        if worker not in segments:
            segments[worker] = list_segments(folder, worker)
        with suppress(OSError):  # a segment that is removed meanwhile
            record = _find_record(segments[worker], id_)
            if record is not None:
                found[id_] = record
    return found


def _find_record(segments: Sequence[Path], id_: str) -> dict[str, Any] | None:
    wanted = int(id_[WORKER_LENGTH:], 16)
    for segment in reversed(segments):  # the newest first: labels come for what was predicted lately
        if segment.stat().st_size == 0:
            continue
        with segment.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            first = _read_number(data, 0)
            if first is None or first > wanted:
                continue
            line = _bisect(data, wanted)
            return None if line is None else orjson.loads(line)
    return None


def _bisect(data: mmap.mmap, wanted: int) -> bytes | None:
    """Find the line with a number; the lines before ``low`` have smaller ones, those from ``high`` on larger ones."""
    low, high = 0, len(data)
    while low < high:
        middle = (low + high) // 2
        start = data.rfind(b"\n", low, middle) + 1 if middle > low else low
        start = max(start, low)
        end = data.find(b"\n", start)
        number = _read_number(data, start)
        if end < 0 or number is None:  # a torn last line
            high = start
        elif number == wanted:
            return data[start:end]
        elif number < wanted:
            low = end + 1
        else:
            high = start
    return None


def _read_number(data: mmap.mmap, start: int) -> int | None:
    """Read the number in the id of the record that begins at ``start``."""
    begin = start + len(START) + WORKER_LENGTH
    end = data.find(b'"', begin, begin + 17)
    if data[start : start + len(START)] != START or end < 0:
        return None
    try:
        return int(data[begin:end], 16)
    except ValueError:
        return None
