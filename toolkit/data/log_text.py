"""What ``toolkit log`` says."""

from __future__ import annotations

from collections import defaultdict
from pathlib import Path
from typing import TextIO

import orjson
import pyarrow.parquet as pq

from toolkit.data.log_compaction import Compacted, parse_day, tell_size
from toolkit.data.log_files import DAY, list_log
from toolkit.errors import DataError, count_of
from toolkit.text_table import show_table


class Progress:
    """Shows how far a compaction is: on a terminal in one line that changes, else only what is done."""

    def __init__(self, stream: TextIO) -> None:
        self._stream, self._live, self._shown = stream, stream.isatty(), ""

    def tell(self, text: str, done: bool = False) -> None:
        """Show where it is, or that a part is done."""
        if done:
            self.end()
            print(text, file=self._stream, flush=True)
        elif self._live:
            print(f"\r{text:<{len(self._shown)}}", end="", file=self._stream, flush=True)
            self._shown = text

    def end(self) -> None:
        """Clear the line that changes."""
        if self._shown:
            print("\r" + " " * len(self._shown) + "\r", end="", file=self._stream, flush=True)
            self._shown = ""


def tell_compacted(done: Compacted, older_than_days: int) -> str:
    """Sum a compaction up, with what had to stay and why, and what it means for labels that are to come."""
    lines = [*done.faults, *done.left, *done.removed]
    if done.days:
        lines.append(
            f"{done.records:,} records are in {count_of(len(done.days), 'Parquet file')} now: "
            f"{tell_size(done.before_bytes)} became {tell_size(done.after_bytes)}. The service finds no prediction in "
            f"them: labels (POST /feedback) of predictions older than {count_of(older_than_days, 'day')} are refused "
            "from now on."
        )
    elif not lines:
        lines.append(
            f"Nothing to compact: no closed segment is older than {count_of(older_than_days, 'day')}."
        )
    return "\n".join(lines)


def show_log(folder: Path) -> str:
    """List the days of a log with their files, records and size, and the lines of segments that are no records.

    Raises
    ------
    DataError
        There is none.
    """
    files = list_log(folder)
    if not files:
        raise DataError(f"{folder} must be a prediction log, a folder with .jsonl files, and has none.")
    days: dict[tuple[str, str], list[tuple[int, int]]] = defaultdict(list)
    faults = []
    for file in files:
        kind = "Parquet" if file.suffix == DAY else "JSON lines"
        day = parse_day(file.name)
        records, bad = _count_records(file)
        days[str(day or "no day in its name"), kind].append((records, file.stat().st_size))
        if bad:
            faults.append(
                f"{file.name} has {count_of(len(bad), 'line')} without a JSON record, the first is line {bad[0]}. "
                "Who reads the log stops there: remove it from the file."
            )
    table = show_table(
        [
            {
                "day (UTC)": day,
                "as": kind,
                "files": len(found),
                "records": sum(records for records, _ in found),
                "size": tell_size(sum(size for _, size in found)),
            }
            for (day, kind), found in sorted(days.items())
        ]
    )
    return "\n".join([table, *faults])


def _count_records(file: Path) -> tuple[int, list[int]]:
    """Count the records, and number the lines that are none; a torn last line is not counted."""
    if file.suffix == DAY:
        return pq.read_metadata(file).num_rows, []
    records, bad = 0, []
    with file.open("rb") as opened:
        for number, line in enumerate(opened, 1):
            if _is_record(line):
                records += line.endswith(b"\n")  # only a file's last line has no end
            elif line.endswith(b"\n"):
                bad.append(number)
    return records, bad


def _is_record(line: bytes) -> bool:
    try:
        return isinstance(orjson.loads(line), dict)
    except orjson.JSONDecodeError:
        return False
