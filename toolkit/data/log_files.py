"""The files of a prediction log as one log: segments of JSON lines, and the days that were compacted to Parquet.

A compacted day names the segments that it was made of. A segment that is still there beside it (the compaction was
killed before it could remove it) is not read again.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from toolkit.errors import DataError

SEGMENT, DAY = ".jsonl", ".parquet"
MADE_OF = b"toolkit.log"  # key in a day's metadata: its segments with their bytes


def list_log(path: Path, pattern: str = "*") -> list[Path]:
    """List the files of a log, oldest first, each record in exactly one of them.

    Parameters
    ----------
    path : Path
        A folder, or one file.
    pattern : str
        Names of files in the folder that are wanted.

    Returns
    -------
    list of Path
        Empty if there is no log.

    Raises
    ------
    DataError
        A Parquet file among them was not made by ``toolkit log compact``, or is damaged.
    """
    if not path.is_dir():
        return [path] if path.is_file() and path.suffix in (SEGMENT, DAY) else []
    # Segments first: one that is compacted in between is found in the day, not lost.
    segments = _list(path, pattern, SEGMENT)
    days = {day: made_of for day in _list(path, pattern, DAY) if (made_of := load_made_of(day)) is not None}
    covered = {name for made_of in days.values() for name in made_of}
    return sorted(path for path in (*segments, *days) if path.name not in covered)


def load_made_of(day: Path) -> Mapping[str, int] | None:
    """Read from a compacted day which segments it was made of, with their bytes; None if the file is gone by now.

    Raises
    ------
    DataError
        It is no such file.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        metadata = pq.read_schema(day).metadata or {}
        return json.loads(metadata[MADE_OF])["segments"]
    except FileNotFoundError:
        return None
    except (KeyError, ValueError, OSError, pa.ArrowException):  # ArrowInvalid is a ValueError
        raise DataError(
            f"{day} must be a day of a prediction log that 'toolkit log compact' wrote, and is not, or is damaged. "
            "Move it elsewhere."
        ) from None


def is_day(path: Path) -> bool:
    """Whether a Parquet file is a compacted day of a log."""
    try:
        return load_made_of(path) is not None
    except DataError:
        return False


def check_was_not_compacted(segment: Path) -> None:
    """Check that a segment that was listed and is gone was removed for its age or the log's size, as may happen.

    Raises
    ------
    DataError
        It was compacted meanwhile: its records would be missing from what is being read.
    """
    for day in _list(segment.parent, "*", DAY):
        if segment.name in (load_made_of(day) or ()):
            raise DataError(
                f"{segment.parent} must stay as it is while it is read, and {segment.name} was compacted into "
                f"{day.name} meanwhile. Read it again."
            )


def _list(folder: Path, pattern: str, ending: str) -> list[Path]:
    found = (path for path in folder.glob(pattern) if path.suffix == ending and path.name[0] != ".")
    return sorted(path for path in found if path.is_file())
