"""Reads and writes Arrow and Parquet in a process of its own: ``python -m toolkit.serving.table_process LINK BYTES``.

What is read comes from anyone, and a few bytes of Parquet may stand for gigabytes (repeated pages, shared prefixes,
lengths that lie) in ways that no look at the metadata tells. Here the operating system holds the bound: memory beyond
it is refused, and whatever goes wrong ends this process and no worker. pyarrow is imported nowhere else in the service.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from toolkit.serving.frames import Buffer, FrameError, receive_frame, send_frame

NAT = np.iinfo(np.int64).min
NULL = -1  # code of a missing text
Answer = tuple[dict[str, Any], list[Buffer]]


class TooManyRowsError(Exception):
    """The table has more rows than it may."""


def main(link_number: int, most_bytes: int) -> None:
    """Answer one message after the other until the worker is gone."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # of a terminal: the worker says when it is over
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)
    _bound_memory(most_bytes)
    link = socket.socket(fileno=link_number)
    send_frame(link, {"ready": True})
    with suppress(FrameError):
        while True:
            send_frame(link, *_answer(*receive_frame(link)))


def _bound_memory(most_bytes: int) -> None:
    """Let the process have so much more memory than it has now."""
    try:
        pages = int(Path("/proc/self/statm").read_text(encoding="ascii").split()[0])
    except OSError:  # no Linux: there is no measure of what is used now, nor is such a bound kept there
        return
    most = pages * os.sysconf("SC_PAGE_SIZE") + most_bytes
    resource.setrlimit(resource.RLIMIT_AS, (most, most))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _answer(head: dict[str, Any], buffers: list[bytearray]) -> Answer:
    try:
        return (read_table if head["do"] == "read" else write_table)(head, buffers)
    except (MemoryError, pa.ArrowMemoryError):
        return {"error": "too_large"}, []
    except TooManyRowsError as error:
        return {"error": "too_many_rows", "message": str(error)}, []
    except Exception as error:  # of a file that may hold anything
        return {"error": "not_a_table", "message": " ".join(str(error).split())[:200]}, []


def read_table(head: dict[str, Any], buffers: list[bytearray]) -> Answer:
    """Read a table of the wanted columns, of at most ``max_rows`` rows.

    The answer's ``columns`` have name, Arrow type and code: number, boolean, text, time, null or other. Buffers follow
    only if the names are the wanted ones, each once: values of numbers as they are, of booleans a byte (2: null), of
    times microseconds; of texts the distinct ones as JSON, then a place for each row.
    """
    schema, batches = READERS[head["form"]](pa.py_buffer(buffers[0]), head["max_rows"])
    columns: list[dict[str, Any]] = [{"name": each.name, **_describe(each.type)} for each in schema]
    answer: dict[str, Any] = {"columns": columns, "rows": 0}
    names = schema.names
    wanted = set(head["names"])
    if len(names) != len(wanted) or set(names) != wanted or any(each["code"] == "other" for each in columns):
        return answer, []
    table = pa.Table.from_batches(_check(batches, head["max_rows"]), schema)
    answer["rows"] = table.num_rows
    found: list[Buffer] = []
    for said, column in zip(columns, table.columns, strict=True):
        parts = _pack(said["code"], column)
        said["dtype"] = parts[0].dtype.str
        said["parts"] = len(parts)
        found += [np.ascontiguousarray(part).data.cast("B") if len(part) else b"" for part in parts]
    return answer, found


def _check(batches: Iterator[pa.RecordBatch], max_rows: int) -> Iterator[pa.RecordBatch]:
    rows = 0
    for batch in batches:
        rows += batch.num_rows
        if rows > max_rows:
            raise TooManyRowsError(str(rows))
        batch.validate(full=True)  # what IPC holds is taken as it is: offsets may point anywhere
        yield batch


