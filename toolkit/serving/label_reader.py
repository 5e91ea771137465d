"""Reads the labels that came back, once each, from the segments of all workers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from toolkit.serving.log import list_segments

READ_BYTES = 8 * 2**20  # of a segment at a time: a backlog must not hold the watcher up
KEPT_IDS = 100_000
MATCHED, REPEATED, CORRECTED = "matched", "repeated", "corrected"


class Labelled(NamedTuple):
    """A prediction whose true label came back.

    Attributes
    ----------
    id : str
        Of the prediction.
    time_s : float
        When it was predicted, in seconds since 1970.
    version : str
        Of the model that predicted it.
    truth : str or float
        The label that came.
    predicted : mapping
        ``label`` and ``probabilities``, or ``value``.
    """

    id: str
    time_s: float
    version: str
    truth: Any
    predicted: Mapping[str, Any]


class LabelReader:
    """Follows the feedback log.

    Parameters
    ----------
    folder : Path
        Of the feedback log.
    positions : mapping, optional
        Bytes read of each segment, to go on from.

    Attributes
    ----------
    counts : dict
        Labels read: ``matched`` with their prediction, ``repeated`` (the same label came before) and ``corrected``
        (another did). Of an id that is not among the last hundred thousand, a label counts as a first one.
    """

    def __init__(self, folder: Path, positions: Mapping[str, int] | None = None) -> None:
        self.folder, self.positions = folder, dict(positions or {})
        self.counts = dict.fromkeys((MATCHED, REPEATED, CORRECTED), 0)
        self._labels: OrderedDict[str, Any] = OrderedDict()

    def read(self) -> list[tuple[str, Labelled]]:
        """Read what came since the last call, each label with what it is: matched, repeated or corrected."""
        found = []
        segments = list_segments(self.folder)
        self.positions = {path.name: self.positions.get(path.name, 0) for path in segments}
        for path in segments:
            for record in self._read_segment(path):
                found.append((self._judge(record), record))
        return found

    def replay(self, most: int) -> list[Labelled]:
        """Read again what was read before, the last ``most`` labels at least, for a state that is not kept."""
        parts: list[list[Labelled]] = []
        for path in reversed(list_segments(self.folder)):
            if sum(map(len, parts)) >= most:
                break
            with suppress(FileNotFoundError):
                with path.open("rb") as file:
                    data = file.read(self.positions.get(path.name, 0))
                parts.append(parse_lines(data))
        records = [record for part in reversed(parts) for record in part]
        for record in records:
            self._note(record)
        return records

    def _read_segment(self, path: Path) -> Sequence[Labelled]:
        with suppress(FileNotFoundError):
            with path.open("rb") as file:
                file.seek(self.positions[path.name])
                data = file.read(READ_BYTES)
            data = data[: data.rfind(b"\n") + 1]  # a line that is being written is read the next time
            self.positions[path.name] += len(data)
            return parse_lines(data)
        return ()

    def _judge(self, record: Labelled) -> str:
        known = self._labels.get(record.id)
        kind = MATCHED if known is None else REPEATED if known == record.truth else CORRECTED
        self.counts[kind] += 1
        self._note(record)
        return kind

    def _note(self, record: Labelled) -> None:
        self._labels[record.id] = record.truth
        self._labels.move_to_end(record.id)
        if len(self._labels) > KEPT_IDS:
            self._labels.popitem(last=False)


def parse_lines(data: bytes) -> list[Labelled]:
    """Parse lines of the feedback log; what is no record (a torn line of a writer that was killed) is passed over."""
    records = []
    for line in data.splitlines():
        with suppress(KeyError, TypeError, ValueError):
            values = orjson.loads(line)
            predicted = values["predicted"]
            time_s = datetime.fromisoformat(predicted["time"]).timestamp()
            records.append(Labelled(values["id"], time_s, predicted["version"], values["label"], predicted))
    return records
