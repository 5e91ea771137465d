"""The records of the prediction log: one JSON line a row."""

from __future__ import annotations

import hashlib
import hmac
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, NamedTuple

import numpy as np
import orjson

from toolkit.serving.model import Predictions
from toolkit.serving.render import Part, plan_outputs, weave, weave_object, write_numbers
from toolkit.serving.rows import EXACT, Column, Ids, Lazy, unpack_column

MANY_ROWS = 16  # from so many on it is quicker to write column by column
OPTIONS = orjson.OPT_APPEND_NEWLINE | orjson.OPT_UTC_Z


class AnsweredOne(NamedTuple):
    """A single row with what was predicted.

    Attributes
    ----------
    id, time_s, latency_s, predictions
        As in :class:`Answered`.
    row : mapping
        The raw features.
    answer, body : bytes
        The JSON that it was answered, and the JSON that it was asked with where that may stand in a line as it is;
        else empty.
    """

    id: str
    time_s: float
    latency_s: float
    predictions: Predictions
    row: Mapping[str, Any]
    answer: bytes = b""
    body: bytes = b""


class Block(NamedTuple):
    """Lines of the log, and how many."""

    data: bytes
    records: int


@dataclass(frozen=True)
class Answered:
    """The rows of one request with what was predicted.

    Attributes
    ----------
    time_s : float
        When it was answered, in seconds since 1970.
    latency_s : float
        What that took.
    ids : sequence of str
        One a row.
    predictions : Predictions
        The model's.
    rows : sequence of mapping, optional
        The raw features as rows, if they came so.
    columns : mapping, optional
        The raw features as columns, if they came so.
    body : bytes
        The JSON of the rows, if they came as objects.
    """

    time_s: float
    latency_s: float
    ids: Sequence[str]
    predictions: Predictions
    rows: Sequence[Mapping[str, Any]] | None = None
    columns: Mapping[str, Column] | None = None
    body: bytes = b""

    def __len__(self) -> int:
        return len(self.ids)

    def split(self, most: int) -> list[Answered]:
        """Split it into parts of so many rows; columns are not copied, and rows are made when they are asked for."""
        if len(self) <= most:
            return [self]
        return [self._part(slice(start, min(start + most, len(self)))) for start in range(0, len(self), most)]

    def _part(self, part: slice) -> Answered:
        rows, count = self.rows, part.stop - part.start
        ids = self.ids
        return Answered(
            self.time_s,
            self.latency_s,
            Ids(ids.start, ids.first + part.start, count) if isinstance(ids, Ids) else ids[part],
            self.predictions.part(part),
            None if rows is None else Lazy(lambda: rows[part], count),
            None if self.columns is None else {name: values[part] for name, values in self.columns.items()},
        )

    def take_column(self, name: str) -> Column:
        """Give one raw feature's values."""
        if self.columns is not None:
            return self.columns[name]
        return [row[name] for row in self.rows or ()]

    def iterate_rows(self) -> Iterator[Mapping[str, Any]]:
        """Give the raw features row by row."""
        if self.rows is not None:
            yield from self.rows
        elif self.columns is not None:
            names = tuple(self.columns)
            plain = [
                values.tolist() if isinstance(values, np.ndarray) else values
                for values in self.columns.values()
            ]
            for values in zip(*plain, strict=True):
                yield dict(zip(names, values, strict=True))


