"""Requests in bulk: tables in Arrow's or Parquet's format, and answers in Arrow's.

The formats themselves are read and written by :mod:`toolkit.serving.table_process`, which starts with the first such
request; a worker that gets none has neither the process nor pyarrow in its memory.
"""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np
import orjson

import toolkit
from toolkit.errors import RequestError
from toolkit.serving.arrays import find_name_faults
from toolkit.serving.faults import TYPES, check_findings, finding
from toolkit.serving.frames import Buffer, FrameError, receive_frame, send_frame
from toolkit.serving.model import Predictions
from toolkit.serving.request import check_count, find_column_faults
from toolkit.serving.rows import Column, Ids, Lazy, Rows, unpack_column
from toolkit.serving.wanted import Wanted

ARROW = "application/vnd.apache.arrow.stream"
FORMS = {
    ARROW: "stream",
    "application/vnd.apache.arrow.file": "file",
    "application/vnd.apache.parquet": "parquet",
}
START_TIMEOUT_S, TIMEOUT_S = 60.0, 20.0
SPARE_BYTES = 192 * 2**20
CODES = {
    "number": ("number",),
    "integer": ("number",),
    "boolean": ("boolean",),
    "category": ("text",),
    "text": ("text",),
    "time": ("time", "text"),
}  # of Arrow's types, for each kind