def _read_stream(buffer: pa.Buffer, _: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    reader = pa.ipc.open_stream(buffer)
    return reader.schema, iter(reader)


def _read_file(buffer: pa.Buffer, _: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    reader = pa.ipc.open_file(buffer)
    return reader.schema, (reader.get_batch(number) for number in range(reader.num_record_batches))


def _read_parquet(buffer: pa.Buffer, max_rows: int) -> tuple[pa.Schema, Iterator[pa.RecordBatch]]:
    file = pq.ParquetFile(pa.BufferReader(buffer), pre_buffer=False)
    if file.metadata.num_rows > max_rows:
        raise TooManyRowsError(str(file.metadata.num_rows))

    def batches() -> Iterator[pa.RecordBatch]:
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, use_threads=False).to_batches()

    return file.schema_arrow, batches()


READERS: dict[str, Callable[[pa.Buffer, int], tuple[pa.Schema, Iterator[pa.RecordBatch]]]] = {
    "stream": _read_stream,
    "file": _read_file,
    "parquet": _read_parquet,
}


def _describe(kind: pa.DataType) -> dict[str, Any]:
    shown = {"type": str(kind)[:80]}
    value = kind.value_type if pa.types.is_dictionary(kind) else kind
    tests = {
        "number": (pa.types.is_integer, pa.types.is_floating, pa.types.is_decimal),
        "boolean": (pa.types.is_boolean,),
        "text": (pa.types.is_string, pa.types.is_large_string, pa.types.is_string_view),
        "time": (pa.types.is_timestamp, pa.types.is_date),
        "null": (pa.types.is_null,),
    }
    code = next((code for code, found in tests.items() if any(test(value) for test in found)), "other")
    return (
        shown | {"code": code} | ({"zoned": getattr(value, "tz", None) is not None} if code == "time" else {})
    )


def _pack(code: str, column: pa.ChunkedArray) -> list[np.ndarray]:
    if code == "text":
        return _pack_texts(column)
    if pa.types.is_dictionary(column.type):
        column = pa.chunked_array(
            [chunk.dictionary_decode() for chunk in column.chunks], column.type.value_type
        )
    if code == "boolean":
        return [column.cast(pa.uint8()).fill_null(2).to_numpy()]
    if code == "time":
        options = pc.CastOptions(
            pa.timestamp("us", getattr(column.type, "tz", None)), allow_time_truncate=True
        )
        return [column.cast(options=options).cast(pa.int64()).fill_null(NAT).to_numpy()]
    if pa.types.is_decimal(column.type):  # Arrow's own cast of decimals is a bit off in every seventh value
        column = column.cast(pa.string())
    if code == "null" or pa.types.is_string(column.type):
        column = column.cast(pa.float64())
    return [column.to_numpy()]


def _pack_texts(column: pa.ChunkedArray) -> list[np.ndarray]:
    places: dict[str | None, int] = {None: NULL}
    found = []
    for chunk in column.chunks:
        if not pa.types.is_dictionary(chunk.type):
            plain = chunk.cast(pa.large_string()) if pa.types.is_string_view(chunk.type) else chunk
            chunk = plain.dictionary_encode()  # noqa: PLW2901  # the same texts
        own = [places.setdefault(text, len(places) - 1) for text in chunk.dictionary.to_pylist()]
        codes = chunk.indices.fill_null(len(own)).to_numpy(zero_copy_only=False)
        found.append(np.array([*own, NULL], dtype=np.int32)[codes])
    names = json.dumps([text for text in places if text is not None], ensure_ascii=False).encode()
    return [np.frombuffer(names, dtype=np.uint8), np.concatenate([np.empty(0, np.int32), *found])]


def write_table(head: dict[str, Any], buffers: list[bytearray]) -> Answer:
    """Write predictions as an Arrow stream: id, then label and p_<class>, or value."""
    rows, classes = head["rows"], head["classes"]
    columns: dict[str, Any] = {
        "id": [f"{head['start']}{n:08x}" for n in range(head["first"], head["first"] + rows)]
    }
    numbers = np.frombuffer(buffers[0]).reshape(rows, -1)
    if classes:
        codes = pa.array(np.frombuffer(buffers[1], dtype=np.int32))
        columns["label"] = pa.DictionaryArray.from_arrays(codes, pa.array(classes)).dictionary_decode()
        columns |= {f"p_{name}": numbers[:, place] for place, name in enumerate(classes)}
    else:
        columns["value"] = numbers[:, 0]
    arrays = [pa.array(values) for values in columns.values()]
    schema = pa.schema(
        [pa.field(name, array.type, nullable=False) for name, array in zip(columns, arrays, strict=True)],
        {"version": head["version"]},
    )
    sink = pa.BufferOutputStream()
    with pa.ipc.new_stream(sink, schema) as writer:
        writer.write_batch(pa.record_batch(arrays, schema=schema))
    return {}, [memoryview(sink.getvalue())]


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]))