@dataclass(frozen=True)
class RecordMaker:
    """Makes the log's lines, of all rows or a sample, without the values of personal columns.

    Attributes
    ----------
    version : str
        Of the model.
    personal : frozenset of str
        Columns whose values must not be in the log.
    key : bytes
        If given, a record's ``personal`` holds these columns' values as HMAC-SHA256 with this key: equal values can be
        told to be equal, and nobody without the key can try values out.
    sample : float
        Share of the rows that are logged. The id decides, so the choice cannot depend on what a row holds.
    """

    version: str
    personal: frozenset[str] = frozenset()
    key: bytes = b""
    sample: float = 1.0

    def make(self, answered: Answered) -> Block:
        """Make the lines of one answered request."""
        if len(answered) >= MANY_ROWS and not (self.personal and self.key):
            return self._make_many(answered)
        outputs = answered.predictions.rows()
        shared = self._tell_shared(answered)
        lines = [
            orjson.dumps({"id": id_, **shared, **self._features(row), **output}, option=OPTIONS)
            for id_, row, output in zip(answered.ids, answered.iterate_rows(), outputs, strict=True)
            if self.sample >= 1 or is_sampled(id_, self.sample)
        ]
        return Block(b"".join(lines), len(lines))

    def _tell_shared(self, answered: Answered) -> dict[str, Any]:
        return {
            "time": datetime.fromtimestamp(answered.time_s, UTC),
            "version": self.version,
            "latency_ms": round(answered.latency_s * 1e3, 3),
        }

    def make_one(self, one: AnsweredOne) -> bytes:
        """Make the line of a single row; empty if it is not logged.

        As a rule it is made of the bytes that were received and sent, in a tenth of the time of writing them anew.
        """
        if self.sample < 1 and not is_sampled(one.id, self.sample):
            return b""
        if one.body and not self.personal:
            parts = one.answer[:-1], write_time(one.time_s), one.latency_s * 1e3, one.body
            return b'%b,"time":"%b","latency_ms":%.3f,"features":%b}\n' % parts
        rows = [one.id], one.predictions, [one.row]
        return replace(self, sample=1.0).make(Answered(one.time_s, one.latency_s, *rows)).data

    def _make_many(self, answered: Answered) -> Block:
        """Make the same lines column by column, or of what was sent, in half or a fifth of the time."""
        kept = None
        if self.sample < 1:  # what is not logged need not be written
            kept = [row for row, id_ in enumerate(answered.ids) if is_sampled(id_, self.sample)]
            if not kept:
                return Block(b"", 0)

        def take(part: Part) -> Part:
            return part if kept is None or isinstance(part, bytes) else [part[row] for row in kept]

        said = orjson.dumps(self._tell_shared(answered), option=orjson.OPT_UTC_Z)[1:-1]
        ids = list(map(str.encode, answered.ids))
        features, outputs = self._plan_features(answered, kept), map(take, plan_outputs(answered.predictions))
        parts = [b'{"id":"', take(ids), b'",%b,"features":' % said, *features, b",", *outputs, b"}\n"]
        count = len(answered) if kept is None else len(kept)
        return Block(weave(count, parts), count)

    def _plan_features(self, answered: Answered, kept: list[int] | None) -> list[Part]:
        sent = [] if self.personal else split_rows(answered.body, len(answered))
        if sent:
            return [sent if kept is None else [sent[row] for row in kept]]
        columns: Mapping[str, Column] = answered.columns or {
            name: answered.take_column(name) for name in (answered.rows or [{}])[0]
        }
        names = [name for name in columns if name not in self.personal]
        values = [_choose(answered, name, columns[name]) for name in names]
        if kept is not None:
            values = [_take(each, kept) for each in values]
        return weave_object([orjson.dumps(name) for name in names], list(map(write_column, values)))

    def _features(self, row: Mapping[str, Any]) -> dict[str, Any]:
        if not self.personal:
            return {"features": row}
        features = {name: value for name, value in row.items() if name not in self.personal}
        if not self.key:
            return {"features": features}
        hashed = {name: self._hash(row[name]) for name in self.personal if name in row}
        return {"features": features, "personal": hashed}

    def _hash(self, value: Any) -> str | None:
        if value is None:
            return None
        return hmac.new(self.key, orjson.dumps(value, default=str), hashlib.sha256).hexdigest()[:32]


def _choose(answered: Answered, name: str, values: Column) -> Column:
    """Give a column as it is written; rows know of times whether they have an offset, and arrays do not."""
    if isinstance(values, np.ndarray) and values.dtype.kind == "M" and answered.rows is not None:
        return [row[name] for row in answered.rows]
    return values


def _take(values: Any, rows: list[int]) -> Any:
    return values[rows] if isinstance(values, np.ndarray) else [values[row] for row in rows]


def write_column(values: Column) -> list[bytes]:
    """Write each value of a column as JSON has it: NaN and NaT are null, and whole numbers have no fraction."""
    if not isinstance(values, np.ndarray) or values.dtype.kind not in "fiub":
        return [orjson.dumps(value, default=str) for value in unpack_column(values)]
    if values.dtype.kind != "f":
        return write_numbers(values)
    numbers = np.asarray(values, dtype=np.float64)
    if numbers[0] % 1 > 0:  # quick to see, and the usual case of a measurement
        return write_numbers(numbers)
    missing = np.isnan(numbers)
    whole = np.where(missing, 0.0, numbers)
    exact = (np.abs(whole) < EXACT).all() and (whole == np.trunc(whole)).all()
    if not exact or np.signbit(whole[whole == 0]).any():
        return write_numbers(numbers)
    texts = write_numbers(whole.astype(np.int64))  # as they were sent, as a rule
    for row in np.flatnonzero(missing).tolist():
        texts[row] = b"null"
    return texts


def may_stand(body: bytes) -> bytes:
    """Give JSON if it can be part of a line as it was sent."""
    return b"" if b"\n" in body or b"\r" in body else body


def split_rows(body: bytes, count: int) -> list[bytes]:
    """Split the JSON of so many flat rows (a list, or one in an object) into that of each; none if a text has braces.

    >>> split_rows(b'[{"a":1},{"a":2}]', 2), split_rows(b'{"rows":[{"a":1}]}', 1), split_rows(b'[{"a":"}"}]', 1)
    ([b'{"a":1}', b'{"a":2}'], [b'{"a":1}'], [])
    """
    braces = count + (body.lstrip()[:1] == b"{")  # one more around the list
    parts = body.split(b"}")
    if len(parts) != braces + 1 or body.count(b"{") != braces or not may_stand(body):
        return []
    return [part[part.rfind(b"{") :] + b"}" for part in parts[:count]]


def write_time(time_s: float) -> bytes:
    """Write a time (seconds since 1970) as orjson does.

    >>> write_time(0.25), write_time(1.0)
    (b'1970-01-01T00:00:00.250000Z', b'1970-01-01T00:00:01Z')
    """
    second, micros = divmod(round(time_s * 1e6), 10**6)
    return b"%b.%06dZ" % (_write_second(second), micros) if micros else _write_second(second) + b"Z"


@lru_cache(maxsize=4)
def _write_second(second: int) -> bytes:
    return datetime.fromtimestamp(second, UTC).isoformat()[:19].encode()


def is_sampled(id_: str, share: float) -> bool:
    """Whether a record is among the share that is logged.

    >>> sum(is_sampled(f"{number:08x}", 0.25) for number in range(10_000))
    2515
    """
    return zlib.crc32(id_.encode()) < share * 2**32