class Tables:
    """Reads tables and writes answers, by a process of its own that is started when it is first needed.

    Parameters
    ----------
    wanted : Wanted
        What rows must be.
    max_rows, max_body_bytes : int
        Of a request; the process may have memory for a few times as much.
    """

    def __init__(self, wanted: Wanted, max_rows: int, max_body_bytes: int) -> None:
        self._wanted, self._max_rows = wanted, max_rows
        self.most_bytes = SPARE_BYTES + 4 * max_body_bytes + 64 * max_rows * (len(wanted.inputs) + 4)
        self._lock = threading.Lock()
        self._process: subprocess.Popen[bytes] | None = None
        self._link: socket.socket | None = None

    def read(self, body: bytes, form: str) -> Rows:
        """Read and check the rows of a table; ``form`` is a key of ``FORMS``.

        Raises
        ------
        RequestError
            It is no such table, has too many rows, takes too much memory or time to read, or its columns or values
            are not what a request may hold.
        """
        if not body:
            raise RequestError("The request must have a table as its body. Got an empty one.", kind="empty")
        inputs = self._wanted.inputs
        question = {"do": "read", "form": FORMS[form], "names": list(inputs), "max_rows": self._max_rows}
        answer, buffers = self._ask(question, [body])
        self._check_answer(answer, form)
        said = answer["columns"]
        faults = find_name_faults([each["name"] for each in said], inputs, self._wanted.nullable)
        check_findings(_find_type_faults(said, inputs, self._wanted.zoned), faults)
        count = answer["rows"]
        check_count(count, self._max_rows)
        found, place = {}, 0
        for each in said:
            parts = buffers[place : place + each["parts"]]
            found[each["name"]] = _unpack(each, inputs[each["name"]], parts, count)
            place += each["parts"]
        columns = {name: found[name] for name in inputs}
        check_findings(find_column_faults(columns, self._wanted))
        return Rows(Lazy(lambda: make_rows(columns, self._wanted.zoned), count), columns, count)

    def write(self, version: str, ids: Ids, predictions: Predictions) -> bytes:
        """Write an answer as an Arrow stream: id, label and p_<class>, or id and value; all floats exact."""
        question = {
            "do": "write",
            "version": version,
            "start": ids.start,
            "first": ids.first,
            "rows": len(ids),
            "classes": list(predictions.classes),
        }
        if predictions.probabilities is None:
            buffers = [np.ascontiguousarray(predictions.values, dtype=np.float64).tobytes()]
        else:
            buffers = [np.ascontiguousarray(predictions.probabilities).tobytes()]
            buffers.append(predictions.codes.astype(np.int32).tobytes())
        answer, found = self._ask(question, buffers)
        if "error" in answer:
            raise RuntimeError(f"an answer could not be written as Arrow: {answer}")
        return bytes(found[0])

    def close(self) -> None:
        """End the process, if there is one."""
        with self._lock:
            self._stop()

    def _check_answer(self, answer: Mapping[str, Any], form: str) -> None:
        fault = answer.get("error")
        if fault == "too_many_rows":
            check_count(int(answer["message"]), self._max_rows)
        if fault == "too_large":
            raise RequestError(
                f"A table must be read within {self.most_bytes >> 20} MB of memory and {TIMEOUT_S:.0f} s, and this one "
                "is not. Send its rows in several requests.",
                413,
                "too_costly",
            )
        if fault:
            what = "a Parquet file" if FORMS[form] == "parquet" else f"an Arrow {FORMS[form]}"
            raise RequestError(
                f"The body must be {what}, as its Content-Type says, and is not: {answer['message']}.",
                kind="not_a_table",
            )

    def _ask(
        self, question: dict[str, Any], buffers: Sequence[Buffer]
    ) -> tuple[dict[str, Any], list[bytearray]]:
        with self._lock:
            link = self._start()
            deadline = time.monotonic() + TIMEOUT_S
            try:
                link.settimeout(TIMEOUT_S)
                send_frame(link, question, buffers)
                return receive_frame(link, deadline)
            except FrameError as error:  # it died of the table, or is still at it
                self._stop()
                if time.monotonic() >= deadline:
                    return {"error": "too_large"}, []
                return {"error": "not_a_table", "message": f"reading it failed ({error})"}, []

    def _start(self) -> socket.socket:
        if self._link is not None and self._process is not None and self._process.poll() is None:
            return self._link
        self._stop()
        code_root = str(Path(toolkit.__file__).resolve().parents[1])
        paths = [code_root, *filter(None, [os.environ.get("PYTHONPATH")])]
        single = {"ARROW_DEFAULT_MEMORY_POOL": "system", "MALLOC_ARENA_MAX": "1", "OPENBLAS_NUM_THREADS": "1"}
        self._link, theirs = socket.socketpair()
        with theirs:
            command = [sys.executable, "-m", "toolkit.serving.table_process", str(theirs.fileno())]
            self._process = subprocess.Popen(
                [*command, str(self.most_bytes)],
                env={**os.environ, **single, "PYTHONPATH": os.pathsep.join(paths)},
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        try:
            receive_frame(self._link, time.monotonic() + START_TIMEOUT_S)
        except FrameError:
            self._stop()
            raise RuntimeError("the process that reads tables did not start") from None
        return self._link

    def _stop(self) -> None:
        if self._link is not None:
            self._link.close()
        if self._process is not None:
            self._process.kill()
            self._process.wait()
        self._link = self._process = None


def make_rows(columns: Mapping[str, Column], zoned: frozenset[str]) -> list[dict[str, Any]]:
    """Make the rows that a request of JSON would have had: times as ISO 8601, NaN as null."""
    lists = [
        [_show_time(value, name in zoned) for value in unpack_column(values)]
        if isinstance(values, np.ndarray) and values.dtype.kind == "M"
        else unpack_column(values)
        for name, values in columns.items()
    ]
    return [dict(zip(columns, row, strict=True)) for row in zip(*lists, strict=True)]


def _show_time(value: datetime | None, zoned: bool) -> str | None:
    return None if value is None else value.isoformat() + ("Z" if zoned else "")


def _find_type_faults(
    said: Sequence[Mapping[str, Any]], inputs: Mapping[str, str], zoned: frozenset[str]
) -> list[dict[str, Any]]:
    """Find columns whose Arrow type does not fit their feature."""
    findings = []
    for each in said:
        name, code = each["name"], each["code"]
        if name not in inputs or code == "null":
            continue
        if code not in CODES[inputs[name]]:
            findings.append(
                finding(f"must be {TYPES[inputs[name]][1]}. Got a column of {each['type']}.", None, name)
            )
        elif code == "time" and each["zoned"] is not (name in zoned):
            want, has = ("a", "none") if name in zoned else ("no", "one")
            findings.append(
                finding(f"must have {want} time zone, as the training table had. It has {has}.", None, name)
            )
    return findings


def _unpack(said: Mapping[str, Any], kind: str, parts: Sequence[bytearray], count: int) -> Column:
    """Give a column as the features take it, whatever way it came."""
    code = said["code"]
    if code == "text":
        names = np.array([*orjson.loads(parts[0]), None], dtype=object)
        return names[np.frombuffer(parts[1], dtype=np.int32)].tolist()
    values = np.frombuffer(parts[0], dtype=np.dtype(said["dtype"]))
    if code == "null" and kind not in ("number", "integer"):
        return [None] * count
    if code == "time":
        return values.view("datetime64[us]")
    if code == "boolean":
        return (
            values.astype(bool) if not (values == 2).any() else [(False, True, None)[each] for each in values]
        )
    return values
