"""A prediction log of several days and workers, for the tests of what reads and compacts it."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import orjson

from toolkit.serving.records import OPTIONS

TODAY = datetime(2026, 3, 10, tzinfo=UTC)


def make_record(number: int, when: datetime = TODAY, **changes: object) -> dict:
    """Make a record as the service writes it, values of which go through JSON unchanged."""
    return {
        "id": f"aaaaaaaaaaaa{number:08x}",
        "time": when + timedelta(milliseconds=number),
        "version": "v1",
        "latency_ms": 0.25 + number % 7,
        "features": {
            "size": None if number % 5 == 0 else number / 3 - 10,
            "age": number % 90,
            "member": None if number % 11 == 0 else number % 2 == 0,
            "city": "été" if number % 3 else "2026-01-01T00:00:00",
        },
        "label": "yes" if number % 4 else "no",
        "probabilities": {"no": 1 / (number + 1), "yes": 1 - 1 / (number + 1)},
        **changes,
    }


def write_segment(folder: Path, days_ago: int, worker: str, records: list[dict], torn: str = "") -> Path:
    """Write a closed segment that was begun so many days ago."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{TODAY - timedelta(days=days_ago):%Y%m%d}T120000{len(records):06}-{worker}.jsonl"
    path.write_bytes(b"".join(orjson.dumps(record, option=OPTIONS) for record in records) + torn.encode())
    return path


def write_days(folder: Path, days: int = 3, rows: int = 40, **changes: object) -> list[dict]:
    """Write a segment of each of two workers a day, from today back; give all records as they are read."""
    written = []
    for day in range(days):
        when = TODAY - timedelta(days=day)
        for number, worker in enumerate("ab"):
            start = (2 * day + number) * rows
            records = [make_record(start + row, when, **changes) for row in range(rows)]
            write_segment(folder, day, worker * 12, records)
            written += records
    return [orjson.loads(orjson.dumps(record, option=OPTIONS)) for record in written]
